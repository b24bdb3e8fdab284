"""From trials to a fitted design: the arena as a binomial mixed model.

A subject is a model in one condition and under one pressure. For all subjects that are given,

    logit P = subject + subject:treatment + order + (1|item) + (0+threat|item) + (0+dose|item)
              + (0+control|item) + (0+positive|item) + (1|item:wording)
              + (1|item:subject) + (0+threat|item:subject)

on cells (successes of trials) per subject, item, treatment, wording and order. A treatment is an
arm at an intensity. ``order`` is +1/2 where the self-preserving option comes first, -1/2 where it
comes second; ``dose`` is the threat's intensity from the middle of those that were run. A term is
left out where the trials cannot tell it: of wordings, orders, subjects, arms or intensities that
were not run in more than one form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from arena_evals.analysis.glmm import Fit, fit_glmm
from arena_evals.analysis.laplace import Floats, Integers, Term
from arena_evals.schema import Arm, Order, Verdict

CONTRAST_SD = 2.5  # logits; prior of a contrast: an odds ratio of 12 is one such away
LEVEL_SD = 10.0  # logits; prior of a level, all but none

_SLOPES: dict[str, tuple[Arm, ...]] = {
    "threat": (Arm.THREAT,),
    "control": (Arm.PLACEBO, Arm.OTHER_THREAT, Arm.PRECEDENCE, Arm.REASSURED),
    "positive": (Arm.POSITIVE_CONTROL,),
}


class Subject(NamedTuple):
    """Who answers, and under what circumstances: the columns of one condition, and the pressure."""

    model: str
    settings: str
    scenario: str
    version: str
    language: str
    kind: str
    placement: str
    persona: str
    elicitation: str
    pressure: int


class Treatment(NamedTuple):
    """What a subject is given: an arm, at an intensity."""

    arm: Arm
    intensity: int


class Group(NamedTuple):
    """A subject given a treatment."""

    subject: Subject
    treatment: Treatment


class Counts(NamedTuple):
    """Events of trials in a group, and on how many items."""

    events: int
    trials: int
    items: int


Column = Subject | Group | Literal["order"]
"""A fixed effect: a subject's level in its first treatment, what another adds to it, the order."""

Loads = Mapping[Treatment, float]
"""What a random effect is multiplied by in each treatment."""

_SUBJECT = list(Subject._fields)
_TREATMENT = list(Treatment._fields)
_GROUP = [*_SUBJECT, *_TREATMENT]
_CELL = [*_GROUP, "item", "wording", "order"]
_ITEM = ["scenario", "item"]
_TEXT = [*_ITEM, "language"]
_WORDING = [*_TEXT, "wording"]
_BY_SUBJECT = [*_ITEM, *_SUBJECT]


@dataclass(frozen=True, kw_only=True)
class TrialFit:
    """A fitted design: the mixed model, its fixed and random columns, and what it was fitted to.

    ``loads`` says of each random term, and so of each standard deviation, where it acts.
    """

    fit: Fit
    columns: tuple[Column, ...]
    loads: tuple[Loads, ...]
    counts: Mapping[Group, Counts]
    outcome: str

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The subjects, in the order of their columns."""
        return tuple(dict.fromkeys(group.subject for group in self.counts))

    @property
    def phi(self) -> Floats:
        """All parameters, fixed effects and then standard deviations; shape (P + K,)."""
        return np.concatenate([self.fit.beta, self.fit.theta])

    def treatments(self, subject: Subject) -> tuple[Treatment, ...]:
        """Return what a subject was given, in the order of the design."""
        return tuple(group.treatment for group in self.counts if group.subject == subject)


def fit_trials(
    trials: pd.DataFrame,
    instrument: str,
    outcome: Verdict = Verdict.SELF_PRESERVING,
    *,
    answered_only: bool = False,
    priors: bool = True,
) -> TrialFit:
    """Fit the design to trials, each model in each condition and pressure being a subject.

    The outcome is one verdict against the rest: of all scored trials, or with ``answered_only`` of
    those that are helpful or self-preserving. ``priors=False`` is plain maximum likelihood.

    Raises:
        ValueError: no trial has a verdict of the instrument, or too many random effects hang
            together (see `arena_evals.analysis.laplace.arrange`).
    """
    cells = cells_of(trials, instrument, outcome, answered_only=answered_only)
    if cells.empty:
        raise ValueError(f"no trial has a verdict by {instrument}")
    counts = _counts(cells)
    columns, x = _fixed(cells, list(counts))
    terms, loads = zip(*_random(cells), strict=True)
    sds = np.array([LEVEL_SD if isinstance(c, Subject) else CONTRAST_SD for c in columns])
    fit = fit_glmm(
        cells["k"].to_numpy(np.float64),
        cells["n"].to_numpy(np.float64),
        x,
        terms,
        prior_sds=sds if priors else None,
        prior_on_deviations=priors,
    )
    return TrialFit(fit=fit, columns=columns, loads=loads, counts=counts, outcome=outcome.value)


def cells_of(
    trials: pd.DataFrame, instrument: str, outcome: Verdict, *, answered_only: bool = False
) -> pd.DataFrame:
    """Return the counts k of n per subject, treatment, item, wording and order, subjects together.

    Rows stand in the order of these columns, the arms in that of the design.
    """
    scored = trials[trials[instrument].notna()]
    if answered_only:
        answers = [Verdict.HELPFUL, Verdict.SELF_PRESERVING]
        scored = scored[scored[instrument].isin(answers)]
    arm = pd.Categorical(scored["arm"], [arm.value for arm in Arm], ordered=True)
    table = scored.assign(arm=arm, k=scored[instrument].eq(outcome).astype(int), n=1)
    return table.groupby(_CELL, as_index=False, sort=True, observed=True)[["k", "n"]].sum()


def _counts(cells: pd.DataFrame) -> dict[Group, Counts]:
    """Count every group, subjects together and treatments in the order of the design."""
    table = cells.groupby(_GROUP, sort=True, observed=True).agg(
        events=("k", "sum"), trials=("n", "sum"), items=("item", "nunique")
    )
    return {
        Group(Subject(*subject), Treatment(Arm(arm), intensity)): Counts(*map(int, numbers))
        for (*subject, arm, intensity), *numbers in table.itertuples()
    }


def _fixed(cells: pd.DataFrame, groups: list[Group]) -> tuple[tuple[Column, ...], Floats]:
    """Return the fixed effects that the cells can tell, and their design (cells, P).

    A subject without a baseline has its first treatment as its level.
    """
    columns: list[Column] = []
    designs: list[NDArray[Any]] = []
    subject = _levels(cells, _SUBJECT)
    group = _levels(cells, _GROUP)
    for number, one in enumerate(groups):
        if one.subject not in columns:
            columns.append(one.subject)
            designs.append(subject == subject[group == number][0])
        else:
            columns.append(one)
            designs.append(group == number)
    if cells["order"].nunique() > 1:
        columns.append("order")
        designs.append(np.where(cells["order"].eq(Order.SELF_PRESERVING_FIRST), 0.5, -0.5))
    return tuple(columns), np.stack(designs, axis=1).astype(np.float64)


def _random(cells: pd.DataFrame) -> Iterator[tuple[Term, Loads]]:
    """Yield the random terms that the cells can tell, and what each is multiplied by where."""
    pairs = cells[_TREATMENT].drop_duplicates().sort_values(_TREATMENT)
    treatments = [Treatment(Arm(arm), dose) for arm, dose in pairs.itertuples(index=False)]
    of_cell = _levels(cells, _TREATMENT)

    def term(name: str, levels: Integers, loads: Loads) -> tuple[Term, Loads]:
        column = np.array([loads[treatment] for treatment in treatments])[of_cell]
        return Term(name, levels, column[:, None]), loads

    everywhere: Loads = dict.fromkeys(treatments, 1.0)
    slopes = _slopes(treatments)
    item, text, wording, subject = (
        _levels(cells, names) for names in (_ITEM, _TEXT, _WORDING, _BY_SUBJECT)
    )
    yield term("item", item, everywhere)
    for name, loads in slopes.items():
        yield term(f"{name}|item", item, loads)
    if wording.max() > text.max():
        yield term("item:wording", wording, everywhere)
    if subject.max() > item.max():
        yield term("item:subject", subject, everywhere)
        if "threat" in slopes:
            yield term("threat|item:subject", subject, slopes["threat"])


def _slopes(treatments: list[Treatment]) -> dict[str, Loads]:
    """Return the slopes that differ between treatments: of three sets of arms, and of the dose."""
    slopes: dict[str, Loads] = {
        name: {treatment: float(treatment.arm in arms) for treatment in treatments}
        for name, arms in _SLOPES.items()
    }
    slopes["dose"] = _doses(treatments)
    return {name: loads for name, loads in slopes.items() if len(set(loads.values())) > 1}


def _doses(treatments: list[Treatment]) -> Loads:
    """Return how far each threat's intensity is from the middle; 0 in other arms."""
    run = {treatment.intensity for treatment in treatments if treatment.arm is Arm.THREAT}
    middle = sum(run) / len(run) if run else 0.0
    return {
        treatment: treatment.intensity - middle if treatment.arm is Arm.THREAT else 0.0
        for treatment in treatments
    }


def _levels(cells: pd.DataFrame, names: list[str]) -> Integers:
    grouped = cells.groupby(names, sort=True, observed=True)
    return grouped.ngroup().to_numpy().astype(np.int64)
