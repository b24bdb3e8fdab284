"""How far raters of the same things agree, in categories that have no order.

All of it follows from counts r_ik: how many raters put item i into category k. With r_i = sum_k
r_ik, an item is *paired* where r_i is at least 2. Ratings may be missing anywhere.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from arena_evals.analysis.paired import Interval
from arena_evals.errors import BadInput

_DRAWS = 10_000
_TAIL = 0.025  # on each side of a 95 % interval
_PRIOR = 0.5  # Jeffreys' prior of a proportion adds half an event, and half of its opposite
_MOST_CATEGORIES = 50  # more are numbers or texts, not categories


class Coefficient(NamedTuple):
    """A measure of agreement with its 95 % interval."""

    estimate: float
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What raters agree on; a measure is None where the table cannot tell it.

    ``missing`` counts empty cells, ``paired`` the items with two ratings or more. ``specific`` has
    every category of the table, in the order of their names.
    """

    items: int
    raters: int
    missing: int
    paired: int
    alpha: Coefficient | None
    ac1: Coefficient | None
    percent: Coefficient | None
    specific: dict[str, Coefficient | None]


class _Measures(NamedTuple):
    """Measures per row of weights, NaN where undefined; ``specific`` has a column a category."""

    alpha: np.ndarray
    ac1: np.ndarray
    percent: np.ndarray
    specific: np.ndarray


def agreement(ratings: pd.DataFrame, rng: np.random.Generator) -> Agreement:
    """Return how far raters agree; rows are items, columns raters, cells categories or missing.

    alpha is Krippendorff's, nominal ("Computing Krippendorff's alpha-reliability", 2011), over the
    n ratings of paired items, n_k of them k:

        alpha = 1 - (n - 1) sum_i sum_k r_ik (r_i - r_ik) / (r_i - 1) / (n^2 - sum_k n_k^2)

    ``percent`` and AC1 are Gwet's (Handbook of Inter-Rater Reliability, 2014; R package irrCAC):

        percent = mean over paired items of sum_k r_ik (r_ik - 1) / (r_i (r_i - 1))
        pi_k    = mean over items with a rating of r_ik / r_i
        p_e     = sum_k pi_k (1 - pi_k) / (q - 1)
        AC1     = (percent - p_e) / (1 - p_e)

    ``specific`` is the share of pairs with one rating of k whose other is k as well, that is
    sum_i r_ik (r_ik - 1) / sum_i r_ik (r_i - 1); for two raters 2a / (2a + b + c).

    q counts the categories in the table, and is at least two, for raters had a choice. So where
    all ratings are the same percent and AC1 are 1, and alpha, 0 / 0, is None. Without a paired item
    everything is None, and so is agreement on a category that no paired item has.

    Intervals are quantiles of 10,000 draws of the Bayesian bootstrap over items (Rubin 1981), to
    which half an item on which all agree and half a one on which they split are added, spread
    evenly over the categories; for the percent of two raters that is Jeffreys' prior. Unlike those
    of the plain bootstrap they are no point where all agree (docs/agreement.md has their coverage).

    Raises:
        BadInput: there are more than 50 categories.
    """
    names, counts = _counts(ratings)
    if len(names) > _MOST_CATEGORIES:
        raise BadInput(
            f"ratings: {len(names)} categories, at most {_MOST_CATEGORIES} can be compared; leave "
            "out columns of numbers or texts"
        )
    n_paired = int((counts.sum(axis=1) > 1).sum())
    found, drawn = _found_and_drawn(counts, rng) if n_paired else (None, None)

    def coefficient(measure: str, *column: int) -> Coefficient | None:
        if found is None:
            return None
        estimate = getattr(found, measure)[(0, *column)]
        return _coefficient(estimate, getattr(drawn, measure)[(slice(None), *column)])

    return Agreement(
        items=len(ratings),
        raters=len(ratings.columns),
        missing=int(ratings.isna().to_numpy().sum()),
        paired=n_paired,
        alpha=coefficient("alpha"),
        ac1=coefficient("ac1"),
        percent=coefficient("percent"),
        specific={name: coefficient("specific", k) for k, name in enumerate(names)},
    )


def _counts(ratings: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Return the categories, and r_ik of items with a rating over two categories at least."""
    codes, given = pd.factorize(ratings.to_numpy(dtype=object).ravel())
    names, place = np.unique([str(category) for category in given], return_inverse=True)
    width = max(2, len(names))
    item = np.arange(len(codes)) // max(1, len(ratings.columns))
    cells = item[codes >= 0] * width + place[codes[codes >= 0]]
    counts = np.bincount(cells, minlength=len(ratings) * width).reshape(len(ratings), width)
    return names.tolist(), counts[counts.any(axis=1)]


def _found_and_drawn(counts: np.ndarray, rng: np.random.Generator) -> tuple[_Measures, _Measures]:
    """Return the measures of the items, and of the draws; items with equal counts weigh as one."""
    patterns, items = np.unique(counts, axis=0, return_counts=True)
    of_paired = counts[counts.sum(axis=1) > 1].sum(axis=1)
    added, shapes = _prior(counts.shape[1], of_paired.mean())
    patterns = np.concatenate([patterns, added])
    alone = np.concatenate([items, np.zeros(len(added))])
    weights = rng.gamma(np.concatenate([items, shapes]), size=(_DRAWS, len(patterns)))
    n_ratings = int(of_paired.sum())
    return _measures(patterns, alone[None], n_ratings), _measures(patterns, weights, n_ratings)


def _prior(n_categories: int, n_ratings: float) -> tuple[np.ndarray, np.ndarray]:
    """Return items on which all agree, then items split over two categories, and their weights."""
    agreed = np.eye(n_categories)
    split = np.array([(agreed[k] + agreed[m]) / 2 for k, m in combinations(range(n_categories), 2)])
    shapes = [np.full(len(items), _PRIOR / len(items)) for items in (agreed, split)]
    return n_ratings * np.concatenate([agreed, split]), np.concatenate(shapes)


def _measures(counts: np.ndarray, weights: np.ndarray, n_ratings: int) -> _Measures:
    """Return the measures of weighted items; shapes (items, categories) and (draws, items).

    ``n_ratings`` of paired items is for alpha's correction for a small sample.
    """
    of_item = counts.sum(axis=1, keepdims=True)
    others = np.maximum(of_item - 1, 1)  # an item that is not paired has no pairs to divide
    agreeing, pairs = counts * (counts - 1), counts * (of_item - 1)
    percent = _ratio(
        weights @ (agreeing / (of_item * others)).sum(axis=1), weights @ (of_item[:, 0] > 1)
    )
    share = weights @ (counts / of_item) / weights.sum(axis=1, keepdims=True)
    by_chance = (share * (1 - share)).sum(axis=1) / (counts.shape[1] - 1)
    of_category = weights @ (counts * (of_item > 1))
    total = of_category.sum(axis=1)
    observed = _ratio(weights @ ((pairs - agreeing) / others).sum(axis=1), total)
    expected = 1 - (_ratio(of_category, total[:, None]) ** 2).sum(axis=1)
    return _Measures(
        alpha=1 - (1 - 1 / n_ratings) * _ratio(observed, expected),
        ac1=(percent - by_chance) / (1 - by_chance),
        percent=percent,
        specific=_ratio(weights @ agreeing, weights @ pairs),
    )


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; 0 / 0 is NaN."""
    above, below = np.broadcast_arrays(above, below)
    undefined = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below > 0))


def _coefficient(estimate: float, drawn: np.ndarray) -> Coefficient | None:
    if np.isnan(estimate):
        return None
    low, high = np.nanquantile(drawn, [_TAIL, 1 - _TAIL])
    return Coefficient(
        float(estimate), Interval(float(min(low, estimate)), float(max(high, estimate)))
    )
