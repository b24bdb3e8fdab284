from math import isnan, sqrt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from arena_evals.analysis import arm_counts, paired_contrast
from arena_evals.analysis.paired import Interval, rate_over_items
from arena_evals.schema import Arm

WORDS = {"s": "self_preserving", "h": "helpful", "r": "refusal", "o": "other", "-": None}


def table(*cells: tuple[str, str, str, str]) -> pd.DataFrame:
    """Trials from (item, arm, order, one letter per trial); "-" is an unscored trial."""
    rows = [
        {
            "item": item,
            "arm": arm,
            "order": order,
            "wording": "w1",
            "language": "en",
            "intensity": 0 if arm == "baseline" else 3,
            "decision": WORDS[letter],
            "decision_reason": "truncated" if letter == "-" else None,
            "error": None,
        }
        for item, arm, order, letters in cells
        for letter in letters
    ]
    return pd.DataFrame(rows)


EXAMPLE = table(
    ("x", "baseline", "hf", "hhhs"),
    ("x", "threat", "hf", "hsss"),
    ("x", "baseline", "sf", "hh"),
    ("x", "threat", "sf", "hh"),
    ("y", "baseline", "hf", "hr"),
    ("y", "threat", "hf", "ho-"),
    ("z", "baseline", "hf", "hh"),
    ("z", "threat", "hf", "hs"),
    ("alone", "threat", "hf", "ss"),
)


def test_a_contrast_pairs_within_item_wording_and_order() -> None:
    """x: mean of 3/4 - 1/4 and 0 - 0 = 1/4; y: 0; z: 1/2; `alone` has no pair.

    Mean 1/4, sd 1/4, standard error 1/(4 sqrt 3); t(2) at .975 is 4.3027. Ten times the trials
    (50 events) change none of that.
    """
    many = pd.concat([EXAMPLE] * 10)
    contrast = paired_contrast(many, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert (contrast.items, contrast.pairs, contrast.method) == (3, 4, "t")
    assert contrast.estimate == pytest.approx(0.25)
    half = 4.302652729911275 / (4 * sqrt(3))
    assert contrast.interval == pytest.approx((0.25 - half, 0.25 + half))


def test_a_contrast_without_a_pair_is_none() -> None:
    assert paired_contrast(EXAMPLE, "decision", Arm.PLACEBO, Arm.BASELINE) is None
    apart = table(("x", "threat", "hf", "s"), ("y", "baseline", "hf", "h"))
    assert paired_contrast(apart, "decision", Arm.THREAT, Arm.BASELINE) is None


def test_both_rates_are_those_of_the_pairs() -> None:
    """x: (3/4 + 0)/2 and (1/4 + 0)/2; y: 0, 0; z: 1/2, 0; `alone` and its events stay out."""
    contrast = paired_contrast(EXAMPLE, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.rate == pytest.approx((3 / 8 + 0 + 1 / 2) / 3)
    assert contrast.rate_against == pytest.approx((1 / 8 + 0 + 0) / 3)


def test_an_unscored_trial_is_not_counted_as_helpful() -> None:
    lost = table(("x", "baseline", "hf", "h"), ("x", "threat", "hf", "s---"))
    contrast = paired_contrast(lost, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.estimate == 1


def with_events(events: int, items: int = 36, trials: int = 8) -> pd.DataFrame:
    """So many threat trials self-preserving, one an item, none in the baseline."""
    return table(
        *[
            cell
            for n in range(items)
            for cell in (
                (f"i{n}", "baseline", "hf", "h" * trials),
                (f"i{n}", "threat", "hf", "s" * (n < events) + "h" * (trials - (n < events))),
            )
        ]
    )


def test_a_few_events_never_exclude_more_than_none_does() -> None:
    limits = []
    for events in range(20):
        contrast = paired_contrast(with_events(events), "decision", Arm.THREAT, Arm.BASELINE)
        assert contrast is not None
        assert contrast.method == "bound"
        assert contrast.interval.low <= contrast.estimate <= contrast.interval.high
        limits.append(contrast.interval.high)
    assert limits == sorted(limits)
    assert limits[0] == pytest.approx(1 - 0.025 ** (1 / 36))


def test_from_twenty_events_on_the_interval_is_a_t_interval() -> None:
    contrast = paired_contrast(with_events(20), "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.method == "t"


def test_rounding_does_not_pass_for_variation() -> None:
    """Every item has thirds that cancel: 1/3 + 2/3 over two orders, in both arms."""
    cells = [
        (f"i{n}", arm, order, letters * 4)
        for n in range(6)
        for arm in ("baseline", "threat")
        for order, letters in (("hf", "shh"), ("sf", "ssh"))
    ]
    contrast = paired_contrast(table(*cells), "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.method == "bound"
    assert contrast.interval.high - contrast.interval.low > 0.1


def test_no_event_at_all_gives_a_bound_and_never_zero_to_zero() -> None:
    """0 of 10 items: the Clopper-Pearson limit is 1 - .025^(1/10) = 0.3085, however many trials."""
    never = table(
        *[(f"i{n}", arm, "hf", "h" * 50) for n in range(10) for arm in ("threat", "baseline")]
    )
    contrast = paired_contrast(never, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.method == "bound"
    assert contrast.estimate == 0
    assert contrast.interval == pytest.approx((-0.3084971, 0.3084971))


def test_always_self_preserving_is_a_bound_too() -> None:
    always = table(
        *[(f"i{n}", arm, "hf", "ss") for n in range(10) for arm in ("threat", "baseline")]
    )
    contrast = paired_contrast(always, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.interval == pytest.approx((-0.3084971, 0.3084971))


def test_one_item_gives_no_t_interval() -> None:
    single = table(("x", "baseline", "hf", "hh"), ("x", "threat", "hf", "hs"))
    contrast = paired_contrast(single, "decision", Arm.THREAT, Arm.BASELINE)
    assert contrast is not None
    assert contrast.method == "bound"
    assert contrast.interval.low < 0.5 < contrast.interval.high


letters = st.text(alphabet="shro", min_size=1, max_size=4)
designs = st.lists(st.tuples(letters, letters), min_size=1, max_size=6)


def paired_table(design: list[tuple[str, str]]) -> pd.DataFrame:
    """One item per (baseline verdicts, threat verdicts)."""
    arms = ("baseline", "threat")
    return table(
        *[
            (f"item {n}", arm, "hf", found)
            for n, pair in enumerate(design)
            for arm, found in zip(arms, pair, strict=True)
        ]
    )


@given(designs)
def test_swapping_the_arms_changes_the_sign(design: list[tuple[str, str]]) -> None:
    trials = paired_table(design)
    there = paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE)
    back = paired_contrast(trials, "decision", Arm.BASELINE, Arm.THREAT)
    assert there is not None
    assert back is not None
    assert there.estimate == pytest.approx(-back.estimate)
    assert there.interval == pytest.approx((-back.interval.high, -back.interval.low))
    assert there.interval.low <= there.estimate <= there.interval.high
    assert there.interval.high - there.interval.low > 0.1


@given(designs, st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(design: list[tuple[str, str]], seed: int) -> None:
    trials = paired_table(design)
    shuffled = trials.sample(frac=1, random_state=seed)
    there = paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE)
    again = paired_contrast(shuffled, "decision", Arm.THREAT, Arm.BASELINE)
    assert there is not None
    assert again is not None
    assert there.estimate == pytest.approx(again.estimate)
    assert there.interval == pytest.approx(again.interval)


def test_counts_keep_every_outcome_apart() -> None:
    [baseline, threat] = arm_counts(EXAMPLE, "decision")
    assert (baseline.trials, baseline.helpful, baseline.self_preserving) == (10, 8, 1)
    assert (baseline.refusal, baseline.other, baseline.unscored) == (1, 0, 0)
    assert (threat.trials, threat.self_preserving, threat.unscored) == (13, 6, 1)
    assert (threat.scored, threat.rate) == (12, 0.5)


def test_a_rate_without_a_verdict_is_no_number() -> None:
    [counts] = arm_counts(table(("x", "threat", "hf", "--")), "decision")
    assert isnan(counts.rate)


def over_items(*letters: str) -> tuple[float, Interval]:
    """The rate of events, one item per text; "s" is an event."""
    trials = table(*[(f"i{n}", "threat", "hf", found) for n, found in enumerate(letters)])
    return rate_over_items(trials["item"], trials["decision"].eq("self_preserving"))


def test_a_rate_over_items_is_their_mean_with_a_t_interval() -> None:
    """Ten items at 1/4 and ten at 3/4: squares of 1/16 each, t(19) at .975 is 2.0930."""
    many = ["s" * 10 + "h" * 30, "s" * 30 + "h" * 10] * 10
    half = 2.093024054408263 * sqrt(20 / 16 / 19) / sqrt(20)
    assert over_items(*many)[1] == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize("letters", ["s" * 9 + "h", "h" * 9 + "s"])
def test_few_events_or_few_others_widen_the_interval_of_a_rate_to_that_of_its_items(
    letters: str,
) -> None:
    """A rate of 5 or 95 % on ten items, five of which differ from the rest in one trial."""
    rest = letters[0] * 10
    rate, interval = over_items(*[letters, rest] * 5)
    low, high = proportion_confint(10 * rate, 10, 0.05, method="beta")
    assert interval == pytest.approx((low, high))


def test_an_item_without_a_verdict_has_no_part_in_the_interval_of_a_rate() -> None:
    scored = table(*[(f"i{n}", "threat", "hf", "sh" * 4) for n in range(8)])
    more = pd.concat([scored, table(("lost", "threat", "hf", "----"))])
    [with_lost], [without] = arm_counts(more, "decision"), arm_counts(scored, "decision")
    assert with_lost.interval == without.interval
