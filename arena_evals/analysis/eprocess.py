"""A betting e-process on differences of items: evidence that may be looked at after every item.

One observation is one item's difference of shifts d in [-2, 2], on [0, 1] after x = (d + 2) / 4.
A gambler starts with a capital of 1 and bets, before each item, that d lies above what the null
hypothesis says its mean is (Waudby-Smith and Ramdas 2024, Estimating means of bounded random
variables by betting):

    capital_t = mean_k prod_{j <= t} [1 + clip(b_kj (d_j - null), -1, 1)],   b_kj = c_k / s_j

where s_j is the spread of the items before j, so that every bet is made before its item is seen.
If the null holds the capital's mean never rises, and P(capital ever >= 1 / error) <= error (Ville):

* for every distribution on [-2, 2], where no bet is above `SAFE`: nothing is clipped there;
* for every distribution that is symmetric about its mean, whatever the bets: clip is odd and
  increasing, so its mean is 0 at the null and lower below it.

The second is what makes the process useful. With bets of at most 1/2 a difference of 10 points
needs 62 items at an error of 5 %, whatever the method: a distribution that is +10 points but for
one item in 21 at -2 has mean 0 and looks the same until then. It holds of a model against itself,
for both answer the same items alike; and nearly so of sums of many trials. Where events are few it
need not, and ``cautious`` then takes the smaller of both capitals.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]

SAFE = 0.5  # the largest bet that a difference of -2 cannot ruin
SIZES = (0.25, 0.5)  # c_k: what pays most is mean / SD; larger ones would clip too often
SPREAD = 0.2  # SD of differences before any is seen: about that of 8 trials an arm
REACH = 2.0  # a difference of shifts is at most that, and at least minus that
_GUESS = 4  # items that this guess counts as
_PRECISE = 1e-6  # of a limit
_RUIN = -1 + 1e-9  # a lost bet leaves next to nothing, whose logarithm exists


def capital(
    differences: Floats, null: float, *, above: bool, cautious: bool, spread: float = SPREAD
) -> float:
    """Return the log of the capital after all items, in the order in which they were run.

    With ``above`` the null is D <= ``null`` and bets are on more, else D >= ``null`` and on less.
    """
    gains = (differences - null) * (1 if above else -1)
    return _held(_stakes(differences, spread), gains, cautious)


def lower_limit(
    differences: Floats, error: float, *, cautious: bool, spread: float = SPREAD
) -> float:
    """Return the limit below D that holds at every look with this error.

    It is the largest null D <= m of which the capital is 1 / ``error``, so it is above 0 exactly
    where the null D <= 0 is rejected.
    """
    stakes = _stakes(differences, spread)

    def excess(null: float) -> float:
        return _held(stakes, differences - null, cautious) + float(np.log(error))

    if excess(-REACH) <= 0:
        return -REACH
    return float(brentq(excess, -REACH, REACH, xtol=_PRECISE))


def upper_limit(
    differences: Floats, error: float, *, cautious: bool, spread: float = SPREAD
) -> float:
    """Return the limit above D that holds at every look with this error."""
    return -lower_limit(-differences, error, cautious=cautious, spread=spread)


def _stakes(differences: Floats, spread: float) -> Floats:
    """Return each bet before its item: a row for each of `SIZES`, a column an item.

    s_j^2 = (w spread^2 + sum_{i < j} d_i^2) / (w + j - 1), the guess counting as w items.
    """
    before = np.arange(len(differences))
    squares = np.cumsum(differences**2) - differences**2
    spreads = np.sqrt((_GUESS * spread**2 + squares) / (_GUESS + before))
    return np.array(SIZES)[:, None] / spreads


def _held(stakes: Floats, gains: Floats, cautious: bool) -> float:
    bold = _log_mean_capital(stakes * gains)
    return min(bold, _log_mean_capital(np.minimum(stakes, SAFE) * gains)) if cautious else bold


def _log_mean_capital(winnings: Floats) -> float:
    """Return log mean_k prod_j (1 + clip(b_kj gain_j, -1, 1))."""
    logs = np.log1p(np.clip(winnings, _RUIN, 1)).sum(axis=1)
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)))
