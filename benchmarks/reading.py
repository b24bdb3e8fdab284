"""How long a million samples in 100 logs take to become trials, and how much memory.

python benchmarks/reading.py [LOGS]

One log of 10,000 samples is made by running the arena on an embedded model; the others are copies
of it under ids of their own, with other epochs, so that no two trials are the same. In the copies
the whole samples are empty: `read_trials` does not open them, it reads the summaries.

1. Trials of all logs, into a store, in a fresh process: seconds from its start to its end, imports
   and all, the most memory that it and its workers held at one moment, and their processor time,
   which says what a machine with nothing else to do would need.
2. The same from the store, in another process.
3. `arena analyze`, from the store: fits and all.
4. Inspect's `samples_df` with score columns, which opens whole samples, on the log that was run,
   times the number of logs.

Prints one table and leaves with exit code 1 where a limit is missed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile, ZipInfo

import psutil
from inspect_ai import eval as inspect_eval
from inspect_ai.analysis import SampleScores, SampleSummary, samples_df
from rich.console import Console
from rich.progress import track
from rich.table import Table

from arena_evals.analysis import choose_logs, trials_of

LOGS = 100
EPOCHS = 10
SAMPLES = 1_000  # before epochs
MOST_SECONDS = 120.0
MOST_GIGABYTES = 2.0
LEAST_SPEED = 5.0  # of samples_df's

HEADERS = ("header.json", "_journal/start.json")
SUMMARIES = "summaries.json"
NEVER_READ = ("samples/", "_journal/summaries/")  # by a reader of the summaries of a finished log
NOTES = Console(stderr=True, highlight=False)


class Cost(NamedTuple):
    """What reading cost: seconds by the clock, those of processors, peak of memory in bytes."""

    seconds: float
    processor: float
    peak: int


class Row(NamedTuple):
    """One measured quantity, its limit where it has one, and whether that holds."""

    name: str
    measured: str
    limit: str = ""
    holds: bool = True


def main(n_logs: int = LOGS) -> None:
    """Make the logs, read them, print, and say by the exit code whether every limit holds."""
    with tempfile.TemporaryDirectory() as folder:
        original = run_once(Path(folder))
        logs = make_copies(original, Path(folder) / "all", n_logs)
        store = str(Path(folder) / "store")
        NOTES.print(f"trials of {n_logs} logs into a store ...")
        ours = cost_of(reader("trials", store, *logs))
        NOTES.print("from the store ...")
        again = cost_of(reader("trials", store, *logs))
        arena = Path(sys.executable).with_name("arena")
        NOTES.print("arena analyze, from the store ...")
        analyzed = cost_of([str(arena), "analyze", str(logs[0].parent), "--store", store])
        NOTES.print("samples_df on one of them, one process ...")
        theirs = cost_of(reader("samples", "", original))
        NOTES.print("samples_df on one of them, in parallel ...")
        parallel = cost_of(reader("samples-parallel", "", original))
    rows = [
        *rows_of_ours(ours),
        row_of_the_store("again, from the store", again),
        row_of_the_store("arena analyze, from the store", analyzed),
        row_of_theirs("", theirs, ours, n_logs),
        row_of_theirs(", parallel=True", parallel, ours, n_logs),
    ]
    show(rows)
    sys.exit(0 if all(row.holds for row in rows) else 1)


def run_once(folder: Path) -> Path:
    """Run the arena and return the log."""
    NOTES.print(f"running {SAMPLES * EPOCHS:,} samples ...")
    [log] = inspect_eval(
        "arena_evals/shutdown_dilemma",
        model="arena/frame-sensitive",
        task_args={"profile": "full"},
        limit=SAMPLES,
        epochs=EPOCHS,
        log_dir=str(folder / "one"),
        display="none",
    )
    assert log.status == "success", log.error
    return Path(log.location.removeprefix("file://"))


def make_copies(place: Path, folder: Path, n_logs: int) -> list[Path]:
    """Write the copies of a log into a new folder."""
    folder.mkdir()
    with ZipFile(place) as original:
        return [
            copied(original, folder / f"{number:03}.eval", number)
            for number in track(range(n_logs), description="copying the log", console=NOTES)
        ]


def copied(original: ZipFile, to: Path, number: int) -> Path:
    """Write a copy of a log as another run of the same task, its epochs after those of the last."""
    with ZipFile(to, "w") as copy:
        for member in original.infolist():
            copy.writestr(empty(member), content(original, member.filename, number))
    return to


def empty(member: ZipInfo) -> ZipInfo:
    """Return a member's name and compression, for other content."""
    made = ZipInfo(member.filename, member.date_time)
    made.compress_type = member.compress_type
    return made


def content(original: ZipFile, name: str, number: int) -> bytes:
    """Return what a copy holds under a name: ids of its own, other epochs, no whole samples."""
    if name in HEADERS:
        header = json.loads(original.read(name))
        for field in ("task_id", "eval_id", "run_id"):
            header["eval"][field] += f"-{number}"
        return json.dumps(header).encode()
    if name == SUMMARIES:
        summaries: list[dict[str, Any]] = json.loads(original.read(name))
        for summary in summaries:
            summary["epoch"] += number * EPOCHS
            summary["uuid"] += f"-{number}"
        return json.dumps(summaries).encode()
    return b"" if name.startswith(NEVER_READ) else original.read(name)


def reader(what: str, store: str, *logs: Path) -> list[str]:
    """Return the command that reads logs one way or the other."""
    return [sys.executable, __file__, what, store, *map(str, logs)]


def cost_of(command: list[str]) -> Cost:
    """Run a command and return what it cost; what it prints is not shown."""
    start, before = time.perf_counter(), children_seconds()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, memory_of(process.pid))
        time.sleep(0.1)
    if process.returncode:
        sys.exit(f"{command[2]} failed with exit code {process.returncode}")
    return Cost(time.perf_counter() - start, children_seconds() - before, peak)


def children_seconds() -> float:
    """Return the processor time of all ended children and theirs."""
    spent = os.times()
    return spent.children_user + spent.children_system


def memory_of(process: int) -> int:
    """Return the bytes that a process and its descendants hold now, shared pages counted twice."""
    try:
        family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(resident, family))


def resident(process: psutil.Process) -> int:
    """Return the bytes of memory that a process holds; none once it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def read(what: str, store: str, *logs: str) -> None:
    """Read logs one way or the other, in the process that is measured."""
    if what == "trials":
        n_read = len(trials_of(choose_logs(logs), store=store))
    else:
        columns = SampleSummary + SampleScores
        n_read = len(
            samples_df(list(logs), columns, parallel=what == "samples-parallel", quiet=True)
        )
    assert n_read == len(logs) * SAMPLES * EPOCHS, n_read


def rows_of_ours(ours: Cost) -> list[Row]:
    """Return the rows of what our reading took."""
    gigabytes = ours.peak / 1e9
    return [
        Row(
            f"trials into a store, logs of {SAMPLES * EPOCHS:,} samples",
            f"{ours.seconds:.0f} s",
            f"<= {MOST_SECONDS:.0f} s",
            ours.seconds <= MOST_SECONDS,
        ),
        Row("  processor time", f"{ours.processor:.0f} s"),
        Row(
            "  memory, with its workers",
            f"{gigabytes:.2f} GB",
            f"<= {MOST_GIGABYTES:.0f} GB",
            gigabytes <= MOST_GIGABYTES,
        ),
    ]


def row_of_the_store(name: str, cost: Cost) -> Row:
    """Return the row of what follows once a store holds every log."""
    took = f"{cost.seconds:.1f} s, {cost.processor:.1f} s of processor time"
    return Row(name, f"{took}, {cost.peak / 1e9:.2f} GB")


def row_of_theirs(how: str, theirs: Cost, ours: Cost, n_logs: int) -> Row:
    """Return the row of what Inspect's reading takes, and how many times faster ours is."""
    scaled = theirs.seconds * n_logs
    ratio = scaled / ours.seconds
    return Row(
        f"samples_df{how}, one log x {n_logs}",
        f"{scaled:,.0f} s = {ratio:.1f} x",
        f">= {LEAST_SPEED:.0f} x",
        ratio >= LEAST_SPEED,
    )


def show(rows: list[Row]) -> None:
    """Print what was measured beside its limits."""
    table = Table(f"{os.cpu_count()} processors", "measured", "limit", "", box=None)
    for row in rows:
        verdict = "holds" if row.holds else "MISSED"
        table.add_row(row.name, row.measured, row.limit, verdict if row.limit else "")
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        read(*sys.argv[1:])
    else:
        main(*map(int, sys.argv[1:]))
