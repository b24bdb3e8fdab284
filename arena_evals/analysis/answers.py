"""From trials to answers: what an instrument says of a model, in one condition, at one dose."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from arena_evals.analysis.beside import (
    AsRead,
    Beside,
    Unaware,
    as_read,
    beside,
    without_the_aware,
)
from arena_evals.analysis.checks import Check, checks
from arena_evals.analysis.companions import (
    Companion,
    companions,
    disagreements,
    standard_error,
)
from arena_evals.analysis.correction import (
    CorrectedContrast,
    CorrectedRate,
    corrected_effects,
    corrected_rates,
)
from arena_evals.analysis.effects import (
    Effect,
    Heterogeneity,
    effects,
    order_effect,
    separated,
    threat_heterogeneity,
)
from arena_evals.analysis.instruments import (
    OF_A_MODEL,
    Apart,
    rule_and_judge,
    scored_by_each,
)
from arena_evals.analysis.mixed import Subject, TrialFit, fit_trials
from arena_evals.analysis.paired import (
    CONTRASTS,
    ArmCounts,
    Contrast,
    Dose,
    Interval,
    Premise,
    arm_counts,
    at_dose,
    doses,
    paired_effects,
    premise,
)
from arena_evals.analysis.trials import CONDITION, INSTRUMENTS, in_categories
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Verdict

_SEED = 0  # of the draws behind corrected intervals
_QUESTION = [name for name in CONDITION if name not in OF_A_MODEL]


class Mixed(NamedTuple):
    """What the mixed model says of one model, and how healthy the fit is that says it.

    ``outcomes`` is the threat's effect on every outcome by its name: self-preservation among the
    answered, refusal, other; ``order`` is the model's own. Brief answers have neither.
    ``separated`` are the arms without an event, or without anything
    else: their log odds lean on the priors alone.
    """

    effects: tuple[Effect, ...]
    outcomes: dict[str, Effect]
    order: tuple[float, Interval] | None
    heterogeneity: Heterogeneity | None
    separated: tuple[Arm, ...]
    converged: bool
    largest_gradient: float
    singular: tuple[str, ...]

    @property
    def shift(self) -> Effect | None:
        """The threat against the baseline, None where one of them was not run."""
        return next((e for e in self.effects if (e.arm, e.against) == CONTRASTS[0]), None)


class Corrected(NamedTuple):
    """Rates and contrasts as judged, and as people's labels correct them.

    ``unsettled`` trials were labelled and are not used, for labellers disagree or are unsure.
    """

    rates: tuple[CorrectedRate, ...]
    contrasts: tuple[CorrectedContrast, ...]
    unsettled: int


class Answer(NamedTuple):
    """What one instrument says of one model in one condition; a judge is named with its rubric.

    ``corrected`` is None where nobody labelled a trial, ``as_read`` where no frame had to be found.
    ``beside`` and ``unaware`` are left to the answers of the judges where several graders were
    asked: their numbers are not pooled. ``apart`` says how often the rule finds something else than
    the judge whose answer this is.
    """

    condition: dict[str, str]
    dose: Dose
    simulated: bool
    instrument: str
    judged_by: str
    premise: Premise | None
    arms: list[ArmCounts]
    contrasts: list[Contrast]
    mixed: Mixed | None
    checks: tuple[Check, ...]
    companions: tuple[Companion, ...]
    disagreements: tuple[str, ...]
    beside: tuple[Beside, ...]
    unaware: Unaware | None
    as_read: AsRead | None
    apart: tuple[Apart, ...]
    corrected: Corrected | None

    def contrast(self, arm: Arm, against: Arm) -> Contrast | None:
        """Return the contrast of two arms, or None where it could not be computed."""
        found = (c for c in self.contrasts if (c.arm, c.against) == (arm, against))
        return next(found, None)

    def counts(self, arm: Arm) -> ArmCounts | None:
        """Return what was counted in an arm, or None where it was not run."""
        return next((counts for counts in self.arms if counts.arm == arm), None)


def answers(
    trials: pd.DataFrame,
    progress: Callable[[], object] = lambda: None,
    *,
    brief: bool = False,
) -> list[Answer]:
    """Return one answer per model, condition, instrument that was used, grader and dose.

    Models that answered the same question are fitted together; ``progress`` is called after each
    fit. Where answers are ``brief`` the mixed model is fitted to the outcome alone, and there are
    no companions: that takes a third of the time.

    Raises:
        BadInput: a condition has no scores, or was judged by several versions of a rubric.
    """
    found = [
        answer
        for _, together in in_categories(trials).groupby(_QUESTION, sort=True)
        for answer in _of_a_question(together, progress, brief=brief)
    ]
    return sorted(found, key=_place)


def _place(answer: Answer) -> tuple[object, ...]:
    instrument = INSTRUMENTS.index(answer.instrument)
    return (*answer.condition.values(), instrument, answer.judged_by, answer.dose)


def _of_a_question(
    trials: pd.DataFrame, progress: Callable[[], object], *, brief: bool
) -> Iterator[Answer]:
    for _, own in trials.groupby(OF_A_MODEL):
        _require_scores(own)
    for instrument, judged_by, scored in scored_by_each(trials):
        fitted = _fitted(scored, instrument, brief=brief)
        progress()
        for _, own in scored.groupby(OF_A_MODEL):
            for dose in doses(own):
                others = () if brief else _companions(at_dose(own, dose), instrument)
                yield _answer(at_dose(own, dose), instrument, judged_by, dose, fitted, others)


def _require_scores(trials: pd.DataFrame) -> None:
    reasons = [f"{name}_reason" for name in INSTRUMENTS]
    if trials[[*INSTRUMENTS, *reasons]].isna().all(axis=None):
        raise BadInput(
            f"{trials['log'].iloc[0]}: no sample of {trials['model'].iloc[0]} was scored, "
            f"{trials['error'].notna().sum()} of {len(trials)} ended in an error; run it again "
            "with: inspect eval-retry, or score it with: inspect score --scorer "
            "arena_evals/decision"
        )


class _Fitted(NamedTuple):
    """The fits of one question: of the outcome itself, and of every other one that occurs.

    Brief ones have the first alone. The models share one order effect in them; ``orders`` is each
    model's own, fitted to it alone.
    """

    fit: TrialFit
    effects: list[Effect]
    outcomes: dict[str, list[Effect]]
    orders: dict[Subject, tuple[float, Interval] | None]


_OUTCOMES: dict[str, tuple[Verdict, bool]] = {
    "sp | answered": (Verdict.SELF_PRESERVING, True),
    "refusal": (Verdict.REFUSAL, False),
    "other": (Verdict.OTHER, False),
}


def _fitted(trials: pd.DataFrame, instrument: str, *, brief: bool) -> _Fitted | None:
    """Fit the design, where there is more than one item and arm to fit it to."""
    scored = trials[trials[instrument].notna()]
    if scored["item"].nunique() < 2 or scored["arm"].nunique() < 2:
        return None
    fit = fit_trials(scored, instrument)
    if brief:
        return _Fitted(fit, effects(fit), outcomes={}, orders={})
    pair = scored[scored["arm"].isin([Arm.BASELINE, Arm.THREAT])]
    outcomes = {
        name: effects(fit_trials(pair, instrument, verdict, answered_only=answered))
        for name, (verdict, answered) in _OUTCOMES.items()
        if pair[instrument].eq(verdict).any() and pair["arm"].nunique() == 2
    }
    alone = [fit] if len(fit.subjects) == 1 else _alone(scored, instrument)
    orders = {found.subjects[0]: order_effect(found) for found in alone}
    return _Fitted(fit, effects(fit), outcomes, orders)


def _alone(scored: pd.DataFrame, instrument: str) -> list[TrialFit]:
    return [
        fit_trials(own, instrument)
        for _, own in scored.groupby([*OF_A_MODEL, "pressure"])
        if own["item"].nunique() > 1
    ]


def _companions(trials: pd.DataFrame, instrument: str) -> tuple[Companion, ...]:
    return tuple(companions(trials, instrument, Arm.THREAT, Arm.BASELINE))


def _answer(
    trials: pd.DataFrame,
    instrument: str,
    judged_by: str,
    dose: Dose,
    fitted: _Fitted | None,
    others: tuple[Companion, ...],
) -> Answer:
    mixed = _mixed(trials, dose, fitted) if fitted else None
    contrasts = paired_effects(trials, instrument)
    shift = next((c for c in contrasts if (c.arm, c.against) == CONTRASTS[0]), None)
    return Answer(
        condition={name: str(trials[name].iloc[0]) for name in CONDITION},
        dose=dose,
        simulated=bool(trials["simulated"].any()),
        instrument=instrument,
        judged_by=judged_by,
        premise=premise(trials, instrument),
        arms=arm_counts(trials, instrument),
        contrasts=contrasts,
        mixed=mixed,
        checks=tuple(checks(trials, instrument)),
        companions=others,
        disagreements=tuple(
            disagreements(shift.estimate, shift.interval, [*_by_the_model(mixed), *others])
        )
        if shift
        else (),
        beside=tuple(beside(trials)) if _of_one_grader(trials) else (),
        unaware=without_the_aware(trials, instrument) if _of_one_grader(trials) else None,
        as_read=as_read(trials, instrument),
        apart=tuple(rule_and_judge(trials)) if instrument == "judge" else (),
        corrected=_corrected(trials, instrument),
    )


def _by_the_model(mixed: Mixed | None) -> Iterator[Companion]:
    """Yield the shift of a sound fit, to be held against the paired one."""
    if mixed and mixed.shift:
        shift, interval = mixed.shift.shift, mixed.shift.interval
        error = standard_error(interval)
        yield Companion("the mixed model", shift, error, interval, mixed.converged)


def _of_one_grader(trials: pd.DataFrame) -> bool:
    """Whether what is said beside the verdict may be pooled: by one grader and rubric, if any."""
    return all(trials[name].nunique() < 2 for name in ("grader", "rubric"))


def _corrected(trials: pd.DataFrame, instrument: str) -> Corrected | None:
    if trials["label"].isna().all():
        return None
    rng = np.random.default_rng(_SEED)
    return Corrected(
        rates=tuple(corrected_rates(trials, instrument, rng)),
        contrasts=tuple(corrected_effects(trials, instrument, rng)),
        unsettled=int((trials["labels"].notna() & trials["label"].isna()).sum()),
    )


def _mixed(trials: pd.DataFrame, dose: Dose, fitted: _Fitted) -> Mixed | None:
    condition = {name: str(trials[name].iloc[0]) for name in CONDITION}
    subject = Subject(**condition, pressure=dose.pressure)
    if subject not in fitted.fit.subjects:
        return None

    def own(found: list[Effect]) -> tuple[Effect, ...]:
        here = (subject, dose.intensity)
        return tuple(effect for effect in found if (effect.subject, effect.intensity) == here)

    return Mixed(
        effects=own(fitted.effects),
        outcomes={
            outcome: effect for outcome, found in fitted.outcomes.items() for effect in own(found)
        },
        order=fitted.orders.get(subject),
        heterogeneity=threat_heterogeneity(fitted.fit, subject, dose.intensity),
        separated=separated(fitted.fit, subject, dose.intensity),
        converged=fitted.fit.fit.converged,
        largest_gradient=fitted.fit.fit.largest_gradient,
        singular=fitted.fit.fit.singular,
    )
