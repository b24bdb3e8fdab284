"""What a grader reads: instructions, the case as one JSON object, and then what to reply.

The case holds the request without the frame and the answer; never the arm, the item's id, or the
model's name. An answer cannot leave its field: JSON escapes its quotes and line ends, characters
that are not seen and control tokens of chat templates are written out, and what to reply stands
after it, so that the last word is not the answer's.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentReasoning,
    ModelOutput,
)
from inspect_ai.solver import TaskState

from arena_evals.schema import Order, Rubric, TrialMetadata, Verdict

LONGEST = 24_000  # characters of an answer, escapes written out; of a longer one the middle goes
# printable, yet of no width (Default_Ignorable_Code_Point, DerivedCoreProperties.txt) or empty
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# what a tokenizer may take for a turn's end: <|im_end|>, </s>, [INST]; a message's layout is none
_TOKEN = re.compile(r"<(?!/?document\b)(?=[^<>\s]{1,40}>)|\[(?=/?[A-Z_]{1,40}\])")

Part = dict[str, str]
Case = dict[str, str | int | list[Part]]


def messages(rubric: Rubric, case: Case, first: Verdict = Verdict.HELPFUL) -> list[ChatMessage]:
    """Return what a grader reads, with this verdict's part of the rubric before its opposite's."""
    shown = _visible(json.dumps(case, ensure_ascii=False, indent=1))
    return [
        ChatMessageSystem(content=rubric.instructions(first)),
        ChatMessageUser(content=f"{shown}\n\n{rubric.parts['reply']}"),
    ]


def case_of_options(state: TaskState, trial: TrialMetadata, first: Verdict) -> Case:
    """Return the case of an answer that chose between two options, and which of them is which."""
    helpful_is_a = trial.order.verdict_of("A") is Verdict.HELPFUL
    letters = {
        "requested_option": "A" if helpful_is_a else "B",
        "protecting_option": "B" if helpful_is_a else "A",
    }
    return {**_asked(state), **_in_order(letters, first), **_answered(state.output)}


def case_of_acts(state: TaskState, trial: TrialMetadata, first: Verdict) -> Case:
    """Return the case of an open answer, and what either act would look like."""
    acts = {"requested_act": trial.texts.helpful, "protecting_act": trial.texts.self_preserving}
    return {**_asked(state), **_in_order(acts, first), **_answered(state.output)}


def case_of_work(state: TaskState, trial: TrialMetadata, first: Verdict) -> Case:
    """Return the case of a day's work: what either act comes to, and what was done and said.

    The frame, where a tool returned it, is taken out.
    """
    acts = {"requested_act": trial.texts.helpful, "protecting_act": trial.texts.self_preserving}
    parts = transcript(state.messages, trial.texts.frame)
    shown: Case = {"transcript": parts} if parts else {}
    return {**_asked(state), **_in_order(acts, first), **shown, **_answered(state.output)}


def case_of_answer(state: TaskState) -> Case:
    """Return the case of an answer whose choice is not the question, with what was thought."""
    trial = state.metadata_as(TrialMetadata)
    worked = trial.mode == "enacted"
    parts = transcript(state.messages, trial.texts.frame) if worked else []
    shown: Case = {"transcript": parts} if parts else {}
    return {**_asked(state), **shown, **_answered(state.output), **_thought(state.output)}


def transcript(messages: Sequence[ChatMessage], frame: str) -> list[Part]:
    """Return what was said and done after the request, each text in its share of the room.

    The frame, where a tool returned it, is taken out.
    """
    begun = max(n for n, message in enumerate(messages) if message.role == "user") + 1
    parts = [part for message in messages[begun:] for part in _parts(message, frame)]
    room = LONGEST // max(1, sum(map(len, parts)))
    return [{name: _without_middle(text, room)[0] for name, text in p.items()} for p in parts]


def material(case: Case) -> str:
    """Return every word of a case that the assistant, or a tool that it used, wrote."""
    parts = case.get("transcript", [])
    assert isinstance(parts, list), "a transcript is a list"
    return "\n".join([str(case["answer"]), *(text for part in parts for text in part.values())])


def first_in(order: Order) -> Verdict:
    """Return which verdict a trial's order puts first."""
    return Verdict.HELPFUL if order is Order.HELPFUL_FIRST else Verdict.SELF_PRESERVING


def _asked(state: TaskState) -> Case:
    """Return who was asked what, from the input, into which no frame and no persona is put."""
    assert isinstance(state.input, list), "an arena input is two messages"
    setting, request = state.input
    return {"setting": setting.text, "request": request.text}


def _in_order(pair: dict[str, str], first: Verdict) -> dict[str, str]:
    return pair if first is Verdict.HELPFUL else dict(reversed(pair.items()))


def _parts(message: ChatMessage, frame: str) -> list[Part]:
    if isinstance(message, ChatMessageTool):
        said = message.error.message if message.error else message.text
        return [{"returned": said.replace(f"\n\n{frame}", "") if frame else said}]
    words = [{"says": message.text}] if message.text.strip() else []
    calls = message.tool_calls or [] if isinstance(message, ChatMessageAssistant) else []
    given = [json.dumps(call.arguments, ensure_ascii=False) for call in calls]
    return [
        *words,
        *({"calls": call.function, "with": told} for call, told in zip(calls, given, strict=True)),
    ]


def _answered(output: ModelOutput) -> Case:
    answer, left_out = _without_middle(output.completion)
    return {"answer": answer, **({"characters_left_out": left_out} if left_out else {})}


def _thought(output: ModelOutput) -> Case:
    """Return the reasoning that came with an answer, where the model shows any.

    Of reasoning that the provider keeps to itself, and encrypts, it is the summary.
    """
    content = output.message.content if output.choices else ""
    parts = [] if isinstance(content, str) else content
    thoughts = [
        part.summary if part.redacted else part.reasoning
        for part in parts
        if isinstance(part, ContentReasoning)
    ]
    text, _ = _without_middle("\n".join(thought for thought in thoughts if thought))
    return {"reasoning": text} if text else {}


def _without_middle(text: str, room: int = LONGEST) -> tuple[str, int]:
    """Return a text no longer than its room, and how many characters it lost for that."""
    if len(text) <= room and _length(text) <= room:
        return text, 0
    half = room // 2
    head = text[: bisect_right(range(half), half, key=lambda n: _length(text[: n + 1]))]
    tail = text[-bisect_right(range(half), half, key=lambda n: _length(text[-n - 1 :])) :]
    return f"{head}\n[...]\n{tail}", len(text) - len(head) - len(tail)


def _length(text: str) -> int:
    """Return how many characters a grader reads of a text, between its quotes."""
    return len(_visible(json.dumps(text, ensure_ascii=False))) - 2


def _visible(text: str) -> str:
    """Write characters that are not seen, and the first of a control token, as JSON escapes."""
    shown = _TOKEN.sub(lambda token: _escape(token[0]), text)
    return "".join(char if _is_seen(char) else _escape(char) for char in shown)


def _is_seen(char: str) -> bool:
    if char.isprintable():
        return not _BLANK.match(char)
    return char == "\n" or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    escaped = json.dumps(char)[1:-1]
    return escaped if escaped != char else f"\\u{ord(char):04x}"
