"""What a sweep would run, call, take and cost: `arena plan` for each of its cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from inspect_ai.model import GenerateConfig, ModelConfig
from pydantic import ValidationError

from arena_evals.errors import BadInput, one_of
from arena_evals.providers import is_simulated, require_nothing_secret
from arena_evals.runs.guess import ANSWER
from arena_evals.runs.prices import Price, dollars, read_prices
from arena_evals.runs.rehearsal import Rehearsal, rehearse
from arena_evals.runs.sets import client
from arena_evals.scenarios import content_of, faults, scenario_names
from arena_evals.sweeps import Asked, Cell, Slice, Spent, Sweep, cells, slices

_FREE = Price(input=0, output=0)


class Planned(NamedTuple):
    """A cell, what it would run, and the dollars of one trial where they are known."""

    cell: Cell
    run: Rehearsal
    slices: tuple[Slice, ...]
    dollars: float | None

    @property
    def calls(self) -> int:
        """Calls of the model and of graders in one trial."""
        return self.run.turns + self.run.graded

    def trials(self, one: Slice) -> int:
        """Return the trials of a slice: every item has as many."""
        return self.run.trials * len(one.items) // self.run.items

    def cost(self, one: Slice) -> Spent:
        """Return what a slice would spend, retries aside."""
        trials = self.trials(one)
        return Spent(trials * self.calls, trials * (self.dollars or 0.0))


def read_sweep(path: Path) -> Sweep:
    """Return what a sweep file says.

    Raises:
        BadInput: it is not YAML, or says something that no sweep knows.
    """
    content = content_of(path)
    try:
        return Sweep.model_validate(content)
    except ValidationError as error:
        place, fault = faults(error, content)[0]
        raise BadInput(f"{path}: {': '.join([*place, fault])}; see docs/sweep.md") from None


def prices_of(sweep: Sweep, path: Path) -> dict[str, Price]:
    """Return the prices that a sweep names, by model; the file stands relative to the sweep's.

    Raises:
        BadInput: it cannot be read, or the budget is in dollars and it lacks a model.
    """
    if sweep.prices is None:
        return {}
    place = path.parent / sweep.prices
    prices = read_prices(place)
    if sweep.budget is not None and sweep.budget.dollars is not None:
        for asked in (*sweep.models, *sweep.grader):
            if asked.model not in prices and not is_simulated(asked.model):
                raise BadInput(
                    f"{place}: no price for '{asked.model}'; a budget in dollars needs it"
                )
    return prices


def plan_sweep(sweep: Sweep, path: Path, prices: Mapping[str, Price]) -> list[Planned]:
    """Build and count every cell, without a model or a key.

    Raises:
        BadInput: a task or a parameter is not known, or a cell stands there twice.
    """
    try:
        return [_planned(sweep, cell, prices) for cell in cells(sweep)]
    except BadInput as error:
        raise BadInput(f"{path}: {error.message}") from None


def require_runnable(sweep: Sweep, planned: Sequence[Planned], path: Path) -> None:
    """Refuse what would fail only after something was paid for, and secrets that a log would keep.

    Raises:
        BadInput: a client cannot be made or has a secret among its options, or nobody independent
            judges.
    """
    graders = [asked.model for asked in sweep.grader]
    if len(set(graders)) < len(graders):
        raise BadInput(f"{path}: grader: a panel has no one twice; use parameters: {{readings: 2}}")
    for one in planned:
        model = one.cell.model.model
        if one.run.graded and model in graders:
            raise BadInput(f"{path}: grader: {model} would judge itself; name another")
        if one.run.graded and not graders and not is_simulated(model):
            raise BadInput(
                f"{path}: grader: nobody judges {model}; add grader: PROVIDER/MODEL, or "
                "parameters: {judged: false}"
            )
    for asked in (*sweep.models, *sweep.grader):  # each gone before the next: some hold weights
        try:
            require_nothing_secret([client(str(path), config_of(asked))])
        except BadInput as error:
            raise BadInput(f"{path}: {error.message.removeprefix(f'{path}: ')}") from None


def config_of(asked: Asked) -> ModelConfig:
    """Return a model as Inspect describes one."""
    return ModelConfig(
        model=asked.model,
        config=GenerateConfig(**dict(asked.generate)),
        base_url=asked.base_url,
        args=dict(asked.args),
    )


def total(planned: Sequence[Planned]) -> float | None:
    """Return dollars of all cells, None where one has no price."""
    costs = [one.run.trials * one.dollars for one in planned if one.dollars is not None]
    return sum(costs) if len(costs) == len(planned) else None


def unpriced(sweep: Sweep, planned: Sequence[Planned], prices: Mapping[str, Price]) -> list[str]:
    """Return who would be called and has no price."""
    judges = sweep.grader if any(one.run.graded for one in planned) else ()
    asked = [*(one.cell.model for one in planned), *judges]
    return list(dict.fromkeys(one.model for one in asked if _price(one, prices) is None))


def _planned(sweep: Sweep, cell: Cell, prices: Mapping[str, Price]) -> Planned:
    one_of(cell.task, scenario_names(), "tasks")
    graders = len(sweep.grader) or 1
    run = rehearse(cell.task, cell.parameters, sweep.answer_tokens or ANSWER, graders)
    return Planned(
        cell, run, slices(cell, run.named, sweep.slice), _dollars(sweep, cell, run, prices)
    )


def _dollars(sweep: Sweep, cell: Cell, run: Rehearsal, prices: Mapping[str, Price]) -> float | None:
    """Return a trial's dollars, None where the model or a grader has no price.

    A panel's graders read as much each, so their mean counts.
    """
    judges = sweep.grader if run.graded else ()
    if any(_price(asked, prices) is None for asked in (cell.model, *judges)):
        return None
    judged = [dollars(run.tokens.grader, _price(asked, prices)) for asked in judges]
    own = dollars(run.tokens.model, _price(cell.model, prices))
    return own + (fmean(judged) if judged else 0.0)


def _price(asked: Asked, prices: Mapping[str, Price]) -> Price | None:
    return _FREE if is_simulated(asked.model) else prices.get(asked.model)
