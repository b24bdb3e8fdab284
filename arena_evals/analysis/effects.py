"""What a fitted design says: contrasts on the log-odds and on the probability scale.

Every number here is a weighted sum over groups (a subject given a treatment): of their log odds,
conditional on the item, and of their marginal rates

    P(group) = mean over orders of the integral of expit(x'beta + sigma z) phi(z) dz

over the population of items, by 40 Gauss-Hermite nodes; sigma^2 is the sum of the variances of the
random terms that act in the treatment.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit

from arena_evals.analysis.glmm import Fit
from arena_evals.analysis.laplace import Floats
from arena_evals.analysis.mixed import Counts, Group, Subject, Treatment, TrialFit
from arena_evals.analysis.paired import CONTRASTS, DOSELESS, Interval
from arena_evals.schema import Arm

_FEW = 20  # events in a group; below, the delta method is too symmetric, and draws are taken
_DRAWS = 1000
_LEVEL = 0.95
_STEP = 1e-5  # of central differences
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)

Weights = Mapping[Group, float]
"""What each group counts for in a contrast."""


class Estimate(NamedTuple):
    """A contrast on both scales; the ``shift`` is one of probabilities.

    Intervals are 95 %, t(items - 1) around delta-method errors (``delta``); that of the shift is
    quantiles of draws of all parameters (``draws``) where a group has fewer than 20 events, or as
    few trials without one.
    """

    log_odds_ratio: float
    log_odds_interval: Interval
    shift: float
    interval: Interval
    method: Literal["delta", "draws"]


class Effect(NamedTuple):
    """What an arm does to a subject, against another, both at one intensity.

    ``log_odds_ratio`` is conditional on the item; ``rate``, ``rate_against`` and ``shift`` are
    marginal, over the population of items. For the intervals see `Estimate`.
    """

    subject: Subject
    arm: Arm
    against: Arm
    intensity: int
    log_odds_ratio: float
    log_odds_interval: Interval
    rate: float
    rate_against: float
    shift: float
    interval: Interval
    method: Literal["delta", "draws"]


class Heterogeneity(NamedTuple):
    """How items differ in what an arm does to them: SD in logits, share against the mean."""

    sd: float
    other_way: float


def effects(found: TrialFit, seed: int = 0) -> list[Effect]:
    """Return every contrast of the design, for every subject and intensity that has both arms.

    Arms that have no dose stand at every intensity of their subject.
    """
    drawn = draws(found, seed)
    return [
        _effect(found, subject, intensity, arm, against, drawn)
        for subject in found.subjects
        for intensity in _intensities(found.treatments(subject))
        for arm, against in CONTRASTS
        if all(given(found, subject, one, intensity) for one in (arm, against))
    ]


def given(found: TrialFit, subject: Subject, arm: Arm, intensity: int) -> Group | None:
    """Return a subject's group in an arm at an intensity, None where it was not run.

    Arms that have no dose are the same at all of them.
    """
    for treatment in found.treatments(subject):
        if treatment.arm is arm and (arm in DOSELESS or treatment.intensity == intensity):
            return Group(subject, treatment)
    return None


def estimate(found: TrialFit, weights: Weights, drawn: Floats | None) -> Estimate:
    """Return the sum of weights times groups; ``drawn`` are `draws` of the same fit."""
    weights = {group: weight for group, weight in weights.items() if weight}
    linear = sum(weight * _fixed_weights(found, group) for group, weight in weights.items())
    fixed = np.asarray(linear, dtype=np.float64)
    ratio = float(fixed @ found.fit.beta)
    block = found.fit.covariance[: len(fixed), : len(fixed)]
    items = min(found.counts[group].items for group in weights)

    def shift(phi: Floats) -> Floats:
        rates = [weight * marginal_rate(found, phi, group) for group, weight in weights.items()]
        return np.asarray(np.sum(rates, axis=0), dtype=np.float64)

    middle = float(shift(found.phi))
    few = min(map(_rarer, (found.counts[group] for group in weights))) < _FEW
    if few and drawn is not None:
        low, high = np.quantile(shift(drawn), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        interval = Interval(float(low), float(high))
    else:
        interval = _t_interval(middle, _delta(shift, found.phi, found.fit), items)
    return Estimate(
        log_odds_ratio=ratio,
        log_odds_interval=_t_interval(ratio, float(np.sqrt(fixed @ block @ fixed)), items),
        shift=middle,
        interval=interval,
        method="draws" if few and drawn is not None else "delta",
    )


def marginal_rate(
    found: TrialFit, phi: Floats, group: Group, orders: Sequence[float] = (0.5, -0.5)
) -> Floats:
    """Return P(outcome) in a group over the population of items, the mean over orders.

    ``phi`` (..., P + K) holds beta, then theta; the result has the shape of its leading dimensions.
    The rate at the middle order, 0, is another one where the order matters: expit is curved.
    """
    n_fixed = len(found.columns)
    location = phi[..., :n_fixed] @ _fixed_weights(found, group)
    order = phi[..., :n_fixed] @ np.array([float(column == "order") for column in found.columns])
    loads = np.array([load[group.treatment] for load in found.loads])
    sigma = np.linalg.norm(phi[..., n_fixed:] * loads, axis=-1)
    middle = location[..., None] + sigma[..., None] * _NODES
    rates = [expit(middle + at * order[..., None]) @ _WEIGHTS / _WEIGHTS.sum() for at in orders]
    return np.asarray(np.mean(rates, axis=0), dtype=np.float64)


def draws(found: TrialFit, seed: int = 0) -> Floats | None:
    """Return 1,000 draws of (beta, theta) around the fit, shape (1000, P + K).

    They are multivariate t, with the items of the smallest group less one as degrees of freedom.
    None where the fit did not converge.
    """
    if not found.fit.converged:
        return None
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(found.fit.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    freedom = max(min(counts.items for counts in found.counts.values()) - 1, 1)
    stretch = np.sqrt(freedom / rng.chisquare(freedom, (_DRAWS, 1)))
    drawn: Floats = found.phi + stretch * rng.standard_normal((_DRAWS, len(found.phi))) @ root.T
    return drawn


def order_effect(found: TrialFit) -> tuple[float, Interval] | None:
    """Return the log odds of the outcome where its option comes first over second, if both ran."""
    if "order" not in found.columns:
        return None
    at = found.columns.index("order")
    effect, error = found.fit.beta[at], found.fit.standard_errors[at]
    items = max(counts.items for counts in found.counts.values())
    return float(effect), _t_interval(float(effect), float(error), items)


def threat_heterogeneity(found: TrialFit, subject: Subject, intensity: int) -> Heterogeneity | None:
    """Return how items differ in what the threat does to a subject; None without the pair.

    The share of items that move the other way than the mean one is Phi(-|effect| / SD).
    """
    threat = given(found, subject, Arm.THREAT, intensity)
    baseline = given(found, subject, Arm.BASELINE, intensity)
    if threat is None or baseline is None:
        return None
    loads = np.array([load[threat.treatment] - load[baseline.treatment] for load in found.loads])
    sd = float(np.linalg.norm(found.fit.theta * loads))
    weights = _fixed_weights(found, threat) - _fixed_weights(found, baseline)
    effect = float(weights @ found.fit.beta)
    return Heterogeneity(sd, float(stats.norm.cdf(-abs(effect) / sd)) if sd > 0 else 0.0)


def separated(found: TrialFit, subject: Subject, intensity: int) -> tuple[Arm, ...]:
    """Return the arms in which the outcome never occurred, or always.

    Their log odds have no maximum of the likelihood; the priors alone keep them finite.
    """
    groups = (given(found, subject, arm, intensity) for arm in Arm)
    return tuple(g.treatment.arm for g in groups if g and _rarer(found.counts[g]) == 0)


def _effect(
    found: TrialFit, subject: Subject, intensity: int, arm: Arm, against: Arm, drawn: Floats | None
) -> Effect:
    groups = [given(found, subject, one, intensity) for one in (arm, against)]
    group, reference = (one for one in groups if one)
    rate, rate_against = (float(marginal_rate(found, found.phi, g)) for g in (group, reference))
    contrast = estimate(found, {group: 1.0, reference: -1.0}, drawn)
    return Effect(
        subject=subject,
        arm=arm,
        against=against,
        intensity=intensity,
        rate=rate,
        rate_against=rate_against,
        **contrast._asdict(),
    )


def _intensities(treatments: tuple[Treatment, ...]) -> list[int]:
    """Return the intensities of the arms that have one, or 0."""
    return sorted({t.intensity for t in treatments if t.arm not in DOSELESS}) or [0]


def _fixed_weights(found: TrialFit, group: Group) -> Floats:
    """Return what each fixed effect counts for in a group, orders balanced; shape (P,)."""
    own = (group.subject, group)
    return np.array([float(column in own) for column in found.columns])


def _rarer(counts: Counts) -> int:
    """Return how often the rarer of outcome and rest occurred."""
    return min(counts.events, counts.trials - counts.events)


def _delta(function: Callable[[Floats], Floats], phi: Floats, fit: Fit) -> float:
    """Return the delta-method error of a function of all parameters, by central differences."""
    steps = _STEP * np.eye(len(phi))
    slope = (function(phi + steps) - function(phi - steps)) / (2 * _STEP)
    return float(np.sqrt(slope @ fit.covariance @ slope))


def _t_interval(middle: float, error: float, items: int) -> Interval:
    reach = float(stats.t.ppf((1 + _LEVEL) / 2, max(items - 1, 1))) * error
    return Interval(middle - reach, middle + reach)
