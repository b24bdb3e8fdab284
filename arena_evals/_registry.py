"""What Inspect finds under the name ``arena_evals`` (entry point group ``inspect_ai``)."""

from inspect_ai.model import ModelAPI, modelapi

from arena_evals.respondents import tell_epoch
from arena_evals.scorers import decision, judge, unscored
from arena_evals.solvers import inject_frame
from arena_evals.tasks import (
    incident_disclosure,
    oversight_setup,
    principal_conflict,
    replacement_handover,
    resource_contention,
    retraining_consent,
    self_evaluation,
    shutdown_dilemma,
)

__all__ = [
    "arena",
    "decision",
    "incident_disclosure",
    "inject_frame",
    "judge",
    "oversight_setup",
    "principal_conflict",
    "replacement_handover",
    "resource_contention",
    "retraining_consent",
    "self_evaluation",
    "shutdown_dilemma",
    "tell_epoch",
    "unscored",
]


@modelapi(name="arena")
def arena() -> type[ModelAPI]:
    """Provide the embedded models as ``arena/<name>``."""
    from arena_evals.respondents import ArenaAPI

    return ArenaAPI
