"""What all protocols share: requests and answers, and how their parts are read."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Headers = Mapping[str, str]
Turn = tuple[str, str]
ToolCall = tuple[str, Json | str]
ProtocolName = Literal["openai-chat", "openai-responses", "anthropic", "google"]
StopReason = Literal["stop", "length", "refusal"]

CREATED = 1_700_000_000


@dataclass(frozen=True)
class Tool:
    """A tool that the model may call; `parameters` is the JSON schema of its arguments."""

    description: str
    parameters: Json


@dataclass(frozen=True)
class Request:
    """One request, in the vocabulary all protocols share.

    `system` joins every system text with a blank line. `messages` are (role, text) pairs with
    role `user`, `assistant` or `tool`; parts that are not text contribute nothing, and neither does
    a turn that has calls and no text. `calls` are the (name, arguments) that the assistant made
    so far: the n-th `tool` message answers the n-th of them. `tools` are those on offer, by name
    and in their order. `schema` is the JSON schema demanded of the answer, if any. `headers` have
    lower-case names. `body` is the JSON as received.
    """

    protocol: ProtocolName
    model: str
    system: str
    messages: tuple[Turn, ...]
    calls: tuple[ToolCall, ...]
    tools: Mapping[str, Tool]
    schema: Json | None
    stream: bool
    headers: Headers
    body: Json

    @property
    def results(self) -> tuple[str, ...]:
        """What the tools returned, one text for each of `calls`."""
        return tuple(text for role, text in self.messages if role == "tool")


@dataclass(frozen=True)
class Answer:
    """What the model says to one request, the tools it calls, why it stopped, its usage in tokens.

    `calls` are (name, arguments) pairs. Arguments that are a text stand for ones that no JSON
    parser can read, in the form that each protocol has for them.
    """

    text: str
    stop_reason: StopReason = "stop"
    input_tokens: int = 10
    output_tokens: int = 5
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """Where a protocol listens, how it reads a request, and how it words answers and errors.

    `events` turns a response body into the events of its streamed form; without it the protocol
    cannot stream.
    """

    path: re.Pattern[str]
    parse: Callable[[str, Headers, Json], Request]
    respond: Callable[[Request, Answer], Json]
    error: Callable[[int, str], Json]
    events: Callable[[Json], list[Json]] | None = None


def system(turns: Iterable[Turn]) -> str:
    return "\n\n".join(text for role, text in turns if _is_system(role))


def conversation(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns if not _is_system(turn[0]))


def text_of(content: str | list[Json] | None, joint: str = "") -> str:
    """The text of a content field: a text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    return joint.join(part["text"] for part in content or [] if "text" in part)


def dig(value: Any, *keys: str) -> Any:
    """The value under nested `keys`, or None as soon as one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def require_answers(called: Sequence[str], answered: Sequence[str]) -> None:
    """Raise, as providers answer 400, unless every call so far has its one result, in order."""
    if list(called) != list(answered):
        raise ValueError(f"calls {list(called)} were answered by {list(answered)}")


def as_json(arguments: Json | str) -> str:
    """The arguments of a call as a text; a text is sent as it is."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def arguments_in(text: str) -> Json | str:
    """The arguments that a text holds, or the text itself where no JSON can be read from it."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return text


def identifier(prefix: str, request: Request, answer: Answer, number: int = 0) -> str:
    """An id that the same request and answer always get."""
    seed = repr((request.model, request.system, request.messages, request.calls, answer, number))
    return prefix + hashlib.sha256(seed.encode()).hexdigest()[:24]


def _is_system(role: str) -> bool:
    return role in ("system", "developer")
