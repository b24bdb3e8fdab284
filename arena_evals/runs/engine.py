"""A sweep's slices run one after another, or as many at once as an engine has room for."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from inspect_ai.model import ModelUsage

from arena_evals.runs.prices import Price
from arena_evals.runs.slices import Outcome, run_slice
from arena_evals.runs.sweep_folder import Folder
from arena_evals.runs.sweep_plan import Planned
from arena_evals.runs.till import Till, require_known_cost
from arena_evals.sweeps import Pace, Slice, Spent, Sweep, called

_IN_A_ROW = 2  # slices that failed, after which a model is not asked any more in this run


class Engine(Protocol):
    """What runs slices."""

    @property
    def room(self) -> int:
        """Return how many at once."""

    def start(self, one: Slice) -> None:
        """Begin a slice."""

    def next_ended(self) -> tuple[Slice, Outcome]:
        """Wait until one that was begun has ended."""

    def fits(self, one: Slice, planned: Spent, running: Mapping[str, Spent]) -> bool:
        """Return whether the budget has room for one more slice."""

    def state(self) -> tuple[int, Spent]:
        """Return the samples that ended in slices that run, and what was spent, ever."""

    def close(self, one: Slice) -> None:
        """Take note that a slice is finished."""

    def shut(self) -> None:
        """End."""


class Teller(Protocol):
    """Who is told how far a sweep is."""

    def add(self, trials: int) -> None:
        """Take note of so many more trials that are finished for good."""

    def at(self, trials: int, spent: Spent) -> None:
        """Show so many trials beside those as done."""

    def say(self, line: str) -> None:
        """Print a line above what is shown."""


class Ended(NamedTuple):
    """How a sweep ended: what failed, what could not be paid for, and whether by the user."""

    finished: int
    failed: tuple[tuple[Slice, str], ...]
    unpaid: Slice | None
    interrupted: bool


def run_all(
    todo: Sequence[Slice], planned: Sequence[Planned], engine: Engine, tell: Teller
) -> Ended:
    """Run slices until all are finished, one cannot be paid for, or the user interrupts.

    A slice that fails is told and left; its model is left too after two in a row.
    """
    of = {one.name: plan for plan in planned for one in plan.slices}
    course = _Course(list(todo), {}, [], [], {})
    while (not course.halted and _fill(course, of, engine)) or course.running:
        one, outcome = engine.next_ended()
        del course.running[one.name]
        if outcome.status == "finished":
            engine.close(one)
            tell.add(of[one.name].trials(one))
        tell.say(_note(course, one, outcome, len(todo)))
        tell.at(*engine.state())
    return Ended(len(course.finished), tuple(course.failed), course.unpaid, course.interrupted)


@dataclass
class _Course:
    """How far a sweep is."""

    waiting: list[Slice]
    running: dict[str, Spent]
    finished: list[Slice]
    failed: list[tuple[Slice, str]]
    in_a_row: dict[str, int]
    unpaid: Slice | None = None
    interrupted: bool = False

    @property
    def halted(self) -> bool:
        """Whether nothing more is begun."""
        return self.interrupted or self.unpaid is not None


def _fill(course: _Course, of: Mapping[str, Planned], engine: Engine) -> bool:
    """Begin what there is room and money for; return whether anything runs."""
    while course.waiting and len(course.running) < engine.room:
        one = course.waiting[0]
        cost = of[one.name].cost(one)
        if not engine.fits(one, cost, course.running):
            course.unpaid = one
            break
        course.running[one.name] = cost
        engine.start(course.waiting.pop(0))
    return bool(course.running)


def _note(course: _Course, one: Slice, outcome: Outcome, of: int) -> str:
    """Take note of how a slice ended, and return a line that says so."""
    who = repr(one.cell.model)
    if outcome.status == "finished":
        course.finished.append(one)
        course.in_a_row[who] = 0
        but = f", but {outcome.why}" if outcome.why else ""
        return f"finished {_words(one)}{but}; {len(course.finished):,} of {of:,} slices"
    if outcome.status == "failed":
        course.failed.append((one, outcome.why))
        course.in_a_row[who] = course.in_a_row.get(who, 0) + 1
        if course.in_a_row[who] >= _IN_A_ROW:
            course.waiting = [other for other in course.waiting if repr(other.cell.model) != who]
        return f"FAILED {_words(one)}: {outcome.why}"
    if outcome.status == "unpaid":
        course.unpaid = course.unpaid or one
        return f"cut short by the budget: {_words(one)}"
    course.interrupted = True
    return f"interrupted: {_words(one)}"


class Here:
    """The engine of one machine: one slice at a time, in this process."""

    def __init__(
        self,
        sweep: Sweep,
        folder: Folder,
        prices: Mapping[str, Price],
        tell: Callable[[int, Spent], None],
    ) -> None:
        self._sweep, self._folder, self._tell = sweep, folder, tell
        self._till = Till(folder, sweep.budget, prices)
        self._paces = dict[str, Pace]()
        self._next: list[Slice] = []

    @property
    def room(self) -> int:
        """One: Inspect runs one set at a time."""
        return 1

    def start(self, one: Slice) -> None:
        """Keep it until it is waited for."""
        self._next.append(one)

    def next_ended(self) -> tuple[Slice, Outcome]:
        """Run it."""
        one = self._next.pop()
        answering = called(self._sweep, one.cell).values()
        connections = min(own.each(own.provider.connections) for own in answering)
        try:
            account = _Local(self._sweep, self._till, self._paces, one, self._tell)
            place = self._folder.of(one)
            return one, run_slice(self._sweep, one, place, account, connections)
        except KeyboardInterrupt:  # where no loop of Inspect's ran that would have taken it
            return one, Outcome("interrupted")

    def fits(self, one: Slice, planned: Spent, running: Mapping[str, Spent]) -> bool:
        """Ask the till."""
        return self._till.fits(one.name, planned, running)

    def state(self) -> tuple[int, Spent]:
        """Ask the till."""
        return self._till.state()

    def close(self, one: Slice) -> None:
        """Tell the till."""
        self._till.close(one.name)

    def shut(self) -> None:
        """Write the ledger for the last time."""
        self._till.shut()


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
        return self._till.take(self._name, 1, self._ended) > 0

    def paid(self, model: str, usage: ModelUsage) -> None:
        """Tell the till."""
        self._till.pay(self._name, model, usage)

    def spared(self) -> None:
        """Give the call back."""
        self._till.give_back(self._name, 1)

    def uncounted(self, model: str) -> None:
        """End the run where it cannot be paid for without."""
        require_known_cost(self._sweep, model)

    def ended(self) -> None:
        """Tell who watches."""
        self._ended += 1
        self._tell(self._ended, self._till.state()[1])


def _words(one: Slice) -> str:
    return f"{one.cell.model.model} on {one.cell.task}, slice {one.number}"
