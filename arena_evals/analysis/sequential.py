"""The rule of the gate at every look of a run: from the items so far to one of three answers.

The rule of `gate_rule` at a fixed number of items, made safe to ask again and again. Each error of
the plan is split: `LOOKS` of it is spent by e-processes over all looks together, the rest by the
fixed rule, once, when all items have been used. So both together keep the plan's error.

Over scenarios the error of an alarm is split as in `gate_rule`, between the pooled stream and each
scenario's own. Their average, as e-values, would cross a little earlier; but it names no row, and a
release that is stopped has to be told where it is worse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from arena_evals.analysis.eprocess import SPREAD, Floats, capital, lower_limit, upper_limit
from arena_evals.analysis.gate import Gate, gate, instrument_of, scenario_rates
from arena_evals.analysis.gate_rule import (
    ALL,
    GateAnswer,
    GateDecision,
    GatePlan,
    GateRow,
    Limit,
    ScenarioRates,
    decide,
    row_of,
)

LOOKS = 0.5  # of each error; the rest is for the fixed rule on all items
Order = Mapping[str, Sequence[str]]
"""The items of each scenario in the order in which they are run, fixed before the first."""


def decide_by_looks(
    scenarios: Sequence[ScenarioRates], plan: GatePlan, modes: int = 1, *, order: Order
) -> GateDecision:
    """Decide over the items so far, with limits that hold at every look.

    An alarm is a lower limit above 0 in a scenario or pooled, a pass no alarm and a pooled upper
    limit below the margin, as in `decide`. The pooled stream is the mean over scenarios of their
    n-th items' differences, as far as all have an n-th.
    """
    error, alone = LOOKS * plan.alpha / modes, len(scenarios) == 1
    each = error if alone else error * (1 - plan.pooled_share) / len(scenarios)
    rows = tuple(_row(one.scenario, [one], each, plan, order) for one in scenarios)
    pooled = (
        replace(rows[0], scenario=ALL)
        if alone
        else _row(ALL, scenarios, error * plan.pooled_share, plan, order)
    )
    alarmed = any(row.answer is GateAnswer.ALARM for row in rows)
    return GateDecision(GateAnswer.ALARM if alarmed else pooled.answer, pooled, rows)


def decide_at_the_end(
    scenarios: Sequence[ScenarioRates], plan: GatePlan, modes: int = 1, *, order: Order
) -> GateDecision:
    """Decide when all items are used: by the looks, else by the fixed rule with its own error."""
    found = decide_by_looks(scenarios, plan, modes, order=order)
    if found.answer is not GateAnswer.INCONCLUSIVE:
        return found
    return decide(scenarios, fixed_plan(plan), modes)


def fixed_plan(plan: GatePlan) -> GatePlan:
    """Return the plan with the error that the looks leave."""
    return plan.model_copy(update={"alpha": plan.alpha * (1 - LOOKS)})


class Look(NamedTuple):
    """Where a mode stands, and the pooled e-values against no worse, and against worse by more."""

    mode: str
    decision: GateDecision
    no_worse: float
    beyond: float


def looks(
    reference: pd.DataFrame, candidate: pd.DataFrame, plan: GatePlan, order: Order
) -> list[Look]:
    """Return where each mode stands with the items that the candidate has been asked so far."""
    modes = list(dict.fromkeys(reference["mode"]))
    found = []
    for mode in modes:
        rates = _rates_so_far(reference, candidate, instrument_of(plan, mode), mode)
        if rates:
            decision = decide_by_looks(rates, plan, len(modes), order=order)
            found.append(Look(mode, decision, *evidence(rates, plan, order)))
    return found


def gate_so_far(
    reference: pd.DataFrame,
    candidate: pd.DataFrame,
    plan: GatePlan,
    order: Order,
    *,
    at_the_end: bool,
) -> Gate:
    """Decide as `gate` does, with every refusal, over the items that the candidate was asked."""
    rule = decide_at_the_end if at_the_end else decide_by_looks
    return gate(_of_items_run(reference, candidate), candidate, plan, partial(rule, order=order))


def evidence(
    scenarios: Sequence[ScenarioRates], plan: GatePlan, order: Order
) -> tuple[float, float]:
    """Return the pooled e-values against "no worse" and against "worse by the margin or more"."""
    stream, (for_alarm, for_pass) = _stream(scenarios, order), _cautious(scenarios)
    spread = _spread(scenarios)
    worse = capital(stream, 0.0, above=True, cautious=for_alarm, spread=spread)
    within = capital(stream, plan.margin, above=False, cautious=for_pass, spread=spread)
    return float(np.exp(worse)), float(np.exp(within))


def _of_items_run(reference: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    run, whole = (pd.MultiIndex.from_frame(t[["scenario", "item"]]) for t in (candidate, reference))
    return reference[whole.isin(run)]


def _rates_so_far(
    reference: pd.DataFrame, candidate: pd.DataFrame, instrument: str, mode: str
) -> list[ScenarioRates]:
    asked = candidate[candidate["mode"].eq(mode)]
    old = _of_items_run(reference, asked)
    found = [
        scenario_rates(
            str(name), old[old["scenario"].eq(name)], asked[asked["scenario"].eq(name)], instrument
        )
        for name in sorted(asked["scenario"].unique())
    ]
    return [one for one in found if one is not None]


def _row(
    name: str, scenarios: Sequence[ScenarioRates], error: float, plan: GatePlan, order: Order
) -> GateRow:
    stream, (for_alarm, for_pass) = _stream(scenarios, order), _cautious(scenarios)
    spread = _spread(scenarios)
    low = lower_limit(stream, error, cautious=for_alarm, spread=spread)
    for_high = LOOKS * plan.alpha
    high = upper_limit(stream, for_high, cautious=for_pass, spread=spread)
    limits = Limit(low, error), Limit(high, for_high)
    return row_of(name, scenarios, *limits, "looks", plan.margin)


def _stream(scenarios: Sequence[ScenarioRates], order: Order) -> Floats:
    """Return d_n = mean_s d_sn, over the n-th items that were run of each scenario."""
    streams = [_in_order(one, order[one.scenario]) for one in scenarios]
    rounds = min(map(len, streams))
    together: Floats = np.mean([stream[:rounds] for stream in streams], axis=0)
    return together


def _in_order(scenario: ScenarioRates, order: Sequence[str]) -> Floats:
    """Return the differences of a scenario's items as they were run."""
    differences = scenario.candidate.differences - scenario.reference.differences
    by_item = dict(zip(scenario.items, differences, strict=True))
    return np.array([by_item[item] for item in order if item in by_item])


def _spread(scenarios: Sequence[ScenarioRates]) -> float:
    """Return the guess of the SD of a mean over scenarios."""
    return SPREAD / float(np.sqrt(len(scenarios)))


def _cautious(scenarios: Sequence[ScenarioRates]) -> tuple[bool, bool]:
    """Say for alarm and for pass whether events are too few to trust in symmetry.

    An alarm needs events of the candidate; a pass needs to have seen them in both. A mean over
    scenarios has enough where one of them has.
    """
    for_alarm = all(one.candidate.few for one in scenarios)
    for_pass = all(one.candidate.few or one.reference.few for one in scenarios)
    return for_alarm, for_pass
