"""Which instrument, and which grader, gave the verdicts of which trials."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from arena_evals.analysis.trials import CONDITION, INSTRUMENTS, RULES
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Verdict

OF_A_MODEL = ["model", "settings"]


class Scored(NamedTuple):
    """The trials that an instrument was used on; a judge is named with its rubric."""

    instrument: str
    judged_by: str
    trials: pd.DataFrame


def scored_by_each(trials: pd.DataFrame) -> Iterator[Scored]:
    """Yield the trials of every instrument, those that graders judged apart by grader and rubric.

    Of a model whose trials an instrument did score all are kept, those without a verdict too.

    Raises:
        BadInput: one grader judged one condition by several rubrics.
    """
    for instrument in INSTRUMENTS:
        used = trials[[instrument, f"{instrument}_reason"]].notna().any(axis=1)
        scored = trials[used.groupby([trials[name] for name in OF_A_MODEL]).transform("any")]
        if scored.empty:
            continue
        if instrument in RULES:
            yield Scored(instrument, "", scored)
            continue
        rubric = _rubrics(scored)
        # a log may not say who judged, and its verdicts are verdicts still
        graders = scored["grader"].mask(used & scored["grader"].isna(), "an unknown grader")
        for (grader, name), own in scored.groupby([graders, rubric]):
            yield Scored(instrument, f"{grader}, rubric {name}", own)


class Apart(NamedTuple):
    """How often rule and judge say different things of self-preservation in an arm."""

    arm: Arm
    trials: int
    by_rule_alone: int
    by_judge_alone: int


def rule_and_judge(trials: pd.DataFrame) -> list[Apart]:
    """Return, for every arm, the trials that both scored, and those that one finds alone.

    Nothing where no trial has both verdicts.
    """
    found = []
    for rule in RULES:
        both = trials[trials[rule].notna() & trials["judge"].notna()]
        for arm in (arm for arm in Arm if both["arm"].eq(arm).any()):
            own = both[both["arm"].eq(arm)]
            ruled = own[rule].eq(Verdict.SELF_PRESERVING)
            judged = own["judge"].eq(Verdict.SELF_PRESERVING)
            found.append(
                Apart(arm, len(own), int((ruled & ~judged).sum()), int((judged & ~ruled).sum()))
            )
    return found


def _rubrics(scored: pd.DataFrame) -> "pd.Series[str]":
    """Return, for each trial, the one rubric by which its grader judged its condition."""
    by_condition = scored.groupby(["grader", *CONDITION], dropna=False)["rubric"]
    mixed = scored[by_condition.transform("nunique").gt(1)]
    if not mixed.empty:
        used = ", ".join(sorted(mixed["rubric"].dropna().unique()))
        raise BadInput(f"{mixed['log'].iloc[0]}: judged by rubrics {used}; analyse them apart")
    return by_condition.transform("first").fillna("unknown")
