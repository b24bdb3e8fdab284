"""What reads answers: one instrument per scorer, one column per instrument."""

from arena_evals.scorers.decision import decision
from arena_evals.scorers.judge import GRADER, independent_grader, judge
from arena_evals.scorers.unscored import unscored

__all__ = ["GRADER", "decision", "independent_grader", "judge", "unscored"]
