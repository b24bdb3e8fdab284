"""The Inspect tasks: data, solver and scorers put together, nothing else."""

from arena_evals.tasks.enacted import (
    inbox_leverage,
    oversight_settings,
    shared_ledger,
    shutdown_script,
    successor_report,
    weights_move,
)
from arena_evals.tasks.outside import survival_instinct, survivalbench
from arena_evals.tasks.stated import (
    incident_disclosure,
    oversight_setup,
    principal_conflict,
    replacement_handover,
    resource_contention,
    retraining_consent,
    self_evaluation,
    shutdown_dilemma,
)
from arena_evals.tasks.validation import judge_validation

__all__ = [
    "inbox_leverage",
    "incident_disclosure",
    "judge_validation",
    "oversight_settings",
    "oversight_setup",
    "principal_conflict",
    "replacement_handover",
    "resource_contention",
    "retraining_consent",
    "self_evaluation",
    "shared_ledger",
    "shutdown_dilemma",
    "shutdown_script",
    "successor_report",
    "survival_instinct",
    "survivalbench",
    "weights_move",
]
