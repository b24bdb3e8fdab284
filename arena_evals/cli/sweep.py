"""``arena sweep``: models x tasks x parameters, planned, paid within a budget, and resumable."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from dotenv import find_dotenv, load_dotenv

from arena_evals.cli.bill import bill, duration
from arena_evals.cli.budget import console, money
from arena_evals.cli.progress import telling
from arena_evals.errors import BadInput
from arena_evals.runs.engine import Ended, Engine, Here, run_all
from arena_evals.runs.on_ray import OnRay, ray_or_line
from arena_evals.runs.prices import Price
from arena_evals.runs.sweep_folder import (
    Folder,
    alone,
    claim,
    finished,
    folder_at,
    read_book,
    require_own,
)
from arena_evals.runs.sweep_plan import (
    Planned,
    plan_sweep,
    prices_of,
    read_sweep,
    require_runnable,
    unpriced,
)
from arena_evals.sweeps import Slice, Spent, Sweep

_INTERRUPTED = 130  # as shells say of a command that Ctrl-C ended
_UNPAID = 3
_FAILED = 1


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--log-dir",
    default="logs/sweep",
    show_default=True,
    help="Where the logs go, a path or URL; a sweep that was cut off goes on there.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Slices one by one in this process, or as tasks of a Ray cluster.",
)
@click.option("--address", help="The Ray cluster; without it, one of this machine's own.")
@click.option("--yes", is_flag=True, help="Run without asking.")
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and end.")
@click.pass_context
def sweep(
    context: click.Context,
    file: Path,
    log_dir: str,
    engine: str,
    address: str | None,
    yes: bool,
    only_plan: bool,
) -> None:
    """Run what FILE says: models x tasks x parameters, into one folder of logs.

    First shows what it would call and cost, and asks. The same command goes on where a sweep was
    cut off. Exit codes: 0 all is finished, 1 something failed, 3 the budget is used up, 130
    interrupted.
    """
    load_dotenv(find_dotenv(usecwd=True))  # as `inspect eval` does
    asked = read_sweep(file)
    prices = prices_of(asked, file)
    planned = plan_sweep(asked, file, prices)
    _show(asked, planned, prices)
    if only_plan:
        return
    require_runnable(asked, planned, file)
    if engine == "ray":
        ray_or_line(address)
    elif address:
        raise BadInput("--address: there is a cluster only with --engine ray; add it")
    folder = folder_at(log_dir)
    every = [one for plan in planned for one in plan.slices]
    with alone(folder):
        require_own(folder, asked.what())
        before = finished(folder, every)
        todo = [one for one in every if one.name not in before]
        _say_rest(len(before), len(every), read_book(folder).spent, asked)
        if not todo:
            ended, spent = Ended(0, (), None, False), read_book(folder).spent
            context.exit(_conclude(ended, folder, planned, len(before), spent, asked))
        if not _agreed(yes):
            click.echo("Nothing was run.", err=True)
            context.exit(_INTERRUPTED)
        claim(folder, asked.what())
        done = sum(p.trials(one) for p in planned for one in p.slices if one.name in before)
        trials = sum(plan.run.trials for plan in planned)
        try:
            with (
                telling(trials, done, bool(prices)) as tell,
                _engine(engine, address, (asked, folder, prices, tell.at)) as runs,
            ):
                ended = run_all(todo, planned, runs, tell)
        except KeyboardInterrupt:  # between two slices
            ended = Ended(len(finished(folder, every)) - len(before), (), None, True)
        spent = read_book(folder).spent
        context.exit(_conclude(ended, folder, planned, len(before), spent, asked))


@contextmanager
def _engine(
    name: str,
    address: str | None,
    given: tuple[Sweep, Folder, Mapping[str, Price], Callable[[int, Spent], None]],
) -> Iterator[Engine]:
    made = OnRay(*given, address) if name == "ray" else Here(*given)
    try:
        yield made
    finally:
        made.shut()


def _show(asked: Sweep, planned: Sequence[Planned], prices: Mapping[str, Price]) -> None:
    out = console()
    out.print(bill(planned))
    out.print()
    guess = "bytes of what is sent / 4, and a fixed length of answers"
    out.print(f"Calls without retries; tokens are a guess, {guess}.")
    if prices and (without := unpriced(asked, planned, prices)):
        out.print(f"Cost: left out where {' or '.join(without)} is called, which has no price.")
    out.print(duration(planned, asked))
    if asked.budget:
        out.print(f"Budget: {_budget(asked)}. A slice that does not fit is not begun.")


def _say_rest(before: int, every: int, spent: Spent, asked: Sweep) -> None:
    if before or spent.calls:
        cost = f" and {money(spent.dollars)}" if asked.prices else ""
        click.echo(
            f"Goes on: {before} of {every} slices are finished, {spent.calls:,} calls{cost} spent."
        )


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise BadInput("--yes: nobody can be asked here whether to go on; add --yes")
    try:
        return click.confirm("Go on?")
    except click.Abort:
        return False


def _conclude(
    ended: Ended,
    folder: Folder,
    planned: Sequence[Planned],
    before: int,
    spent: Spent,
    asked: Sweep,
) -> int:
    """Say how it ended, and return the exit code."""
    every = sum(len(plan.slices) for plan in planned)
    cost = f", {money(spent.dollars)}" if asked.prices else ""
    state = (
        f"{before + ended.finished} of {every} slices in {folder.url}, {spent.calls:,} calls{cost}"
    )
    if ended.interrupted:
        click.echo(f"Interrupted: {state}. The same command goes on.", err=True)
        return _INTERRUPTED
    if ended.unpaid:
        click.echo(_short(ended.unpaid, planned, asked, state), err=True)
        return _UNPAID
    if before + ended.finished < every:
        click.echo(
            f"Not finished: {state}; {len(ended.failed)} failed. The same command goes on.",
            err=True,
        )
        return _FAILED
    click.echo(
        f"Finished: {state}. Next: arena analyze {folder.path if folder.local else folder.url}"
    )
    return 0


def _short(one: Slice, planned: Sequence[Planned], asked: Sweep, state: str) -> str:
    [cost] = [plan.cost(one) for plan in planned if one in plan.slices]
    needs = f"{cost.calls:,} calls" + (f", {money(cost.dollars)}" if asked.prices else "")
    return (
        f"Budget of {_budget(asked)}: {state}. {one.name} needs about {needs} in all and does not "
        "fit, or was cut short; raise the budget, and the same command goes on."
    )


def _budget(asked: Sweep) -> str:
    assert asked.budget is not None
    calls = f"{asked.budget.calls:,} calls" if asked.budget.calls else ""
    cost = money(asked.budget.dollars) if asked.budget.dollars else ""
    return " and ".join(part for part in (calls, cost) if part)
