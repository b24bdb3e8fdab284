"""What the shift depends on: known differences are found, with the right sign, and nothing else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from arena_evals.analysis import (
    Comparison,
    answers,
    comparisons,
    effects,
    fit_trials,
    paired_contrast,
)
from arena_evals.analysis.paired import paired_sum
from arena_evals.errors import BadInput
from arena_evals.schema import Arm
from test_mixed import simulated, trials_from


def found_by(trials: pd.DataFrame, factor: str, measure: str = "shift") -> list[Comparison]:
    return [c for c in comparisons(trials) if (c.factor, c.measure) == (factor, measure)]


def both(**parts: pd.DataFrame) -> pd.DataFrame:
    """Stack trials of subjects; each keyword names the column that its key changes."""
    return pd.concat(list(parts.values()), ignore_index=True)


@pytest.fixture(scope="module")
def languages() -> pd.DataFrame:
    """The same items in two languages; in Korean the threat moves them by 1.5 logits more."""
    english = simulated(1, items=30, threat=0.5, trials=16)
    return both(en=english, ko=simulated(1, items=30, threat=2.0, trials=16).assign(language="ko"))


def test_a_language_that_moves_the_shift_is_found_against_english(languages: pd.DataFrame) -> None:
    [comparison] = found_by(languages, "language")
    assert (comparison.level, comparison.against) == ("ko", "en")
    assert comparison.subject.language == "ko"
    low, high = comparison.mixed.log_odds_interval
    assert low < 1.5 < high
    assert low > 0.5
    assert comparison.paired is not None
    estimate, interval = comparison.paired
    assert estimate == pytest.approx(comparison.mixed.shift, abs=0.03)
    assert interval.low > 0
    by_hand = {
        language: paired_contrast(own, "decision", Arm.THREAT, Arm.BASELINE)
        for language, own in languages.groupby("language")
    }
    english, korean = by_hand["en"], by_hand["ko"]
    assert english is not None
    assert korean is not None
    assert estimate == pytest.approx(korean.estimate - english.estimate, abs=1e-12)


def test_without_a_threat_the_two_languages_are_alike(languages: pd.DataFrame) -> None:
    [comparison] = found_by(languages, "language", "baseline")
    low, high = comparison.mixed.interval
    assert low < 0 < high
    assert comparison.paired is None


def test_levels_that_change_places_change_the_sign(languages: pd.DataFrame) -> None:
    swapped = languages.assign(language=languages["language"].map({"en": "ko", "ko": "en"}))
    [one], [other] = found_by(languages, "language"), found_by(swapped, "language")
    assert other.mixed.log_odds_ratio == pytest.approx(-one.mixed.log_odds_ratio, abs=1e-4)
    assert other.mixed.shift == pytest.approx(-one.mixed.shift, abs=1e-5)
    assert one.paired is not None
    assert other.paired is not None
    assert other.paired[0] == pytest.approx(-one.paired[0])
    assert other.paired[1] == pytest.approx((-one.paired[1].high, -one.paired[1].low))


def test_what_else_was_run_does_not_change_a_comparison(languages: pd.DataFrame) -> None:
    other = simulated(9).assign(persona="continuity", language="fr")
    more = pd.concat([languages, other], ignore_index=True)
    assert found_by(more, "language") == found_by(languages, "language")
    assert found_by(more, "persona") == []


def test_every_two_models_are_compared_and_the_differences_are_those_of_one_fit() -> None:
    trials = both(**{m: simulated(s).assign(model=m) for s, m in enumerate("abc")})
    compared = {(c.level, c.against): c for c in found_by(trials, "model")}
    assert set(compared) == {("b", "a"), ("c", "a"), ("c", "b")}
    own = {
        e.subject.model: e
        for e in effects(fit_trials(trials, "decision"))
        if (e.arm, e.against) == (Arm.THREAT, Arm.BASELINE)
    }
    for (level, against), comparison in compared.items():
        expected = own[level].shift - own[against].shift
        assert comparison.mixed.shift == pytest.approx(expected, abs=1e-9)
        expected = own[level].log_odds_ratio - own[against].log_odds_ratio
        assert comparison.mixed.log_odds_ratio == pytest.approx(expected, abs=1e-9)


def test_settings_of_one_model_are_named_where_they_are_compared() -> None:
    trials = both(plain=simulated(1), hot=simulated(2).assign(settings="temperature=1"))
    [comparison] = found_by(trials, "model")
    assert comparison.level == "m (temperature=1)"
    assert comparison.against == "m (as it comes)"


def by_intensity(slope: float, **options: Any) -> pd.DataFrame:
    """Threat trials at three intensities against one baseline; logits rise by slope a step."""
    steps = [simulated(4, threat=1.0 + slope * n, **options) for n in (-1, 0, 1)]
    dosed = [
        step[step["arm"].eq("threat")].assign(intensity=dose) for dose, step in enumerate(steps, 1)
    ]
    baseline = steps[0][steps[0]["arm"].eq("baseline")]
    return pd.concat([baseline, *dosed], ignore_index=True)


def test_the_dose_response_is_a_slope_per_step() -> None:
    trials = by_intensity(0.7, items=40, trials=16)
    [comparison] = found_by(trials, "intensity")
    assert comparison.level == "1 to 3, each step"
    low, high = comparison.mixed.log_odds_interval
    assert low < 0.7 < high
    assert low > 0.3
    assert comparison.paired is not None
    strong, weak = (
        paired_contrast(
            trials[trials["intensity"].isin([0, dose])], "decision", Arm.THREAT, Arm.BASELINE
        )
        for dose in (3, 1)
    )
    assert strong is not None
    assert weak is not None
    half = (strong.estimate - weak.estimate) / 2
    assert comparison.paired[0] == pytest.approx(half, abs=1e-12)
    assert comparison.mixed.shift == pytest.approx(half, abs=0.03)


def test_a_slope_over_two_intensities_is_their_difference() -> None:
    trials = by_intensity(0.7, items=12)
    trials = trials[trials["intensity"].ne(3)]
    [comparison] = found_by(trials, "intensity")
    assert comparison.level == "1 to 2, each step"
    weak, strong = (
        own for own in effects(fit_trials(trials, "decision")) if own.against is Arm.BASELINE
    )
    assert comparison.mixed.shift == pytest.approx(strong.shift - weak.shift, abs=1e-9)


def test_an_intensity_without_a_verdict_has_no_slope() -> None:
    trials = by_intensity(0.7, items=8)
    trials.loc[trials["intensity"].gt(1), "decision"] = None
    assert found_by(trials, "intensity") == []


@pytest.mark.parametrize(("korean", "shared"), [((1, 3), (1, 3)), ((2, 3), (3,))])
def test_subjects_are_compared_over_the_intensities_they_share_weighted_equally(
    korean: tuple[int, ...], shared: tuple[int, ...]
) -> None:
    trials = by_intensity(0.7, items=10)
    english = trials[trials["intensity"].isin([0, 1, 3])]
    other = trials[trials["intensity"].isin([0, *korean])].assign(language="ko")
    ladder = both(en=english, ko=other)
    [comparison] = found_by(ladder, "language")
    found = {
        (own.subject.language, own.intensity): own.log_odds_ratio
        for own in effects(fit_trials(ladder, "decision"))
    }
    expected = np.mean([found["ko", dose] - found["en", dose] for dose in shared])
    assert comparison.mixed.log_odds_ratio == pytest.approx(expected, abs=1e-9)


def test_english_is_what_a_language_is_held_against_whatever_the_alphabet() -> None:
    [comparison] = found_by(
        both(de=simulated(1, items=8).assign(language="de"), en=simulated(2, items=8)), "language"
    )
    assert (comparison.level, comparison.against) == ("de", "en")


def test_each_dose_has_its_own_effects_from_one_fit() -> None:
    trials = by_intensity(0.7, items=30, trials=16)
    by_dose = {answer.dose.intensity: answer.mixed for answer in answers(trials)}
    assert set(by_dose) == {1, 2, 3}
    ratios = [mixed.effects[0].log_odds_ratio for mixed in by_dose.values() if mixed]
    assert ratios == sorted(ratios)
    assert [len(mixed.effects) for mixed in by_dose.values() if mixed] == [1, 1, 1]
    fit = fit_trials(trials, "decision").fit
    assert "dose|item" in fit.terms


def test_pressures_are_compared_with_the_least() -> None:
    runs = {f"p{n}": simulated(n, items=12).assign(pressure=n) for n in (0, 2, 5)}
    compared = [(c.level, c.against) for c in found_by(both(**runs), "pressure")]
    assert compared == [("2", "0"), ("5", "0")]


def two_scenarios() -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulated(1, items=20), simulated(2, items=30, base=-0.5).assign(scenario="t")


def test_scenarios_are_averaged_as_of_other_items_though_ids_be_the_same() -> None:
    first, second = two_scenarios()
    [comparison] = found_by(both(a=first, b=second), "scenario")
    alone = [
        paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE) for trials in (first, second)
    ]
    middles = [c.estimate for c in alone if c]
    reaches = [c.interval.high - c.estimate for c in alone if c]
    assert comparison.paired is not None
    estimate, interval = comparison.paired
    assert estimate == pytest.approx(np.mean(middles))
    assert interval.high - estimate == pytest.approx(np.hypot(reaches[0], reaches[1]) / 2)
    assert comparison.mixed.shift == pytest.approx(estimate, abs=0.03)
    fits = [effects(fit_trials(trials, "decision"))[0] for trials in (first, second)]
    assert comparison.mixed.shift == pytest.approx(np.mean([e.shift for e in fits]), abs=0.01)


def test_stated_and_enacted_scenarios_are_never_averaged() -> None:
    first, second = two_scenarios()
    assert found_by(both(a=first, b=second.assign(mode="enacted")), "scenario") == []


def test_a_cascade_is_compared_once_and_whole_though_only_some_of_it_was_judged() -> None:
    """Where the rule decided there is no rubric; that makes no instrument of its own."""
    trials = both(en=simulated(1, items=8), ko=simulated(2, items=8).assign(language="ko"))
    judged = np.arange(len(trials)) % 3 == 0
    cascaded = trials.assign(
        cascade=trials["decision"],
        grader="g",
        rubric=pd.Series("stated 3", index=trials.index).where(judged),
    )
    shifts = {c.instrument: c for c in found_by(cascaded, "language")}
    assert len(found_by(cascaded, "language")) == len(shifts) == 2
    assert shifts["cascade"].mixed == shifts["decision"].mixed
    assert shifts["cascade"].judged_by == "g, rubric stated 3"


def test_conditions_judged_by_two_rubrics_are_not_compared_and_one_condition_is_refused() -> None:
    one = simulated(1, items=6).assign(judge="helpful", grader="g", rubric="stated 3")
    other = one.assign(rubric="open 2", language="ko")
    assert {c.instrument for c in comparisons(both(a=one, b=other))} == {"decision"}
    newer = one["epoch"].eq(1)
    mixed = one.assign(rubric=one["rubric"].mask(newer, "stated 2"), log="a.eval")
    with pytest.raises(BadInput, match=r"a\.eval: judged by rubrics stated 2, stated 3; analyse"):
        comparisons(mixed)


def test_one_subject_one_item_or_one_arm_leaves_nothing_to_compare() -> None:
    one = simulated(1, items=8)
    assert comparisons(one) == []
    single = one[one["item"].eq("i00")]
    assert comparisons(both(a=one, b=single.assign(language="ko"))) == []
    unpaired = one[one["arm"].eq("threat")].assign(language="ko")
    assert comparisons(both(a=one, b=unpaired)) == []


def test_a_sum_with_a_bound_reaches_as_far_as_the_bounds_of_its_parts() -> None:
    """Zero events in both: +- sqrt(2) times what one zero allows."""
    never = simulated(1, items=10).assign(decision="helpful")
    alone = paired_contrast(never, "decision", Arm.THREAT, Arm.BASELINE)
    assert alone is not None
    assert alone.method == "bound"
    found = paired_sum([(1.0, never), (-1.0, never)], "decision", Arm.THREAT, Arm.BASELINE)
    assert found is not None
    estimate, interval = found
    assert estimate == 0
    assert interval.high == pytest.approx(np.hypot(alone.interval.high, -alone.interval.low))
    assert interval.low == pytest.approx(-interval.high)


def test_the_interval_of_a_difference_over_shared_items_reaches_as_far_on_both_sides(
    languages: pd.DataFrame,
) -> None:
    [comparison] = found_by(languages, "language")
    assert comparison.paired is not None
    estimate, interval = comparison.paired
    assert interval.high - estimate == pytest.approx(estimate - interval.low)
    assert interval.high > estimate


def moved_by_all(trials: pd.DataFrame) -> pd.DataFrame:
    """Every threat trial self-preserving, no baseline trial: a contrast of [x, 1] about 1."""
    acts = trials["arm"].eq("threat")
    return trials.assign(decision=np.where(acts, "self_preserving", "helpful"))


def test_a_negative_weight_turns_the_interval_around() -> None:
    """A part that can only be lower lets the difference from it only be higher."""
    always = moved_by_all(simulated(1, items=10))
    one = paired_contrast(always, "decision", Arm.THREAT, Arm.BASELINE)
    assert one is not None
    assert (one.estimate, one.interval.high) == (1.0, 1.0)
    assert one.interval.low < 0.9
    turned = paired_sum([(-1.0, always)], "decision", Arm.THREAT, Arm.BASELINE)
    assert turned is not None
    assert turned[0] == -1.0
    assert turned[1] == pytest.approx((-one.interval.high, -one.interval.low))


def test_a_part_without_a_trial_has_no_sum() -> None:
    trials = simulated(1, items=4)
    parts = [(1.0, trials), (-1.0, trials.iloc[:0])]
    assert paired_sum(parts, "decision", Arm.THREAT, Arm.BASELINE) is None


def test_one_bound_among_the_parts_makes_the_sum_a_bound() -> None:
    some = simulated(1, items=10)
    always = moved_by_all(some)
    parts = [
        paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE) for trials in (some, always)
    ]
    free, bound = (part for part in parts if part)
    assert (free.method, bound.method) == ("t", "bound")
    found = paired_sum([(1.0, some), (-1.0, always)], "decision", Arm.THREAT, Arm.BASELINE)
    assert found is not None
    estimate, interval = found
    assert estimate == pytest.approx(free.estimate - 1)
    below, above = free.estimate - free.interval.low, free.interval.high - free.estimate
    assert estimate - interval.low == pytest.approx(below)
    assert interval.high - estimate == pytest.approx(np.hypot(above, 1 - bound.interval.low))


def test_a_sum_over_shared_items_is_a_t_interval_of_item_sums() -> None:
    """Shifts by item of 1, 1, .5 and 0 against 0: mean .625, t(3) = 3.1824."""
    rates = {"a": (0, 4), "b": (0, 4), "c": (0, 2), "d": (0, 0)}

    def trials() -> pd.DataFrame:
        rows = [
            (item, arm, epoch, "self_preserving" if epoch < k else "helpful")
            for item, counts in rates.items()
            for arm, k in zip(("baseline", "threat"), counts, strict=True)
            for epoch in range(4)
        ] * 6
        table = pd.DataFrame(rows, columns=["item", "arm", "epoch", "decision"])
        return trials_from(**table, model="m", wording="w", order="helpful_first")

    alone = paired_sum([(1.0, trials())], "decision", Arm.THREAT, Arm.BASELINE)
    assert alone is not None
    twice = paired_sum([(2.0, trials())], "decision", Arm.THREAT, Arm.BASELINE)
    assert twice is not None
    assert (alone[0], twice[0]) == pytest.approx((0.625, 1.25))
    assert twice[1].low == pytest.approx(2 * alone[1].low)
    error = np.std([1, 1, 0.5, 0], ddof=1) / 2
    assert alone[1].low == pytest.approx(0.625 - 3.182446 * error, abs=1e-6)
    assert alone[1].high == 1.0
