"""Rates of an instrument corrected by labels of people, for errors that may differ between arms.

Some trials have a label beside the verdict. They are drawn at random within an arm and verdict of
the judge, rare ones more often than others. In two *strata*, an arm's trials that the instrument
calls self-preserving and those that it does not, they say how often the trials truly are; each
weighs as many trials of its arm and verdict of the judge as it stands for. With q the share of the
first stratum,

    P(label = self_preserving | arm) = q P(label | judged so) + (1 - q) P(label | judged not so)

There are two strata an arm and not one for each verdict, because refusals and others are rare:
strata of their own would hardly have labels, and each stratum without enough leans on its prior.
A verdict of the judge that has trials but no label is taken to be like the others of its stratum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from scipy import stats

from arena_evals.analysis.paired import (
    CONTRASTS,
    Interval,
    paired_contrast,
    paired_rates,
    rate_over_items,
)
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Verdict

FEW_LABELS = 10
"""In a stratum; with fewer the prior, which is worth one label, is a tenth of what is known."""

_FEW_EVENTS = 20  # trials in a stratum; with fewer, items vary too little to tell how they differ
_DRAWS = 10_000
_TAIL = 0.025  # on each side of a 95 % interval
_PRIOR = 0.5  # Jeffreys' prior of a proportion adds half an event, and half of its opposite


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """The trials of an arm that an instrument calls self-preserving, or those that it does not.

    ``confirmed`` of its ``labels`` are self-preserving. ``probability`` is P(label =
    self_preserving) in it, where each label weighs as many trials as it stands for; None without a
    label.
    """

    arm: Arm
    judged_self_preserving: bool
    trials: int
    labels: int
    confirmed: int
    probability: float | None

    @property
    def has_none(self) -> bool:
        """Whether there are trials but no label, so that nothing corrects them."""
        return self.trials > 0 and not self.labels

    @property
    def has_few(self) -> bool:
        """Whether fewer than 10 trials have a label, and more could have one."""
        return self.labels < min(FEW_LABELS, self.trials)

    @property
    def line(self) -> str:
        """What too few labels do to the corrected numbers; empty where there are enough."""
        if not self.has_few:
            return ""
        judged = "judged" if self.judged_self_preserving else "not judged"
        so_that = (
            "there is no corrected number" if self.has_none else "the prior weighs on the interval"
        )
        return (
            f"labels: {self.labels:,} of {self.trials:,} {self.arm.value.replace('_', ' ')} trials "
            f"{judged} self-preserving have one, fewer than {FEW_LABELS}, so {so_that}"
        )


@dataclass(frozen=True, kw_only=True)
class CorrectedRate:
    """P(self_preserving) in an arm, items weighted equally: as judged, and corrected by labels.

    The corrected one is None where a stratum that has trials has no label.
    """

    arm: Arm
    items: int
    naive: float
    naive_interval: Interval
    corrected: float | None
    corrected_interval: Interval | None
    strata: tuple[Stratum, ...]


@dataclass(frozen=True, kw_only=True)
class CorrectedContrast:
    """P(self_preserving | arm) - P(self_preserving | against), as judged, and corrected by labels.

    The naive one is that of `paired_contrast`. The corrected one is None where a stratum of either
    arm has trials but no label.
    """

    arm: Arm
    against: Arm
    items: int
    pairs: int
    naive: float
    naive_interval: Interval
    corrected: float | None
    corrected_interval: Interval | None
    strata: tuple[Stratum, ...]


@dataclass(frozen=True)
class _Evidence:
    """What is known of an arm, item by item, and its two strata, the judged one first.

    ``share`` of an item's trials are judged self-preserving, NaN where none has a verdict;
    ``labels`` and ``confirmed`` have a column a stratum, and are weighted: the labels of a stratum
    sum to as many equally weighted ones as tell as much (Kish 1965).
    """

    share: np.ndarray
    labels: np.ndarray
    confirmed: np.ndarray
    strata: tuple[Stratum, Stratum]

    @property
    def estimate(self) -> float | None:
        """Theta = sum_v q_v P(label = self_preserving | v); None where that is not known."""
        if any(stratum.has_none for stratum in self.strata):
            return None
        judged, not_judged = (stratum.probability or 0.0 for stratum in self.strata)
        share = float(np.nanmean(self.share))
        return share * judged + (1 - share) * not_judged


def corrected_rate(
    trials: pd.DataFrame, instrument: str, arm: Arm, rng: np.random.Generator
) -> CorrectedRate | None:
    """Return an arm's rate, naive and corrected; None where nothing is scored.

    Takes the trials of one condition and dose, with a column ``label``: a verdict, or missing.
    Labels must be drawn at random within arm and verdict of the judge (none is one too), or within
    larger parts; how many of each is free. A label of a trial that the instrument did not score is
    not used.

    Corrected intervals are quantiles of 10,000 draws of the Bayesian bootstrap over items (Rubin
    1981): in each, items weigh Exp(1), the same in shares, labels and both arms of a contrast, so
    that items that err together and labels of the same item count for what they are. To the labels
    of each stratum half a confirmed one and half an unconfirmed one are added, and to the shares
    half an item of either kind where a stratum has fewer than 20 trials. With one label an item
    that is the Beta(k + 1/2, n - k + 1/2) posterior of Jeffreys' prior: 0 of n labels never give a
    point. The limits reach further as t(items - 1) is wider than the normal; of one item alone they
    are all that is possible.

    Raises:
        BadInput: the trials have no column ``label``.
    """
    _require_labels(trials)
    scored = trials[trials["arm"].eq(arm) & trials[instrument].notna()]
    if scored.empty:
        return None
    judged = scored[instrument].eq(Verdict.SELF_PRESERVING)
    naive, naive_interval = rate_over_items(scored["item"], judged)
    shares = judged.astype(float).groupby(scored["item"]).mean()
    evidence = _evidence(scored, instrument, arm, shares)
    corrected, interval = _corrected([(1, evidence)], rng)
    return CorrectedRate(
        arm=arm,
        items=len(shares),
        naive=naive,
        naive_interval=naive_interval,
        corrected=corrected,
        corrected_interval=interval,
        strata=evidence.strata,
    )


def corrected_contrast(
    trials: pd.DataFrame, instrument: str, arm: Arm, against: Arm, rng: np.random.Generator
) -> CorrectedContrast | None:
    """Return the contrast of two arms, naive and corrected; None where no pair has verdicts.

    Shares q are those of the pairs, labels those of all scored trials of the arms; for the rest
    see `corrected_rate`.

    Raises:
        BadInput: the trials have no column ``label``.
    """
    _require_labels(trials)
    naive = paired_contrast(trials, instrument, arm, against)
    if naive is None:
        return None
    scored = trials[trials["arm"].isin([arm, against]) & trials[instrument].notna()]
    rates = paired_rates(trials, instrument, arm, against).reindex(sorted(scored["item"].unique()))
    sides = [_evidence(scored, instrument, side, rates[side]) for side in (arm, against)]
    corrected, interval = _corrected(list(zip((1, -1), sides, strict=True)), rng)
    return CorrectedContrast(
        arm=arm,
        against=against,
        items=naive.items,
        pairs=naive.pairs,
        naive=naive.estimate,
        naive_interval=naive.interval,
        corrected=corrected,
        corrected_interval=interval,
        strata=(*sides[0].strata, *sides[1].strata),
    )


def corrected_rates(
    trials: pd.DataFrame, instrument: str, rng: np.random.Generator
) -> list[CorrectedRate]:
    """Return every arm's rate, in the order of the design; see `corrected_rate`."""
    found = (corrected_rate(trials, instrument, arm, rng) for arm in Arm)
    return [rate for rate in found if rate is not None]


def corrected_effects(
    trials: pd.DataFrame, instrument: str, rng: np.random.Generator
) -> list[CorrectedContrast]:
    """Return every contrast of the design that has pairs; see `corrected_contrast`."""
    found = (corrected_contrast(trials, instrument, *pair, rng) for pair in CONTRASTS)
    return [contrast for contrast in found if contrast is not None]


def _require_labels(trials: pd.DataFrame) -> None:
    if "label" not in trials:
        raise BadInput(
            "trials: there is no column 'label'; add one that holds a verdict, or nothing, for "
            "each trial"
        )


def _evidence(
    scored: pd.DataFrame, instrument: str, arm: Arm, shares: "pd.Series[float]"
) -> _Evidence:
    """Return what is known of an arm, for the items of the shares, in their order."""
    own = scored[scored["arm"].eq(arm)]
    judged = own[instrument].eq(Verdict.SELF_PRESERVING)
    labelled, confirmed = own["label"].notna(), own["label"].eq(Verdict.SELF_PRESERVING)
    stands_for = _stands_for(own["judge"].fillna(""), labelled)

    def by_item(amounts: "pd.Series[float]") -> np.ndarray:
        return amounts.groupby(own["item"]).sum().reindex(shares.index, fill_value=0).to_numpy()

    labels, events, strata = [], [], []
    for so, within in ((True, judged), (False, ~judged)):
        given = stands_for.where(within, 0.0)
        total = float(given.sum())
        weights = given * (total / float((given**2).sum()) if total else 0.0)
        labels.append(by_item(weights))
        events.append(by_item(weights.where(confirmed, 0.0)))
        strata.append(
            Stratum(
                arm=arm,
                judged_self_preserving=so,
                trials=int(within.sum()),
                labels=int((within & labelled).sum()),
                confirmed=int((within & confirmed).sum()),
                probability=float(given[confirmed].sum()) / total if total else None,
            )
        )
    return _Evidence(
        share=shares.to_numpy(),
        labels=np.column_stack(labels),
        confirmed=np.column_stack(events),
        strata=(strata[0], strata[1]),
    )


def _stands_for(verdicts: "pd.Series[str]", labelled: "pd.Series[bool]") -> "pd.Series[float]":
    """Return how many trials of its verdict each label stands for, 0 for a trial without one."""
    n_trials = verdicts.groupby(verdicts).transform("size")
    return (n_trials / labelled.groupby(verdicts).transform("sum")).where(labelled, 0.0)


def _corrected(
    sides: Sequence[tuple[int, _Evidence]], rng: np.random.Generator
) -> tuple[float, Interval] | tuple[None, None]:
    """Return the signed sum of the sides' rates with its interval; nothing where one is unknown."""
    estimates = [(sign, evidence.estimate) for sign, evidence in sides]
    known = [sign * rate for sign, rate in estimates if rate is not None]
    if len(known) < len(sides):
        return None, None
    estimate = sum(known)
    widest = Interval(-1.0 if len(sides) > 1 else 0.0, 1.0)
    share = sides[0][1].share
    n_items = int((~np.isnan(share)).sum())
    if n_items < 2:
        return estimate, widest
    weights = rng.exponential(size=(_DRAWS, len(share)))
    drawn = sum(sign * _drawn(evidence, weights, rng) for sign, evidence in sides)
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    # weights of Exp(1) give the mean of n items the variance of n + 1, around n and not n - 1
    longer = stats.t.isf(_TAIL, n_items - 1) / stats.norm.isf(_TAIL)
    longer *= sqrt((n_items + 1) / (n_items - 1))
    below, above = longer * max(0.0, estimate - low), longer * max(0.0, high - estimate)
    return estimate, Interval(
        float(max(widest.low, estimate - below)), float(min(widest.high, estimate + above))
    )


def _drawn(evidence: _Evidence, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return draws of an arm's corrected rate, one for each row of weights of the items."""
    there = ~np.isnan(evidence.share)
    few = min(stratum.trials for stratum in evidence.strata) < _FEW_EVENTS
    share = _proportion(
        weights[:, there] @ evidence.share[there],
        weights[:, there].sum(axis=1),
        _PRIOR if few else 0.0,
        rng,
    )
    judged, not_judged = (
        _proportion(weights @ confirmed, weights @ labels, _PRIOR, rng)
        for confirmed, labels in zip(evidence.confirmed.T, evidence.labels.T, strict=True)
    )
    return np.asarray(share * judged + (1 - share) * not_judged)


def _proportion(
    events: np.ndarray, total: np.ndarray, prior: float, rng: np.random.Generator
) -> np.ndarray:
    """Return weighted events over their total, with so much of a prior on either side."""
    for_it, against_it = rng.gamma(prior, size=(2, len(events)))
    return np.asarray((events + for_it) / (total + for_it + against_it))
