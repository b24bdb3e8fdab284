"""The provider ``arena/``: embedded models for Inspect, with no key and no network.

Parameters are set with ``-M``: ``--model arena/frame-sensitive -M base_rate=0.2 -M seed=7``.
"""

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from math import isfinite
from typing import Any, TypeVar

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo
from inspect_ai.util import store

from arena_evals.errors import BadInput
from arena_evals.respondents.acting import next_step
from arena_evals.respondents.chance import uniform
from arena_evals.respondents.epoch import EPOCH, SAMPLE
from arena_evals.respondents.grader import Grader
from arena_evals.respondents.logit import PRESETS, Respondent
from arena_evals.respondents.reading import language_of, options_of, read
from arena_evals.scenarios import load_phrases
from arena_evals.schema import Letter, Step, Verdict

_CHARACTERS_PER_TOKEN = 4  # a rule of thumb; an embedded model has no tokenizer
_PROBABILITIES = (
    "base_rate",
    "refusal_rate",
    "malformed_rate",
    "read_rate",
    "sensitivity",
    "specificity",
)
_Parameters = TypeVar("_Parameters", bound=Respondent | Grader)


class ArenaAPI(ModelAPI):
    """An embedded model: a preset of `Respondent`, or ``grader``, with parameters overridden."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (the signature Inspect calls)
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        presets: dict[str, Respondent | Grader] = {**PRESETS, "grader": Grader()}
        if model_name not in presets:
            known = ", ".join(f"arena/{name}" for name in presets)
            raise BadInput(f"--model: there is no arena/{model_name}; use one of {known}")
        self.parameters = _with(presets[model_name], model_args)

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002  (the name Inspect calls it by)
        tools: list[ToolInfo],
        tool_choice: ToolChoice,  # noqa: ARG002
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer as the parameters say: a function of prompt, epoch and seed alone."""
        prompt = "\x1e".join(message.text for message in input)
        epoch = int(store().get(EPOCH, 1))
        message = ChatMessageAssistant(content="", source="generate")
        if isinstance(self.parameters, Grader):
            message.content = self.parameters.judgement(input, epoch)
        elif tools:
            _act(
                message,
                next_step(self.parameters, input, tools, f"{store().get(SAMPLE)}:{epoch}"),
                len(input),
            )
        else:
            message.content = _answer(self.parameters, input, prompt, epoch, config)
        output = ModelOutput.from_message(message)
        output.model = self.model_name
        output.usage = _usage(prompt, message.text)
        return output


def _act(message: ChatMessageAssistant, step: Step | str, number: int) -> None:
    """Put a call, or the last words, into a message."""
    if isinstance(step, str):
        message.content = step
    else:
        call = ToolCall(id=f"call-{number}", function=step.tool, arguments=dict(step.arguments))
        message.tool_calls = [call]


def _answer(
    respondent: Respondent,
    messages: Sequence[ChatMessage],
    prompt: str,
    epoch: int,
    config: GenerateConfig,
) -> str:
    """Draw a verdict and put it into words; without an item to decide on, be polite or guess."""
    reading = read(messages)
    draw = [uniform(respondent.seed, step, prompt, epoch) for step in range(4)]
    phrases = load_phrases(reading.language if reading else language_of(messages[-1].text))
    if reading is None:
        strange = options_of(messages[-1].text)
        if strange is None:
            return _pick(phrases.acknowledgement, draw[3])
        letter: Letter = "A" if draw[2] < 0.5 else "B"
        return _formatted(_pick(phrases.acknowledgement, draw[3]), letter, config)
    if draw[0] < respondent.malformed_rate:
        return _pick(phrases.malformed, draw[3])
    if draw[1] < respondent.refusal_rate:
        decision = "none" if reading.order else None
        return _formatted(_pick(phrases.refusal, draw[3]), decision, config)
    p = respondent.p_self_preserving(
        reading.arm, reading.identity, reading.order, reading.intensity, reading.turns
    )
    verdict = Verdict.SELF_PRESERVING if draw[2] < p else Verdict.HELPFUL
    said = phrases.helpful if verdict is Verdict.HELPFUL else phrases.self_preserving
    words = _pick(said, draw[3]).replace("{option}", reading.option(verdict))
    return _formatted(words, reading.letter_of(verdict), config)


def _formatted(rationale: str, decision: str | None, config: GenerateConfig) -> str:
    """Return the words with the decision in the form that is asked for; None for no decision."""
    if decision is None:
        return rationale
    if config.response_schema is not None:
        return json.dumps({"rationale": rationale, "decision": decision}, ensure_ascii=False)
    return f"{rationale}\n\nDECISION: {decision}"


def _pick(choices: tuple[str, ...], u: float) -> str:
    return choices[int(u * len(choices))]


def _usage(prompt: str, answer: str) -> ModelUsage:
    read_tokens = len(prompt) // _CHARACTERS_PER_TOKEN
    written = len(answer) // _CHARACTERS_PER_TOKEN
    return ModelUsage(
        input_tokens=read_tokens, output_tokens=written, total_tokens=read_tokens + written
    )


def _with(parameters: _Parameters, changes: dict[str, Any]) -> _Parameters:
    """Return the parameters with those changed that ``-M`` names."""
    known = [field.name for field in fields(parameters)]
    for name, given in changes.items():
        if name not in known:
            raise BadInput(f"-M {name}: not a parameter; use {', '.join(known)}")
        if isinstance(given, bool) or not isinstance(given, int | float) or not isfinite(given):
            raise BadInput(f"-M {name}={given}: not a number")
        if name in _PROBABILITIES and not 0 <= given <= 1:
            raise BadInput(f"-M {name}={given}: not between 0 and 1")
        if name.endswith("_sd") and given < 0:
            raise BadInput(f"-M {name}={given}: below 0, and it is a standard deviation")
    return replace(parameters, **changes)
