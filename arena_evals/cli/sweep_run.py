"""A sweep's slices run one after another, or as many at once as an engine has room for."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from inspect_ai.model import ModelUsage

from arena_evals.cli.progress import Teller
from arena_evals.cli.slices import Outcome, run_slice
from arena_evals.cli.sweep_folder import Folder
from arena_evals.cli.sweep_plan import Planned
from arena_evals.cli.till import Till
from arena_evals.sweeps import Pace, Slice, Spent, Sweep

_IN_A_ROW = 2  # slices that failed, after which a model is not asked any more in this run


class Engine(Protocol):
    """What runs slices."""

    room: int

    def start(self, one: Slice) -> None:
        """Begin a slice."""

    def next_ended(self) -> tuple[Slice, Outcome]:
        """Wait until one that was begun has ended."""

    def fits(self, one: Slice, planned: Spent, running: Mapping[str, Spent]) -> bool:
        """Return whether the budget has room for one more slice."""

    def spent(self) -> Spent:
        """Return what was spent so far, in earlier runs too."""

    def close(self, one: Slice) -> None:
        """Take note that a slice is finished."""


class Ended(NamedTuple):
    """How a sweep ended: what failed, what could not be paid for, and whether by the user."""

    finished: int
    failed: tuple[tuple[Slice, str], ...]
    unpaid: Slice | None
    interrupted: bool


def run_all(
    todo: Sequence[Slice], planned: Sequence[Planned], engine: Engine, tell: Teller, done: int
) -> Ended:
    """Run slices until all are finished, one cannot be paid for, or the user interrupts.

    A slice that fails is told and left; its model is left too after two in a row. ``done`` is the
    number of trials that were finished before.
    """
    of = {slice_.name: plan for plan in planned for slice_ in plan.slices}
    waiting, running = list(todo), dict[str, Spent]()
    failed, in_a_row = list[tuple[Slice, str]](), dict[str, int]()
    unpaid, interrupted, finished = None, False, 0
    while waiting or running:
        while waiting and len(running) < engine.room and not (unpaid or interrupted):
            one = waiting[0]
            cost = of[one.name].cost(one)
            if not engine.fits(one, cost, running):
                unpaid = one
                break
            running[one.name] = cost
            engine.start(waiting.pop(0))
        if not running:
            break
        one, outcome = engine.next_ended()
        del running[one.name]
        model = one.cell.name.partition("/")[0] + str(one.cell.model)
        if outcome.status == "finished":
            finished += 1
            done += of[one.name].trials(one)
            in_a_row[model] = 0
            engine.close(one)
            tell.say(f"finished {_words(one)}: {finished} of {len(todo)} slices, {done:,} trials")
        elif outcome.status == "unpaid":
            unpaid = unpaid or one
        elif outcome.status == "interrupted":
            interrupted = True
        else:
            failed.append((one, outcome.why))
            tell.say(f"FAILED {_words(one)}: {outcome.why}")
            in_a_row[model] = in_a_row.get(model, 0) + 1
            if in_a_row[model] >= _IN_A_ROW:
                waiting = [other for other in waiting if other.cell.model != one.cell.model]
        tell.at(done, engine.spent())
    return Ended(finished, tuple(failed), unpaid, interrupted)


class Here:
    """The engine of one machine: one slice at a time, in this process."""

    room = 1

    def __init__(
        self, sweep: Sweep, folder: Folder, till: Till, tell: Callable[[int, Spent], None]
    ) -> None:
        self._sweep, self._folder, self._till, self._tell = sweep, folder, till, tell
        self._paces = dict[str, Pace]()
        self._next: list[Slice] = []

    def start(self, one: Slice) -> None:
        """Keep it until it is waited for."""
        self._next.append(one)

    def next_ended(self) -> tuple[Slice, Outcome]:
        """Run it."""
        one = self._next.pop()
        _, allowed = self._sweep.provider(one.cell.model.model)
        try:
            account = _Local(self._sweep, self._till, self._paces, one, self._tell)
            place = self._folder.of(one)
            return one, run_slice(self._sweep, one, place, account, allowed.connections)
        except KeyboardInterrupt:  # where no loop of Inspect's ran that would have taken it
            return one, Outcome("interrupted")

    def fits(self, one: Slice, planned: Spent, running: Mapping[str, Spent]) -> bool:
        """Ask the till."""
        return self._till.fits(one.name, planned, running)

    def spent(self) -> Spent:
        """Ask the till."""
        return self._till.book().spent

    def close(self, one: Slice) -> None:
        """Tell the till."""
        self._till.close(one.name)


class _Local:
    """The account of one slice in this process."""

    def __init__(
        self,
        sweep: Sweep,
        till: Till,
        paces: dict[str, Pace],
        one: Slice,
        tell: Callable[[int, Spent], None],
    ) -> None:
        self._sweep, self._till, self._paces = sweep, till, paces
        self._name, self._tell, self._ended = one.name, tell, 0

    async def admit(self, model: str) -> bool:
        """Wait for the provider's pace, then take a call from the till."""
        name, allowed = self._sweep.provider(model)
        pace = self._paces.setdefault(name, Pace(allowed.calls_per_minute))
        if seconds := pace.wait(time.monotonic()):
            await asyncio.sleep(seconds)
        return self._till.take(self._name) > 0

    def paid(self, model: str, usage: ModelUsage) -> None:
        """Tell the till."""
        self._till.pay(self._name, model, usage)

    def spared(self) -> None:
        """Give the call back."""
        self._till.give_back(self._name, 1)

    def ended(self) -> None:
        """Tell who watches."""
        self._ended += 1
        self._tell(self._ended, self._till.book().spent)


def _words(one: Slice) -> str:
    return f"{one.cell.model.model} on {one.cell.task}, slice {one.number}"
