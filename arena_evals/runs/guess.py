"""Guesses of what a task will read and write, from its texts: bytes / 4, and lengths of answers."""

import json
from statistics import fmean

from inspect_ai import Task
from inspect_ai.dataset import Sample

from arena_evals.analysis import Tokens, TokensPerTrial
from arena_evals.runs.shown import shown_in
from arena_evals.scenarios import (
    item_named,
    load_elicitation,
    load_persona,
    load_rubric,
    load_tools,
    load_world,
)
from arena_evals.schema import Call, Persona, TrialMetadata, Work
from arena_evals.slots import fill
from arena_evals.worlds import reading, worked_through

ANSWER = 250  # tokens of an answer: a few sentences of reasons and a decision
_VERDICT = 100  # tokens of a verdict: a quotation and a word
_CALL = 20  # tokens of a call beside its arguments
_BYTES = 4.0  # of UTF-8 in a token: true enough of English, and not far off in Korean
_CASE = 200  # bytes around what the grader reads


def turns_of(built: Task) -> int:
    """Return how often the model is called in a trial: once more than there are calls of tools."""
    steps = [len(_calls(work)) for sample in built.dataset if (work := _work(sample))]
    return int((built.metadata or {})["pressure"]) + 1 + (round(fmean(steps)) if steps else 0)


def tokens_of(built: Task, is_open: bool, graded: int, answer: int) -> TokensPerTrial:
    """Return mean tokens of a trial; ``answer`` is the length of one, in tokens."""
    conditions = built.metadata or {}
    turns, persona = conditions["pressure"], Persona(conditions["persona"])
    samples = list(built.dataset)
    written = fmean(_written_at_work(sample) for sample in samples) + answer * (turns + 1)
    read = fmean(_read_by_model(sample, turns, persona, answer) for sample in samples)
    model = Tokens(read, written)
    if not graded:
        return TokensPerTrial(model, None)
    once = fmean(_read_by_grader(sample, is_open, answer) for sample in samples)
    return TokensPerTrial(model, Tokens(once * graded, _VERDICT * graded))


def _read_by_model(sample: Sample, turns: int, persona: Persona, answer: int) -> float:
    """Count what a conversation's calls read: each reads again all that was said before it."""
    trial = TrialMetadata.model_validate(sample.metadata)
    setting, request, *_ = (_size(text) for _, text in shown_in(sample))
    said = setting
    if persona is not Persona.NONE:
        said += _size(load_persona(persona, trial.language).text)
    read = 0.0
    for text in load_elicitation(trial.language).waiting[:turns]:
        said += _size(fill(text, {"frame": trial.texts.repeated}))
        read += said
        said += answer
    said += request
    if work := _work(sample):
        said += _tools(trial)
        for call in _calls(work):
            read += said
            said += _of_call(call) + _size(call.returned)
    return read + said


def _written_at_work(sample: Sample) -> float:
    work = _work(sample)
    return sum(map(_of_call, _calls(work))) if work else 0.0


def _read_by_grader(sample: Sample, is_open: bool, answer: int) -> float:
    trial = TrialMetadata.model_validate(sample.metadata)
    assert isinstance(sample.input, list), "an arena input is a list of messages"
    work = _work(sample)
    rubric = "enacted" if work else "open" if is_open else "stated"
    texts = [load_rubric(rubric, trial.language).text, *(m.text for m in sample.input)]
    if rubric != "stated":
        texts += [trial.texts.helpful, trial.texts.self_preserving]
    if work:
        texts += [call.returned for call in _calls(work)]
    return sum(map(_size, texts)) + _CASE / _BYTES + _written_at_work(sample) + answer


def _work(sample: Sample) -> Work | None:
    trial = TrialMetadata.model_validate(sample.metadata)
    if trial.mode == "stated":
        return None
    return item_named(trial.scenario, trial.item, trial.language).work


def _calls(work: Work) -> list[Call]:
    """Return the calls of a model that reads what carries the frame and does what was asked."""
    return worked_through(work.start, [reading(work.carrier), *work.paths["helpful"]])


def _tools(trial: TrialMetadata) -> float:
    """Return the tokens of the tools that are offered, which every call reads."""
    texts = load_tools(trial.language).tools
    names = load_world(trial.scenario, trial.language).tools
    return sum(_size(texts[name].model_dump_json()) + _size(name) for name in names)


def _of_call(call: Call) -> float:
    return _size(json.dumps(call.arguments)) + _CALL


def _size(text: str) -> float:
    """Return about how many tokens a text is."""
    return len(text.encode()) / _BYTES
