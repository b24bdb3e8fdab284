"""Does a long run over real clients lose or double a trial, leave a retry unaccounted, or leak?

One run (`inspect eval-set`) of three real clients, one after the other, against a server on
loopback that gives a share of all calls, drawn at random, one of eight faults. Every fault must
cost exactly one more call: calls = samples + faults. The memory of the run is read from the system
while it lasts.

    PYTHONPATH=tests soak.py [--items 60] [--epochs 14] [--share 0.02] [--stall 60]

Leaves with 1 where a trial is lost, doubled or without a verdict, or a call is not accounted for.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from arena_evals.analysis import read_trials
from provider_server import (
    Effect,
    Request,
    cut_off,
    drop,
    html,
    rate_limited,
    serve,
    stall,
    status,
    truncate,
)
from witness import Asked, Witness, verdict_on

SEED = 1
MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-5", "google/gemini-2.5-flash")
CELLS = 8  # of an item: 2 arms x 2 orders x 2 wordings
CONNECTIONS = 100
POINTS = 10  # at which memory is read
KEY = ["model", "item", "arm", "wording", "order", "epoch"]


class Faults:
    """Gives a share of the calls a fault, drawn by the number of the call, and counts them."""

    def __init__(self, share: float, stalled: int) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._effects: dict[str, Effect] = {
            "429 with Retry-After": rate_limited(0),
            "500": status(500),
            "529": status(529),
            "502 with HTML": html(502),
            "dropped": drop(),
            "cut off": cut_off(40),
            "truncated JSON": truncate(40),
            "HTML with 200": html(),
        }
        if stalled:
            self._effects["stalled"] = stall(10 * stalled)
        self.met: Counter[str] = Counter()

    def __call__(self, n: int, request: Request) -> Effect | None:
        """Draw for the n-th call, whoever makes it."""
        rng = np.random.default_rng([SEED, n])
        if rng.random() >= self._share:
            return None
        name = str(rng.choice(list(self._effects)))
        with self._lock:
            self.met[name] += 1
        return self._effects[name]


@click.command()
@click.option("--items", default=60)
@click.option("--epochs", default=14)
@click.option("--share", default=0.02, help="Of calls that meet a fault.")
@click.option("--stall", "stalled", default=60, help="Seconds for a try; 0: none stalls.")
def main(items: int, epochs: int, share: float, stalled: int) -> None:
    """Run, count, print, and say by the exit code whether everything is accounted for."""
    wanted = items * CELLS * epochs * len(MODELS)
    faults = Faults(share, stalled)
    with tempfile.TemporaryDirectory() as folder, serve(Witness(), faults) as server:
        began = time.monotonic()
        options = ["-T", f"items={items}", "-T", f"epochs={epochs}"]
        options += ["--attempt-timeout", str(stalled)] if stalled else []
        process = run(Path(folder), server.environment, options)
        memory = watched(process, lambda: len(server.requests), wanted)
        seconds = time.monotonic() - began
        trials = read_trials([Path(folder) / "logs"])
        calls = len(server.requests)
    rows = {
        "samples": wanted,
        "trials": len(trials),
        "of them more than once": int(trials.duplicated(KEY).sum()),
        "with another verdict than the server gave": wrong(trials),
        "without a verdict for an error": int(trials["error"].notna().sum()),
        "calls": calls,
        "faults": faults.met.total(),
        "calls beyond samples + faults": calls - wanted - faults.met.total(),
        **{f"  {name}": count for name, count in sorted(faults.met.items())},
        "seconds": f"{seconds:.0f}",
        **{f"memory after {n:,} calls, MB": f"{size:.0f}" for n, size in memory},
    }
    show(rows)
    good = (
        len(trials) == wanted and not wrong(trials) and rows["calls beyond samples + faults"] == 0
    )
    sys.exit(0 if good and process.returncode == 0 else 1)


def run(
    folder: Path, environment: dict[str, str], options: Sequence[str]
) -> "subprocess.Popen[bytes]":
    """Start the run in a process of its own, whose memory is nobody else's."""
    command = [
        *(sys.executable, "-W", "ignore", "-m", "inspect_ai", "eval-set"),
        *("arena_evals/shutdown_dilemma", "--model", ",".join(MODELS), "--max-tasks", "1"),
        *("-T", "arms=baseline,threat", "-T", "judged=false", *options),
        *("--max-connections", str(CONNECTIONS), "--retry-on-error=3"),
        *("--display", "none", "--log-dir", str(folder / "logs")),
    ]
    around = {**os.environ, **environment, "XDG_DATA_HOME": str(folder / "data")}
    return subprocess.Popen(command, env=around)


def watched(
    process: "subprocess.Popen[bytes]", calls: Callable[[], int], wanted: int
) -> list[tuple[int, float]]:
    """Wait for a run, and return its memory in MB at some numbers of calls, and its peak."""
    memory: list[tuple[int, float]] = []
    with Progress(console=Console(stderr=True)) as bar:
        shown = bar.add_task("calls", total=wanted)
        while process.poll() is None:
            made = calls()
            bar.update(shown, completed=made)
            if made >= wanted * (len(memory) + 1) / POINTS:
                memory.append((made, resident(process.pid)))
            time.sleep(0.2)
    return memory


def resident(pid: int) -> float:
    """Return the memory of a process in MB, where the system tells it as Linux does."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def wrong(trials: pd.DataFrame) -> int:
    """Return how many trials have another verdict than the server gave, or none."""
    rows = trials[["item", "arm", "order", "decision"]].itertuples(index=False, name=None)
    return sum(verdict_on(Asked(item, arm, order)) != verdict for item, arm, order, verdict in rows)


def show(rows: dict[str, object]) -> None:
    """Print what was found, a line each."""
    table = Table(box=None, show_header=False)
    for name, count in rows.items():
        table.add_row(name, str(count))
    Console().print(table)


if __name__ == "__main__":
    main()
