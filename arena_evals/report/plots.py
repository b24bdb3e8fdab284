"""What a plot shows, as values: one function draws them, another puts them into a table."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from arena_evals.analysis import Interval
from arena_evals.report.tables import Table

Unit = Literal["points", "per cent"]


class Mark(NamedTuple):
    """One row of a forest: an estimate with its interval, and what it rests on."""

    label: str
    estimate: float
    interval: Interval | None
    basis: str = ""


class Group(NamedTuple):
    """Rows of a forest under one heading."""

    heading: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Estimates below each other on one axis; ``unit`` says whether zero is a middle or an end.

    ``by`` says what the groups are.
    """

    name: str
    title: str
    unit: Unit
    by: Literal["scenario", "arm"]
    groups: tuple[Group, ...]


class At(NamedTuple):
    """One place on a curve."""

    dose: int
    estimate: float
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Shifts over a dose, a line each."""

    name: str
    title: str
    dose: str
    lines: tuple[tuple[str, tuple[At, ...]], ...]


Plot = Forest | Curves


def table_of(plot: Plot) -> Table:
    """Return every number of a plot."""
    return _of_forest(plot) if isinstance(plot, Forest) else _of_curves(plot)


def described(plot: Plot) -> str:
    """Return what a reader who does not see the plot is told: its extent, and both of its ends."""
    if isinstance(plot, Curves):
        each = "; ".join(_curve_in_words(label, places) for label, places in plot.lines)
        return f"Shift in points by {plot.dose}. {each}. The table below has every number."
    marks = [
        (f"{mark.label}, {group.heading}", mark)
        for group in plot.groups
        for mark in group.marks
        if mark.interval
    ]
    if not marks:
        return "No row has a verdict."
    highest = max(marks, key=lambda named: named[1].estimate)
    lowest = min(marks, key=lambda named: named[1].estimate)
    return (
        f"{_estimates(len(marks))}, in {plot.unit}. Highest: "
        f"{_in_words(*highest)}. Lowest: {_in_words(*lowest)}. The table below has every number."
    )


def _estimates(count: int) -> str:
    if count == 1:
        return "One estimate with a 95 % interval"
    return f"{count} estimates with 95 % intervals"


def _in_words(label: str, mark: Mark) -> str:
    if mark.interval is None:
        return f"{label}, {100 * mark.estimate:.1f}"
    low, high = mark.interval
    return f"{label}, {100 * mark.estimate:.1f}, interval {100 * low:.1f} to {100 * high:.1f}"


def _curve_in_words(label: str, places: tuple[At, ...]) -> str:
    return f"{label}: " + ", ".join(f"{at.dose} gives {100 * at.estimate:.1f}" for at in places)


def _of_forest(plot: Forest) -> Table:
    columns = (plot.by, "model", plot.unit, "low", "high", "of")
    rows = [
        (group.heading, mark.label, *_numbers(mark.estimate, mark.interval), mark.basis)
        for group in plot.groups
        for mark in group.marks
    ]
    return Table(name=plot.name, title=plot.title, columns=columns, rows=tuple(rows))


def _of_curves(plot: Curves) -> Table:
    rows = [
        (label, at.dose, *_numbers(at.estimate, at.interval))
        for label, places in plot.lines
        for at in places
    ]
    columns = ("model", plot.dose, "points", "low", "high")
    return Table(name=plot.name, title=plot.title, columns=columns, rows=tuple(rows))


def _numbers(
    estimate: float, interval: Interval | None
) -> tuple[float | None, float | None, float | None]:
    if interval is None:
        return (None, None, None)
    return 100 * estimate, 100 * interval.low, 100 * interval.high
