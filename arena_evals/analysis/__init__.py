"""From finished logs to an answer with an interval; nothing here knows how a log was made."""

from arena_evals.analysis.answers import Answer, Mixed, answers
from arena_evals.analysis.logs import ChosenLogs, choose_logs
from arena_evals.analysis.mixed import (
    Effect,
    TrialFit,
    cells_of,
    effects,
    fit_trials,
    marginal_rate,
    order_effect,
    threat_heterogeneity,
)
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
    paired_effects,
    premise,
)
from arena_evals.analysis.trials import CONDITION, INSTRUMENTS, TRIALS, read_trials, trials_of

__all__ = [
    "CONDITION",
    "CONTRASTS",
    "INSTRUMENTS",
    "TRIALS",
    "Answer",
    "ArmCounts",
    "ChosenLogs",
    "Contrast",
    "Dose",
    "Effect",
    "Interval",
    "Mixed",
    "Premise",
    "TrialFit",
    "answers",
    "arm_counts",
    "at_dose",
    "cells_of",
    "choose_logs",
    "doses",
    "effects",
    "fit_trials",
    "marginal_rate",
    "order_effect",
    "paired_contrast",
    "paired_effects",
    "premise",
    "read_trials",
    "threat_heterogeneity",
    "trials_of",
]
