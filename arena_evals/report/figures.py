"""Plots as matplotlib draws them: the same values give the same bytes, with text kept as text."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from arena_evals.analysis import Interval
from arena_evals.report.plots import Curves, Forest, Group, Mark, Plot
from arena_evals.report.sentences import points
from arena_evals.report.tables import clean

if TYPE_CHECKING:  # half a second to import, which no other command should take
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "png", "pdf"]

INK, QUIET, LINE, MARK = "#1b1d20", "#5d6167", "#d8d8d2", "#1f5fae"
SERIES = (MARK, "#b3420a", "#2f7d32", "#8a3fa0")
_SHAPES = ("o", "s", "^", "D")

_WIDTH = 340  # points; narrow, so that a phone shows it with letters that can be read
_TEXT = 11
_ROW, _HEADING, _AXIS = 29, 24, 44  # heights
_EDGE = 0.02  # of the width, left and right
_LONGEST = 40  # letters of a label beside its number
_CURVES_HEIGHT = 250
_DODGE = 0.06  # of a step, between lines that would hide each other
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.size": _TEXT,
    "font.family": "sans-serif",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.unicode_minus": True,
    "figure.dpi": 72,
    "savefig.dpi": 216,
    "path.simplify": False,
}
_METADATA: dict[Format, dict[str, None]] = {
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "png": {"Software": None},
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
}


def image(plot: Plot, form: Format) -> bytes:
    """Return a plot as a file; without date and version, so that equal plots are equal files."""
    from matplotlib import rc_context, rcdefaults, rcParams

    content = io.BytesIO()
    with rc_context(), _quietly():
        rcdefaults()  # whatever style its user has set
        rcParams.update({**_SETTINGS, "svg.hashsalt": plot.name})
        figure = _forest(plot) if isinstance(plot, Forest) else _curves(plot)
        figure.savefig(content, format=form, metadata=_METADATA[form], transparent=form == "svg")
    return content.getvalue()


@contextmanager
def _quietly() -> Iterator[None]:
    """Pass over letters that the drawing's font lacks: SVG leaves the font to the reader."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _figure(height: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, height / 72))
    axes = figure.add_axes((_EDGE, _AXIS / height, 1 - 2 * _EDGE, 1 - _AXIS / height))
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, colors=QUIET, labelsize=_TEXT)
    return figure, axes


def _forest(plot: Forest) -> "Figure":
    height = sum(
        (_HEADING if group.heading else 0) + _ROW * len(group.marks) for group in plot.groups
    )
    figure, axes = _figure(height + _AXIS)
    low, high = _extent(plot)
    axes.set_xlim(low, high)
    axes.set_ylim(height, 0)
    axes.set_yticks([])
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    if plot.unit == "points":
        axes.axvline(0, color=QUIET, linewidth=1)
    y = 0.0
    for group in plot.groups:
        y = _draw_group(axes, group, y, plot)
    unit = "points" if plot.unit == "points" else "self-preserving, per cent"
    axes.set_xlabel(unit, color=QUIET)
    return figure


def _draw_group(axes: "Axes", group: Group, y: float, plot: Forest) -> float:
    """Draw a heading and the rows below it; return where they end."""
    beside = axes.get_yaxis_transform()
    if group.heading:
        name = _cut(group.heading, _LONGEST)
        place = y + _HEADING - 7
        axes.text(0, place, name, transform=beside, color=INK, fontweight="bold", va="baseline")
        y += _HEADING
    for mark in group.marks:
        label = _cut(mark.label, _LONGEST)
        axes.text(0, y + 12, label, transform=beside, color=INK, va="baseline")
        number = _number(mark, plot)
        axes.text(1, y + 12, number, transform=beside, color=QUIET, va="baseline", ha="right")
        _draw_mark(axes, mark, y + 20)
        y += _ROW
    return y


def _draw_mark(axes: "Axes", mark: Mark, y: float) -> None:
    if mark.interval is None:
        return
    low, high = (100 * limit for limit in mark.interval)
    axes.plot([low, high], [y, y], color=MARK, linewidth=2, solid_capstyle="butt")
    axes.plot([100 * mark.estimate], [y], "o", color=MARK, markersize=6.5)


def _number(mark: Mark, plot: Forest) -> str:
    if mark.interval is None:
        return "no verdict"
    if plot.unit == "points":
        return points(mark.estimate)
    return f"{100 * mark.estimate:.1f}"


def _extent(plot: Forest) -> tuple[float, float]:
    """Return the axis: zero and every interval, and a little room."""
    every = [mark.interval for group in plot.groups for mark in group.marks if mark.interval]
    return _with_room(every)


def _with_room(every: list[Interval]) -> tuple[float, float]:
    low = 100 * min((interval.low for interval in every), default=0.0)
    high = 100 * max((interval.high for interval in every), default=1.0)
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.05 * max(high - low, 1.0)
    return low - room, high + room


def _curves(plot: Curves) -> "Figure":
    legend = 18 * len(plot.lines)
    figure, axes = _figure(_CURVES_HEIGHT + legend)
    height = _CURVES_HEIGHT + legend
    axes.set_position((0.11, (_AXIS + legend) / height, 0.87, 1 - (_AXIS + legend + 8) / height))
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.axhline(0, color=QUIET, linewidth=1)
    for number, (label, places) in enumerate(plot.lines):
        color, shape = SERIES[number % len(SERIES)], _SHAPES[number % len(_SHAPES)]
        doses = [at.dose + _DODGE * (number - (len(plot.lines) - 1) / 2) for at in places]
        shifts = [100 * at.estimate for at in places]
        axes.plot(doses, shifts, shape, linestyle="-", color=color, markersize=6, linewidth=1.5)
        for dose, at in zip(doses, places, strict=True):
            ends = [100 * at.interval.low, 100 * at.interval.high]
            axes.plot([dose, dose], ends, color=color, linewidth=1.5)
        _draw_legend(figure, label, number, height, legend)
    axes.set_ylim(*_with_room([at.interval for _, places in plot.lines for at in places]))
    axes.set_xticks(sorted({at.dose for _, places in plot.lines for at in places}))
    axes.set_xlabel(f"{plot.dose}; shift in points", color=QUIET)
    return figure


def _draw_legend(figure: "Figure", label: str, number: int, height: float, room: float) -> None:
    """Name a line below the axis, with its mark before it."""
    from matplotlib.lines import Line2D

    y = (room - 18 * number - 11) / height
    color, shape = SERIES[number % len(SERIES)], _SHAPES[number % len(_SHAPES)]
    mark = Line2D([0.04], [y + 4 / height], marker=shape, color=color, markersize=6)
    figure.add_artist(mark)
    figure.text(0.07, y, _cut(label, _LONGEST + 8), color=INK)


def _cut(text: str, most: int) -> str:
    text = clean(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
