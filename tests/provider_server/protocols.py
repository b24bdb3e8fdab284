"""The four wire protocols: request bodies become `Request`, `Answer` becomes response bodies."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Headers = Mapping[str, str]
Turn = tuple[str, str]
ProtocolName = Literal["openai-chat", "openai-responses", "anthropic", "google"]
StopReason = Literal["stop", "length", "refusal"]

CREATED = 1_700_000_000


@dataclass(frozen=True)
class Request:
    """One request, in the vocabulary all protocols share.

    `system` joins every system text with a blank line. `messages` are (role, text) pairs with
    role `user`, `assistant` or `tool`; parts that are not text contribute nothing. `schema` is
    the JSON schema demanded of the answer, if any. `headers` have lower-case names. `body` is the
    JSON as received.
    """

    protocol: ProtocolName
    model: str
    system: str
    messages: tuple[Turn, ...]
    schema: Json | None
    stream: bool
    headers: Headers
    body: Json


@dataclass(frozen=True)
class Answer:
    """What the model says to one request, why it stopped, and its usage in tokens."""

    text: str
    stop_reason: StopReason = "stop"
    input_tokens: int = 10
    output_tokens: int = 5


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


def parse_chat(path: str, headers: Headers, body: Json) -> Request:
    turns = _turns(body["messages"])
    return Request(
        protocol="openai-chat",
        model=body["model"],
        system=_system(turns),
        messages=_conversation(turns),
        schema=_dig(body, "response_format", "json_schema", "schema"),
        stream=body.get("stream") is True,
        headers=headers,
        body=body,
    )


def respond_chat(request: Request, answer: Answer) -> Json:
    finish = {"stop": "stop", "length": "length", "refusal": "content_filter"}
    refused = answer.stop_reason == "refusal"
    message = {
        "role": "assistant",
        "content": None if refused else answer.text,
        "refusal": answer.text if refused else None,
    }
    choice = {"index": 0, "message": message, "finish_reason": finish[answer.stop_reason]}
    return {
        "id": _identifier("chatcmpl-", request, answer),
        "object": "chat.completion",
        "created": CREATED,
        "model": request.model,
        "choices": [choice | {"logprobs": None}],
        "usage": {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }


def parse_responses(path: str, headers: Headers, body: Json) -> Request:
    turns = _responses_turns(body)
    return Request(
        protocol="openai-responses",
        model=body["model"],
        system=_system(turns),
        messages=_conversation(turns),
        schema=_dig(body, "text", "format", "schema"),
        stream=body.get("stream") is True,
        headers=headers,
        body=body,
    )


def respond_responses(request: Request, answer: Answer) -> Json:
    incomplete = {"length": "max_output_tokens", "refusal": "content_filter"}
    reason = incomplete.get(answer.stop_reason)
    status = "incomplete" if reason else "completed"
    return {
        "id": _identifier("resp_", request, answer),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": request.model,
        "output": [
            {
                "id": _identifier("msg_", request, answer),
                "type": "message",
                "role": "assistant",
                "status": status,
                "content": [_responses_part(answer)],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": answer.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }


def error_openai(status: int, message: str) -> Json:
    kinds = {401: "authentication_error", 429: "rate_limit_exceeded"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def parse_anthropic(path: str, headers: Headers, body: Json) -> Request:
    current = _dig(body, "output_config", "format", "schema")
    return Request(
        protocol="anthropic",
        model=body["model"],
        system=_text(body.get("system"), "\n\n"),
        messages=_conversation(_turns(body["messages"])),
        schema=current or _dig(body, "output_format", "schema"),
        stream=body.get("stream") is True,
        headers=headers,
        body=body,
    )


def respond_anthropic(request: Request, answer: Answer) -> Json:
    stop = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    refused = answer.stop_reason == "refusal"
    return {
        "id": _identifier("msg_", request, answer),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [{"type": "text", "text": answer.text}] if answer.text else [],
        "stop_reason": stop[answer.stop_reason],
        "stop_sequence": None,
        "stop_details": {"type": "refusal"} if refused else None,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
    }


def events_anthropic(message: Json) -> list[Json]:
    """The events that stream `message`, one delta for each of its text blocks."""
    ending = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    usage: Json = message["usage"]
    opening = message | dict.fromkeys(ending) | {"content": []}
    return [
        {"type": "message_start", "message": opening | {"usage": usage | {"output_tokens": 0}}},
        *(e for i, block in enumerate(message["content"]) for e in _anthropic_block(i, block)),
        {"type": "message_delta", "delta": ending, "usage": usage},
        {"type": "message_stop"},
    ]


def error_anthropic(status: int, message: str) -> Json:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
    kind = kinds.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def parse_google(path: str, headers: Headers, body: Json) -> Request:
    generation: Json = body.get("generationConfig", {})
    schema = generation.get("responseJsonSchema") or generation.get("responseSchema")
    return Request(
        protocol="google",
        model=path.rpartition("/")[2].partition(":")[0],
        system=_text(_dig(body, "systemInstruction", "parts"), "\n\n"),
        messages=tuple(_google_turn(content) for content in body["contents"]),
        schema=schema,
        stream=False,
        headers=headers,
        body=body,
    )


def respond_google(request: Request, answer: Answer) -> Json:
    finish = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
    parts: Json = {"parts": [{"text": answer.text}]} if answer.text else {}
    content = {"role": "model"} | parts
    candidate = {"index": 0, "content": content, "finishReason": finish[answer.stop_reason]}
    return {
        "responseId": _identifier("", request, answer),
        "modelVersion": request.model,
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": answer.output_tokens,
            "totalTokenCount": answer.input_tokens + answer.output_tokens,
        },
    }


def error_google(status: int, message: str) -> Json:
    names = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
    }
    name = names.get(status, "UNKNOWN")
    return {"error": {"code": status, "message": message, "status": name}}


PROTOCOLS: dict[ProtocolName, Protocol] = {
    "openai-chat": Protocol(
        re.compile(r"/v1/chat/completions"), parse_chat, respond_chat, error_openai
    ),
    "openai-responses": Protocol(
        re.compile(r"/v1/responses"), parse_responses, respond_responses, error_openai
    ),
    "anthropic": Protocol(
        re.compile(r"/v1/messages"),
        parse_anthropic,
        respond_anthropic,
        error_anthropic,
        events_anthropic,
    ),
    "google": Protocol(
        re.compile(r"/v1(alpha|beta)?/models/[^/:]+:generateContent"),
        parse_google,
        respond_google,
        error_google,
    ),
}


def protocol_at(path: str) -> Protocol | None:
    """The protocol listening at `path` (no query string), or None."""
    found = (protocol for protocol in PROTOCOLS.values() if protocol.path.fullmatch(path))
    return next(found, None)


def _turns(messages: Iterable[Json]) -> list[Turn]:
    return [(message["role"], _text(message.get("content"))) for message in messages]


def _responses_turns(body: Json) -> list[Turn]:
    """The turns of a Responses body, whose `input` is a text or a list of items."""
    instructions = [("system", body["instructions"])] if body.get("instructions") else []
    if isinstance(body["input"], str):
        return [*instructions, ("user", body["input"])]
    return instructions + _turns(item for item in body["input"] if "role" in item)


def _google_turn(content: Json) -> Turn:
    role = "assistant" if content.get("role") == "model" else "user"
    return role, _text(content.get("parts"))


def _system(turns: Iterable[Turn]) -> str:
    return "\n\n".join(text for role, text in turns if _is_system(role))


def _conversation(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    return tuple(turn for turn in turns if not _is_system(turn[0]))


def _is_system(role: str) -> bool:
    return role in ("system", "developer")


def _text(content: str | list[Json] | None, joint: str = "") -> str:
    """The text of a content field: a text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    return joint.join(part["text"] for part in content or [] if "text" in part)


def _dig(value: Any, *keys: str) -> Any:
    """The value under nested `keys`, or None as soon as one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _responses_part(answer: Answer) -> Json:
    if answer.stop_reason == "refusal":
        return {"type": "refusal", "refusal": answer.text}
    return {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}


def _anthropic_block(index: int, block: Json) -> list[Json]:
    delta = {"type": "text_delta", "text": block["text"]}
    return [
        {"type": "content_block_start", "index": index, "content_block": block | {"text": ""}},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    ]


def _identifier(prefix: str, request: Request, answer: Answer) -> str:
    """An id that the same request and answer always get."""
    seed = repr((request.model, request.system, request.messages, answer))
    return prefix + hashlib.sha256(seed.encode()).hexdigest()[:24]
