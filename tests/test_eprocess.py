"""The e-process: capitals worked out by hand, and no more than its error at any look."""

from itertools import product

import numpy as np
import pytest

from arena_evals.analysis.eprocess import SAFE, capital, lower_limit, upper_limit


def test_the_first_bet_is_by_the_guessed_spread() -> None:
    """Bets .25 and .5 over .2 on +.1: 1.125 and 1.25, whose mean is 1.1875."""
    held = capital(np.array([0.1]), 0.0, above=True, cautious=False)
    assert np.exp(held) == pytest.approx(1.1875)


def test_the_second_bet_is_by_the_spread_of_the_first_item() -> None:
    """s^2 = (4 x .04 + .01) / 5 = .034; bets 1.35582 and 2.71163 on -.1."""
    held = capital(np.array([0.1, -0.1]), 0.0, above=True, cautious=False)
    by_hand = (1.125 * 0.864418 + 1.25 * 0.728837) / 2
    assert np.exp(held) == pytest.approx(by_hand, rel=1e-4)


def test_a_cautious_bet_is_at_most_a_half() -> None:
    held = capital(np.array([0.1]), 0.0, above=True, cautious=True)
    assert np.exp(held) == pytest.approx(1 + SAFE * 0.1)


def test_caution_never_holds_more() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        found = rng.normal(0.05, 0.2, 30)
        both = [capital(found, 0.0, above=True, cautious=cautious) for cautious in (False, True)]
        assert both[1] <= both[0]


def test_the_game_is_fair_over_every_pattern_of_signs() -> None:
    """Of a symmetric distribution all signs are as likely; bets of 2 on .9 are clipped."""
    sizes = np.array([0.3, 0.05, 0.9, 0.0, 0.4])
    held = [
        np.exp(capital(sizes * signs, 0.0, above=True, cautious=False))
        for signs in product((-1, 1), repeat=len(sizes))
    ]
    assert np.mean(held) == pytest.approx(1)


def test_cautious_bets_are_fair_for_a_distribution_that_is_not_symmetric() -> None:
    """-2 once in 21 items, else +.1: mean 0, and all patterns of three items are enumerated."""
    fair = 0.0
    for pattern in product((0, 1), repeat=3):
        found = np.array([(-2.0, 0.1)[n] for n in pattern])
        chance = np.prod([(1 / 21, 20 / 21)[n] for n in pattern])
        fair += chance * np.exp(capital(found, 0.0, above=True, cautious=True))
    assert fair <= 1 + 1e-9


def test_a_limit_is_where_the_capital_is_one_over_the_error() -> None:
    found = np.random.default_rng(2).normal(0.1, 0.15, 25)
    low = lower_limit(found, 0.05, cautious=False)
    high = upper_limit(found, 0.05, cautious=False)
    assert np.exp(capital(found, low, above=True, cautious=False)) == pytest.approx(20, rel=1e-3)
    assert np.exp(capital(found, high, above=False, cautious=False)) == pytest.approx(20, rel=1e-3)
    assert low < found.mean() < high


def test_one_item_sets_no_limit() -> None:
    found = np.array([0.1])
    assert lower_limit(found, 0.05, cautious=False) == -2
    assert upper_limit(found, 0.05, cautious=False) == 2


def test_items_without_a_difference_are_evidence_only_of_a_symmetric_distribution() -> None:
    none = np.zeros(40)
    assert upper_limit(none, 0.05, cautious=False) < 0.02
    assert upper_limit(none, 0.05, cautious=True) > 0.15


@pytest.mark.parametrize("trials", [5, 20])
@pytest.mark.parametrize("rate", [0.002, 0.05, 0.5])
def test_a_model_against_itself_is_flagged_no_more_often_than_the_error(
    trials: int, rate: float
) -> None:
    """2,000 runs of 40 items, a look after each: at 5 % up to 131 are seen once in ten thousand."""
    rng = np.random.default_rng(trials)
    shape = (2, 2, 2000, 40)
    (old, old_base), (new, new_base) = rng.binomial(trials, rate, shape) / trials
    flagged = 0
    for found in new - new_base - old + old_base:
        looks = (capital(found[:n], 0.0, above=True, cautious=False) for n in range(1, 41))
        flagged += any(held >= np.log(20) for held in looks)
    assert flagged <= 131
