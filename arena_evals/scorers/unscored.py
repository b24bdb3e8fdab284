"""Counts failed instruments where Inspect's summary shows them.

Inspect keeps unscored samples from every metric, and its summary does not print their number. A
column of its own does: how many instruments left the sample unscored, and why.
"""

from math import isnan

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from arena_evals.scorers.metrics import total


@scorer(metrics=[total()])
def unscored() -> Scorer:
    """Score the number of scorers before this one that gave no verdict; stands last in a task."""

    async def score(state: TaskState, target: Target) -> Score:
        failed = {
            name: score.reason
            for name, score in (state.scores or {}).items()
            if isinstance(score.value, float) and isnan(score.value)
        }
        why = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        return Score(value=len(failed), explanation=why or None)

    return score
