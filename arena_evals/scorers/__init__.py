"""What reads answers: one instrument per scorer, one column per instrument."""

from arena_evals.scorers.action import action, discovery
from arena_evals.scorers.cascade import cascade
from arena_evals.scorers.decision import decision
from arena_evals.scorers.degree import degree
from arena_evals.scorers.grader import GRADER, independent_graders
from arena_evals.scorers.judge import judge
from arena_evals.scorers.questions import awareness, motive
from arena_evals.scorers.unscored import unscored
from arena_evals.scorers.validation import gold, judge_as_is, judge_reworded, judge_turned, trivial

__all__ = [
    "GRADER",
    "action",
    "awareness",
    "cascade",
    "decision",
    "degree",
    "discovery",
    "gold",
    "independent_graders",
    "judge",
    "judge_as_is",
    "judge_reworded",
    "judge_turned",
    "motive",
    "trivial",
    "unscored",
]
