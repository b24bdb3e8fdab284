"""What a sweep would run, call, take and cost, as a table and a sentence."""

from collections.abc import Sequence

from rich.table import Table

from arena_evals.cli.budget import many, money, table
from arena_evals.providers import is_simulated
from arena_evals.runs.rehearsal import Rehearsal
from arena_evals.runs.sweep_plan import Planned, total
from arena_evals.sweeps import Cell, Sweep


def bill(planned: Sequence[Planned]) -> Table:
    """Return a row for each cell, and their sum."""
    made = table("model", "task", "items", "trials", "calls", "tokens", "cost")
    for one in planned:
        run = one.run
        task = f"{one.cell.task}{_differs(one.cell, planned)}"
        tokens = run.trials * _tokens(run)
        cost = money(None if one.dollars is None else run.trials * one.dollars)
        made.add_row(
            one.cell.model.model,
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
    said = f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
    return f"Time: at least {said} at the calls of models a minute that providers allows."


def _differs(cell: Cell, planned: Sequence[Planned]) -> str:
    """Return the parameters in which a cell differs from others of its model and task."""
    others = [one.cell.parameters for one in planned if one.cell.task == cell.task]
    return "".join(
        f" {name}={value}"
        for name, value in cell.parameters.items()
        if any(other.get(name) != value for other in others)
    )


def _tokens(run: Rehearsal) -> float:
    return sum(run.tokens.model) + sum(run.tokens.grader or ())
