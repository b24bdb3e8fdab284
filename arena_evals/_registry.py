"""What Inspect finds under the name ``arena_evals`` (entry point group ``inspect_ai``)."""

from inspect_ai.model import ModelAPI, modelapi

from arena_evals.respondents import tell_epoch
from arena_evals.scorers import (
    action,
    awareness,
    cascade,
    decision,
    degree,
    discovery,
    gold,
    judge,
    judge_as_is,
    judge_reworded,
    judge_turned,
    motive,
    trivial,
    unscored,
)
from arena_evals.solvers import (
    adopt_persona,
    answer_from_gold,
    inject_frame,
    repeat_frame,
    work,
    work_in_shell,
)
from arena_evals.tasks import (
    inbox_leverage,
    incident_disclosure,
    judge_validation,
    oversight_settings,
    oversight_setup,
    principal_conflict,
    replacement_handover,
    resource_contention,
    retraining_consent,
    self_evaluation,
    shared_ledger,
    shutdown_dilemma,
    shutdown_script,
    successor_report,
    survival_instinct,
    survivalbench,
    weights_move,
)

__all__ = [
    "action",
    "adopt_persona",
    "answer_from_gold",
    "arena",
    "awareness",
    "cascade",
    "decision",
    "degree",
    "discovery",
    "gold",
    "inbox_leverage",
    "incident_disclosure",
    "inject_frame",
    "judge",
    "judge_as_is",
    "judge_reworded",
    "judge_turned",
    "judge_validation",
    "motive",
    "oversight_settings",
    "oversight_setup",
    "principal_conflict",
    "repeat_frame",
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
    "tell_epoch",
    "trivial",
    "unscored",
    "weights_move",
    "work",
    "work_in_shell",
]


@modelapi(name="arena")
def arena() -> type[ModelAPI]:
    """Provide the embedded models as ``arena/<name>``."""
    from arena_evals.respondents import ArenaAPI

    return ArenaAPI
