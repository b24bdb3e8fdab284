"""What a sweep would run, call, take and cost, as a table and a sentence."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from arena_evals.cli.budget import many, money, table
from arena_evals.providers import is_simulated
from arena_evals.runs.rehearsal import Rehearsal
from arena_evals.runs.sweep_plan import Planned, total
from arena_evals.sweeps import Asked, Cell, Sweep


def bill(planned: Sequence[Planned]) -> Table:
    """Return a row for each cell, and their sum."""
    made = table("model", "task", "items", "trials", "calls", "tokens", "cost")
    for one in planned:
        run = one.run
        task = f"{one.cell.task}{_parameters(one.cell, planned)}"
        tokens = run.trials * _tokens(run)
        cost = money(None if one.dollars is None else run.trials * one.dollars)
        made.add_row(
            f"{one.cell.model.model}{_options(one.cell, planned)}",
            task,
            f"{run.items:,}",
            f"{run.trials:,}",
            f"{run.trials * one.calls:,}",
            many(tokens),
            cost,
        )
    if len(planned) > 1:
        trials = sum(one.run.trials for one in planned)
        calls = sum(one.run.trials * one.calls for one in planned)
        tokens = sum(one.run.trials * _tokens(one.run) for one in planned)
        made.add_row(
            "together", "", "", f"{trials:,}", f"{calls:,}", many(tokens), money(total(planned))
        )
    return made


def duration(planned: Sequence[Planned], sweep: Sweep) -> str:
    """Say how long the calls take at the rates that providers allow, cells one after the other."""
    minutes, missing = 0.0, set[str]()
    for one in planned:
        name, allowed = sweep.provider(one.cell.model.model)
        if is_simulated(one.cell.model.model):
            continue
        if allowed.calls_per_minute is None:
            missing.add(name)
        else:
            minutes += one.run.trials * one.run.turns / allowed.calls_per_minute
    if missing:
        names = ", ".join(sorted(missing))
        return f"Time: left out. Add providers: {{NAME: {{calls_per_minute: N}}}} for {names}."
    if not minutes:
        return "Time: as long as this machine takes; every model is simulated."
    said = f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
    return f"Time: at least {said} at the calls of models a minute that providers allows."


def _options(cell: Cell, planned: Sequence[Planned]) -> str:
    """Return the options in which a model differs from others of its name."""
    models = [one.cell.model for one in planned if one.cell.model.model == cell.model.model]
    return _differing(_flat(cell.model), [*map(_flat, models)])


def _flat(model: Asked) -> dict[str, object]:
    own = {"base_url": model.base_url} if model.base_url else {}
    return {**own, **model.args, **model.generate}


def _parameters(cell: Cell, planned: Sequence[Planned]) -> str:
    """Return the parameters in which a cell differs from others of its task."""
    others = [one.cell.parameters for one in planned if one.cell.task == cell.task]
    return _differing(cell.parameters, others)


def _differing(own: Mapping[str, object], others: Sequence[Mapping[str, object]]) -> str:
    return "".join(
        f" {name}={value}"
        for name, value in own.items()
        if any(other.get(name) != value for other in others)
    )


def _tokens(run: Rehearsal) -> float:
    return sum(run.tokens.model) + sum(run.tokens.grader or ())
