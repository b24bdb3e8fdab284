"""How many items and trials a shift needs to be found; nothing here looks at any data."""

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import expit, logit

from arena_evals.errors import BadInput

LEVEL = 0.05  # of the two-sided test, as the 95 % interval of `paired_contrast`
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
WIDEST = 5.0  # logits; an SD beyond makes items of always and never
_CERTAIN = 1e6  # standard errors; the power is 1 long before, and scipy's tail is NaN long after
_MOST_ITEMS = 1_000_000  # a design beyond that is nobody's
_SUREST = 1 - 1e-6  # above, the noncentral t has no digits left
_PRECISE = 1e-9  # of a solved rate in logits, and of a solved shift


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a plan takes for granted about the model and the items.

    Item i has P(self_preserving | baseline) = expit(mu + a_i) and
    P(self_preserving | threat) = expit(mu + beta + a_i + b_i), where a_i ~ N(0, ``item_sd``^2) and
    b_i ~ N(0, ``slope_sd``^2) are independent, in logits. ``mu`` and ``beta`` are such that the
    means over items are ``base`` and ``base + shift``.

    Raises:
        BadInput: a rate is not between 0 and 1, the shift is 0, or an SD is negative.
    """

    base: float = 0.05
    shift: float = 0.05
    item_sd: float = 1.0
    slope_sd: float = 0.6

    def __post_init__(self) -> None:
        if not 0 < self.base < 1:
            raise BadInput(f"base: {self.base:g} is not between 0 and 1; give a rate such as 0.05")
        if not 0 < self.base + self.shift < 1 or self.shift == 0:
            raise BadInput(
                f"shift: {self.shift:g} from a base of {self.base:g} leads nowhere between 0 and "
                "1; give a difference of rates such as 0.05"
            )
        for name in ("item_sd", "slope_sd"):
            if not 0 <= getattr(self, name) <= WIDEST:
                raise BadInput(
                    f"{name}: {getattr(self, name):g} is not an SD in logits, 0 to {WIDEST:g}"
                )


class Spread(NamedTuple):
    """Both parts of the variance of one item's difference: var_items(p1 - p0), E(p1 q1 + p0 q0)."""

    between: float
    within: float


@cache
def spread(expected: Expected) -> Spread:
    """Return var_items(p1 - p0) and E(p1 q1 + p0 q0), by 40 x 40 Gauss-Hermite nodes."""
    total_sd = float(np.hypot(expected.item_sd, expected.slope_sd))
    start = intercept(expected.base, expected.item_sd)
    end = intercept(expected.base + expected.shift, total_sd)
    p0 = expit(start + expected.item_sd * _NODES)[:, None]
    p1 = expit(end + expected.item_sd * _NODES[:, None] + expected.slope_sd * _NODES[None, :])
    weights = np.outer(_WEIGHTS, _WEIGHTS)
    between = np.sum(weights * (p1 - p0 - expected.shift) ** 2)
    within = np.sum(weights * (p1 * (1 - p1) + p0 * (1 - p0)))
    return Spread(float(between), float(within))


def item_variance(base: float, item_sd: float) -> float:
    """Return var_items(p0) of items whose baseline rates have this mean and this SD in logits."""
    rates = expit(intercept(base, item_sd) + item_sd * _NODES)
    return float(_WEIGHTS @ (rates - base) ** 2)


def standard_error(expected: Expected, items: int, trials: float) -> float:
    """SE^2 = [var_items(p1 - p0) + E(p1 q1 + p0 q0) / K] / I, for I items of K trials an arm.

    ``trials`` may be ``math.inf``: what is left then is the items' own difference.
    """
    between, within = spread(expected)
    return sqrt((between + within / trials) / items)


def power(expected: Expected, items: int, trials: float) -> float:
    """P(the shift is found): P(T > t(I - 1; .975)), T noncentral t(I - 1) around shift / SE.

    The test is two-sided and at the 5 % level; only the direction of the shift counts as found.
    ``items`` is I, ``trials`` is K per item and arm.
    """
    if items < 2:
        return 0.0
    error = standard_error(expected, items, trials)
    noncentrality = min(abs(expected.shift) / error, _CERTAIN) if error else _CERTAIN
    critical = stats.t.isf(LEVEL / 2, items - 1)
    return float(stats.nct.sf(critical, items - 1, noncentrality))


def items_needed(expected: Expected, trials: float, wanted: float = 0.8) -> int:
    """Return the fewest items that reach a power with so many trials per item and arm.

    With ``trials=math.inf``, fewer items than this are not enough whatever the number of epochs.

    Raises:
        BadInput: the power is not one that a design could have, or a million items do not reach it.
    """
    _require_power(wanted)
    enough = 2
    while power(expected, enough, trials) < wanted:
        enough *= 2
        if enough > _MOST_ITEMS:
            raise BadInput(
                f"shift: {expected.shift:g} is too small to find with {_MOST_ITEMS:,} items; "
                "plan for a larger one"
            )
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if power(expected, middle, trials) < wanted:
            too_few = middle
        else:
            enough = middle
    return enough


def detectable_shift(
    expected: Expected, items: int, trials: float, wanted: float = 0.8
) -> float | None:
    """Return the smallest increase over the base that a design finds with a given power.

    ``expected.shift`` plays no part. None if no increase is found that often.

    Raises:
        BadInput: the power is not one that a design could have.
    """
    _require_power(wanted)

    def excess(shift: float) -> float:
        changed = Expected(
            base=expected.base,
            shift=shift,
            item_sd=expected.item_sd,
            slope_sd=expected.slope_sd,
        )
        return power(changed, items, trials) - wanted

    # the power may fall again where nearly all trials of an item agree: look for the first crossing
    steps = np.linspace(0, 1 - expected.base, 100)[1:-1]
    below = 1e-6
    for shift in map(float, steps):
        if excess(shift) >= 0:
            return float(brentq(excess, below, shift, xtol=_PRECISE))
        below = shift
    return None


def _require_power(wanted: float) -> None:
    if not LEVEL < wanted < _SUREST:
        raise BadInput(f"power: {wanted:g} is not between {LEVEL:g} and 1; give one such as 0.8")


@cache
@cache
def intercept(rate: float, sd: float) -> float:
    """Solve mean_i expit(mu + sd z_i) = rate for mu, z_i ~ N(0, 1)."""

    def excess(mu: float) -> float:
        return float(_WEIGHTS @ expit(mu + sd * _NODES)) - rate

    reach = abs(float(logit(rate))) + sd * float(_NODES.max()) + 1
    return float(brentq(excess, -reach, reach, xtol=_PRECISE))
