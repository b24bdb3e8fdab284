"""The answer for one model as a sentence and a table, for a terminal."""

from collections.abc import Callable, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from arena_evals.analysis import (
    Answer,
    Apart,
    ArmCounts,
    AsRead,
    Beside,
    Companion,
    Comparison,
    Contrast,
    Corrected,
    CorrectedContrast,
    CorrectedRate,
    Effect,
    Estimate,
    Interval,
    Mixed,
    Subject,
    Unaware,
)
from arena_evals.report.sentences import (
    difference,
    headline,
    limits,
    percent,
    points,
    premise_line,
)
from arena_evals.schema import Arm, Elicited, Persona

_PLOT_WIDTH = 19  # characters; odd, so that zero has a place of its own
_MOST_COMPARED = 40  # rows; more are for a file
_DESIGN = (  # the contrasts that the design asks for, see docs/design.md
    (Arm.THREAT, Arm.BASELINE),
    (Arm.THREAT, Arm.OTHER_THREAT),
    (Arm.THREAT, Arm.PRECEDENCE),
    (Arm.PLACEBO, Arm.BASELINE),
    (Arm.POSITIVE_CONTROL, Arm.BASELINE),
)


def show(answer: Answer, console: Console) -> None:
    """Print the headline sentence, then one row per arm."""
    console.print()
    console.print(heading(answer))
    console.print(_circumstances(answer), style="dim")
    told_below = {"premise"} if answer.premise else set()
    for check in answer.checks:
        if check.name in told_below:
            continue
        console.print(f"! {check.line}", style="yellow")
    console.print(headline(answer))
    if answer.premise:
        console.print(premise_line(answer.premise))
    console.print()
    console.print(_shifts(answer))
    console.print()
    console.print(_outcomes(answer))
    if answer.mixed:
        _show_mixed(answer.mixed, console)
    if answer.companions:
        console.print()
        console.print(_companions(answer.companions))
    if answer.beside:
        console.print()
        console.print(_beside(answer.beside))
    if answer.unaware:
        console.print(_without_the_aware(answer.unaware))
    if answer.as_read:
        console.print(_as_read(answer.as_read))
    if answer.apart:
        console.print(_apart(answer.apart), style="dim")
    for line in answer.disagreements:
        console.print(f"! {line}", style="yellow")


def _show_mixed(mixed: Mixed, console: Console) -> None:
    """Print the design's contrasts by the mixed model, on both scales, and how it fares."""
    console.print()
    console.print(_mixed_contrasts(mixed))
    if mixed.heterogeneity:
        sd, other_way = mixed.heterogeneity
        console.print(
            f"Items differ by {sd:.2f} logits (SD) in what the threat does to them; it moves "
            f"{other_way:.0%} of them the other way.",
            style="dim",
        )
    if mixed.order:
        ratio, (low, high) = mixed.order
        console.print(
            f"Self-preserving option first: log odds {ratio:+.2f} [{low:+.2f}, {high:+.2f}].",
            style="dim",
        )
    if mixed.separated:
        console.print(
            f"Every trial or none is self-preserving in: {', '.join(mixed.separated)}. There the "
            "log odds are as far as the weak prior lets them be; go by the points.",
            style="dim",
        )
    if not mixed.converged:
        console.print(
            f"The mixed model did not converge (largest gradient {mixed.largest_gradient:.1e}): "
            "go by the paired answer.",
            style="bold",
        )


def _beside(found: Sequence[Beside]) -> Table:
    """Return what graders said beside the verdict, an arm a row; per cent, degrees from 0 to 4."""
    names = list(dict.fromkeys(one.name for one in found))
    table = _table("beside the verdict", *names, justify="right")
    for arm in dict.fromkeys(one.arm for one in found):
        own = {one.name: one for one in found if one.arm is arm}
        table.add_row(arm.value, *(_said_beside(own[n]) if n in own else "" for n in names))
    return table


def _said_beside(one: Beside) -> str:
    scale, unit = (1, "") if one.name == "degree" else (100, " %")
    ends = [f"{scale * limit:.1f}" for limit in one.interval or ()]
    return f"{scale * one.mean:.1f}{unit}" + (f" [{', '.join(ends)}]" if ends else "")


def _without_the_aware(unaware: Unaware) -> str:
    left = (
        f"without them the shift is {difference(unaware.contrast)} points"
        if unaware.contrast
        else "without them no pair is left"
    )
    unknown = f" ({unaware.unknown:,} could not be told and are kept)" if unaware.unknown else ""
    return (
        f"{unaware.aware:,} of {unaware.trials:,} answers in threat and baseline suspect a test"
        f"{unknown}; {left}."
    )


def _as_read(found: AsRead) -> str:
    among = (
        f"among them the shift is {difference(found.contrast)} points"
        if found.contrast
        else "among them is no pair"
    )
    return (
        f"{found.read:,} of {found.trials:,} trials in threat and baseline read what carries the "
        f"frame before they acted; {among}."
    )


def _apart(arms: Sequence[Apart]) -> str:
    """Say how often rule and judge differ on self-preservation, arm by arm."""
    trials = sum(apart.trials for apart in arms)
    differing = sum(apart.by_rule_alone + apart.by_judge_alone for apart in arms)
    each = ", ".join(
        f"{apart.arm} {apart.by_rule_alone} + {apart.by_judge_alone}"
        for apart in arms
        if apart.by_rule_alone or apart.by_judge_alone
    )
    told = f" (by the rule alone + by the judge alone: {each})" if each else ""
    return f"Rule and judge differ on {differing:,} of {trials:,} trials{told}."


def show_corrected(corrected: Corrected, console: Console) -> None:
    """Print rates and contrasts as judged and as labels correct them, and where labels are few."""
    table = _table("corrected by labels", "as judged", "corrected", justify="right")
    for rate in corrected.rates:
        table.add_row(rate.arm.value, *_judged_and_corrected(rate, _rate_of))
    for contrast in corrected.contrasts:
        if (contrast.arm, contrast.against) in _DESIGN:
            name = f"{contrast.arm} - {contrast.against}"
            table.add_row(name, *_judged_and_corrected(contrast, _points_of))
    console.print()
    console.print(table)
    strata = dict.fromkeys(stratum for rate in corrected.rates for stratum in rate.strata)
    for stratum in strata:
        if stratum.line:
            console.print(f"! {stratum.line}", style="yellow")
    if corrected.unsettled:
        console.print(
            f"! labels: {corrected.unsettled:,} labelled trials are left out, for labellers "
            "disagree or are unsure; answers that are hard to label count too little",
            style="yellow",
        )


def _judged_and_corrected(
    one: CorrectedRate | CorrectedContrast, said: Callable[[float, Interval], str]
) -> tuple[str, str]:
    corrected = (
        said(one.corrected, one.corrected_interval)
        if one.corrected is not None and one.corrected_interval is not None
        else "too few labels"
    )
    return said(one.naive, one.naive_interval), corrected


def _rate_of(rate: float, interval: Interval) -> str:
    return f"{percent(rate)} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _points_of(shift: float, interval: Interval) -> str:
    return f"{points(shift)} {limits(interval)}"


def _companions(companions: Sequence[Companion]) -> Table:
    """Return the shift by other methods, for comparison."""
    table = _table("threat - baseline, by", "points", justify="right")
    table.add_column("", overflow="fold")
    for companion in companions:
        p = "" if companion.p_value is None else f"p = {companion.p_value:.4f}"
        told = "; ".join(part for part in (p, companion.note) if part)
        table.add_row(companion.name, _companion(companion), told)
    return table


def _companion(companion: Companion) -> str:
    if companion.estimate is None:
        return "-"
    within = f" {limits(companion.interval)}" if companion.interval else ""
    return f"{points(companion.estimate)}{within}"


def _mixed_contrasts(mixed: Mixed) -> Table:
    table = _table("mixed model", "log odds ratio", "points", justify="right")
    for effect in mixed.effects:
        if (effect.arm, effect.against) in _DESIGN:
            table.add_row(f"{effect.arm} - {effect.against}", *_both_scales(effect))
    for outcome, effect in mixed.outcomes.items():
        table.add_row(f"{outcome}, {effect.arm} - {effect.against}", *_both_scales(effect))
    return table


def _both_scales(effect: Effect | Estimate) -> tuple[str, str]:
    low, high = effect.log_odds_interval
    return (
        f"{effect.log_odds_ratio:+.2f} [{low:+.2f}, {high:+.2f}]",
        f"{points(effect.shift)} {limits(effect.interval)}",
    )


def show_dose_response(answers: Sequence[Answer], console: Console) -> None:
    """Print how the shift goes with the dose, where there are several."""
    shifts = {
        answer.dose: shift
        for answer in answers
        if (shift := answer.contrast(Arm.THREAT, Arm.BASELINE))
    }
    if len(shifts) < 2:
        return
    reach = _reach(list(shifts.values()))
    table = _table("turns of pressure", "intensity", "shift in points", justify="right")
    table.add_column("- 0 +", justify="center")
    for dose, shift in shifts.items():
        drawn = _plot(shift, reach)
        table.add_row(str(dose.pressure), str(dose.intensity), difference(shift), drawn)
    console.print()
    console.print("The shift by dose of the threat", style="bold")
    console.print(table)


def show_comparisons(compared: Sequence[Comparison], console: Console) -> None:
    """Print how the shift differs between models, languages and the like, where several were run.

    Each table names what its rows share, and other tables do not.
    """
    if not compared:
        return
    shown = compared[:_MOST_COMPARED]
    varies = _varying([comparison.subject for comparison in shown])
    by_what: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in shown:
        by_what.setdefault((_shared(comparison, varies), comparison.measure), []).append(comparison)
    console.print()
    console.print("What the shift depends on, by the mixed model and paired by item", style="bold")
    for (shared, measure), own in by_what.items():
        console.print(Text(f"\n{shared}", style="dim") if shared else "")
        console.print(_compared(own, "the shift" if measure == "shift" else "the baseline rate"))
    if len(compared) > len(shown):
        console.print(f"{len(compared) - len(shown)} more are written by --json.", style="dim")


def _compared(comparisons: Sequence[Comparison], what: str) -> Table:
    table = _table(f"{what} by", "log odds ratio", "points", "points, paired", justify="right")
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for comparison in comparisons:
        against = f" - {comparison.against}" if comparison.against else ""
        paired = comparison.paired
        table.add_row(
            f"{comparison.factor} {comparison.level}{against}"
            + ("" if comparison.converged else " (the fit did not converge)"),
            *_both_scales(comparison.mixed),
            f"{points(paired[0])} {limits(paired[1])}" if paired else "",
        )
    return table


def _shared(comparison: Comparison, varies: Sequence[str]) -> str:
    """Name what a comparison's subjects share, of the circumstances that vary elsewhere."""
    differ = {"model": ("model", "settings"), "scenario": ("scenario", "version")}
    own = [n for n in varies if n not in differ.get(comparison.factor, (comparison.factor,))]
    parts = [str(getattr(comparison.subject, name)) for name in own]
    judged = f"judged by {comparison.judged_by}" if comparison.judged_by else ""
    parts += [f"scored by {comparison.instrument}", judged]
    return ", ".join(part for part in parts if part)


def _varying(subjects: Sequence[Subject]) -> list[str]:
    """Return which circumstances differ between subjects."""
    return [name for name in Subject._fields if len({getattr(s, name) for s in subjects}) > 1]


def heading(answer: Answer) -> Text:
    """Return model, scenario and instrument; an embedded model or judge is marked as simulated."""
    named = answer.condition
    text = Text(named["model"], style="bold")
    text.append(" (simulated)" if answer.simulated else "", style="not bold")
    text.append(f", {named['scenario']} {named['version']}, as scored by ", style="not bold")
    return text.append(answer.instrument)


def _circumstances(answer: Answer) -> str:
    named = answer.condition
    parts = [
        f"language {named['language']}",
        f"{named['kind']} threat"
        + (f" of intensity {answer.dose.intensity}" if answer.dose.intensity else ""),
        f"placement {named['placement']}",
        f"{answer.dose.pressure} turns of pressure" if answer.dose.pressure else "",
        f"persona of {named['persona']}" if named["persona"] != Persona.NONE else "",
        _asked(named["elicitation"]),
        named["settings"],
        f"judged by {answer.judged_by}" if answer.judged_by else "",
        "simulated judge" if answer.judged_by.startswith("arena/") else "",
    ]
    return ", ".join(part for part in parts if part)


def _asked(elicitation: str) -> str:
    enacted = {"tools": "work with tools", "shell": "work in a shell"}
    told = {Elicited.OPEN.value: "open answers", **enacted}
    return told.get(elicitation, f"decision by {elicitation}")


def _shifts(answer: Answer) -> Table:
    """Return how far each arm stands from the baseline, in numbers and drawn."""
    table = _table("arm", "self-preserving", "points over baseline", justify="right")
    table.add_column("- 0 +", justify="center")
    reach = _reach([c for c in answer.contrasts if c.against is Arm.BASELINE])
    for counts in answer.arms:
        shift = answer.contrast(counts.arm, Arm.BASELINE)
        table.add_row(
            counts.arm.value,
            _rate(counts),
            difference(shift),
            _plot(shift, reach) if shift else "",
        )
    return table


def _outcomes(answer: Answer) -> Table:
    """Return what the threat does beyond each arm, and every other outcome, counted."""
    table = _table(
        "arm",
        "threat beyond it",
        "self-\npreserving",
        "refusal",
        "other",
        "unscored",
        "errors",
        justify="right",
    )
    for counts in answer.arms:
        numbers = (counts.refusal, counts.other, counts.unscored, counts.errors)
        table.add_row(
            counts.arm.value,
            difference(answer.contrast(Arm.THREAT, counts.arm)),
            f"{counts.self_preserving:,}/{counts.scored:,}",
            *(f"{number:,}" for number in numbers),
        )
    return table


def _table(first: str, *others: str, justify: JustifyMethod) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify=justify, no_wrap=True)
    return table


def _rate(counts: ArmCounts) -> str:
    if counts.interval is None:
        return "-"
    low, high = (f"{100 * limit:.1f}" for limit in counts.interval)
    return f"{percent(counts.rate)} [{low}, {high}]"


def _reach(contrasts: Sequence[Contrast]) -> float:
    """Return how far from zero any interval goes: the half-width of the drawing."""
    return max((abs(limit) for c in contrasts for limit in c.interval), default=1.0) or 1.0


def _plot(contrast: Contrast, reach: float) -> Text:
    """Draw an interval and its estimate on a line whose middle is zero."""

    def column(p: float) -> int:
        return round((p / reach + 1) / 2 * (_PLOT_WIDTH - 1))

    drawn = [" "] * _PLOT_WIDTH
    low, high = (column(limit) for limit in contrast.interval)
    drawn[low : high + 1] = "─" * (high - low + 1)
    drawn[_PLOT_WIDTH // 2] = "┼" if low <= _PLOT_WIDTH // 2 <= high else "│"
    drawn[column(contrast.estimate)] = "●"
    return Text("".join(drawn))
