"""Where a sweep stands: a bar in a terminal, plain lines where there is none."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from arena_evals.cli.budget import money
from arena_evals.sweeps import Spent

_EVERY = 60.0  # seconds between two plain lines in the midst of a slice


class Teller(Protocol):
    """Who is told how far a sweep is."""

    def at(self, trials: int, spent: Spent) -> None:
        """Show so many trials as done."""

    def say(self, line: str) -> None:
        """Print a line above what is shown."""


@contextmanager
def telling(trials: int, priced: bool) -> Iterator[Teller]:
    """Show progress on standard error, as it is now: a run may turn it elsewhere meanwhile."""
    stream = sys.stderr
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield _Lines(console, trials, priced)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("trials"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar:
        yield _Bar(bar, trials, priced)


class _Bar:
    def __init__(self, bar: Progress, trials: int, priced: bool) -> None:
        self._bar, self._priced = bar, priced
        self._task = bar.add_task("", total=trials)

    def at(self, trials: int, spent: Spent) -> None:
        self._bar.update(self._task, completed=trials, description=_spent(spent, self._priced))

    def say(self, line: str) -> None:
        self._bar.console.print(line, soft_wrap=True)


class _Lines:
    def __init__(self, console: Console, trials: int, priced: bool) -> None:
        self._console, self._trials, self._priced = console, trials, priced
        self._said = time.monotonic()

    def at(self, trials: int, spent: Spent) -> None:
        if time.monotonic() - self._said >= _EVERY:
            self.say(f"{trials:,} of {self._trials:,} trials; {_spent(spent, self._priced)}")

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)
        self._said = time.monotonic()


def _spent(spent: Spent, priced: bool) -> str:
    cost = f", {money(spent.dollars)}" if priced else ""
    return f"{spent.calls:,} calls{cost}"
