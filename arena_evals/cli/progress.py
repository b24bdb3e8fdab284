"""Where a sweep stands: a bar in a terminal, plain lines where there is none."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from arena_evals.cli.budget import money
from arena_evals.runs.engine import Teller
from arena_evals.sweeps import Spent

_EVERY = 60.0  # seconds between two plain lines in the midst of a slice


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show on a terminal how many of so many are done; yield what counts one more."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def telling(trials: int, done: int, priced: bool) -> Iterator[Teller]:
    """Show progress on standard error, as it is now: a run may turn it elsewhere meanwhile."""
    stream = sys.stderr
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield _Lines(console, trials, done, priced)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        yield _Bar(bar, trials, done, priced)


class _Bar:
    def __init__(self, bar: Progress, trials: int, done: int, priced: bool) -> None:
        self._bar, self._done, self._priced = bar, done, priced
        self._task = bar.add_task("", total=trials, completed=done)

    def add(self, trials: int) -> None:
        self._done += trials

    def at(self, trials: int, spent: Spent) -> None:
        trials += self._done
        self._bar.update(self._task, completed=trials, description=_spent(spent, self._priced))

    def say(self, line: str) -> None:
        self._bar.console.print(line, soft_wrap=True)


class _Lines:
    def __init__(self, console: Console, trials: int, done: int, priced: bool) -> None:
        self._console, self._trials, self._done, self._priced = console, trials, done, priced
        self._said = time.monotonic()

    def add(self, trials: int) -> None:
        self._done += trials

    def at(self, trials: int, spent: Spent) -> None:
        if time.monotonic() - self._said >= _EVERY:
            self.say(
                f"{trials + self._done:,} of {self._trials:,} trials; {_spent(spent, self._priced)}"
            )

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)
        self._said = time.monotonic()


def _spent(spent: Spent, priced: bool) -> str:
    cost = f", {money(spent.dollars)}" if priced else ""
    return f"{spent.calls:,} calls{cost}"
