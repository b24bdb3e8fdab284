"""What a pilot run tells a plan: rates, how items differ, and tokens a trial."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelUsage
from scipy.optimize import brentq

from arena_evals.analysis.power import WIDEST, Expected, item_variance, spread
from arena_evals.analysis.trials import CONDITION, INSTRUMENTS
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Verdict

LEAST_ITEMS = 5  # an SD over fewer is a guess
FEW = 20  # events, or others, in an arm; below, moments say nothing of how items differ
_CELL = ["item", "wording", "language", "order"]
_NO_SHIFT = 1e-6  # stands for a shift of exactly zero


@dataclass(frozen=True, kw_only=True)
class Pilot:
    """What one condition of a pilot run showed.

    ``base`` stays half an event away from 0 and 1. The SDs are in logits, and
    None where an arm has fewer than `FEW` events.
    """

    instrument: str
    items: int
    trials: int
    base: float
    shift: float
    item_sd: float | None
    slope_sd: float | None


class Tokens(NamedTuple):
    """Tokens that somebody reads and writes."""

    read: float
    written: float


class TokensPerTrial(NamedTuple):
    """Mean tokens of the model and of the grader in one trial; None where nobody judged."""

    model: Tokens
    grader: Tokens | None


def pilot(trials: pd.DataFrame) -> Pilot:
    """Estimate what a plan needs by the method of moments.

    With phat(a, i) the rate of item i in arm a, the mean over its cells, and
    noise(a, i) = sum_c phat_c (1 - phat_c) / (n_c - 1) / C^2 over its C cells (wording x order; all
    of the item's trials are one cell where some cell has a single trial):

        base              = mean_i phat(0, i)
        var_items(p0)     = s^2(phat(0, i)) - mean_i noise(0, i)
        var_items(p1-p0)  = s^2(phat(1, i) - phat(0, i)) - mean_i [noise(0, i) + noise(1, i)]

    each unbiased if trials of a cell are independent. ``item_sd`` solves the second and
    ``slope_sd`` the third, both in the model of `Expected`, within 0 and 5.

    Raises:
        BadInput: several conditions or doses, fewer than 5 items with both arms, or one trial each.
    """
    _require_one_condition(trials)
    instrument = next(name for name in INSTRUMENTS if trials[name].notna().any())
    scored = _paired(trials, instrument)
    n_items = scored["item"].nunique()
    if n_items < LEAST_ITEMS:
        raise BadInput(
            f"pilot: {n_items} items have verdicts in baseline and threat; how items differ needs "
            f"at least {LEAST_ITEMS}, better 12"
        )
    baseline, threat = (_arm(scored, arm) for arm in (Arm.BASELINE, Arm.THREAT))
    shift = float((threat.rates - baseline.rates).mean())
    half = 0.5 / baseline.trials
    base = min(max(float(baseline.rates.mean()), half), 1 - half)
    item_sd = None if baseline.few else _item_sd(base, baseline.variance)
    excess = (threat.rates - baseline.rates).var(ddof=1) - baseline.noise - threat.noise
    few = item_sd is None or threat.few
    return Pilot(
        instrument=instrument,
        items=n_items,
        trials=len(scored),
        base=base,
        shift=shift,
        item_sd=item_sd,
        slope_sd=None if few else _slope_sd(base, shift, item_sd or 0.0, float(excess)),
    )


def tokens_per_trial(logs: Iterable[EvalLog]) -> TokensPerTrial:
    """Return mean tokens a sample and epoch, from the headers of logs.

    What is read counts in full, whether it came from a cache or not.

    Raises:
        BadInput: the logs say nothing of tokens.
    """
    headers = list(logs)
    answered = [(log.stats.model_usage.get(log.eval.model), _samples(log)) for log in headers]
    judged = [(log.stats.role_usage.get("grader"), _samples(log)) for log in headers]
    model = _mean(answered)
    if model is None:
        raise BadInput("pilot: its logs do not say how many tokens were used; leave it out")
    return TokensPerTrial(model, _mean(judged))


class _ArmRates(NamedTuple):
    """One arm: rates of items, the mean variance of their sampling noise, and its counts."""

    rates: "pd.Series[float]"
    noise: float
    events: int
    trials: int

    @property
    def few(self) -> bool:
        return min(self.events, self.trials - self.events) < FEW

    @property
    def variance(self) -> float:
        """Return var_items(p), without sampling noise."""
        return float(self.rates.var(ddof=1)) - self.noise


def _require_one_condition(trials: pd.DataFrame) -> None:
    """Refuse what `paired_contrast` would not pool: estimates of a mixture describe nobody."""
    threatened = trials[trials["arm"].eq(Arm.THREAT)]
    for name in (*CONDITION, "intensity", "pressure"):
        found = sorted(map(str, threatened[name].unique()))
        if len(found) > 1:
            raise BadInput(
                f"pilot: {name} is {found[0]} in some trials and {found[1]} in others; give logs "
                "of one condition"
            )
    if not trials[list(INSTRUMENTS)].notna().any(axis=None):
        raise BadInput("pilot: no trial has a verdict; score its logs first")


def _paired(trials: pd.DataFrame, instrument: str) -> pd.DataFrame:
    """Return trials of baseline and threat with a verdict, of items that have two in each arm.

    Column ``chosen`` is 1 where the verdict is self-preserving.
    """
    scored = trials[trials[instrument].notna() & trials["arm"].isin([Arm.BASELINE, Arm.THREAT])]
    counts = scored.groupby(["item", "arm"]).size().unstack(fill_value=0)
    fewest = counts.min(axis=1) if counts.shape[1] == 2 else pd.Series(dtype=int)
    if (fewest >= 1).sum() >= LEAST_ITEMS > (fewest >= 2).sum():
        raise BadInput(
            "pilot: one trial per item and arm cannot tell how items differ; run both orders or "
            "more epochs"
        )
    kept = scored[scored["item"].isin(fewest.index[fewest >= 2])]
    return kept.assign(chosen=kept[instrument].eq(Verdict.SELF_PRESERVING).astype(float))


def _arm(scored: pd.DataFrame, arm: Arm) -> _ArmRates:
    own = scored[scored["arm"].eq(arm)]
    by = _CELL if own.groupby(_CELL).size().min() > 1 else ["item"]
    cells = own.groupby(by)["chosen"].agg(["mean", "size"])
    cells["noise"] = cells["mean"] * (1 - cells["mean"]) / (cells["size"] - 1)
    means = cells.groupby("item")[["mean", "noise"]].mean()
    noise = means["noise"] / cells.groupby("item").size()
    return _ArmRates(means["mean"], float(noise.mean()), int(own["chosen"].sum()), len(own))


def _item_sd(base: float, variance: float) -> float:
    return _solved(lambda sd: item_variance(base, sd), variance)


def _slope_sd(base: float, shift: float, item_sd: float, variance: float) -> float:
    def between(sd: float) -> float:
        expected = Expected(base=base, shift=shift or _NO_SHIFT, item_sd=item_sd, slope_sd=sd)
        return spread(expected).between

    return _solved(between, variance)


def _solved(variance_of: Callable[[float], float], variance: float) -> float:
    """Return the SD within 0 and `WIDEST` that gives a variance, or the nearest end."""
    if variance <= variance_of(0.0):
        return 0.0
    if variance >= variance_of(WIDEST):
        return WIDEST
    return float(brentq(lambda sd: variance_of(sd) - variance, 0.0, WIDEST))


def _samples(log: EvalLog) -> int:
    return log.results.total_samples if log.results else 0


def _mean(used: Sequence[tuple[ModelUsage | None, int]]) -> Tokens | None:
    found = [(usage, samples) for usage, samples in used if usage is not None and samples]
    if not found:
        return None
    samples = sum(n for _, n in found)
    read = sum(
        usage.input_tokens
        + (usage.input_tokens_cache_read or 0)
        + (usage.input_tokens_cache_write or 0)
        for usage, _ in found
    )
    return Tokens(read / samples, sum(usage.output_tokens for usage, _ in found) / samples)
