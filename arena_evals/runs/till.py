"""The till of a sweep: counts each call before it is made, in memory and in the sweep's folder."""

from collections.abc import Mapping

from inspect_ai.model import ModelUsage

from arena_evals.errors import BadInput
from arena_evals.providers import is_simulated
from arena_evals.runs.prices import Price
from arena_evals.runs.sweep_folder import Book, Folder, ledger
from arena_evals.sweeps import Allowance, Purse, Spent, Sweep

_MILLION = 1e6


class Till:
    """Who pays for a sweep: a purse, prices, and a ledger that is written before each call.

    It knows slices by name, so that it can serve several machines.
    """

    def __init__(
        self, folder: Folder, budget: Allowance | None, prices: Mapping[str, Price]
    ) -> None:
        self._open = ledger(folder)
        book, self._keep = self._open.__enter__()
        self._purse = Purse(budget, book.spent)
        self._slices = book.slices
        self._prices = prices
        self._ended = dict[str, int]()

    def take(self, slice_name: str, calls: int, ended: int) -> int:
        """Count up to so many calls of a slice as begun; 0 where the budget is used up.

        ``ended`` is how many of its samples have.
        """
        self._ended[slice_name] = ended
        granted = self._purse.take(calls)
        self._note(slice_name, granted, 0.0)
        return granted

    def give_back(self, slice_name: str, calls: int) -> None:
        """Uncount calls that were not made."""
        self._purse.give_back(calls)
        self._note(slice_name, -calls, 0.0)

    def pay(self, slice_name: str, model: str, usage: ModelUsage) -> None:
        """Count what an answer cost; where a model has no price, nothing."""
        price = self._prices.get(model)
        cost = price_of(usage, price) if price else 0.0
        self._purse.pay(cost)
        self._note(slice_name, 0, cost)

    def fits(self, slice_name: str, planned: Spent, running: Mapping[str, Spent]) -> bool:
        """Return whether a slice can be paid for beside what those that run still need."""
        needed = [
            self._left(name, cost) for name, cost in (*running.items(), (slice_name, planned))
        ]
        return self._purse.fits(
            Spent(sum(one.calls for one in needed), sum(one.dollars for one in needed))
        )

    def close(self, slice_name: str) -> None:
        """Forget what a slice spent: it is finished, and the sum has it."""
        self._ended.pop(slice_name, None)
        self._slices.pop(slice_name, None)
        self._keep(Book(self._purse.spent, self._slices).text())

    def state(self) -> tuple[int, Spent]:
        """Return the samples that ended in slices that are not finished, and what was spent."""
        return sum(self._ended.values()), self._purse.spent

    def shut(self) -> None:
        """Write the ledger for the last time."""
        self._open.__exit__(None, None, None)

    def _left(self, name: str, planned: Spent) -> Spent:
        begun = self._slices.get(name, Spent())
        return Spent(max(0, planned.calls - begun.calls), max(0.0, planned.dollars - begun.dollars))

    def _note(self, name: str, calls: int, cost: float) -> None:
        self._slices[name] = self._slices.get(name, Spent()).plus(calls, cost)
        self._keep(Book(self._purse.spent, self._slices).text())


def require_known_cost(sweep: Sweep, model: str) -> None:
    """Refuse to go on with a model that did not say what it used, where dollars are counted.

    Raises:
        BadInput: the sweep has a budget in dollars, and the model is to be paid for.
    """
    by_dollars = sweep.budget is not None and sweep.budget.dollars is not None
    if by_dollars and not is_simulated(model):
        raise BadInput(
            f"{model} does not say how many tokens it used, so that a budget in dollars cannot "
            "be kept; set one in calls"
        )


def price_of(usage: ModelUsage, price: Price) -> float:
    """Return dollars; what a provider had in its cache counts as read, at the full price."""
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    read = usage.input_tokens + cached
    return (read * price.input + usage.output_tokens * price.output) / _MILLION
