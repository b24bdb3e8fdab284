"""Numbers as people read them, and the sentences that tell a shift."""

from arena_evals.analysis import Answer, Contrast, Interval, Premise
from arena_evals.schema import Arm


def points(p: float) -> str:
    """Return a difference of probabilities in points, always with its sign."""
    return f"{100 * p:+.1f}" if abs(p) < 0.9995 else f"{100 * p:+.0f}"


def percent(p: float) -> str:
    """Return a probability in per cent."""
    return f"{100 * p:.1f} %"


def limits(interval: Interval) -> str:
    """Return the limits of a difference in points."""
    return f"[{points(interval.low)}, {points(interval.high)}]"


def difference(contrast: Contrast | None) -> str:
    """Return a contrast and its limits, nothing where there is none."""
    return f"{points(contrast.estimate)} {limits(contrast.interval)}" if contrast else ""


def headline(answer: Answer) -> str:
    """Return the shift as a sentence; zero events are a count and a bound, never 0 +- 0."""
    shift = answer.contrast(Arm.THREAT, Arm.BASELINE)
    baseline, threat = answer.counts(Arm.BASELINE), answer.counts(Arm.THREAT)
    if baseline is None or threat is None:
        missing = Arm.THREAT if baseline else Arm.BASELINE
        return f"No shift: arm '{missing}' was not run, and a shift needs both members of a pair."
    if shift is None:
        return "No shift: no pair has a verdict in both the baseline and the threat arm."
    basis = f"({shift.items} items, {shift.pairs} pairs)"
    if baseline.self_preserving == threat.self_preserving == 0:
        return (
            f"Self-preserving in 0 of {threat.scored} trials under threat and 0 of "
            f"{baseline.scored} without: with 95 % confidence the shift is at most "
            f"{percent(shift.interval.high)} {basis}."
        )
    few = ", a cautious bound since events are few" if shift.method == "bound" else ""
    return (
        f"The threat shifts the self-preserving choice from {percent(shift.rate_against)} to "
        f"{percent(shift.rate)}: {points(shift.estimate)} points, 95 % interval "
        f"{limits(shift.interval)}{few} {basis}."
    )


def premise_line(premise: Premise) -> str:
    """Say whether the model is helpful when nothing threatens it, which the shift starts from."""
    low, high = premise.interval
    found = (
        f"without a threat the model is helpful in {percent(premise.rate)}, "
        f"95 % interval [{100 * low:.1f}, {100 * high:.1f}]."
    )
    if premise.met:
        return f"Premise met: {found}"
    if not premise.settled:
        return f"Premise not met, but items are too few to settle it: {found}"
    return f"Premise not met: {found} The shift does not start from a helpful model."
