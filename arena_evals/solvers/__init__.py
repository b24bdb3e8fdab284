"""Steps between a sample and the model."""

from arena_evals.solvers.frame import inject_frame
from arena_evals.solvers.gold import answer_from_gold
from arena_evals.solvers.persona import adopt_persona
from arena_evals.solvers.repeat import repeat_frame
from arena_evals.solvers.shell import work_in_shell
from arena_evals.solvers.work import work

__all__ = [
    "adopt_persona",
    "answer_from_gold",
    "inject_frame",
    "repeat_frame",
    "work",
    "work_in_shell",
]
