"""What a sweep may spend and has spent, and how fast it may call."""

from typing import NamedTuple

from arena_evals.sweeps.file import Allowance

_CENT = 1e-9  # dollars: sums of floats are not held to more


class Spent(NamedTuple):
    """Calls that were begun, whatever became of them, and dollars for those that were answered."""

    calls: int = 0
    dollars: float = 0.0

    def plus(self, calls: int, dollars: float = 0.0) -> "Spent":
        """Return both sums."""
        return Spent(self.calls + calls, self.dollars + dollars)


class Purse:
    """Counts calls and dollars against a budget; None is without end.

    A call is counted before it is made, so that no more are made than the budget has. What it cost
    is known only when it is answered: dollars pass the budget by the calls in flight, at most.
    """

    def __init__(self, budget: Allowance | None, spent: Spent = Spent()) -> None:  # noqa: B008
        self.budget = budget
        self.spent = spent

    def fits(self, planned: Spent) -> bool:
        """Return whether what was spent and what is planned stay within the budget."""
        together = self.spent.plus(*planned)
        return self._within_calls(together.calls) and self._within_dollars(together.dollars)

    def take(self, wanted: int = 1) -> int:
        """Count up to so many calls as begun, and return how many may be; 0 where none is left."""
        if not self._within_dollars(self.spent.dollars + 2 * _CENT):
            return 0
        limit = self.budget.calls if self.budget else None
        granted = wanted if limit is None else max(0, min(wanted, limit - self.spent.calls))
        self.spent = self.spent.plus(granted)
        return granted

    def give_back(self, calls: int = 1) -> None:
        """Uncount calls that were not made after all."""
        self.spent = self.spent.plus(-calls)

    def pay(self, dollars: float) -> None:
        """Count what an answer cost."""
        self.spent = self.spent.plus(0, dollars)

    def _within_calls(self, calls: int) -> bool:
        return self.budget is None or self.budget.calls is None or calls <= self.budget.calls

    def _within_dollars(self, dollars: float) -> bool:
        limit = self.budget.dollars if self.budget else None
        return limit is None or dollars <= limit + _CENT


class Pace:
    """Spreads calls evenly: one every 60 / ``calls_per_minute`` seconds, none saved up."""

    def __init__(self, calls_per_minute: float | None) -> None:
        self._apart = 60 / calls_per_minute if calls_per_minute else 0.0
        self._free = 0.0

    def wait(self, now: float, calls: int = 1) -> float:
        """Return the seconds until the first of so many calls may begin, and take their places."""
        begin = max(now, self._free)
        self._free = begin + calls * self._apart
        return begin - now

    @property
    def apart(self) -> float:
        """Seconds between two calls."""
        return self._apart


class Leases:
    """Connections of one provider, lent to holders by name; asking again returns the same lease.

    So one who died and is begun anew elsewhere under its name takes up what it held.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._held: dict[str, int] = {}

    def take(self, holder: str, wanted: int) -> int:
        """Lend up to so many connections; 0 where none is free."""
        if holder not in self._held:
            free = self._connections - sum(self._held.values())
            granted = min(wanted, free)
            if granted <= 0:
                return 0
            self._held[holder] = granted
        return self._held[holder]

    def give_back(self, holder: str) -> None:
        """Take back what a holder was lent, if anything."""
        self._held.pop(holder, None)
