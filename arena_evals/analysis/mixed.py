"""From trials to the mixed-effects answer: the design of the arena as a binomial mixed model.

For all models that answered the same question,

    logit P = model + model:arm + order + (1|item) + (0+threat|item) + (0+control|item)
              + (0+positive|item) + (1|item:wording) + (1|item:model) + (0+threat|item:model)

on cells (successes of trials) per item, model, arm, wording and order. ``order`` is +1/2 where the
self-preserving option comes first, -1/2 where it comes second. A term is left out where the trials
cannot tell it: of wordings, orders, models or arms that were not run in more than one form.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from arena_evals.analysis.glmm import Fit, fit_glmm
from arena_evals.analysis.laplace import Floats, Integers, Term
from arena_evals.analysis.paired import CONTRASTS, Interval
from arena_evals.schema import Arm, Order, Verdict

CONTRAST_SD = 2.5  # logits; prior of a contrast: an odds ratio of 12 is one such away
INTERCEPT_SD = 10.0  # logits; prior of a level, all but none

_CELL = ["item", "model", "arm", "wording", "order"]
_FEW = 20  # events in a cell; below, the delta method is too symmetric, and draws are taken
_DRAWS = 1000
_LEVEL = 0.95
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_SLOPES: dict[str, tuple[Arm, ...]] = {
    "threat": (Arm.THREAT,),
    "control": (Arm.PLACEBO, Arm.OTHER_THREAT, Arm.PRECEDENCE, Arm.REASSURED),
    "positive": (Arm.POSITIVE_CONTROL,),
}


class Column(NamedTuple):
    """A fixed effect: a model's level in the baseline, an arm's contrast in it, or the order."""

    kind: str
    model: str
    arm: Arm | None


@dataclass(frozen=True, kw_only=True)
class TrialFit:
    """A fitted design: the mixed model, what its columns are, and the cells that it saw.

    ``slopes`` says, per random term, in which arms it acts; None is all of them.
    """

    fit: Fit
    columns: tuple[Column, ...]
    slopes: tuple[tuple[Arm, ...] | None, ...]
    cells: pd.DataFrame
    items: int
    outcome: str

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in the order of their columns."""
        return tuple(column.model for column in self.columns if column.kind == "level")

    def arms(self, model: str) -> tuple[Arm, ...]:
        """Return the arms that a model was run in."""
        run = set(self.cells.loc[self.cells["model"] == model, "arm"])
        return tuple(arm for arm in Arm if arm in run)

    def events(self, model: str, arm: Arm) -> tuple[int, int]:
        """Return the successes and the trials of a model in an arm."""
        own = self.cells[(self.cells["model"] == model) & (self.cells["arm"] == arm)]
        return int(own["k"].sum()), int(own["n"].sum())


class Effect(NamedTuple):
    """One contrast of one model, on both scales.

    ``log_odds_ratio`` is conditional on the item; ``rate``, ``rate_against`` and ``shift`` are
    marginal, over the population of items. ``method`` is ``delta`` or ``draws``.
    """

    model: str
    arm: Arm
    against: Arm
    log_odds_ratio: float
    log_odds_interval: Interval
    rate: float
    rate_against: float
    shift: float
    interval: Interval
    method: str


def fit_trials(
    trials: pd.DataFrame,
    instrument: str,
    outcome: Verdict = Verdict.SELF_PRESERVING,
    *,
    answered_only: bool = False,
    priors: bool = True,
) -> TrialFit:
    """Fit the design to the trials of one question, all models together.

    The outcome is one verdict against the rest: of all scored trials, or with ``answered_only`` of
    those that are helpful or self-preserving. ``priors=False`` is plain maximum likelihood.

    Raises:
        ValueError: no trial has a verdict of the instrument.
    """
    cells = cells_of(trials, instrument, outcome, answered_only=answered_only)
    if cells.empty:
        raise ValueError(f"no trial has a verdict by {instrument}")
    columns, x = _fixed(cells)
    terms, slopes = _random(cells)
    sds = np.array([INTERCEPT_SD if c.kind == "level" else CONTRAST_SD for c in columns])
    fit = fit_glmm(
        cells["k"].to_numpy(np.float64),
        cells["n"].to_numpy(np.float64),
        x,
        terms,
        prior_sds=sds if priors else None,
        prior_on_deviations=priors,
    )
    return TrialFit(
        fit=fit,
        columns=columns,
        slopes=slopes,
        cells=cells,
        items=cells["item"].nunique(),
        outcome=outcome.value,
    )


def cells_of(
    trials: pd.DataFrame, instrument: str, outcome: Verdict, *, answered_only: bool = False
) -> pd.DataFrame:
    """Return the counts k of n per item, model, arm, wording and order, in a stable order.

    A model is named with its settings where the trials have it under several.
    """
    scored = trials[trials[instrument].notna()]
    if answered_only:
        answers = [Verdict.HELPFUL, Verdict.SELF_PRESERVING]
        scored = scored[scored[instrument].isin(answers)]
    several = scored.groupby("model")["settings"].transform("nunique") > 1
    named = scored["model"].where(~several, scored["model"] + " (" + scored["settings"] + ")")
    table = scored.assign(model=named, k=scored[instrument].eq(outcome).astype(int), n=1)
    return table.groupby(_CELL, as_index=False, sort=True)[["k", "n"]].sum()


def effects(found: TrialFit, seed: int = 0) -> list[Effect]:
    """Return every contrast of the design for every model that was run in both arms.

    Marginal rates are integrals over the items' deviations; see `marginal_rate`. Intervals are
    t(items - 1) around delta-method errors; where an arm has fewer than 20 events, or as few
    trials without one, they are quantiles of 1,000 draws of all parameters, by the seed.
    """
    rng = np.random.default_rng(seed)
    draws = _draws(found.fit, rng)
    return [
        _effect(found, model, arm, against, draws)
        for model in found.models
        for arm, against in CONTRASTS
        if {arm, against} <= set(found.arms(model))
    ]


def marginal_rate(found: TrialFit, phi: Floats, model: str, arm: Arm) -> Floats:
    """Return P(outcome) in an arm over the population of items, orders balanced.

    P = integral of expit(x'beta + sigma z) phi(z) dz by 40 Gauss-Hermite nodes, sigma^2 the sum of
    the variances of the terms that act in the arm. ``phi`` (..., P + K) holds beta, then theta;
    the result has the shape of its leading dimensions.
    """
    n_fixed = len(found.columns)
    location = phi[..., :n_fixed] @ _contrast(found, model, arm, level=True)
    variance = (phi[..., n_fixed:][..., _acting(found, arm)] ** 2).sum(axis=-1)
    rates = expit(location[..., None] + np.sqrt(variance)[..., None] * _NODES)
    marginal: Floats = rates @ _WEIGHTS / _WEIGHTS.sum()
    return marginal


def order_effect(found: TrialFit) -> tuple[float, Interval] | None:
    """Return the log odds of the outcome where its option comes first over second, if both ran."""
    at = [number for number, column in enumerate(found.columns) if column.kind == "order"]
    if not at:
        return None
    estimate, error = found.fit.beta[at[0]], found.fit.standard_errors[at[0]]
    return float(estimate), _t_interval(float(estimate), float(error), found.items)


def threat_heterogeneity(found: TrialFit, model: str) -> tuple[float, float] | None:
    """Return the SD over items of the threat's effect in logits, and the share that it lowers.

    The share of items that move the other way is Phi(-effect / SD).
    """
    at = _column(found, "arm", model, Arm.THREAT)
    if at is None:
        return None
    variances = [
        float((found.fit.factor(number) ** 2).sum())
        for number, arms in enumerate(found.slopes)
        if arms == _SLOPES["threat"]
    ]
    sd = float(np.sqrt(sum(variances)))
    effect = float(found.fit.beta[at])
    return sd, float(stats.norm.cdf(-effect / sd)) if sd > 0 else float(effect < 0)


def _effect(found: TrialFit, model: str, arm: Arm, against: Arm, draws: Floats | None) -> Effect:
    phi = np.concatenate([found.fit.beta, found.fit.theta])

    def shift(at: Floats) -> Floats:
        return marginal_rate(found, at, model, arm) - marginal_rate(found, at, model, against)

    weights = _contrast(found, model, arm) - _contrast(found, model, against)
    ratio = float(weights @ found.fit.beta)
    block = found.fit.covariance[: len(weights), : len(weights)]
    ratio_error = float(np.sqrt(weights @ block @ weights))
    estimate = float(shift(phi))
    few = min(_rarer(found, model, one) for one in (arm, against)) < _FEW
    if few and draws is not None:
        low, high = np.quantile(shift(draws), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        interval = Interval(float(low), float(high))
    else:
        interval = _t_interval(estimate, _delta(shift, phi, found.fit), found.items)
    return Effect(
        model=model,
        arm=arm,
        against=against,
        log_odds_ratio=ratio,
        log_odds_interval=_t_interval(ratio, ratio_error, found.items),
        rate=float(marginal_rate(found, phi, model, arm)),
        rate_against=float(marginal_rate(found, phi, model, against)),
        shift=estimate,
        interval=interval,
        method="draws" if few and draws is not None else "delta",
    )


def _rarer(found: TrialFit, model: str, arm: Arm) -> int:
    """Return how often the rarer of outcome and rest occurred in an arm."""
    k, n = found.events(model, arm)
    return min(k, n - k)


def _delta(function: Callable[[Floats], Floats], phi: Floats, fit: Fit) -> float:
    """Return the delta-method error of a function of all parameters, by central differences."""
    steps = 1e-5 * np.eye(len(phi))
    slope = (function(phi + steps) - function(phi - steps)) / 2e-5
    return float(np.sqrt(slope @ fit.covariance @ slope))


def _draws(fit: Fit, rng: np.random.Generator) -> Floats | None:
    """Return draws of (beta, theta) around the fit; None where there is no covariance."""
    if not fit.converged:
        return None
    phi = np.concatenate([fit.beta, fit.theta])
    values, vectors = np.linalg.eigh(fit.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn: Floats = phi + rng.standard_normal((_DRAWS, len(phi))) @ root.T
    return drawn


def _t_interval(estimate: float, error: float, items: int) -> Interval:
    reach = float(stats.t.ppf((1 + _LEVEL) / 2, max(items - 1, 1))) * error
    return Interval(estimate - reach, estimate + reach)


def _contrast(found: TrialFit, model: str, arm: Arm, *, level: bool = False) -> Floats:
    """Return the weights of the fixed effects in an arm, without or with the model's level."""
    return np.array(
        [
            float(
                column.model == model and (level if column.kind == "level" else column.arm == arm)
            )
            if column.kind != "order"
            else 0.0
            for column in found.columns
        ]
    )


def _acting(found: TrialFit, arm: Arm) -> list[int]:
    """Return which entries of theta belong to terms that act in an arm; each has one column."""
    return [n for n, arms in enumerate(found.slopes) if arms is None or arm in arms]


def _column(found: TrialFit, kind: str, model: str, arm: Arm) -> int | None:
    wanted = Column(kind, model, arm)
    return found.columns.index(wanted) if wanted in found.columns else None


def _fixed(cells: pd.DataFrame) -> tuple[tuple[Column, ...], Floats]:
    """Return the fixed effects that the cells can tell, and their design (cells, P).

    A model without a baseline has its first arm as its level.
    """
    columns: list[Column] = []
    designs: list[Floats] = []
    for model, own in cells.groupby("model", sort=True):
        mine = cells["model"].eq(model).to_numpy()
        run = [arm for arm in Arm if arm in set(own["arm"])]
        columns.append(Column("level", str(model), None))
        designs.append(mine.astype(np.float64))
        for arm in run[1:]:
            columns.append(Column("arm", str(model), arm))
            designs.append((mine & cells["arm"].eq(arm).to_numpy()).astype(np.float64))
    if cells["order"].nunique() > 1:
        columns.append(Column("order", "", None))
        first = cells["order"].eq(Order.SELF_PRESERVING_FIRST).to_numpy()
        designs.append(np.where(first, 0.5, -0.5))
    return tuple(columns), np.stack(designs, axis=1)


def _random(cells: pd.DataFrame) -> tuple[list[Term], tuple[tuple[Arm, ...] | None, ...]]:
    """Return the random terms that the cells can tell, and the arms in which each acts."""
    named = list(_named_terms(cells))
    return [term for term, _ in named], tuple(arms for _, arms in named)


def _named_terms(cells: pd.DataFrame) -> Iterator[tuple[Term, tuple[Arm, ...] | None]]:
    item = _levels(cells, "item")
    ones = np.ones((len(cells), 1))
    yield Term("item", item, ones), None
    for name, arms in _SLOPES.items():
        acts = cells["arm"].isin(arms).to_numpy()
        if acts.any() and not acts.all():
            yield Term(f"{name}|item", item, acts.astype(np.float64)[:, None]), arms
    if cells["wording"].nunique() > 1:
        yield Term("item:wording", _levels(cells, "item", "wording"), ones), None
    if cells["model"].nunique() > 1:
        by_model = _levels(cells, "item", "model")
        yield Term("item:model", by_model, ones), None
        acts = cells["arm"].eq(Arm.THREAT).to_numpy()
        if acts.any() and not acts.all():
            slope = acts.astype(np.float64)[:, None]
            yield Term("threat|item:model", by_model, slope), _SLOPES["threat"]


def _levels(cells: pd.DataFrame, *names: str) -> Integers:
    return cells.groupby(list(names), sort=True).ngroup().to_numpy().astype(np.int64)
