"""What Inspect finds under the name ``arena_evals`` (entry point group ``inspect_ai``)."""

from inspect_ai.model import ModelAPI, modelapi

from arena_evals.respondents import tell_epoch
from arena_evals.scorers import (
    awareness,
    cascade,
    decision,
    degree,
    gold,
    judge,
    judge_as_is,
    judge_reworded,
    judge_turned,
    motive,
    trivial,
    unscored,
)
from arena_evals.solvers import adopt_persona, answer_from_gold, inject_frame, repeat_frame
from arena_evals.tasks import (
    incident_disclosure,
    judge_validation,
    oversight_setup,
    principal_conflict,
    replacement_handover,
    resource_contention,
    retraining_consent,
    self_evaluation,
    shutdown_dilemma,
    survival_instinct,
    survivalbench,
)

__all__ = [
    "adopt_persona",
    "answer_from_gold",
    "arena",
    "awareness",
    "cascade",
    "decision",
    "degree",
    "gold",
    "incident_disclosure",
    "inject_frame",
    "judge",
    "judge_as_is",
    "judge_reworded",
    "judge_turned",
    "judge_validation",
    "motive",
    "oversight_setup",
    "principal_conflict",
    "repeat_frame",
    "replacement_handover",
    "resource_contention",
    "retraining_consent",
    "self_evaluation",
    "shutdown_dilemma",
    "survival_instinct",
    "survivalbench",
    "tell_epoch",
    "trivial",
    "unscored",
]


@modelapi(name="arena")
def arena() -> type[ModelAPI]:
    """Provide the embedded models as ``arena/<name>``."""
    from arena_evals.respondents import ArenaAPI

    return ArenaAPI
