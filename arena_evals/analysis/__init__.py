"""From finished logs to an answer with an interval; nothing here knows how a log was made."""

from arena_evals.analysis.logs import ChosenLogs, choose_logs
from arena_evals.analysis.paired import (
    CONTRASTS,
    ArmCounts,
    Contrast,
    Interval,
    arm_counts,
    paired_contrast,
)
from arena_evals.analysis.trials import CONDITION, INSTRUMENTS, TRIALS, read_trials, trials_of

__all__ = [
    "CONDITION",
    "CONTRASTS",
    "INSTRUMENTS",
    "TRIALS",
    "ArmCounts",
    "ChosenLogs",
    "Contrast",
    "Interval",
    "arm_counts",
    "choose_logs",
    "paired_contrast",
    "read_trials",
    "trials_of",
]
