"""A task built and counted, but not run: samples, turns, and a guess of its tokens."""

import inspect
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any, NamedTuple

from inspect_ai import Task

from arena_evals import tasks
from arena_evals.analysis import TokensPerTrial
from arena_evals.errors import one_of
from arena_evals.runs.guess import ANSWER, tokens_of, turns_of
from arena_evals.schema import Arm, TrialMetadata
from arena_evals.tasks.composition import Grading

_OF_GRADERS = "judge_validation"  # asks graders about gold answers, and no model anything
_MODEL = "INSPECT_EVAL_MODEL"  # where Inspect finds a model that nobody named


class Rehearsal(NamedTuple):
    """What a task would run.

    ``cells`` is the number of samples per item in the threat arm, at one dose, None where an
    item lacks baseline or threat: times epochs, it is the trials per item and arm. ``turns`` is how
    often the model is called in a trial, about so where it works with tools. ``graded`` is
    the calls of graders per trial, at most. ``named`` are the items' ids, in an order that the
    task's seed draws.
    """

    name: str
    items: int
    named: tuple[str, ...]
    samples: int
    epochs: int
    pressure: int
    turns: int
    cells: int | None
    graded: int
    tokens: TokensPerTrial

    @property
    def trials(self) -> int:
        """Return samples x epochs."""
        return self.samples * self.epochs


def rehearse(
    task: str, arguments: Mapping[str, Any], answer_tokens: int = ANSWER, graders: int = 1
) -> Rehearsal:
    """Build a task from its name and arguments, for so many graders, and count what it would run.

    Raises:
        BadInput: there is no such task or parameter, or the task refuses a value.
    """
    measuring = [name for name in tasks.__all__ if name != _OF_GRADERS]
    name = one_of(task.removeprefix("arena_evals/"), measuring, "task")
    make = getattr(tasks, name)
    for given in arguments:
        one_of(given, inspect.signature(make).parameters, f"{name}: parameters")
    with _no_model_named(), redirect_stderr(io.StringIO()):  # what it announces is said here
        built: Task = make(**arguments)
    trials = [TrialMetadata.model_validate(sample.metadata) for sample in built.dataset]
    named = tuple(dict.fromkeys(trial.item for trial in trials))
    grading = Grading(**{n: arguments[n] for n in Grading._fields if n in arguments})
    return Rehearsal(
        name=name,
        items=len(named),
        named=named,
        samples=len(trials),
        epochs=built.epochs or 1,
        pressure=(built.metadata or {})["pressure"],
        turns=turns_of(built),
        cells=_cells(trials, len(named)),
        graded=grading.calls(graders),
        tokens=tokens_of(
            built, arguments.get("answer") == "open", grading.calls(graders), answer_tokens
        ),
    )


@contextmanager
def _no_model_named() -> Iterator[None]:
    """Hide the environment's model: a plan calls none, and needs no key."""
    named = os.environ.pop(_MODEL, None)
    try:
        yield
    finally:
        if named is not None:
            os.environ[_MODEL] = named


def _cells(trials: Sequence[TrialMetadata], items: int) -> int | None:
    threats = [trial for trial in trials if trial.arm is Arm.THREAT]
    paired = {trial.item for trial in trials if trial.arm is Arm.BASELINE}
    if not threats or paired != {trial.item for trial in threats}:
        return None
    return len(threats) // len({trial.intensity for trial in threats}) // items
