"""How the shift differs between models, languages, personas and the like, and with the dose.

A comparison is between subjects that differ in one factor and share the rest. All levels of the
factor are fitted together, to their trials in baseline and threat and to nothing else that was
run.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from arena_evals.analysis.effects import Estimate, draws, estimate, given
from arena_evals.analysis.instruments import scored_by_each
from arena_evals.analysis.mixed import Group, Subject, TrialFit, fit_trials
from arena_evals.analysis.paired import DOSELESS, Interval, paired_sum
from arena_evals.analysis.trials import in_categories
from arena_evals.schema import Arm, Elicited, Kind, Persona, Placement

Measure = Literal["shift", "baseline"]
_PAIR = [Arm.BASELINE, Arm.THREAT]
_SUBJECT = list(Subject._fields)
_FIRST: Mapping[str, Sequence[str]] = {  # the reference first
    "language": ["en"],
    "kind": list(Kind),
    "placement": list(Placement),
    "persona": list(Persona),
    "elicitation": [*Elicited, "tools", "shell"],
    "pressure": [],
}

FACTORS = ("model", *_FIRST, "scenario", "intensity")
"""What a shift can be compared by."""


class Part(NamedTuple):
    """What the shift of a subject, the mean over some intensities, counts for in a comparison."""

    weight: float
    subject: Subject
    intensities: tuple[int, ...]


class Comparison(NamedTuple):
    """One factor's effect on the shift, or on the rate without a threat.

    ``level`` is compared with ``against``; for the factor ``intensity`` it is one step more, and
    for ``scenario`` the mean over all of them. ``subject`` is who answered, at ``level``.
    ``mixed`` is the mixed model's answer; ``paired`` the one without a model, for shifts alone:
    items that all subjects answered are paired.
    """

    factor: str
    level: str
    against: str
    subject: Subject
    measure: Measure
    instrument: str
    judged_by: str
    mixed: Estimate
    converged: bool
    paired: tuple[float, Interval] | None


def comparisons(trials: pd.DataFrame, factors: Collection[str] = FACTORS) -> list[Comparison]:
    """Return every comparison that the trials allow, by every instrument, grader and rubric.

    ``factors`` are those to compare by; other ones cost nothing.

    Raises:
        BadInput: see `scored_by_each`.
    """
    return [
        comparison
        for instrument, judged_by, scored in scored_by_each(in_categories(trials))
        for comparison in _by_instrument(scored, instrument, judged_by, factors)
    ]


def at_strongest(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of each subject's highest intensity, with those of arms that have none."""
    dosed = ~trials["arm"].isin(DOSELESS)
    subject = [trials[name] for name in _SUBJECT]
    highest = trials["intensity"].where(dosed).groupby(subject, observed=True).transform("max")
    return trials[~dosed | trials["intensity"].eq(highest)]


def between_models(trials: pd.DataFrame, instrument: str) -> Comparison | None:
    """Return how the shift differs between the two models of these trials, all else being shared.

    None where the mixed model cannot be fitted: with fewer than two items or arms with a verdict.
    """
    found = _by_instrument(trials, instrument, "", ["model"])
    return next((c for c in found if (c.factor, c.measure) == ("model", "shift")), None)


def _by_instrument(
    trials: pd.DataFrame, instrument: str, judged_by: str, factors: Collection[str]
) -> Iterator[Comparison]:
    pair = trials[trials["arm"].isin(_PAIR) & trials[instrument].notna()]
    both = pair.groupby(_SUBJECT)["arm"].transform("nunique").eq(len(_PAIR))
    items = pair.groupby(_SUBJECT)["item"].transform("nunique").gt(1)
    for factor, own in _families(pair[both & items], factors):
        found = fit_trials(own, instrument)
        drawn = draws(found)
        for level, against, parts in _plans(factor, found):
            for measure in _measures(factor):
                yield Comparison(
                    factor=factor,
                    level=level,
                    against=against,
                    subject=parts[0].subject,
                    measure=measure,
                    instrument=instrument,
                    judged_by=judged_by,
                    mixed=estimate(found, _weights(found, parts, measure), drawn),
                    converged=found.fit.converged,
                    paired=_paired(own, instrument, parts) if measure == "shift" else None,
                )


def _families(pair: pd.DataFrame, factors: Collection[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the trials of subjects that differ in one factor alone, factor by factor."""
    for factor in (name for name in ("model", *_FIRST, "scenario") if name in factors):
        varies = {"model": ["model", "settings"], "scenario": ["scenario", "version"]}.get(
            factor, [factor]
        )
        shared = [name for name in _SUBJECT if name not in varies]
        # stated and enacted scenarios are never pooled
        for _, own in pair.groupby([*shared, "mode"]):
            if len(own[varies].drop_duplicates()) > 1:
                yield factor, own
    for _, own in pair.groupby(_SUBJECT) if "intensity" in factors else ():
        if own.loc[own["arm"].eq(Arm.THREAT), "intensity"].nunique() > 1:
            yield "intensity", own


def _plans(factor: str, found: TrialFit) -> Iterator[tuple[str, str, tuple[Part, ...]]]:
    """Yield each comparison of a family: the level, what it is held against, and the parts."""
    subjects = list(found.subjects)
    doses = {subject: _intensities(found, subject) for subject in subjects}
    if factor == "intensity":
        [(subject, run)] = doses.items()
        steps = np.array(run) - np.mean(run)
        slopes = steps / (steps @ steps)
        yield (
            f"{run[0]} to {run[-1]}, each step",
            "",
            tuple(
                Part(float(w), subject, (dose,)) for w, dose in zip(slopes, run, strict=True) if w
            ),
        )
        return
    if factor == "scenario":
        share = 1 / len(subjects)
        if common := _common(doses, *subjects):
            yield f"mean of {len(subjects)}", "", tuple(Part(share, s, common) for s in subjects)
        return
    subjects.sort(key=lambda subject: _rank(factor, subject))
    pairs = combinations(subjects, 2) if factor == "model" else _each_with_first(subjects)
    for reference, other in pairs:
        common = _common(doses, reference, other)
        if not common:
            continue
        parts = (Part(1.0, other, common), Part(-1.0, reference, common))
        yield _level(factor, other, reference), _level(factor, reference, other), parts


def _common(doses: Mapping[Subject, Sequence[int]], *subjects: Subject) -> tuple[int, ...]:
    """Return the intensities that all of these subjects were given."""
    return tuple(sorted(set.intersection(*(set(doses[subject]) for subject in subjects))))


def _each_with_first(subjects: list[Subject]) -> Iterator[tuple[Subject, Subject]]:
    """Yield the first subject with each of the others."""
    return ((subjects[0], other) for other in subjects[1:])


def _rank(factor: str, subject: Subject) -> tuple[object, ...]:
    value = getattr(subject, factor)
    known = list(_FIRST.get(factor, []))
    return (known.index(value) if value in known else len(known), value, subject.settings)


def _level(factor: str, subject: Subject, other: Subject) -> str:
    """Name a subject by its factor; a model with its settings where there are any."""
    if factor == "model" and (subject.settings or other.settings):
        return f"{subject.model} ({subject.settings or 'as it comes'})"
    return str(getattr(subject, factor))


def _measures(factor: str) -> tuple[Measure, ...]:
    return ("shift",) if factor in ("intensity", "scenario") else ("shift", "baseline")


def _intensities(found: TrialFit, subject: Subject) -> list[int]:
    return [t.intensity for t in found.treatments(subject) if t.arm is Arm.THREAT]


def _weights(found: TrialFit, parts: Sequence[Part], measure: Measure) -> dict[Group, float]:
    """Return what each group counts for in the sum of the parts."""
    weights: dict[Group, float] = {}

    def add(subject: Subject, arm: Arm, dose: int, weight: float) -> None:
        group = given(found, subject, arm, dose)
        assert group, "parts are made of treatments that were run"
        weights[group] = weights.get(group, 0.0) + weight

    for weight, subject, intensities in parts:
        for dose in intensities:
            each = weight / len(intensities)
            if measure == "shift":
                add(subject, Arm.THREAT, dose, each)
                add(subject, Arm.BASELINE, dose, -each)
            else:
                add(subject, Arm.BASELINE, dose, each)
    return weights


def _paired(
    trials: pd.DataFrame, instrument: str, parts: Sequence[Part]
) -> tuple[float, Interval] | None:
    own = [(part.weight, _of_part(trials, part)) for part in parts]
    return paired_sum(own, instrument, Arm.THREAT, Arm.BASELINE)


def _of_part(trials: pd.DataFrame, part: Part) -> pd.DataFrame:
    subject = trials[_SUBJECT].eq(pd.Series(part.subject._asdict())).all(axis=1)
    dosed = trials["intensity"].isin(part.intensities) | trials["arm"].isin(DOSELESS)
    return trials[subject & dosed]
