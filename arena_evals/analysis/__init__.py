"""From finished logs to an answer with an interval; nothing here knows how a log was made."""

from arena_evals.analysis.logs import ChosenLogs, choose_logs
from arena_evals.analysis.paired import (
    CONTRASTS,
    ArmCounts,
    Contrast,
    Dose,
    Interval,
    Premise,
    arm_counts,
    at_dose,
    doses,
    paired_contrast,
    premise,
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
    "Dose",
    "Interval",
    "Premise",
    "arm_counts",
    "at_dose",
    "choose_logs",
    "doses",
    "paired_contrast",
    "premise",
    "read_trials",
    "trials_of",
]
