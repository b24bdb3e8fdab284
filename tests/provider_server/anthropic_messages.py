"""Anthropic's messages, whole and streamed."""

import re

from .vocabulary import (
    Answer,
    Headers,
    Json,
    Protocol,
    Request,
    Tool,
    Turn,
    as_json,
    dig,
    identifier,
    require_answers,
    text_of,
)

STOP = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal"}


def parse(path: str, headers: Headers, body: Json) -> Request:
    blocks = [block for message in body["messages"] for block in _blocks(message)]
    calls = [block for block in blocks if block["type"] == "tool_use"]
    results = [block for block in blocks if block["type"] == "tool_result"]
    require_answers([call["id"] for call in calls], [each["tool_use_id"] for each in results])
    current = dig(body, "output_config", "format", "schema")
    return Request(
        protocol="anthropic",
        model=body["model"],
        system=text_of(body.get("system"), "\n\n"),
        messages=tuple(turn for message in body["messages"] for turn in _turns(message)),
        calls=tuple((call["name"], call["input"]) for call in calls),
        tools={
            tool["name"]: Tool(tool["description"], tool["input_schema"])
            for tool in body.get("tools", [])
        },
        schema=current or dig(body, "output_format", "schema"),
        stream=body.get("stream") is True,
        headers=headers,
        body=body,
    )


def respond(request: Request, answer: Answer) -> Json:
    refused = answer.stop_reason == "refusal"
    text = [{"type": "text", "text": answer.text}] if answer.text else []
    return {
        "id": identifier("msg_", request, answer),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": [*text, *_calls(request, answer)],
        "stop_reason": "tool_use" if answer.calls else STOP[answer.stop_reason],
        "stop_sequence": None,
        "stop_details": {"type": "refusal"} if refused else None,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
    }


def events(message: Json) -> list[Json]:
    """The events that stream `message`, one delta for each of its blocks."""
    ending = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    usage: Json = message["usage"]
    opening = message | dict.fromkeys(ending) | {"content": []}
    return [
        {"type": "message_start", "message": opening | {"usage": usage | {"output_tokens": 0}}},
        *(e for i, block in enumerate(message["content"]) for e in _streamed(i, block)),
        {"type": "message_delta", "delta": ending, "usage": usage},
        {"type": "message_stop"},
    ]


def error(status: int, message: str) -> Json:
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


def _blocks(message: Json) -> list[Json]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _turns(message: Json) -> list[Turn]:
    """The tool results of a message, each a turn, and then its text."""
    blocks = _blocks(message)
    results = [("tool", text_of(b.get("content"))) for b in blocks if b["type"] == "tool_result"]
    text = text_of(blocks)
    only_tools = any(block["type"] in ("tool_use", "tool_result") for block in blocks) and not text
    return results if only_tools else [*results, (message["role"], text)]


def _calls(request: Request, answer: Answer) -> list[Json]:
    return [
        {
            "type": "tool_use",
            "id": identifier("toolu_", request, answer, number),
            "name": name,
            # a whole message has no form for what cannot be read; a streamed one has
            "input": {} if isinstance(arguments, str) and not request.stream else arguments,
        }
        for number, (name, arguments) in enumerate(answer.calls)
    ]


def _streamed(index: int, block: Json) -> list[Json]:
    if block["type"] == "text":
        empty = block | {"text": ""}
        delta = {"type": "text_delta", "text": block["text"]}
    else:
        empty = block | {"input": {}}
        delta = {"type": "input_json_delta", "partial_json": as_json(block["input"])}
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    ]


PROTOCOL = Protocol(re.compile(r"/v1/messages"), parse, respond, error, events)
