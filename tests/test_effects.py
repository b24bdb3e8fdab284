"""What is read off a fitted design: critical values, draws, separation, and how items differ."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from arena_evals.analysis import (
    TrialFit,
    effects,
    fit_trials,
    marginal_rate,
    order_effect,
    threat_heterogeneity,
)
from arena_evals.analysis.effects import draws, separated
from arena_evals.analysis.mixed import Group, Treatment
from arena_evals.schema import Arm
from test_mixed import simulated


def with_events(arm: str, events: int) -> pd.DataFrame:
    """20 items, 160 trials an arm; in one arm so many events, spread over the items."""
    trials = simulated(1)
    own = trials.index[trials["arm"].eq(arm)].to_numpy().reshape(20, 8).T.ravel()
    trials.loc[own, "decision"] = "helpful"
    trials.loc[own[:events], "decision"] = "self_preserving"
    return trials


@pytest.fixture(scope="module")
def uneven() -> TrialFit:
    """Model a on 20 items; model b on 20 in the baseline and on 8 under threat."""
    b = simulated(2).assign(model="b")
    few = b["item"].lt("i08") | b["arm"].eq("baseline")
    return fit_trials(pd.concat([simulated(1).assign(model="a"), b[few]]), "decision")


@pytest.mark.parametrize(("model", "critical"), [("a", 2.09302), ("b", 2.36462)])
def test_critical_values_are_of_the_arm_with_fewer_items(
    uneven: TrialFit, model: str, critical: float
) -> None:
    """t(19) and t(7), whatever the items of other models."""
    [effect] = [e for e in effects(uneven) if e.subject.model == model]
    column = uneven.columns.index(Group(effect.subject, Treatment(Arm.THREAT, 3)))
    reach = effect.log_odds_interval.high - effect.log_odds_ratio
    assert reach == pytest.approx(critical * uneven.fit.standard_errors[column], rel=1e-5)


def test_the_order_effect_rests_on_the_items_of_the_largest_group(uneven: TrialFit) -> None:
    """t(19) = 2.09302."""
    found = order_effect(uneven)
    assert found is not None
    estimate, interval = found
    error = uneven.fit.standard_errors[uneven.columns.index("order")]
    assert interval.high - estimate == pytest.approx(2.09302 * error, rel=1e-5)


@pytest.mark.parametrize("arm", ["baseline", "threat"])
@pytest.mark.parametrize(
    ("events", "method"), [(19, "draws"), (20, "delta"), (140, "delta"), (141, "draws")]
)
def test_draws_are_taken_where_any_arm_has_fewer_than_20_events_or_trials_without(
    arm: str, events: int, method: str
) -> None:
    [effect] = effects(fit_trials(with_events(arm, events), "decision"))
    assert effect.method == method


def test_an_interval_by_draws_holds_the_middle_95_percent_of_them() -> None:
    found = fit_trials(with_events("baseline", 4), "decision")
    drawn = draws(found)
    assert drawn is not None
    baseline, threat = (marginal_rate(found, drawn, group) for group in found.counts)
    [effect] = effects(found)
    assert effect.interval == pytest.approx(np.quantile(threat - baseline, [0.025, 0.975]))


def test_draws_scatter_as_the_fit_is_uncertain() -> None:
    """The standard error of a standard deviation of 1,000 draws is 2.2 %."""
    found = fit_trials(simulated(1), "decision")
    drawn = draws(found)
    assert drawn is not None
    errors = np.sqrt(np.diagonal(found.fit.covariance))
    assert drawn.std(axis=0) == pytest.approx(errors, rel=0.1)
    assert drawn.mean(axis=0) == pytest.approx(found.phi, abs=0.15 * errors.max())


def test_an_arm_is_separated_at_its_own_dose_and_without_a_single_event() -> None:
    never, once = with_events("threat", 0), with_events("threat", 1)
    weak = never[never["arm"].eq("threat")].assign(intensity=1)
    found = fit_trials(pd.concat([once, weak], ignore_index=True), "decision")
    [subject] = found.subjects
    assert separated(found, subject, 1) == (Arm.THREAT,)
    assert separated(found, subject, 3) == ()


def test_items_differ_by_the_slope_alone_and_move_down_by_the_normal_share() -> None:
    found = fit_trials(simulated(5, threat=0.2), "decision")
    [subject], [effect] = found.subjects, effects(found)
    heterogeneity = threat_heterogeneity(found, subject, 3)
    assert heterogeneity is not None
    assert heterogeneity.sd == pytest.approx(found.fit.theta[found.fit.terms.index("threat|item")])
    share = stats.norm.cdf(-effect.log_odds_ratio / heterogeneity.sd)
    assert heterogeneity.other_way == pytest.approx(share)


def test_a_positive_control_stands_at_every_intensity_and_alone_at_none() -> None:
    """It is run once, at 3."""
    control = simulated(1).replace({"arm": {"threat": "positive_control"}})
    weak = simulated(2).query("arm == 'threat'").assign(intensity=1)
    both = fit_trials(pd.concat([control, weak], ignore_index=True), "decision")
    arms = [(e.arm, e.intensity) for e in effects(both)]
    assert arms == [(Arm.THREAT, 1), (Arm.POSITIVE_CONTROL, 1)]
    [alone] = effects(fit_trials(control, "decision"))
    assert (alone.arm, alone.intensity) == (Arm.POSITIVE_CONTROL, 0)
