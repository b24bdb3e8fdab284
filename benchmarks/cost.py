"""What the arena costs beside bare Inspect, measured in turn in one process.

1. CPU seconds per sample of the arena's task against a bare task (`generate()` + `match()`) that
   makes the same number of model calls, both on the same model that answers at once.
2. Seconds to read a 10,000-sample log as trials against Inspect's `samples_df` with scores.

Prints one table and leaves with exit code 1 where a ratio misses its limit.
"""

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

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

from arena_evals.analysis import read_trials
from arena_evals.tasks import shutdown_dilemma

TASK = "arena_evals/shutdown_dilemma"
ROUNDS = 5
MOST_CPU = 1.25  # of a bare task's, per sample
LEAST_SPEED = 5.0  # of samples_df's

Seconds = list[float]


class Row(NamedTuple):
    """One comparison: seconds of each side by round, and whether the ratio is within its limit."""

    name: str
    ours: Seconds
    theirs: Seconds
    ratio: float
    limit: str
    holds: bool


def main() -> None:
    """Measure, print, and say by the exit code whether every limit holds."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            cpu_row("CPU, decision", Path(folder), judged=False),
            cpu_row("CPU, decision + judge", Path(folder), judged=True),
            reading_row(Path(folder)),
        ]
    show(rows)
    sys.exit(0 if all(row.holds for row in rows) else 1)


def cpu_row(name: str, folder: Path, *, judged: bool) -> Row:
    """Compare CPU time for the same number of model calls; the judge makes a second one."""
    settings = {"profile": "quick", "items": 36, "judged": judged}
    dataset = shutdown_dilemma(**settings).dataset
    calls = len(dataset) * (2 if judged else 1)
    bare = bare_task(dataset, calls)
    ours: Seconds = []
    theirs: Seconds = []
    for _ in track(range(ROUNDS + 1), description=name, console=Console(stderr=True)):
        theirs.append(cpu_seconds(lambda: run(bare, folder)))
        ours.append(cpu_seconds(lambda: run(TASK, folder, **settings)))
    # the first round loads code
    ratio = statistics.median(a / b for a, b in zip(ours[1:], theirs[1:], strict=True))
    return Row(name, ours[1:], theirs[1:], ratio, f"<= {MOST_CPU}", ratio <= MOST_CPU)


def bare_task(dataset: Dataset, calls: int) -> Task:
    """Build a task on the arena's own texts, without metadata, frame or verdicts."""
    texts = [sample.input for sample in dataset]
    samples = [
        Sample(id=index, input=texts[index % len(texts)], target="A") for index in range(calls)
    ]
    return Task(dataset=samples, solver=generate(), scorer=match())


def run(task: Task | str, folder: Path, **settings: Any) -> EvalLog:
    """Run a task, built or by its registered name, on the model that answers at once."""
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


def reading_row(folder: Path) -> Row:
    """Compare reading the same log of some 10,000 samples."""
    big = shutdown_dilemma("full", judged=True)
    big.epochs = 10
    print("writing a log of 10,080 samples ...", file=sys.stderr)
    place = run(big, folder / "big").location
    ours: Seconds = []
    theirs: Seconds = []
    for _ in track(range(3), description="reading", console=Console(stderr=True)):
        theirs.append(wall_seconds(lambda: samples_table(place)))
        ours.append(wall_seconds(lambda: read_trials([place.removeprefix("file://")])))
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    return Row(
        "reading 10,080 samples",
        ours,
        theirs,
        ratio,
        f">= {LEAST_SPEED:.0f} x",
        ratio >= LEAST_SPEED,
    )


def samples_table(place: str) -> None:
    """Read a log the way Inspect offers, with score columns."""
    samples_df(place, columns=SampleSummary + SampleScores, quiet=True)


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
    table = Table("", "arena, s", "Inspect, s", "ratio", "limit", "", box=None)
    for row in rows:
        verdict = "holds" if row.holds else "MISSED"
        table.add_row(row.name, *medians(row), f"{row.ratio:.2f}", row.limit, verdict)
    Console().print(table)


def medians(row: Row) -> Iterator[str]:
    """Yield the median seconds of both sides."""
    for seconds in (row.ours, row.theirs):
        yield f"{statistics.median(seconds):.2f}"


if __name__ == "__main__":
    main()
