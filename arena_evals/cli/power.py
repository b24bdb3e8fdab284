"""``arena power``: how many items and epochs find a shift, and what they cost."""

from math import inf
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from arena_evals.analysis import (
    ChosenLogs,
    Expected,
    Pilot,
    choose_logs,
    detectable_shift,
    items_needed,
    pilot,
    trials_of,
)
from arena_evals.analysis import power as power_of
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
    scenario_of,
    table,
)
from arena_evals.cli.pairs import pairs
from arena_evals.cli.progress import counting
from arena_evals.errors import BadInput
from arena_evals.runs.rehearsal import Rehearsal, rehearse

_EPOCHS = range(1, 21)  # beyond about 20 epochs, items are all that is left to add
_SHOWN = (1, 2, 3, 5, 10, 20)
_DEFAULT = "shutdown_dilemma"


class Design(NamedTuple):
    """So many items, each repeated in so many epochs."""

    items: int
    epochs: int
    power: float


class TradeOff(NamedTuple):
    """Designs that reach a power, and what all items of the scenario find.

    ``enough`` has the fewest items for each number of epochs, ``least`` is how many no number of
    epochs makes up for, and ``all_items`` goes with the smallest increase that it finds.
    """

    enough: list[Design]
    least: int
    all_items: list[tuple[Design, float | None]]


@click.command()
@click.option("--shift", type=float, default=0.05, show_default=True, help="The shift to find.")
@click.option("--base", type=float, help="P(self-preserving) in the baseline.  [default: 0.05]")
@click.option("--power", "wanted", type=float, default=0.8, show_default=True, help="How surely.")
@click.option("--item-sd", type=float, help="SD of items, in logits.  [default: 1]")
@click.option("--slope-sd", type=float, help="SD of items' shifts, in logits.  [default: 0.6]")
@click.option("--scenario", help=f"The scenario to run.  [default: the pilot's, or {_DEFAULT}]")
@options
def power(
    shift: float,
    base: float | None,
    wanted: float,
    item_sd: float | None,
    slope_sd: float | None,
    scenario: str | None,
    **given: Any,
) -> None:
    """Say how many items and epochs find a shift, and what each design costs.

    What is not set comes from the pilot's logs, else from the defaults. -T NAME=VALUE sets
    parameters of the task, as for inspect eval: arms, wordings, order and so on.
    """
    asked = Given(**given)
    run = _rehearsed(scenario or _scenario(asked), asked)
    logs = pilot_logs(asked, run.name, run.pressure) if asked.pilot else None
    seen = _read(logs) if logs else None
    expected = _expected(shift, base, item_sd, slope_sd, seen)
    found = budget(asked, run, logs)
    designs = _trade_off(expected, wanted, run)
    out = console()
    _say_what_is_expected(expected, wanted, run, seen, out)
    _say_what_it_takes(designs, run, found, out)
    out.print(
        f"\nWith all {run.items:,} items, and the increase found with {100 * wanted:g} % power:"
    )
    out.print(_what_there_is(designs, run, found))
    out.print()
    for line in notes(found, run):
        out.print(line)


def _scenario(asked: Given) -> str:
    """Return the pilot's scenario, or the default without a pilot."""
    if not asked.pilot:
        return _DEFAULT
    names = sorted({scenario_of(log) for log in choose_logs(asked.pilot).headers})
    if len(names) > 1:
        raise BadInput(f"pilot: logs of {', '.join(names)}; choose one with --scenario")
    return names[0]


def _rehearsed(scenario: str, asked: Given) -> Rehearsal:
    """Build the scenario's task, all items of it."""
    if fixed := [p for p in asked.parameters if p.partition("=")[0] in ("items", "epochs")]:
        raise BadInput(f"-T: '{fixed[0]}' is what is looked for; leave it out")
    run = rehearse(scenario, pairs("-T", asked.parameters), asked.answer_tokens)
    if not run.cells:
        raise BadInput("arms: a shift needs baseline and threat in every item; add them to the run")
    return run


def _read(logs: ChosenLogs) -> Pilot:
    """Read the pilot, with a progress bar on standard error."""
    with counting("Reading logs", len(logs.headers)) as read:
        return pilot(trials_of(logs, progress=read))


def _expected(
    shift: float,
    base: float | None,
    item_sd: float | None,
    slope_sd: float | None,
    seen: Pilot | None,
) -> Expected:
    """Return what is planned for: what the user sets, then what the pilot showed, then defaults."""
    measured = (seen.base, seen.item_sd, seen.slope_sd) if seen else (None, None, None)
    return Expected(
        shift=shift,
        base=_first(base, measured[0], Expected.base),
        item_sd=_first(item_sd, measured[1], Expected.item_sd),
        slope_sd=_first(slope_sd, measured[2], Expected.slope_sd),
    )


def _first(given: float | None, measured: float | None, default: float) -> float:
    found = measured if given is None else given
    return default if found is None else found


def _say_what_is_expected(
    expected: Expected, wanted: float, run: Rehearsal, seen: Pilot | None, out: Console
) -> None:
    out.print(
        f"{run.name}: to find a shift of {_points(expected.shift)} points from a base of "
        f"{100 * expected.base:.1f} % with {100 * wanted:g} % power"
    )
    out.print(
        f"Items differ with SD {expected.item_sd:.2f} and their shifts with SD "
        f"{expected.slope_sd:.2f} (logits); an epoch has {run.cells} trials per item and arm."
    )
    if seen:
        out.print(_pilot_line(seen))
    out.print()


def _pilot_line(seen: Pilot) -> str:
    """Say what the pilot showed, and what it could not."""
    sds = {"item SD": seen.item_sd, "slope SD": seen.slope_sd}
    said = ", ".join(f"{name} {sd:.2f}" for name, sd in sds.items() if sd is not None)
    text = (
        f"Pilot ({seen.items} items, {seen.trials:,} trials, {seen.instrument}): base "
        f"{100 * seen.base:.1f} %, shift {_points(seen.shift)} points{', ' if said else ''}{said}."
    )
    if missing := [name for name, sd in sds.items() if sd is None]:
        text += f" Too few events for {' and '.join(missing)}: defaults stand in unless set."
    if zero := [name.replace(" ", "-") for name, sd in sds.items() if sd == 0]:
        text += (
            f" Small pilots find SDs of 0 by chance; to be careful set --{' and --'.join(zero)}."
        )
    return text


def _trade_off(expected: Expected, wanted: float, run: Rehearsal) -> TradeOff:
    cells = run.cells or 0

    def design(items: int, epochs: int) -> Design:
        return Design(items, epochs, power_of(expected, items, cells * epochs))

    return TradeOff(
        [design(items_needed(expected, cells * n, wanted), n) for n in _EPOCHS],
        items_needed(expected, inf, wanted),
        [
            (design(run.items, n), detectable_shift(expected, run.items, cells * n, wanted))
            for n in _SHOWN
        ],
    )


def _say_what_it_takes(designs: TradeOff, run: Rehearsal, found: Budget, out: Console) -> None:
    """Print the fewest items for each number of epochs, and mark the cheapest there are."""
    within = [design for design in designs.enough if design.items <= run.items]
    cheapest = min(within or designs.enough, key=lambda design: design.items * design.epochs)
    takes = _table()
    for design in designs.enough:
        if design.epochs in _SHOWN or design == cheapest:
            takes.add_row(*_row(design, run, found), _mark(design, cheapest, run))
    out.print(takes)
    out.print(f"No number of epochs rescues fewer than {designs.least:,} items.")
    if not within:
        last = designs.enough[-1]
        why = (
            f"{designs.least:,} are needed whatever the epochs"
            if designs.least > run.items
            else f"even {last.epochs} epochs need {last.items:,}"
        )
        out.print(
            f"{run.name} has too few items: {run.items:,}, and {why}. Add items, or look for a "
            "larger shift."
        )


def _mark(design: Design, cheapest: Design, run: Rehearsal) -> str:
    marks = ["<- cheapest"] if design == cheapest else []
    if design.items > run.items:
        marks.append(f"has {run.items:,}")
    return ", ".join(marks)


def _what_there_is(designs: TradeOff, run: Rehearsal, found: Budget) -> Table:
    """Return what all items of the scenario find, for each number of epochs."""
    there_is = _table()
    for design, least in designs.all_items:
        finds = "none" if least is None else f"{_points(least)} points"
        there_is.add_row(*_row(design, run, found), finds)
    return there_is


def _table() -> Table:
    columns = ("items", "epochs", "trials", "power", "model calls", "grader", "tokens", "cost")
    made = table(*columns)
    made.columns[0].justify = "right"
    made.add_column("", no_wrap=True)
    return made


def _row(design: Design, run: Rehearsal, found: Budget) -> list[str]:
    """Return a design's numbers; trials are those per item and arm."""
    trials = run.samples * design.items * design.epochs // run.items
    return [
        f"{design.items:,}",
        f"{design.epochs:,}",
        f"{(run.cells or 0) * design.epochs:,}",
        f"{100 * design.power:.0f} %",
        f"{trials * run.turns:,}",
        f"{trials * run.graded:,}",
        many(found.tokens_of(trials)),
        money(found.cost(trials)),
    ]


def _points(shift: float) -> str:
    return f"{100 * shift:+.1f}"
