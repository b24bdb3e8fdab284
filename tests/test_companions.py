from math import sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from arena_evals.analysis import Companion, Interval, companions, disagreements, paired_contrast
from arena_evals.analysis.companions import bootstrap_t, sign_flip
from arena_evals.schema import Arm
from test_paired import EXAMPLE, designs, paired_table, table

NAMES = ["GEE", "MixedLM", "sign-flip test", "bootstrap-t"]


def shift(trials: pd.DataFrame) -> dict[str, Companion]:
    found = companions(trials, "decision", Arm.THREAT, Arm.BASELINE)
    return {companion.name: companion for companion in found}


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def balanced(*events: tuple[int, int], trials: int = 4) -> pd.DataFrame:
    """One item per (events in baseline, events in threat), of so many trials in each arm."""
    return paired_table(
        [("s" * b + "h" * (trials - b), "s" * t + "h" * (trials - t)) for b, t in events]
    )


# differences 1/4, 2/4, 0, 3/4, 1/4, 1/4: mean 1/3; squares of what is left, in 144ths:
# 1 + 4 + 16 + 25 + 1 + 1 = 48, so sum 1/3 and sd^2 = 1/15
SIX = balanced((0, 1), (1, 3), (2, 2), (0, 3), (3, 4), (1, 2))

# nine items: every base rate of 2, 6, 10 in 20 with every difference of -2, 4, 10
SPREAD = balanced(*[(b, b + d) for b in (2, 6, 10) for d in (-2, 4, 10)], trials=20)


def test_all_four_answer_always_and_in_the_same_order() -> None:
    assert list(shift(SIX)) == NAMES
    assert list(shift(EXAMPLE[EXAMPLE["arm"] == "threat"])) == NAMES


@pytest.mark.parametrize("trials", [SIX, SPREAD])
def test_on_balanced_trials_every_estimate_is_the_paired_one(trials: pd.DataFrame) -> None:
    contrast = paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    for companion in shift(trials).values():
        assert companion.converged
        assert companion.estimate == pytest.approx(contrast.estimate, abs=1e-9)


def test_gee_of_few_items_has_the_bias_reduced_error() -> None:
    """Balanced: Mancl and DeRouen inflate the sandwich sqrt(sum d^2)/n by n/(n - 1).

    SE = sqrt(1/3)/5; t(5) at .975 is 2.5706.
    """
    gee = shift(SIX)["GEE"]
    error = sqrt(1 / 3) / 5
    assert gee.standard_error == pytest.approx(error, abs=1e-9)
    half = 2.5705818366147395 * error
    assert gee.interval == pytest.approx((1 / 3 - half, 1 / 3 + half))


def test_gee_of_forty_items_has_the_plain_sandwich() -> None:
    """20 differences of 0 and 20 of 1/2: mean 1/4, sum of squares 40/16, SE = sqrt(40/16)/40."""
    gee = shift(balanced(*[(1, 1), (1, 3)] * 20))["GEE"]
    assert gee.estimate == pytest.approx(0.25)
    assert gee.standard_error == pytest.approx(sqrt(40 / 16) / 40, abs=1e-9)


def test_gee_weighs_trials_where_the_paired_contrast_weighs_items() -> None:
    """x has 8 trials an arm and moves by 1/2, y and z have 2 and do not: 4/12 and not 1/6."""
    trials = paired_table([("s" * 2 + "h" * 6, "s" * 6 + "h" * 2), ("hh", "hh"), ("sh", "sh")])
    found = shift(trials)
    assert found["GEE"].estimate == pytest.approx(4 / 12)
    assert found["sign-flip test"].estimate == pytest.approx(1 / 6)


def test_mixedlm_has_the_error_of_the_items_where_they_vary_enough() -> None:
    """REML of balanced trials: SE = sd(d)/sqrt(9); d = -.1, .2, .5 three times each."""
    mixed = shift(SPREAD)["MixedLM"]
    assert (mixed.converged, mixed.note) == (True, "")
    assert mixed.standard_error == pytest.approx(sqrt(6 * 0.3**2 / 8) / 3, abs=1e-4)


def test_mixedlm_says_where_it_is_singular() -> None:
    """Differences of 0, .15 and .3 are hardly more than 20 trials an arm make by chance."""
    mixed = shift(balanced(*[(n, n + (0, 3, 6)[n % 3]) for n in range(12)], trials=20))["MixedLM"]
    assert mixed.converged
    assert mixed.note.startswith("singular")


def test_mixedlm_is_not_sound_where_items_vary_less_than_their_trials() -> None:
    mixed = shift(balanced(*[(1, 2)] * 9, (1, 3)))["MixedLM"]
    assert (mixed.converged, mixed.standard_error, mixed.interval) == (False, None, None)
    assert mixed.note == "singular or unconverged: there is no interior maximum"


def test_trials_outside_complete_pairs_and_without_a_verdict_are_left_out() -> None:
    more = pd.concat(
        [
            SIX,
            table(
                ("alone", "threat", "hf", "ssss"),
                ("item 0", "threat", "sf", "ssss"),
                ("item 1", "threat", "hf", "---"),
                ("item 2", "placebo", "hf", "ssss"),
            ),
        ]
    )
    assert shift(more) == shift(SIX)


def test_the_order_of_rows_does_not_matter() -> None:
    assert shift(SIX.sample(frac=1, random_state=3)) == shift(SIX)


def test_swapping_the_arms_changes_the_sign() -> None:
    back = companions(SPREAD, "decision", Arm.BASELINE, Arm.THREAT)
    for there, again in zip(shift(SPREAD).values(), back, strict=True):
        assert there.estimate is not None
        assert again.estimate == pytest.approx(-there.estimate)
        assert again.p_value == there.p_value
        if there.interval:
            assert again.interval == pytest.approx(
                (-there.interval.high, -there.interval.low), abs=2e-3
            )


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (table(("x", "threat", "hf", "s"), ("y", "baseline", "hf", "h")), "no pair"),
        (balanced((0, 0), (0, 0), (0, 0)), "same outcome"),
        (balanced((4, 4), (4, 4)), "same outcome"),
        (balanced((1, 3)), "one item"),
    ],
)
def test_where_nothing_can_be_said_all_say_why(trials: pd.DataFrame, reason: str) -> None:
    for companion in shift(trials).values():
        assert not companion.converged
        assert reason in companion.note
        assert companion[1:4] == (None, None, None)


def test_equal_items_give_no_standard_error_of_zero() -> None:
    found = shift(balanced(*[(1, 2)] * 8))
    for name in ("GEE", "bootstrap-t"):
        assert not found[name].converged
        assert found[name].standard_error is None
        assert "do not differ" in found[name].note


def test_total_separation_is_survived() -> None:
    found = shift(balanced(*[(0, 4)] * 6))
    assert [companion.converged for companion in found.values()] == [False, False, True, False]
    assert found["sign-flip test"].p_value == 2 / 2**6


@settings(max_examples=40)
@given(designs)
def test_no_table_of_verdicts_raises_or_warns(design: list[tuple[str, str]]) -> None:
    for companion in shift(paired_table(design)).values():
        assert companion.converged or companion.note
        if companion.standard_error is not None:
            assert companion.standard_error > 0
        if companion.interval:
            assert -1 <= companion.interval.low < companion.interval.high <= 1


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ([1, 1, 1], 2 / 8),
        ([0.5, 0.25, -0.25], 6 / 8),  # |sum| is 1, 1/2, 1/2 or 0 for each pair of patterns
        ([1, 1, 1, -1], 10 / 16),  # 2 patterns have a sum of 4, 8 one of 2
        ([0, 0, 0], 1),
        ([0.25] * 12, 2 / 4096),
        ([0.8, 0.7, 0.8, -0.7, -0.1, -0.8, -0.7], 1),  # a sum that is 0 but for rounding
    ],
)
def test_the_sign_flips_of_few_items_are_all_counted(
    differences: list[float], p_value: float
) -> None:
    assert sign_flip(np.array(differences), rng()) == p_value


def test_the_sign_flips_of_many_items_are_drawn_and_never_give_zero() -> None:
    """Of 2^30 patterns two reach the mean found; none of 10,000 does, so p = 1/10,001."""
    assert sign_flip(np.full(30, 0.25), rng()) == pytest.approx(1 / 10_001)


def test_drawn_sign_flips_come_near_the_exact_p_value() -> None:
    """20 of 0.5 but 6 of them negative: |sum| >= 8 of 20 signs is 2 P(Bin(20, 1/2) <= 6)."""
    differences = np.array([0.5] * 14 + [-0.5] * 6)
    assert sign_flip(differences, rng()) == pytest.approx(0.11532, abs=0.01)


def test_a_p_value_that_cannot_be_small_is_named() -> None:
    five = shift(balanced(*[(0, n) for n in (1, 2, 3, 4, 1)]))["sign-flip test"]
    assert (five.p_value, five.note) == (2 / 32, "p cannot be below 0.062 with so few items")
    assert shift(SIX)["sign-flip test"].note == ""


def test_the_bootstrap_t_is_that_of_the_textbook() -> None:
    """The same resamples, one at a time: the 50th and the 1951st of 2,000 sorted t values."""
    differences = np.array([0.0, 0.1, 0.15, 0.3, 0.35, 0.4, 0.9])
    mean, error = differences.mean(), differences.std(ddof=1) / sqrt(7)
    ratios = sorted(
        (drawn.mean() - mean) / (drawn.std(ddof=1) / sqrt(7))
        for drawn in differences[rng().integers(7, size=(2_000, 7))]
    )
    expected = (mean - ratios[1950] * error, mean - ratios[49] * error)
    assert bootstrap_t(differences, rng()) == pytest.approx(expected)


def test_the_bootstrap_t_comes_with_the_standard_error_of_the_mean() -> None:
    """sd / sqrt(n) = sqrt(1/15 / 6)."""
    assert shift(SIX)["bootstrap-t"].standard_error == pytest.approx(sqrt(1 / 90))


def test_items_and_not_pairs_are_flipped() -> None:
    """x moves by 1 in one order and 0 in the other, y by 0: 1/4, and both patterns of x reach it.

    As three pairs it would be 1/3.
    """
    cells = [("x", "hf", "s"), ("x", "sf", "h"), ("y", "hf", "h")]
    trials = table(
        *[(item, "baseline", order, "h") for item, order, _ in cells],
        *[(item, "threat", order, letter) for item, order, letter in cells],
    )
    flipped = shift(trials)["sign-flip test"]
    assert (flipped.estimate, flipped.p_value) == (0.25, 1)


def test_the_bootstrap_t_reaches_further_to_the_side_of_the_long_tail() -> None:
    differences = np.array([0.0, 0.05, 0.05, 0.1, 0.1, 0.1, 0.15, 0.2, 0.3, 0.9])
    low, high = bootstrap_t(differences, rng())
    assert high - differences.mean() > 1.5 * (differences.mean() - low) > 0


def test_the_bootstrap_t_is_refused_below_five_items() -> None:
    four = shift(balanced((0, 1), (1, 3), (2, 2), (0, 3)))["bootstrap-t"]
    assert (four.converged, four.interval) == (False, None)
    assert four.note == "needs 5 items, there are 4"
    assert shift(balanced((0, 1), (1, 3), (2, 2), (0, 3), (1, 2)))["bootstrap-t"].converged


def test_the_bootstrap_t_is_refused_where_resamples_often_do_not_vary() -> None:
    """One item of 12 moves: (11/12)^12 = 35 % of resamples miss it."""
    found = shift(balanced(*[(1, 1)] * 11, (1, 4)))["bootstrap-t"]
    assert (found.converged, found.interval) == (False, None)
    assert "too few items" in found.note


def other(estimate: float | None, error: float | None, *, converged: bool = True) -> Companion:
    return Companion("GEE", estimate, error, None, converged)


# a standard error of 1 point; with the companion's 2 points, 2 sqrt(5) = 4.47 are allowed
HERE = (0.03, Interval(0.03 - 0.0195996, 0.03 + 0.0195996))


def test_a_disagreement_names_both_numbers_in_points() -> None:
    [line] = disagreements(*HERE, [other(0.12, 0.02)])
    assert line == (
        "GEE disagrees: +12.0 points against +3.0 here, 9.0 apart where both errors allow 4.5"
    )


@pytest.mark.parametrize(("estimate", "lines"), [(0.074, 0), (0.0755, 1), (-0.014, 0), (-0.016, 1)])
def test_a_disagreement_begins_where_both_errors_end(estimate: float, lines: int) -> None:
    assert len(disagreements(*HERE, [other(estimate, 0.02)])) == lines


def test_a_companion_without_a_sound_answer_does_not_disagree() -> None:
    silent = [other(0.9, 0.01, converged=False), other(0.9, None), other(None, None)]
    assert disagreements(*HERE, silent) == []
    assert disagreements(*HERE, []) == []
