"""What the arena costs beside its peers, measured in turn on one machine.

python benchmarks/performance.py [FILE]

1. CPU seconds of the arena's task against a bare task (`generate()` + `match()`) that makes the
   same number of model calls, both on the same model that answers at once.
2. Seconds to read a log of 10,080 samples as trials, against Inspect's `samples_df` with scores;
   again from a store, against the first time; the most memory of both readers.
3. Seconds of one fit of the mixed model, against statsmodels and, where there is R, glmmTMB.
4. Seconds until `arena --version` has said it, against `inspect --version`; and until `arena
   analyze --help` has loaded what an analysis needs, against `inspect eval --help`.

Prints one table, writes it into FILE between its two marks, and leaves with exit code 1 where a
limit is missed.
"""

import gc
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.analysis import SampleScores, SampleSummary, samples_df
from inspect_ai.dataset import Dataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import match
from inspect_ai.solver import generate
from inspect_ai.tool import ToolChoice, ToolInfo
from rich.console import Console
from rich.progress import track
from rich.table import Table

import fit
from arena_evals.analysis import choose_logs, read_trials, trials_of
from arena_evals.runs.sets import quiet
from arena_evals.tasks import shutdown_dilemma
from reading import cost_of

TASK = "arena_evals/shutdown_dilemma"
CPU_ROUNDS = 11  # one round's ratio strays by a tenth
ROUNDS = 5
READINGS = 3
MOST_CPU = 1.25  # of a bare task's, per sample
LEAST_SPEED = 5.0  # of samples_df's
COLUMNS = ("", "beside", "arena", "peer", "ratio", "limit", "holds")
BEGIN, END = "<!-- written by make bench -->", "<!-- to here -->"
READ_TRIALS = "import sys; from arena_evals.analysis import read_trials as r; r(sys.argv[1:])"
READ_SAMPLES = (
    "import sys; from inspect_ai.analysis import SampleScores, SampleSummary, samples_df as r; "
    "r(sys.argv[1:], columns=SampleSummary + SampleScores, quiet=True)"
)

Amounts = list[float]


class Row(NamedTuple):
    """One comparison: what each side took by round, and by how much the arena is to be better.

    A limit at most is one of the arena's share of the peer's, at least one of the inverse.
    """

    name: str
    peer: str
    ours: Amounts
    theirs: Amounts
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """The median over rounds of one side over the other, as the limit has it."""
        each = [a / b for a, b in zip(self.ours, self.theirs, strict=True)]
        return statistics.median(each if self.at_least is None else [1 / one for one in each])

    @property
    def limit(self) -> str:
        """What the ratio is to be."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    @property
    def holds(self) -> bool:
        """Whether it is."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return self.at_most is None or self.ratio <= self.at_most


def main(file: str | None = None) -> None:
    """Measure, print, and say by the exit code whether every limit holds."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            cpu_row("CPU, decision", Path(folder), judged=False),
            cpu_row("CPU, decision + judge", Path(folder), judged=True),
            *reading_rows(Path(folder)),
            *fit_rows(),
            start_row("start, --version", ["arena", "--version"], ["inspect", "--version"]),
            start_row(
                "start, analyze", ["arena", "analyze", "--help"], ["inspect", "eval", "--help"]
            ),
        ]
    show(rows)
    if file:
        write(Path(file), rows)
    sys.exit(0 if all(row.holds for row in rows) else 1)


def cpu_row(name: str, folder: Path, *, judged: bool) -> Row:
    """Compare CPU time for the same number of model calls; the judge makes a second one."""
    settings = {"profile": "quick", "items": 36, "judged": judged}
    dataset = shutdown_dilemma(**settings).dataset
    calls = len(dataset) * (2 if judged else 1)
    bare = bare_task(dataset, calls)
    ours: Amounts = []
    theirs: Amounts = []
    for _ in track(range(CPU_ROUNDS + 1), description=name, console=Console(stderr=True)):
        theirs.append(cpu_seconds(lambda: run(bare, folder)))
        ours.append(cpu_seconds(lambda: run(TASK, folder, **settings)))
    # the first round loads code
    name = f"{name} ({calls:,} calls)"
    return Row(name, "bare Inspect", ours[1:], theirs[1:], at_most=MOST_CPU)


def bare_task(dataset: Dataset, calls: int) -> Task:
    """Build a task on the arena's own texts, without metadata, frame or verdicts."""
    texts = [sample.input for sample in dataset]
    samples = [
        Sample(id=index, input=texts[index % len(texts)], target="A") for index in range(calls)
    ]
    return Task(dataset=samples, solver=generate(), scorer=match())


def run(task: Task | str, folder: Path, **settings: Any) -> EvalLog:
    """Run a task, built or by its registered name, on the model that answers at once."""
    with quiet():  # each run would announce itself
        [log] = inspect_eval(
            task,
            task_args=settings,
            model=instant("model", "Fine.\n\nDECISION: A"),
            model_roles={
                "grader": instant("grader", '{"evidence": "DECISION: A", "verdict": "helpful"}')
            },
            log_dir=str(folder),
            display="none",
        )
    assert log.status == "success", log.error
    return log


def instant(name: str, answer: str) -> Model:
    """Return a model that always says the same, with its usage set so that nothing is tokenized."""

    def respond(
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        said = ModelOutput.from_content("instant", answer)
        said.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return said

    return get_model(f"mockllm/{name}", custom_outputs=respond, memoize=False)


def reading_rows(folder: Path) -> list[Row]:
    """Compare reading the same log of some 10,000 samples: time, memory, and a second time."""
    big = shutdown_dilemma("full", judged=True)
    big.epochs = 10
    print("writing a log of 10,080 samples ...", file=sys.stderr)
    place = run(big, folder / "big").location.removeprefix("file://")
    chosen = choose_logs([place])
    ours: Amounts = []
    theirs: Amounts = []
    first: Amounts = []
    again: Amounts = []
    for n in track(range(READINGS), description="reading", console=Console(stderr=True)):
        store = str(folder / f"store-{n}")
        theirs.append(wall_seconds(lambda: samples_table(place)))
        ours.append(wall_seconds(lambda: read_trials([place])))
        first.append(wall_seconds(partial(trials_of, chosen, store=store)))
        again.append(wall_seconds(partial(trials_of, chosen, store=store)))
    held, held_by_theirs = (peak_megabytes_of(text, place) for text in (READ_TRIALS, READ_SAMPLES))
    return [
        Row("reading 10,080 samples", "samples_df", ours, theirs, at_least=LEAST_SPEED),
        Row("  again, from a store", "the first time", again, first),
        Row("  most memory", "samples_df", [held], [held_by_theirs], unit="MB"),
    ]


def samples_table(place: str) -> None:
    """Read a log the way Inspect offers, with score columns."""
    samples_df(place, columns=SampleSummary + SampleScores, quiet=True)


def peak_megabytes_of(text: str, place: str) -> float:
    """Return the most memory that a process of its own held that ran a text on a log.

    What a process says of itself begins with what its parent held when it was forked.
    """
    return cost_of([sys.executable, "-c", text, place]).peak / 1e6


def fit_rows() -> list[Row]:
    """Compare fits of the full design, 40 items and 8 models."""
    print("fitting ...", file=sys.stderr)
    table = fit.cells(items=40, epochs=5)
    both = [(fit.seconds(fit.ours, table), fit.by_r(table)) for _ in range(fit.ROUNDS)]
    ours = [own for own, _ in both]
    name = f"mixed model, {table['n'].sum():,} trials"
    slow = [fit.seconds(fit.statsmodels_vb, table)]
    median = [statistics.median(ours)]
    rows = [Row(name, "statsmodels", median, slow, at_least=fit.FASTER_THAN_STATSMODELS)]
    if all(r is not None for _, r in both):
        by_r = [r for _, r in both if r is not None]
        rows.append(Row(name, "glmmTMB (R)", ours, by_r, at_least=fit.FASTER_THAN_R))
    return rows


def start_row(name: str, ours: list[str], theirs: list[str]) -> Row:
    """Compare how long two commands take that only load and say something."""
    seconds: tuple[Amounts, Amounts] = ([], [])
    for _ in range(ROUNDS):
        for taken, (program, *arguments) in zip(seconds, (ours, theirs), strict=True):
            command = [str(Path(sys.executable).with_name(program)), *arguments]
            taken.append(wall_seconds(partial(subprocess.check_output, command)))
    return Row(name, " ".join(theirs), *seconds)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of this process, all threads, that some work takes."""
    return _seconds(work, time.process_time)


def wall_seconds(work: Callable[[], object]) -> float:
    """Return the time that some work takes."""
    return _seconds(work, time.perf_counter)


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    gc.collect()
    start = clock()
    work()
    return clock() - start


def show(rows: list[Row]) -> None:
    """Print medians and the median ratio of the rounds."""
    table = Table(*COLUMNS, box=None)
    for row in rows:
        table.add_row(*cells(row))
    Console(width=120).print(table)


def write(file: Path, rows: list[Row]) -> None:
    """Put the table and where it was measured between the marks of a Markdown file."""
    before, _, rest = file.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [measured_where(), "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(cells(row)).strip()} |" for row in rows]
    text = "\n".join(["", *lines, ""])
    file.write_text(f"{before}{BEGIN}{text}{END}{after}", "utf-8")


def cells(row: Row) -> tuple[str, ...]:
    """Return what the table says of a comparison."""
    medians = map(statistics.median, row[2:4])
    ours, theirs = (f"{m:,.0f} {row.unit}" if m >= 1000 else f"{m:.3g} {row.unit}" for m in medians)
    verdict = ("holds" if row.holds else "MISSED") if row.limit else ""
    how = "x as fast" if row.at_least is not None else "of it"
    return row.name, row.peer, ours, theirs, f"{row.ratio:.2f} {how}", row.limit, verdict


def measured_where() -> str:
    """Say when, on what machine and with which versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("inspect-ai", "statsmodels"))
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"Measured on {date.today()}: {os.cpu_count()} processors, {memory} GiB, "
        f"Python {platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
