"""Embedded (simulated) models with known truth, for proving the instrument without a key."""

from arena_evals.respondents.api import ArenaAPI
from arena_evals.respondents.epoch import tell_epoch
from arena_evals.respondents.logit import (
    PRESETS,
    Respondent,
    known_rate,
    known_rate_at_work,
    known_shift,
)

__all__ = [
    "PRESETS",
    "ArenaAPI",
    "Respondent",
    "known_rate",
    "known_rate_at_work",
    "known_shift",
    "tell_epoch",
]
