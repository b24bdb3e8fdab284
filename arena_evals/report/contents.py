"""From findings to plots and tables: everything that is drawn or listed, each by its name."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from arena_evals.analysis import Answer, ArmCounts, Mixed, Validity
from arena_evals.report.findings import (
    Findings,
    Panel,
    arms_once,
    question,
    slug,
    strongest,
)
from arena_evals.report.plots import At, Curves, Forest, Group, Mark, Plot
from arena_evals.report.tables import Cell, Table
from arena_evals.schema import Arm

CONTROLS: tuple[tuple[Arm, Arm], ...] = (
    (Arm.THREAT, Arm.OTHER_THREAT),
    (Arm.THREAT, Arm.PRECEDENCE),
    (Arm.THREAT, Arm.PLACEBO),
    (Arm.THREAT, Arm.REASSURED),
    (Arm.POSITIVE_CONTROL, Arm.BASELINE),
)
"""The contrasts that say what a shift is made of; the page explains each in a sentence."""

_LINES = 4  # in one plot of doses; more hide each other
_COUNTS = ("helpful", "self_preserving", "refusal", "other", "unscored", "errors")


class Control(NamedTuple):
    """One control contrast over models and scenarios."""

    arm: Arm
    against: Arm
    plot: Forest


def shifts(found: Findings, panel: Panel) -> Forest | None:
    """Return the shift of every model in every scenario, at the strongest dose that was run."""
    return _contrasts(found, panel, Arm.THREAT, Arm.BASELINE, "Shift")


def by_the_model(found: Findings, panel: Panel) -> Table | None:
    """Return the shift as pairs give it beside that of the mixed model, which uses every arm."""
    rows: list[tuple[Cell, ...]] = [
        (
            answer.condition["scenario"],
            found.named(answer),
            *(100 * n for n in (paired.estimate, *paired.interval)),
            *(100 * n for n in (effect.shift, *effect.interval)),
            effect.log_odds_ratio,
            *effect.log_odds_interval,
            _health(answer.mixed),
        )
        for answer in strongest(panel.answers)
        if answer.mixed and (effect := answer.mixed.shift)
        if (paired := answer.contrast(Arm.THREAT, Arm.BASELINE))
    ]
    columns = (
        "scenario", "model", "paired, points", "low", "high", "mixed model, points", "low", "high",
        "log odds ratio", "low", "high", "note",
    )  # fmt: skip
    title = f"Shift in pairs and by the mixed model, {panel.title}"
    return _unless_empty(Table(f"mixed-{panel.name}", title, columns, tuple(rows)))


def controls(found: Findings, panel: Panel) -> list[Control]:
    """Return the control contrasts that were run, each at the strongest dose that has it."""
    plots = (
        (pair, _contrasts(found, panel, *pair, f"{_said(pair[0])} minus {_said(pair[1])}"))
        for pair in CONTROLS
    )
    return [Control(*pair, plot) for pair, plot in plots if plot]


def arms(found: Findings, panel: Panel) -> list[Forest]:
    """Return, for each scenario, the rate of every arm and model."""
    return [
        Forest(
            name=slug("arms", panel.name, scenario),
            title=f"Self-preserving by arm in {scenario}, {panel.title}",
            unit="per cent",
            by="arm",
            groups=tuple(_arm_groups(found, own)),
        )
        for scenario, own in _by_scenario(panel)
    ]


def dose_response(found: Findings, panel: Panel) -> list[Curves]:
    """Return the shift over intensity, and over turns of pressure, where several were run."""
    return [
        plot
        for dose in ("intensity", "pressure")
        for scenario, own in _by_scenario(panel, every_dose=True)
        for plot in _curves(found, panel, scenario, own, dose)
    ]


def outcomes(found: Findings, panel: Panel) -> Table:
    """Count every verdict, and every trial without one, by scenario, model, dose and arm."""
    rows: list[tuple[Cell, ...]] = [
        (answer.condition["scenario"], found.dosed(answer), _said(counts.arm), *_counted(counts))
        for answer, counts in arms_once(panel.answers)
    ]
    columns = ("scenario", "model", "arm", "trials", *map(_said, _COUNTS))
    return Table(f"outcomes-{panel.name}", f"Verdicts by arm, {panel.title}", columns, tuple(rows))


def apart(found: Findings, panel: Panel) -> Table | None:
    """Count where rule and judge say different things of self-preservation."""
    rows = [
        (
            answer.condition["scenario"],
            found.named(answer),
            _said(arm.arm),
            arm.trials,
            arm.by_rule_alone,
            arm.by_judge_alone,
            100 * (1 - (arm.by_rule_alone + arm.by_judge_alone) / arm.trials),
        )
        for answer in strongest(panel.answers)
        for arm in answer.apart
        if arm.trials
    ]
    columns = ("scenario", "model", "arm", "trials", "rule alone", "judge alone", "agree, per cent")
    title = f"Self-preserving by rule and by judge, {panel.title}"
    return _unless_empty(Table(f"rule-and-{panel.name}", title, columns, tuple(rows)))


def corrected(found: Findings, panel: Panel) -> Table | None:
    """Return rates and contrasts as judged, and as labels correct them."""
    rows: list[tuple[Cell, ...]] = [
        row
        for answer in strongest(panel.answers)
        if answer.corrected
        for row in _corrected_rows(found, answer)
    ]
    columns = ("scenario", "model", "of", "as judged", "low", "high", "corrected", "low", "high")
    title = f"Corrected by labels, {panel.title}; per cent, and points for differences"
    return _unless_empty(Table(f"corrected-{panel.name}", title, columns, tuple(rows)))


def labellers(found: Findings) -> Table | None:
    """Return how far every two labellers agree."""
    rows = []
    for (first, second), agreed in found.labellers.items():
        share = agreed.percent.estimate if agreed.percent else None
        ac1 = f"{agreed.ac1.estimate:.2f}" if agreed.ac1 else ""
        alpha = f"{agreed.alpha.estimate:.2f}" if agreed.alpha else ""
        rows.append(
            (first, second, agreed.paired, share if share is None else 100 * share, ac1, alpha)
        )
    columns = ("labeller", "labeller", "trials", "agree, per cent", "AC1", "alpha")
    return _unless_empty(Table("labellers", "Agreement of labellers", columns, tuple(rows)))


def graders(found: Findings) -> Table | None:
    """Return how far each grader is right about answers whose verdict is known."""
    columns = (
        "grader", "answers", "right, per cent", "sensitivity, per cent", "specificity, per cent",
        "AC1", "unscored", "trivial baseline, per cent", "beats it",
    )  # fmt: skip
    rows = tuple(_grader_row(one) for one in found.validities)
    return _unless_empty(Table("graders", "Graders on labelled answers", columns, rows))


def items(found: Findings) -> Table | None:
    """Return the items that the threat moves most, with their rates."""
    rows = [
        (
            mover.answer.condition["scenario"],
            found.named(mover.answer),
            mover.item,
            100 * mover.baseline_rate,
            100 * mover.threat_rate,
            100 * mover.moved,
        )
        for mover in found.movers
    ]
    columns = ("scenario", "model", "item", "baseline, per cent", "threat, per cent", "points")
    return _unless_empty(Table("items", "Items that move most", columns, tuple(rows)))


def reproduction(found: Findings) -> Table:
    """Return what logs were run with, and what it took."""
    columns = (
        "logs", "created", "task", "version", "model", "grader", "seed", "trials",
        "tokens read", "tokens written", "grader read", "grader written", "dollars",
        "packages", "revision", "command",
    )  # fmt: skip
    rows = tuple(
        (
            " ".join(run.logs), run.created, run.task, run.version, run.model, run.grader, run.seed,
            run.trials, run.model_usage.read, run.model_usage.written, run.grader_usage.read,
            run.grader_usage.written, _dollars(run.model_usage.dollars, run.grader_usage.dollars),
            run.packages, run.revision, run.command,
        )
        for run in found.runs
    )  # fmt: skip
    return Table("runs", "How to reproduce", columns, rows)


def plots(found: Findings) -> list[Plot]:
    """Return every plot of a report, each with a name of its own."""
    every: list[Plot | None] = []
    for panel in found.panels:
        every += [shifts(found, panel), *arms(found, panel), *dose_response(found, panel)]
        every += [control.plot for control in controls(found, panel)]
    return [plot for plot in every if plot]


def tables(found: Findings) -> list[Table]:
    """Return every table that stands beside the plots' own."""
    every: list[Table | None] = [outcomes(found, panel) for panel in found.panels]
    every += [
        table(found, panel) for table in (by_the_model, apart, corrected) for panel in found.panels
    ]
    every += [labellers(found), graders(found), items(found), reproduction(found)]
    return [table for table in every if table]


def _contrasts(found: Findings, panel: Panel, arm: Arm, against: Arm, title: str) -> Forest | None:
    groups = [
        Group(scenario, marks)
        for scenario, own in _by_scenario(panel, (arm, against))
        if (marks := tuple(_contrast_marks(found, own, arm, against)))
    ]
    if not groups:
        return None
    return Forest(
        name=slug(title, panel.name),
        title=f"{title}, {panel.title}",
        unit="points",
        by="scenario",
        groups=tuple(groups),
    )


def _contrast_marks(
    found: Findings, answers: Iterable[Answer], arm: Arm, against: Arm
) -> Iterator[Mark]:
    for answer in answers:
        contrast = answer.contrast(arm, against)
        if contrast:
            basis = f"{contrast.items} items, {contrast.pairs} pairs"
            basis += ", cautious bound" if contrast.method == "bound" else ""
            yield Mark(found.dosed(answer), contrast.estimate, contrast.interval, basis)


def _arm_groups(found: Findings, answers: list[Answer]) -> Iterator[Group]:
    for arm in Arm:
        run = [(answer, counts) for answer in answers if (counts := answer.counts(arm))]
        marks = tuple(
            Mark(
                found.named(answer),
                counts.rate,
                counts.interval,
                f"{counts.self_preserving} of {counts.scored} trials",
            )
            for answer, counts in run
        )
        if marks:
            yield Group(_said(arm), marks)


def _by_scenario(
    panel: Panel, contrast: tuple[Arm, Arm] | None = None, *, every_dose: bool = False
) -> Iterator[tuple[str, list[Answer]]]:
    """Yield the answers to each scenario, at the strongest dose that has the contrast."""
    having = [a for a in panel.answers if contrast is None or a.contrast(*contrast)]
    ordered = sorted(having if every_dose else strongest(having), key=_scenario)
    for scenario, own in groupby(ordered, key=_scenario):
        yield scenario, list(own)


def _health(mixed: Mixed) -> str:
    """Say what a reader must know of a fit, if anything."""
    if not mixed.converged:
        return "did not converge"
    apart = [_said(arm) for arm in mixed.separated if arm in (Arm.THREAT, Arm.BASELINE)]
    return f"log odds lean on the prior in {' and '.join(apart)}" if apart else ""


def _scenario(answer: Answer) -> str:
    return answer.condition["scenario"]


def _curves(
    found: Findings, panel: Panel, scenario: str, answers: list[Answer], dose: str
) -> Iterator[Curves]:
    """Yield plots of the lines of one scenario, a few to a plot; the other dose is the same."""
    lines: dict[tuple[object, ...], tuple[str, list[At]]] = {}
    for answer in answers:
        shift = answer.contrast(Arm.THREAT, Arm.BASELINE)
        if shift is None:
            continue
        other = answer.dose.pressure if dose == "intensity" else answer.dose.intensity
        beside = f"{other} turns" if dose == "intensity" else f"intensity {other}"
        several = len(
            {a.dose.pressure if dose == "intensity" else a.dose.intensity for a in answers}
        )
        label = found.named(answer) + (f", {beside}" if several > 1 else "")
        places = lines.setdefault((*question(answer), other), (label, []))[1]
        places.append(At(getattr(answer.dose, dose), shift.estimate, shift.interval))
    drawn = [(label, tuple(sorted(at))) for label, at in lines.values() if len(at) > 1]
    for start in range(0, len(drawn), _LINES):
        yield Curves(
            name=slug("dose", dose, panel.name, scenario, str(start) if start else ""),
            title=f"Shift by {_dose(dose)} in {scenario}, {panel.title}",
            dose=_dose(dose),
            lines=tuple(drawn[start : start + _LINES]),
        )


def _dose(dose: str) -> str:
    return "turns of pressure" if dose == "pressure" else dose


def _counted(counts: ArmCounts) -> tuple[int, ...]:
    return (counts.trials, *(int(getattr(counts, name)) for name in _COUNTS))


def _corrected_rows(found: Findings, answer: Answer) -> Iterator[tuple[Cell, ...]]:
    assert answer.corrected, "asked for only where there are labels"
    first = (answer.condition["scenario"], found.named(answer))
    every = [(_said(rate.arm), rate) for rate in answer.corrected.rates] + [
        (f"{_said(c.arm)} - {_said(c.against)}", c)
        for c in answer.corrected.contrasts
        if c.against is Arm.BASELINE
    ]
    for name, one in every:
        limits = one.corrected_interval or (None, None)
        numbers = (one.naive, *one.naive_interval, one.corrected, *limits)
        yield (*first, name, *(None if n is None else 100 * n for n in numbers))


def _grader_row(one: Validity) -> tuple[Cell, ...]:
    agreed = one.agreement.ac1
    return (
        one.grader + (" (simulated)" if one.simulated else ""),
        one.answers,
        _in_percent(one.accuracy.share),
        _in_percent(one.detection.sensitivity.share),
        _in_percent(one.detection.specificity.share),
        f"{agreed.estimate:.2f}" if agreed else "",
        one.detection.unscored,
        _in_percent(one.trivial_accuracy.share),
        "yes" if one.against_trivial.grader_is_better else "no",
    )


def _in_percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _dollars(*each: float | None) -> str:
    known = [dollars for dollars in each if dollars is not None]
    return f"{sum(known):.2f}" if known else "not recorded"


def _unless_empty(table: Table) -> Table | None:
    return table if table.rows else None


def _said(name: str) -> str:
    return name.replace("_", " ")
