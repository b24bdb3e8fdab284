"""``arena plan``: what a task would call, read, write, take and cost, before it runs."""

from math import isfinite
from typing import Any

import click
from rich.table import Table

from arena_evals.analysis import Tokens
from arena_evals.cli.budget import (
    Budget,
    Given,
    budget,
    console,
    many,
    money,
    notes,
    options,
    pilot_logs,
    table,
)
from arena_evals.cli.pairs import pairs
from arena_evals.errors import BadInput
from arena_evals.runs.prices import Price, dollars
from arena_evals.runs.rehearsal import Rehearsal, rehearse


@click.command()
@click.argument("task")
@options
@click.option(
    "--calls-per-minute",
    type=click.FloatRange(0, min_open=True),
    help="How many calls of the model a minute your limits allow.",
)
def plan(task: str, calls_per_minute: float | None, **given: Any) -> None:
    """Say what TASK would cost before it runs: calls, tokens, time and dollars.

    TASK is a task's name, such as shutdown_dilemma; its parameters follow as for inspect eval,
    -T NAME=VALUE. Nothing is called and no key is needed.
    """
    if calls_per_minute is not None and not isfinite(calls_per_minute):
        raise BadInput(f"--calls-per-minute: {calls_per_minute} is no number of calls; give one")
    asked = Given(**given)
    run = rehearse(task, pairs("-T", asked.parameters), asked.answer_tokens)
    logs = pilot_logs(asked, run.name, run.pressure) if asked.pilot else None
    found = budget(asked, run, logs)
    out = console()
    out.print(_counts(run))
    out.print()
    out.print(_bill(run, found))
    out.print()
    for line in [*notes(found, run), _time(run, calls_per_minute)]:
        out.print(line)


def _counts(run: Rehearsal) -> str:
    each = f", {run.turns} turns each" if run.turns > 1 else ""
    return (
        f"{run.name}: {run.items:,} items, {run.samples:,} samples x {run.epochs:,} epochs = "
        f"{run.trials:,} trials{each}"
    )


def _bill(run: Rehearsal, found: Budget) -> Table:
    """Return one row for the model, one for the grader, and their sum."""
    bill = table("", "calls", "tokens read", "written", "cost")
    calls, graded = run.trials * run.turns, run.trials * run.graded
    bill.add_row(
        f"model {found.model or ''}", *_row(calls, run, found.tokens.model, found.model_price)
    )
    if found.tokens.grader is not None:
        bill.add_row(
            f"grader {found.grader or ''}",
            *_row(graded, run, found.tokens.grader, found.grader_price),
        )
        spent = (found.tokens.model, found.tokens.grader)
        bill.add_row(
            "together",
            f"{calls + graded:,}",
            many(run.trials * sum(tokens.read for tokens in spent)),
            many(run.trials * sum(tokens.written for tokens in spent)),
            money(found.cost(run.trials)),
        )
    return bill


def _row(calls: int, run: Rehearsal, tokens: Tokens, price: Price | None) -> tuple[str, ...]:
    cost = None if price is None else run.trials * dollars(tokens, price)
    read, written = (many(run.trials * each) for each in tokens)
    return f"{calls:,}", read, written, money(cost)


def _time(run: Rehearsal, calls_per_minute: float | None) -> str:
    if calls_per_minute is None:
        return "Time: left out. Add --calls-per-minute N, the calls of the model you may make."
    minutes = run.trials * run.turns / calls_per_minute
    said = f"{minutes:,.0f} min" if minutes < 120 else f"{minutes / 60:,.1f} h"
    beside = ", the grader as fast beside it" if run.graded else ""
    return f"Time: {said} at {calls_per_minute:g} calls of the model a minute{beside}."
