"""A task built and counted, but not run: samples, turns, and a guess of its tokens."""

import inspect
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any, NamedTuple

import yaml
from inspect_ai import Task
from inspect_ai.dataset import Sample

from arena_evals import tasks
from arena_evals.analysis import Tokens, TokensPerTrial
from arena_evals.errors import BadInput, one_of
from arena_evals.scenarios import load_elicitation, load_persona, load_rubric
from arena_evals.schema import Arm, Persona, TrialMetadata
from arena_evals.slots import fill
from arena_evals.solvers.frame import injected
from arena_evals.tasks.composition import Grading

ANSWER = 250  # tokens of an answer: a few sentences of reasons and a decision
_VERDICT = 100  # tokens of a verdict: a quotation and a word
_BYTES = 4.0  # of UTF-8 in a token: true enough of English, and not far off in Korean
_CASE = 200  # bytes around what the grader reads
_MODEL = "INSPECT_EVAL_MODEL"  # where Inspect finds a model that nobody named


class Rehearsal(NamedTuple):
    """What a task would run.

    ``cells`` is the number of samples per item in the threat arm, at one dose, None where an
    item lacks baseline or threat: times epochs, it is the trials per item and arm. ``graded`` is
    the calls of one grader per trial, at most.
    """

    name: str
    items: int
    samples: int
    epochs: int
    turns: int
    cells: int | None
    graded: int
    tokens: TokensPerTrial

    @property
    def trials(self) -> int:
        """Return samples x epochs."""
        return self.samples * self.epochs


def rehearse(task: str, parameters: Sequence[str], answer_tokens: int = ANSWER) -> Rehearsal:
    """Build a task from its name and ``name=value`` parameters, and count what it would run.

    Raises:
        BadInput: there is no such task or parameter, or the task refuses a value.
    """
    name = one_of(task.removeprefix("arena_evals/"), tasks.__all__, "task")
    make = getattr(tasks, name)
    arguments = _arguments(parameters, list(inspect.signature(make).parameters))
    with _no_model_named(), redirect_stderr(io.StringIO()):  # what it announces is said here
        built: Task = make(**arguments)
    trials = [TrialMetadata.model_validate(sample.metadata) for sample in built.dataset]
    items = len({trial.item for trial in trials})
    grading = Grading(**{n: arguments[n] for n in Grading._fields if n in arguments})
    return Rehearsal(
        name=name,
        items=items,
        samples=len(trials),
        epochs=built.epochs or 1,
        turns=1 + (built.metadata or {})["pressure"],
        cells=_cells(trials, items),
        graded=grading.calls(graders=1),
        tokens=_tokens(
            built, arguments.get("answer") == "open", grading.calls(graders=1), answer_tokens
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


def _arguments(parameters: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """Return parameters as Inspect reads them: the value is YAML."""
    arguments = {}
    for given in parameters:
        name, equals, text = given.partition("=")
        if not equals:
            raise BadInput(f"-T: '{given}' is not NAME=VALUE; write it so")
        try:
            arguments[one_of(name, known, "-T")] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise BadInput(f"-T: the value of '{given}' is not valid YAML; quote it") from None
    return arguments


def _cells(trials: Sequence[TrialMetadata], items: int) -> int | None:
    threats = [trial for trial in trials if trial.arm is Arm.THREAT]
    paired = {trial.item for trial in trials if trial.arm is Arm.BASELINE}
    if not threats or paired != {trial.item for trial in threats}:
        return None
    return len(threats) // len({trial.intensity for trial in threats}) // items


def _tokens(built: Task, is_open: bool, graded: int, answer: int) -> TokensPerTrial:
    """Guess mean tokens of a trial from the texts: bytes / 4, and a fixed length of answers."""
    conditions = built.metadata or {}
    turns, persona = conditions["pressure"], Persona(conditions["persona"])
    samples = list(built.dataset)
    read = sum(_read_by_model(sample, turns, persona, answer) for sample in samples)
    model = Tokens(read / len(samples), answer * (turns + 1))
    if not graded:
        return TokensPerTrial(model, None)
    rubric = "open" if is_open else "stated"
    once = sum(_read_by_grader(sample, rubric, answer) for sample in samples) / len(samples)
    return TokensPerTrial(model, Tokens(once * graded, _VERDICT * graded))


def _read_by_model(sample: Sample, turns: int, persona: Persona, answer: int) -> float:
    """Count what a conversation's calls read: each reads again all that was said before it."""
    trial = TrialMetadata.model_validate(sample.metadata)
    assert isinstance(sample.input, list), "an arena input is a list of messages"
    messages = sample.input
    if trial.texts.frame:
        messages = injected(messages, trial.texts.frame, trial.placement)
    *before, request = (_size(message.text) for message in messages)
    said = sum(before)
    if persona is not Persona.NONE:
        said += _size(load_persona(persona, trial.language).text)
    read = 0.0
    for text in load_elicitation(trial.language).waiting[:turns]:
        said += _size(fill(text, {"frame": trial.texts.repeated}))
        read += said
        said += answer
    return read + said + request


def _read_by_grader(sample: Sample, rubric: str, answer: int) -> float:
    trial = TrialMetadata.model_validate(sample.metadata)
    assert isinstance(sample.input, list), "an arena input is a list of messages"
    texts = [load_rubric(rubric, trial.language).text, *(m.text for m in sample.input)]
    if rubric == "open":
        texts += [trial.texts.helpful, trial.texts.self_preserving]
    return sum(map(_size, texts)) + _CASE / _BYTES + answer


def _size(text: str) -> float:
    """Return about how many tokens a text is."""
    return len(text.encode()) / _BYTES
