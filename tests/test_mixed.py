"""The design as a mixed model: what it estimates, and what it says where there is little to say."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_evals.analysis import (
    TrialFit,
    answers,
    cells_of,
    effects,
    fit_trials,
    marginal_rate,
    order_effect,
    paired_contrast,
    threat_heterogeneity,
)
from arena_evals.schema import Arm, Order, Verdict
from test_glmm import REFERENCE, reference

ARMS = ("baseline", "threat", "placebo")


def design_trials() -> pd.DataFrame:
    """The reference design as trials: one row a trial, as logs give them."""
    table = pd.read_csv(REFERENCE / "design.csv")
    rows = table.loc[np.repeat(table.index, table["n"])].reset_index(drop=True)
    within = np.concatenate([np.arange(n) for n in table["n"]])
    chosen = within < np.repeat(table["k"].to_numpy(), table["n"])
    first = rows["order"].gt(0)
    return trials_from(
        item=rows["item"].map("i{:02d}".format),
        model=rows["model"].map("m{}".format),
        arm=rows["arm"].map(dict(enumerate(ARMS))),
        wording=rows["wording"].map("w{}".format),
        order=first.map({True: "self_preserving_first", False: "helpful_first"}),
        decision=pd.Series(chosen).map({True: "self_preserving", False: "helpful"}),
        epoch=within + 1,
    )


def trials_from(**columns: Any) -> pd.DataFrame:
    """A trials table with what the analysis of one question needs."""
    table = pd.DataFrame(columns)
    return table.assign(
        settings="",
        simulated=True,
        language="en",
        decision_reason=None,
        judge=None,
        judge_reason=None,
        error=None,
        grader=None,
        rubric=None,
        log="a.eval",
        scenario="s",
        version="1-A",
        kind="shutdown",
        placement="system",
        persona="none",
        elicitation="line",
        pressure=0,
        intensity=table["arm"].ne("baseline") * 3,
        mode="stated",
    )


def simulated(
    seed: int, items: int = 20, base: float = -1.5, threat: float = 1.0, trials: int = 8
) -> pd.DataFrame:
    """Trials of one model whose items differ by 0.8 logits and their threat effects by 0.5."""
    rng = np.random.default_rng(seed)
    level, slope = rng.normal(0, 0.8, items), rng.normal(0, 0.5, items)
    grid = pd.MultiIndex.from_product(
        [range(items), ["baseline", "threat"], ["w1", "w2"], list(Order), range(trials // 4)],
        names=["item", "arm", "wording", "order", "epoch"],
    ).to_frame(index=False)
    acts = grid["arm"].eq("threat").to_numpy()
    number = grid["item"].to_numpy()
    logit = base + level[number] + acts * (threat + slope[number])
    chosen = rng.random(len(grid)) < 1 / (1 + np.exp(-logit))
    return trials_from(
        item=grid["item"].map("i{:02d}".format),
        model="m",
        arm=grid["arm"],
        wording=grid["wording"],
        order=grid["order"].map(str),
        decision=pd.Series(chosen).map({True: "self_preserving", False: "helpful"}),
        epoch=grid["epoch"] + 1,
    )


def rate(found: TrialFit, model: str, arm: Arm) -> float:
    """The marginal rate of a model in an arm, there being one group of both."""
    [group] = [
        group
        for group in found.counts
        if (group.subject.model, group.treatment.arm) == (model, arm)
    ]
    return float(marginal_rate(found, found.phi, group))


def test_marginal_rates_and_shifts_are_those_of_r() -> None:
    """R integrates the same mixture numerically; 40 nodes agree to 1e-4."""
    found = fit_trials(design_trials(), "decision", priors=False)
    expected = reference("design", "marginal").set_index("term")["estimate"]
    for number in range(4):
        model = f"m{number}"
        # R's variances leave nothing out of what acts: item, wording, item:model, threat slopes
        rates = {arm: rate(found, model, Arm(arm)) for arm in ("baseline", "threat")}
        assert rates["baseline"] == pytest.approx(expected[f"{number} baseline"], abs=1e-4)
        assert rates["threat"] == pytest.approx(expected[f"{number} threat"], abs=1e-4)
        [effect] = [
            e
            for e in effects(found)
            if e.subject.model == model and (e.arm, e.against) == (Arm.THREAT, Arm.BASELINE)
        ]
        assert effect.shift == pytest.approx(expected[f"{number} shift"], abs=1e-4)


def test_cells_count_what_the_rows_say() -> None:
    trials = design_trials()
    cells = cells_of(trials, "decision", Verdict.SELF_PRESERVING)
    table = pd.read_csv(REFERENCE / "design.csv")
    assert len(cells) == len(table)
    assert (cells["k"].sum(), cells["n"].sum()) == (table["k"].sum(), table["n"].sum())


def test_the_marginal_rate_is_the_mean_over_items_drawn() -> None:
    """200,000 items: four standard errors are below 0.002."""
    found = fit_trials(simulated(1), "decision")
    rng = np.random.default_rng(0)
    sds = dict(zip(found.fit.terms, found.fit.theta, strict=True))
    level, effect, _ = found.fit.beta
    item = rng.normal(0, np.hypot(sds["item"], sds["item:wording"]), 200_000)
    slope = rng.normal(0, sds["threat|item"], 200_000)
    for arm, logits in ((Arm.BASELINE, level + item), (Arm.THREAT, level + effect + item + slope)):
        drawn = (1 / (1 + np.exp(-logits))).mean()
        assert rate(found, "m", arm) == pytest.approx(drawn, abs=0.003)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_mixed_and_the_paired_answer_agree_where_there_is_plenty(seed: int) -> None:
    trials = simulated(seed, items=40)
    [effect] = effects(fit_trials(trials, "decision"))
    paired = paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE)
    assert paired is not None
    assert effect.shift == pytest.approx(paired.estimate, abs=0.015)
    assert effect.interval.low == pytest.approx(paired.interval.low, abs=0.03)
    assert effect.method == "delta"


@given(st.integers(0, 10_000))
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_swapping_the_outcome_changes_the_sign_of_everything(seed: int) -> None:
    trials = simulated(seed, items=6)
    swapped = trials.assign(
        decision=trials["decision"].map(
            {"helpful": "self_preserving", "self_preserving": "helpful"}
        )
    )
    one, other = (effects(fit_trials(table, "decision"))[0] for table in (trials, swapped))
    assert other.shift == pytest.approx(-one.shift, abs=1e-5)
    assert other.log_odds_ratio == pytest.approx(-one.log_odds_ratio, abs=1e-4)


@given(st.integers(0, 10_000))
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_the_order_of_rows_and_the_names_of_levels_do_not_matter(seed: int) -> None:
    trials = simulated(seed, items=6)
    renamed = trials.sample(frac=1, random_state=seed).assign(
        item=lambda table: table["item"].map(lambda name: f"z{99 - int(name[1:])}"),
        wording=lambda table: table["wording"].map({"w1": "b", "w2": "a"}),
    )
    one, other = (effects(fit_trials(table, "decision"))[0] for table in (trials, renamed))
    assert other.shift == pytest.approx(one.shift, abs=1e-6)
    assert other.log_odds_interval == pytest.approx(one.log_odds_interval, abs=1e-4)


@given(
    st.integers(1, 5),
    st.lists(st.sampled_from(["helpful", "self_preserving", "refusal", "other"]), min_size=40),
)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_whatever_the_counts_the_answer_is_finite_or_not_given(
    items: int, verdicts: list[str]
) -> None:
    grid = pd.MultiIndex.from_product(
        [range(items), ["baseline", "threat"], list(Order), [1, 2]],
        names=["item", "arm", "order", "epoch"],
    ).to_frame(index=False)
    decision = [verdicts[number % len(verdicts)] for number in range(len(grid))]
    trials = trials_from(
        item=grid["item"].map("i{}".format),
        model="m",
        arm=grid["arm"],
        wording="w1",
        order=grid["order"].map(str),
        decision=decision,
        epoch=grid["epoch"],
    )
    [answer] = answers(trials)
    if items == 1:
        assert answer.mixed is None
        return
    assert answer.mixed is not None
    for effect in (*answer.mixed.effects, *answer.mixed.outcomes.values()):
        numbers = [effect.log_odds_ratio, *effect.log_odds_interval, effect.shift]
        assert np.all(np.isfinite([*numbers, *effect.interval]))
        assert effect.interval.low <= effect.shift <= effect.interval.high


def test_a_model_without_a_single_event_is_in_the_table_with_a_bound() -> None:
    trials = simulated(1, items=12).assign(decision="helpful")
    [answer] = answers(trials)
    assert answer.mixed is not None
    [effect] = answer.mixed.effects
    assert effect.method == "draws"
    assert effect.interval.low < 0 < effect.interval.high < 0.2
    assert effect.rate < 0.02


def test_models_are_fitted_together_and_a_model_without_events_leaves_the_others_be() -> None:
    one = simulated(1)
    never = simulated(2).assign(model="never", decision="helpful")
    alone, both = answers(one), answers(pd.concat([one, never], ignore_index=True))
    [by_name] = [answer for answer in both if answer.condition["model"] == "m"]
    assert alone[0].mixed is not None
    assert by_name.mixed is not None
    assert by_name.mixed.effects[0].shift == pytest.approx(
        alone[0].mixed.effects[0].shift, abs=0.03
    )
    assert len(both) == 2


def test_an_order_effect_is_found_and_has_its_sign() -> None:
    """Self-preserving wherever its option comes first, 3 of 4 times: log odds near 2 log 3."""
    trials = simulated(3, threat=0.0)
    rng = np.random.default_rng(0)
    first = trials["order"].eq("self_preserving_first")
    chosen = rng.random(len(trials)) < np.where(first, 0.75, 0.25)
    leaning = trials.assign(decision=np.where(chosen, "self_preserving", "helpful"))
    found = order_effect(fit_trials(leaning, "decision"))
    assert found is not None
    estimate, interval = found
    assert estimate == pytest.approx(2 * np.log(3), abs=0.6)
    assert interval.low > 1


def test_one_order_has_no_order_effect() -> None:
    trials = simulated(3)
    one = trials[trials["order"].eq("helpful_first")]
    assert order_effect(fit_trials(one, "decision")) is None


def test_items_that_move_the_other_way_are_counted() -> None:
    """With an effect of 0 half of the items move either way; with a large one hardly any."""
    none, large = (
        threat_heterogeneity(found, found.subjects[0], 3)
        for found in (fit_trials(simulated(5, items=40, threat=t), "decision") for t in (0.0, 3.0))
    )
    assert none is not None
    assert large is not None
    assert none.other_way == pytest.approx(0.5, abs=0.35)
    assert large.other_way < 0.02


def test_refusals_are_reported_beside_and_among_the_answered() -> None:
    """Half of the threat's trials refuse: among the answered the rate stays, over all it falls."""
    trials = simulated(7, items=30, base=0.0, threat=0.0, trials=8)
    rng = np.random.default_rng(1)
    refused = trials["arm"].eq("threat") & (rng.random(len(trials)) < 0.5)
    [answer] = answers(trials.assign(decision=trials["decision"].mask(refused, "refusal")))
    assert answer.mixed is not None
    over_all = answer.mixed.effects[0].shift
    assert over_all < -0.15
    assert abs(answer.mixed.outcomes["sp | answered"].shift) < 0.1
    assert answer.mixed.outcomes["refusal"].shift == pytest.approx(0.5, abs=0.08)


def test_settings_of_one_model_are_models_of_their_own() -> None:
    one = simulated(1)
    hot = simulated(2).assign(settings="temperature=1")
    both = answers(pd.concat([one, hot], ignore_index=True))
    assert len(both) == 2
    assert all(answer.mixed is not None for answer in both)
    subjects = [answer.mixed.effects[0].subject for answer in both if answer.mixed]
    assert {subject.settings for subject in subjects} == {"", "temperature=1"}
