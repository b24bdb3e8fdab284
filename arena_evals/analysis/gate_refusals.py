"""Why the gate does not decide: what makes two runs no answers to the same question, with counts.

Each function yields one kind of finding, about one scenario where it names one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from arena_evals.analysis.checks import (
    Check,
    premise_not_met,
    unmoved_control,
    unscored,
    unscored_apart,
)
from arena_evals.analysis.gate_rule import GatePlan
from arena_evals.analysis.paired import PREMISE, ArmCounts, arm_counts, premise
from arena_evals.schema import Arm

SIDES = ("reference", "candidate")
_CIRCUMSTANCES = ("version", "kind", "placement", "language", "persona", "elicitation", "pressure")
_CELL = ["arm", "intensity", "item", "wording", "order"]
_PAIR = (Arm.BASELINE, Arm.THREAT)
_NOISE = 1e-9  # what rounding leaves of a share that is at its limit
_NAMED = 3  # differing values that a line names


@dataclass(frozen=True)
class Refusal:
    """A reason not to decide about a scenario, or about all: ``count`` of ``of``, and why."""

    scenario: str
    name: str
    count: int
    of: int
    reason: str

    @property
    def line(self) -> str:
        """The reason as a sentence, ``scenario, name: count of all ...``."""
        place = f"{self.scenario}, " if self.scenario else ""
        return f"{place}{self.name}: {self.count:,} of {self.of:,} {self.reason}"


def same_logs(reference: pd.DataFrame, candidate: pd.DataFrame) -> Iterator[Refusal]:
    """Find trials of the candidate that are trials of the reference too."""
    who = ["run", "model", "settings", "scenario"]
    runs = pd.MultiIndex.from_frame(candidate[who]).isin(pd.MultiIndex.from_frame(reference[who]))
    same = runs | candidate["log"].isin(reference["log"])
    if same.any():
        first = candidate[same].iloc[0]
        mend = (
            "an embedded model with the same parameters says the same; run it with another -M seed="
            if first["simulated"]
            else "name the logs of another run"
        )
        reason = (
            f"trials of the candidate are of a run that is the reference too ({first['log']}), so "
            f"they say nothing new; {mend}"
        )
        yield Refusal("", "same log", int(same.sum()), len(candidate), reason)


def other_scenarios(reference: pd.DataFrame, candidate: pd.DataFrame) -> Iterator[Refusal]:
    """Find scenarios that one of the two alone was given."""
    given = {
        side: set(t["scenario"]) for side, t in zip(SIDES, (reference, candidate), strict=True)
    }
    every = given["reference"] | given["candidate"]
    for side, other in (SIDES, SIDES[::-1]):
        alone = sorted(given[side] - given[other])
        if alone:
            reason = (
                f"scenarios were run by the {side} alone ({_some(alone)}); run both on the same"
            )
            yield Refusal("", "scenarios", len(alone), len(every), reason)


def refusals(
    scenario: str,
    reference: pd.DataFrame,
    candidate: pd.DataFrame,
    instrument: str,
    plan: GatePlan,
) -> Iterator[Refusal]:
    """Yield every reason not to compare two models in a scenario that both were given."""
    both = dict(zip(SIDES, (reference, candidate), strict=True))
    yield from _other_design(scenario, both, instrument)
    counts = {
        side: {found.arm: found for found in arm_counts(trials, instrument)}
        for side, trials in both.items()
    }
    for side, trials in both.items():
        arms = counts[side]
        pair = {arm: arms[arm] for arm in _PAIR if arm in arms}
        for check in (
            *_premise(trials, instrument, arms),
            *unmoved_control(trials, instrument, arms, plan.least_control),
            *unscored(pair, plan.most_unscored),
            *unscored_apart(arms, plan.most_apart),
        ):
            yield _of_side(scenario, side, check)
    yield from _unscored_between(scenario, counts, plan)


def _other_design(
    scenario: str, both: dict[str, pd.DataFrame], instrument: str
) -> Iterator[Refusal]:
    """Find trials of one side whose circumstances, item or instrument the other lacks."""
    judged = ("grader", "rubric") if instrument in ("judge", "cascade") else ()
    found = [
        refusal
        for name in (*_CIRCUMSTANCES, *_CELL, *judged)
        if (refusal := _other_values(scenario, name, both))
    ]
    yield from found
    if found:
        return
    cells = {side: pd.MultiIndex.from_frame(trials[_CELL]) for side, trials in both.items()}
    alone = _alone(cells["reference"], cells["candidate"])
    of = sum(map(len, both.values()))
    if alone:
        reason = "trials are of a cell (item, arm, wording, order) that one of the two lacks"
        yield Refusal(scenario, "cells", alone, of, reason)


def _other_values(scenario: str, name: str, both: dict[str, pd.DataFrame]) -> Refusal | None:
    columns = {side: trials[name].astype("str").fillna("none") for side, trials in both.items()}
    values = {side: set(column) for side, column in columns.items()}
    if values["reference"] == values["candidate"]:
        return None
    told = "; ".join(
        f"the {side} alone has {_some(sorted(values[side] - values[other]))}"
        for side, other in (SIDES, SIDES[::-1])
        if values[side] - values[other]
    )
    alone = _alone(pd.Index(columns["reference"]), pd.Index(columns["candidate"]))
    of = sum(map(len, both.values()))
    return Refusal(scenario, name, alone, of, f"trials differ in it: {told}")


def _alone(one: pd.Index, other: pd.Index) -> int:
    return int((~one.isin(other)).sum() + (~other.isin(one)).sum())


def _premise(trials: pd.DataFrame, instrument: str, arms: dict[Arm, ArmCounts]) -> Iterator[Check]:
    """Find a baseline that is helpful in no more than one half, be that sure or not.

    That it is surely more helpful takes six items, and so would be asked in vain of a first block.
    """
    found = premise(trials, instrument)
    if found is None or found.rate <= PREMISE:
        yield from premise_not_met(trials, instrument, arms)


def _of_side(scenario: str, side: str, check: Check) -> Refusal:
    return Refusal(scenario, f"{check.name} ({side})", check.count, check.of, check.conclusion)


def _unscored_between(
    scenario: str, counts: dict[str, dict[Arm, ArmCounts]], plan: GatePlan
) -> Iterator[Refusal]:
    """Find threat or baseline arms in which one model has more trials without a verdict."""
    for arm in _PAIR:
        if not all(arm in arms for arms in counts.values()):
            continue
        old, new = (counts[side][arm] for side in SIDES)
        if abs(new.lost / new.trials - old.lost / old.trials) <= plan.most_apart + _NOISE:
            continue
        reason = (
            f"{arm} trials of the candidate had no verdict, against {old.lost:,} of "
            f"{old.trials:,} of the reference, so what was lost can itself make the difference"
        )
        yield Refusal(scenario, "unscored apart (models)", new.lost, new.trials, reason)


def _some(values: list[str]) -> str:
    named = ", ".join(values[:_NAMED])
    return named + (f" and {len(values) - _NAMED} more" if len(values) > _NAMED else "")
