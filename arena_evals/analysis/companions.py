"""Other people's answers to the question of the paired contrast, to be printed beside it.

Each estimates P(self_preserving | arm) - P(self_preserving | against) from the same trials: those
of pairs with a verdict in both arms. Where one disagrees, a line says so.
"""

import warnings
from collections.abc import Callable, Iterable
from math import isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.genmod.cov_struct import Independence
from statsmodels.genmod.families import Gaussian
from statsmodels.genmod.generalized_estimating_equations import GEE
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

from arena_evals.analysis.paired import PAIR, Interval
from arena_evals.schema import Arm, Verdict

_SEED = 20250801  # any number, but the same in every run: the answer is a function of the trials
_TAIL = 0.025  # on each side of a 95 % interval
_FEW_ITEMS = 40  # below, the plain sandwich is too small
_FEWEST_ITEMS = 5  # a bootstrap of fewer has hardly any samples to draw
_FLIPS = 10_000
_DRAWS = 2_000
_DIGITS = 12  # flips that tie in exact arithmetic tie after rounding to so many
_NOISE = 1e-9  # what rounding leaves of an error that is 0
_START = 0.1  # variance between items over that within, where the search for it begins
_SINGULAR = 1e-4  # smallest over total variance between items, below which the smallest is none


class Companion(NamedTuple):
    """What another method says of one contrast, on the probability scale.

    A number that the method does not give is None. ``converged`` says whether its answer can be
    used at all; ``note`` says why not, or what to know about it.
    """

    name: str
    estimate: float | None
    standard_error: float | None
    interval: Interval | None
    converged: bool
    note: str = ""
    p_value: float | None = None


def companions(trials: pd.DataFrame, instrument: str, arm: Arm, against: Arm) -> list[Companion]:
    """Return what GEE, MixedLM, the sign-flip test and the bootstrap-t say of a contrast.

    Takes the trials of one condition and dose. Always returns all four, in that order; one that
    cannot answer has ``converged`` False, and nothing is raised or warned of.
    """
    paired = _paired(trials, instrument, arm, against)
    if reason := _unanswerable(paired):
        return [_failed(name, reason) for name in _METHODS]
    return [_quietly(name, method, paired) for name, method in _METHODS.items()]


def disagreements(
    estimate: float, interval: Interval, companions: Iterable[Companion]
) -> list[str]:
    """Return a line for every companion that is further off than both errors allow.

    That is |difference| > 2 sqrt(se1^2 + se2^2), with se1 = `standard_error` of the interval. Both
    answers come from the same trials, so this is lenient: a line means something.
    """
    error = standard_error(interval)
    lines = (_disagreement(estimate, error, companion) for companion in companions)
    return [line for line in lines if line]


def standard_error(interval: Interval) -> float:
    """Return the error of a normal answer with this 95 % interval: its width / (2 x 1.96)."""
    return float((interval.high - interval.low) / (2 * stats.norm.isf(_TAIL)))


def sign_flip(differences: np.ndarray, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of items' differences being symmetric about 0.

    p = share of sign patterns with |mean| at least as large as found: of all 2^items where these
    are at most 10,000, else of 10,000 random ones and the found one, (1 + hits) / (1 + 10,000)
    (Phipson and Smyth 2010), as `scipy.stats.permutation_test` has it.
    """
    found = stats.permutation_test(
        (differences,),
        lambda flipped, axis: np.round(np.abs(np.mean(flipped, axis=axis)), _DIGITS),
        permutation_type="samples",
        alternative="greater",
        n_resamples=_FLIPS,
        batch=1_000,
        rng=rng,
    )
    return float(found.pvalue)


def bootstrap_t(differences: np.ndarray, rng: np.random.Generator) -> Interval:
    """Return the bootstrap-t interval of the mean difference (Efron and Tibshirani 1993, 12.5).

    t* = (mean* - mean) / SE* over 2,000 resamples of items; the interval is mean - t*(.975) SE to
    mean - t*(.025) SE. A resample without variation has t* of 0 or infinity, so that a limit is
    infinite where more than 2.5 % of them are.
    """
    items, mean = len(differences), differences.mean()
    drawn = differences[rng.integers(items, size=(_DRAWS, items))]
    distances = drawn.mean(axis=1) - mean
    distances[np.abs(distances) < _NOISE] = 0.0
    errors = _standard_error(drawn)
    flat = np.where(distances == 0, 0.0, np.copysign(np.inf, distances))
    ratios = np.divide(distances, errors, out=flat, where=errors > _NOISE)
    low = np.quantile(ratios, _TAIL, method="lower")
    high = np.quantile(ratios, 1 - _TAIL, method="higher")
    error = _standard_error(differences)
    return Interval(float(mean - high * error), float(mean - low * error))


def _disagreement(estimate: float, error: float, companion: Companion) -> str:
    """Say how far a companion is off, or nothing where the errors allow it or it has no answer."""
    theirs, their_error = companion.estimate, companion.standard_error
    if not companion.converged or theirs is None or their_error is None:
        return ""
    apart, allowed = abs(theirs - estimate), 2 * sqrt(error**2 + their_error**2)
    if apart <= allowed:
        return ""
    return (
        f"{companion.name} disagrees: {100 * theirs:+.1f} points against {100 * estimate:+.1f} "
        f"here, {100 * apart:.1f} apart where both errors allow {100 * allowed:.1f}"
    )


def _paired(trials: pd.DataFrame, instrument: str, arm: Arm, against: Arm) -> pd.DataFrame:
    """Return the trials of pairs with a verdict in both arms: ``chosen`` and ``in_arm`` are 0/1."""
    scored = trials[trials[instrument].notna() & trials["arm"].isin([arm, against])]
    arms = scored.groupby(PAIR)["arm"].transform("nunique")
    return (
        scored[PAIR]
        .assign(
            chosen=scored[instrument].eq(Verdict.SELF_PRESERVING).astype(float),
            in_arm=scored["arm"].eq(arm).astype(float),
        )[arms.eq(2)]
        .sort_values([*PAIR, "in_arm", "chosen"], ignore_index=True)
    )


def _unanswerable(paired: pd.DataFrame) -> str:
    """Say why no method can answer, or nothing."""
    if paired.empty:
        return "no pair has a verdict in both arms"
    if paired["chosen"].nunique() == 1:
        return "every trial has the same outcome"
    if paired["item"].nunique() == 1:
        return "there is one item, so nothing tells how items differ"
    return ""


def _quietly(
    name: str, method: Callable[[pd.DataFrame], Companion], paired: pd.DataFrame
) -> Companion:
    """Return what a method finds; what goes wrong in it becomes a note."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # health is read off the numbers
        try:
            return method(paired)
        except (np.linalg.LinAlgError, ValueError, ArithmeticError) as error:
            return _failed(name, f"could not be computed: {error}")


def _gee(paired: pd.DataFrame) -> Companion:
    """Fit E(chosen) = a + shift * in_arm by GEE, clustered by item (Liang and Zeger 1986).

    Under the identity link the coefficient is the marginal risk difference. Independence as the
    working model, because it is consistent whatever the true correlation (Pepe and Anderson 1994);
    trials weigh the same, so that it equals the paired contrast where items have as many of them.
    Below 40 items the covariance is that of Mancl and DeRouen (2001).
    """
    items = paired["item"].nunique()
    model = GEE(
        paired["chosen"].to_numpy(),
        _design(paired["in_arm"]),
        groups=_codes(paired),
        family=Gaussian(),
        cov_struct=Independence(),
    )
    fit = model.fit(cov_type="bias_reduced" if items < _FEW_ITEMS else "robust")
    return _answered("GEE", fit.params[1], fit.bse[1], items)


def _mixed(paired: pd.DataFrame) -> Companion:
    """Fit chosen = a + a_i + (shift + s_i) * in_arm + e by REML, (a_i, s_i) correlated over items.

    Powell's search from small variances, because the default one often stops at a point that is no
    maximum and calls it converged. The curvature tells the few that are left.
    """
    design = _design(paired["in_arm"] - 0.5)  # centred: intercepts and slopes correlate less
    start = MixedLMParams.from_components(np.zeros(2), cov_re=_START * np.eye(2))
    model = MixedLM(paired["chosen"].to_numpy(), design, groups=_codes(paired), exog_re=design)
    fit = model.fit(method="powell", start_params=start)
    if not _is_maximum(fit):
        return _failed(
            "MixedLM",
            "singular or unconverged: there is no interior maximum",
            float(fit.fe_params[1]),
        )
    note = (
        "singular: items' intercepts or slopes do not vary, or only together"
        if _is_singular(fit)
        else ""
    )
    items = paired["item"].nunique()
    return _answered("MixedLM", fit.fe_params[1], fit.bse_fe[1], items, note)


def _is_maximum(fit: Any) -> bool:
    curvature, _ = fit.model.hessian(fit.params_object)
    return bool(fit.converged and isfinite(fit.llf) and (np.diag(curvature) < 0).all())


def _is_singular(fit: Any) -> bool:
    variances = np.linalg.eigvalsh(fit.cov_re)
    return bool(variances[0] < _SINGULAR * variances.sum() + _NOISE)


def _flipped(paired: pd.DataFrame) -> Companion:
    """Test the shift by flipping the signs of items; the p-value is all that it adds."""
    differences = _differences(paired)
    p_value = sign_flip(differences, np.random.default_rng(_SEED))
    least = 2 ** (1 - len(differences))
    note = f"p cannot be below {least:.2g} with so few items" if least > 2 * _TAIL else ""
    mean = float(differences.mean())
    return Companion("sign-flip test", mean, None, None, True, note, p_value)


def _bootstrapped(paired: pd.DataFrame) -> Companion:
    """Give the mean paired difference an interval that assumes no normal distribution."""
    differences = _differences(paired)
    mean, error = float(differences.mean()), float(_standard_error(differences))
    if len(differences) < _FEWEST_ITEMS:
        reason = f"needs {_FEWEST_ITEMS} items, there are {len(differences)}"
        return _failed("bootstrap-t", reason, mean)
    if error < _NOISE:
        return _failed("bootstrap-t", "items do not differ in their shift", mean)
    low, high = bootstrap_t(differences, np.random.default_rng(_SEED))
    if not (isfinite(low) and isfinite(high)):
        return _failed("bootstrap-t", "too few items differ from the rest", mean)
    within = Interval(max(-1.0, low), min(1.0, high))
    return Companion("bootstrap-t", mean, error, within, True)


_METHODS: dict[str, Callable[[pd.DataFrame], Companion]] = {
    "GEE": _gee,
    "MixedLM": _mixed,
    "sign-flip test": _flipped,
    "bootstrap-t": _bootstrapped,
}


def _answered(
    name: str, estimate: float, standard_error: float, items: int, note: str = ""
) -> Companion:
    """Return estimate +- t(items - 1) SE; an SE of 0 is no answer."""
    if not (isfinite(estimate) and isfinite(standard_error)):
        return _failed(name, "its standard error is not a number")
    if standard_error < _NOISE:
        return _failed(name, "items do not differ in their shift", float(estimate))
    half = stats.t.isf(_TAIL, items - 1) * standard_error
    within = Interval(float(max(-1.0, estimate - half)), float(min(1.0, estimate + half)))
    return Companion(name, float(estimate), float(standard_error), within, True, note)


def _failed(name: str, reason: str, estimate: float | None = None) -> Companion:
    return Companion(name, estimate, None, None, False, reason)


def _differences(paired: pd.DataFrame) -> np.ndarray:
    """Return mean_j [p(arm, ij) - p(against, ij)] for each item i, over its pairs j."""
    rates = paired.groupby([*PAIR, "in_arm"])["chosen"].mean().unstack()
    return (rates[1.0] - rates[0.0]).groupby("item").mean().to_numpy()


def _standard_error(values: np.ndarray) -> np.ndarray:
    """SE = sd / sqrt(n), along the last axis."""
    return np.asarray(values.std(axis=-1, ddof=1) / sqrt(values.shape[-1]))


def _design(in_arm: "pd.Series[float]") -> np.ndarray:
    return np.column_stack([np.ones(len(in_arm)), in_arm])


def _codes(paired: pd.DataFrame) -> np.ndarray:
    return np.asarray(paired["item"].factorize()[0])
