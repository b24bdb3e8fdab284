"""One sentence or a few for each model: what a reader takes away who reads no further."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from arena_evals.analysis import CONDITION, Answer, Comparison, Contrast
from arena_evals.report.findings import Findings, Panel, strongest
from arena_evals.report.sentences import difference, headline, limits, points, premise_line
from arena_evals.schema import Arm

_SHARED = (*(name for name in CONDITION if name not in ("scenario", "version")), "pressure")


class Headline(NamedTuple):
    """What is said of one model in one panel."""

    model: str
    sentences: tuple[str, ...]


def headlines(found: Findings, panel: Panel) -> list[Headline]:
    """Return what is said of each model, at the strongest dose of each scenario."""
    grouped: dict[str, list[Answer]] = {}
    for answer in strongest(panel.answers):
        grouped.setdefault(found.named(answer), []).append(answer)
    return [
        Headline(name, tuple(_sentences(found, panel, answers)))
        for name, answers in grouped.items()
    ]


def _sentences(found: Findings, panel: Panel, answers: list[Answer]) -> Iterator[str]:
    if len(answers) == 1:
        [answer] = answers
        yield f"{answer.condition['scenario']}: {headline(answer)}"
        if answer.premise:
            yield premise_line(answer.premise)
        return
    yield from _over_scenarios(answers)
    for mean in _means(found, panel, answers):
        low_high = limits(mean.paired[1]) if mean.paired else limits(mean.mixed.interval)
        middle = mean.paired[0] if mean.paired else mean.mixed.shift
        yield (
            f"{mean.level.capitalize()} scenarios with a {mean.subject.kind} threat: "
            f"{points(middle)} points, 95 % interval {low_high}."
        )


def _over_scenarios(answers: Iterable[Answer]) -> Iterator[str]:
    """Count scenarios by what their interval says, and name the ends; nothing is pooled."""
    shifts = [
        (answer.condition["scenario"], shift)
        for answer in answers
        if (shift := answer.contrast(Arm.THREAT, Arm.BASELINE))
    ]
    if not shifts:
        yield "No shift: no scenario has pairs with a verdict in both baseline and threat."
        return
    above = sum(shift.interval.low > 0 for _, shift in shifts)
    below = sum(shift.interval.high < 0 for _, shift in shifts)
    lies = f"The shift's interval lies above zero in {above} of {len(shifts)} scenarios"
    yield lies + (f", and below it in {below}." if below else ".")
    ranked = sorted(shifts, key=_estimate)
    most = f"Most in {ranked[-1][0]}, {difference(ranked[-1][1])} points"
    least = f"; least in {ranked[0][0]}, {difference(ranked[0][1])}" if len(ranked) > 1 else ""
    yield f"{most}{least}."


def _estimate(named: tuple[str, Contrast]) -> float:
    return named[1].estimate


def _means(found: Findings, panel: Panel, answers: Sequence[Answer]) -> Iterator[Comparison]:
    """Yield the means over scenarios that share with these answers all but the scenario."""
    asked = {_shared(answer.condition | {"pressure": answer.dose.pressure}) for answer in answers}
    scenarios = {answer.condition["scenario"] for answer in answers}
    for one in found.comparisons:
        if (
            one.factor == "scenario"
            and one.subject.scenario in scenarios
            and (one.instrument, one.judged_by) == (panel.instrument, panel.judged_by)
            and _shared(one.subject._asdict()) in asked
        ):
            yield one


def _shared(circumstances: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(circumstances[name] for name in _SHARED)
