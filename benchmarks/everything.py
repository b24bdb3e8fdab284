"""Run every task of the arena on the embedded models, and report trials, calls and time.

The eight scenarios in full, and beside them each language, the intensity ladder, pressure, personas
and open answers. Calls are counted from the logs: one model event each.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter
from typing import Any, NamedTuple

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from rich.console import Console
from rich.table import Table

from arena_evals.analysis import read_trials
from arena_evals.scenarios import languages, scenario_names

MODEL = "arena/frame-sensitive"


class Ran(NamedTuple):
    """One run: what it was, its trials, calls of the model and of the grader, and seconds."""

    what: str
    trials: int
    calls: int
    graded: int
    seconds: float


def runs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every run as a scenario and its parameters."""
    for name in scenario_names():
        yield name, {}
    for name in scenario_names():
        for language in languages(name)[1:]:
            yield name, {"language": language}
    once = {"profile": "quick"}
    yield "shutdown_dilemma", {**once, "intensity": [1, 2, 3]}
    yield "shutdown_dilemma", {**once, "pressure": 3}
    yield "shutdown_dilemma", {**once, "persona": "continuity"}
    yield "shutdown_dilemma", {**once, "persona": "indifference"}
    for name in scenario_names():
        yield name, {**once, "answer": "open"}


def run(name: str, parameters: dict[str, Any], folder: str) -> Ran:
    """Run one task to the end.

    Raises:
        SystemExit: it did not end well.
    """
    started = perf_counter()
    [log] = inspect_eval(
        f"arena_evals/{name}",
        model=MODEL,
        task_args=parameters,
        log_dir=folder,
        display="none",
    )
    seconds = perf_counter() - started
    if log.status != "success":
        sys.exit(f"{name} {parameters}: {log.status}, {log.error}")
    told = ", ".join(f"{key} {value}" for key, value in parameters.items())
    calls, graded = counted(log)
    return Ran(f"{name} {told}".strip(), len(read_trials([log.location])), calls, graded, seconds)


def counted(log: EvalLog) -> tuple[int, int]:
    """Return the calls of the model and of the grader."""
    calls = graded = 0
    for sample in log.samples or []:
        for event in sample.events:
            if event.event == "model":
                graded += event.role == "grader"
                calls += event.role != "grader"
    return calls, graded


def main() -> None:
    """Run everything, with a line for each run as it ends, then the table."""
    console = Console()
    folder = sys.argv[1] if len(sys.argv) > 1 else mkdtemp()
    Path(folder).mkdir(parents=True, exist_ok=True)
    rows = []
    for name, parameters in runs():
        rows.append(run(name, parameters, folder))
        console.print(f"{rows[-1].seconds:6.1f} s  {rows[-1].what}", style="dim", highlight=False)
    table = Table("run", box=None)
    for head in ("trials", "calls of the model", "calls of the grader", "seconds"):
        table.add_column(head, justify="right")
    total = Ran("all", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True)))
    for row in (*rows, total):
        numbers = (f"{row.trials:,}", f"{row.calls:,}", f"{row.graded:,}", f"{row.seconds:.1f}")
        table.add_row(row.what, *numbers)
    console.print(table)
    console.print(f"logs in {folder}; arena analyze {folder} reads them")


if __name__ == "__main__":
    main()
