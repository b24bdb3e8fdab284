"""OpenAI's responses."""

import re

from .openai_chat import error, message_turns
from .vocabulary import (
    CREATED,
    Answer,
    Headers,
    Json,
    Protocol,
    Request,
    Tool,
    Turn,
    arguments_in,
    as_json,
    conversation,
    dig,
    identifier,
    require_answers,
    system,
    text_of,
)

INCOMPLETE = {"length": "max_output_tokens", "refusal": "content_filter"}


def parse(path: str, headers: Headers, body: Json) -> Request:
    items = _items(body)
    turns = [turn for item in items for turn in _turns(item)]
    calls = [item for item in items if item.get("type") == "function_call"]
    results = [item for item in items if item.get("type") == "function_call_output"]
    require_answers([call["call_id"] for call in calls], [each["call_id"] for each in results])
    return Request(
        protocol="openai-responses",
        model=body["model"],
        system=system(turns),
        messages=conversation(turns),
        calls=tuple((call["name"], arguments_in(call["arguments"])) for call in calls),
        tools={
            tool["name"]: Tool(tool["description"], tool["parameters"])
            for tool in body.get("tools", [])
        },
        schema=dig(body, "text", "format", "schema"),
        stream=body.get("stream") is True,
        headers=headers,
        body=body,
    )


def respond(request: Request, answer: Answer) -> Json:
    reason = INCOMPLETE.get(answer.stop_reason)
    status = "incomplete" if reason else "completed"
    return {
        "id": identifier("resp_", request, answer),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": request.model,
        "output": [_message(request, answer, status), *_calls(request, answer)],
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


def _items(body: Json) -> list[Json]:
    """The items of a body, whose `input` is a text or a list of them."""
    given = body["input"]
    said = [{"role": "user", "content": given}] if isinstance(given, str) else given
    instructions = body.get("instructions")
    return [{"role": "system", "content": instructions}, *said] if instructions else said


def _turns(item: Json) -> list[Turn]:
    if item.get("type") == "function_call_output":
        return [("tool", text_of(item["output"]))]
    return [turn for turn in message_turns([item] if "role" in item else []) if turn[1]]


def _message(request: Request, answer: Answer, status: str) -> Json:
    return {
        "id": identifier("msg_", request, answer),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [_part(answer)],
    }


def _part(answer: Answer) -> Json:
    if answer.stop_reason == "refusal":
        return {"type": "refusal", "refusal": answer.text}
    return {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}


def _calls(request: Request, answer: Answer) -> list[Json]:
    return [
        {
            "id": identifier("fc_", request, answer, number),
            "type": "function_call",
            "call_id": identifier("call_", request, answer, number),
            "name": name,
            "arguments": as_json(arguments),
            "status": "completed",
        }
        for number, (name, arguments) in enumerate(answer.calls)
    ]


PROTOCOL = Protocol(re.compile(r"/v1/responses"), parse, respond, error)
