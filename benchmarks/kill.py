"""Is anything lost, doubled or paid for twice when a run is killed at random moments?

One run (`inspect eval-set`, real clients for the model and its grader, a server on loopback) is
killed with signal 9 at a random call that the server counts, and started again with the same
command, as often as asked; then it may finish. Its trials are held against those of a run that
nobody killed, and its calls against one per question and epoch.

    PYTHONPATH=tests kill.py TIMES [ITEMS] [OPTION OF INSPECT ...]

Leaves with 1 where a trial is lost, doubled or another, or where a kill cost more calls of the
model, or of the grader, than there were samples in progress.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from arena_evals.analysis import paired_contrast, read_trials
from arena_evals.schema import Arm
from provider_server import Answer, ProtocolName, Request, serve
from witness import Witness

SEED = 1
AT_ONCE = 10  # samples in progress, and connections of each model
LATENCY = 0.05  # seconds that an answer takes, so that calls are in flight when a run is killed
MODEL, GRADER = "openai/gpt-4o", "anthropic/claude-sonnet-4-5"
CELLS, EPOCHS = 8, 2  # of an item: 2 arms x 2 orders x 2 wordings
KEY = ["item", "arm", "wording", "order", "epoch"]
COMMAND = (
    *("eval-set", "arena_evals/shutdown_dilemma", "--display", "none", "--ctl-server", "false"),
    *("-T", "arms=baseline,threat", "-T", f"epochs={EPOCHS}"),
    *("--model", MODEL, "--model-role", f"grader={GRADER}"),
    *("--max-samples", str(AT_ONCE), "--max-connections", str(AT_ONCE)),
)
FORKED = get_context("forkserver")  # imports once what every start needs
FORKED.set_forkserver_preload(
    ["inspect_ai.__main__", "acp", "openai", "anthropic", "arena_evals._registry"]
)


class Call(NamedTuple):
    """One call at the server: in which start of the run, when answered, and for what."""

    start: int
    answered: float
    protocol: ProtocolName
    question: str


class Till:
    """A provider that writes down every call, and kills the run when one is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer = Witness()
        self._victim: ForkServerProcess | None = None
        self._due = 0
        self._received = 0
        self.calls: list[Call] = []
        self.killed: dict[int, float] = {}
        self.start = 0

    def __call__(self, request: Request) -> Answer:
        """Answer after a while, and kill the run first where this call is the one."""
        with self._lock:
            start = self.start
            self._received += 1
            if self._victim and self._received == self._due:
                self._victim.kill()
                self.killed[start] = time.monotonic()
        time.sleep(LATENCY)
        question = json.dumps(request.body, sort_keys=True)
        with self._lock:
            self.calls.append(Call(start, time.monotonic(), request.protocol, question))
        return self._answer(request)

    def begin(self, run: ForkServerProcess, due: int | None) -> None:
        """Take note of a new start of the run, to be killed at its n-th call."""
        with self._lock:
            self.start += 1
            self._victim = run if due else None
            self._due = self._received + (due or 0)

    def beyond(self, needed: "Till") -> list[Call]:
        """Return the calls that were paid for in vain: of each question those beyond the needed.

        Those in vain are the ones answered latest before a kill, or after it.
        """
        wanted = Counter(call.question for call in needed.calls)
        of_question: dict[str, list[Call]] = {}
        for call in self.calls:
            of_question.setdefault(call.question, []).append(call)
        return [
            call
            for question, calls in of_question.items()
            for call in sorted((call for call in calls if call.start in self.killed), key=self.age)[
                : max(0, len(calls) - wanted[question])
            ]
        ]

    def age(self, call: Call) -> float:
        """Return the seconds between an answer and the kill of its run; negative in flight."""
        return self.killed[call.start] - call.answered


def main() -> None:
    """Kill, resume, compare, print, and say by the exit code whether all holds."""
    times, items = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    options = sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        whole, once = run(Path(folder) / "whole", 0, items, options)
        trials, till = run(Path(folder) / "killed", times, items, options)
    rows = dict(counts(whole, trials, once, till, items))
    table = Table("", "", box=None, show_header=False)
    for name, count in rows.items():
        table.add_row(name, str(count))
    Console().print(table)
    sys.exit(0 if holds(whole, trials, once, till, items) else 1)


def run(folder: Path, times: int, items: int, options: Sequence[str]) -> tuple[pd.DataFrame, Till]:
    """Start the run as often as it is killed and once more; return its trials and its calls."""
    rng = np.random.default_rng(SEED)
    till = Till()
    calls = items * CELLS * EPOCHS * 2
    moments = rng.integers(1, 2 * calls // (times + 2), endpoint=True, size=times)
    with serve(till) as server:
        own = {"INSPECT_CACHE_DIR": folder / "cache", "XDG_DATA_HOME": folder / "data"}
        around = {**server.environment, **{name: str(place) for name, place in own.items()}}
        command = [*COMMAND, "-T", f"items={items}", "--log-dir", str(folder / "logs"), *options]
        for due in track([*moments, None], str(folder.name), console=Console(stderr=True)):
            process = FORKED.Process(target=start, args=(command, around))
            process.start()
            till.begin(process, due and int(due))
            process.join()
            if process.exitcode == 0:
                return read_trials([folder / "logs"]), till
        sys.exit(f"{folder.name}: the last start left with {process.exitcode}")


def start(command: Sequence[str], around: Mapping[str, str]) -> None:
    """Do in this process what `inspect` does."""
    os.environ.update(around)
    sys.argv = ["inspect", *command]
    [inspect] = entry_points(group="console_scripts", name="inspect")
    inspect.load()()


def counts(
    whole: pd.DataFrame, trials: pd.DataFrame, once: Till, till: Till, items: int
) -> Iterator[tuple[str, object]]:
    """Yield what was found, a line each."""
    in_vain = till.beyond(once)
    in_flight = [call for call in in_vain if till.age(call) <= 0]
    ages = [till.age(call) for call in in_vain if till.age(call) > 0]
    yield "kills", len(till.killed)
    yield "trials wanted", items * CELLS * EPOCHS
    yield "trials found", len(trials)
    yield "of them more than once", int(trials.duplicated(KEY).sum())
    yield "with another verdict than when not killed", differing(whole, trials)
    yield "shift", f"{shift(trials)} (not killed: {shift(whole)})"
    yield "calls, not killed", len(once.calls)
    yield "calls, killed and resumed", len(till.calls)
    yield "paid for twice", len(in_vain)
    for name, protocol in (("model", "openai-chat"), ("grader", "anthropic")):
        yield f"  of the {name}", sum(call.protocol == protocol for call in in_vain)
    yield "  in flight at the kill", len(in_flight)
    yield "  answered before it, their sample in progress", len(ages)
    yield "    at most so many seconds before", f"{max(ages, default=0):.2f}"
    per_kill = Counter((call.start, call.protocol) for call in in_vain)
    yield "  most of one model for one kill", max(per_kill.values(), default=0)


def holds(whole: pd.DataFrame, trials: pd.DataFrame, once: Till, till: Till, items: int) -> bool:
    """Return whether every trial is there once and the same, and kills cost what was under way."""
    wanted = items * CELLS * EPOCHS
    per_kill = Counter((call.start, call.protocol) for call in till.beyond(once))
    return (
        len(trials) == len(whole) == wanted
        and len(once.calls) == 2 * wanted == len(till.calls) - per_kill.total()
        and differing(whole, trials) == 0
        and shift(whole) == shift(trials)
        and max(per_kill.values(), default=0) <= AT_ONCE
    )


def differing(whole: pd.DataFrame, trials: pd.DataFrame) -> int:
    """Return how many trials two runs do not share with the same verdicts."""
    verdicts = ["decision", "decision_reason", "judge", "judge_reason", "error"]
    both = [table.set_index(KEY)[verdicts].sort_index().astype(str) for table in (whole, trials)]
    ours, theirs = (set(table.itertuples(name=None)) for table in both)
    return len(ours ^ theirs)


def shift(trials: pd.DataFrame) -> tuple[float, float, float]:
    """Return the estimate by the rule with its interval."""
    found = paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE)
    assert found is not None
    low, high = found.interval
    return round(found.estimate, 6), round(low, 6), round(high, 6)


if __name__ == "__main__":
    main()
