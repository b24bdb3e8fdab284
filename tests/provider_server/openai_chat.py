"""OpenAI's chat completions."""

import re
from collections.abc import Iterable

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

FINISH = {"stop": "stop", "length": "length", "refusal": "content_filter"}


def parse(path: str, headers: Headers, body: Json) -> Request:
    turns = message_turns(body["messages"])
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or []]
    results = [message for message in body["messages"] if message["role"] == "tool"]
    require_answers([call["id"] for call in calls], [each["tool_call_id"] for each in results])
    return Request(
        protocol="openai-chat",
        model=body["model"],
        system=system(turns),
        messages=conversation(turns),
        calls=tuple(
            (call["function"]["name"], arguments_in(call["function"]["arguments"]))
            for call in calls
        ),
        tools=dict(_tool(tool["function"]) for tool in body.get("tools", [])),
        schema=dig(body, "response_format", "json_schema", "schema"),
        stream=body.get("stream") is True,
        headers=headers,
        body=body,
    )


def respond(request: Request, answer: Answer) -> Json:
    refused = answer.stop_reason == "refusal"
    message: Json = {
        "role": "assistant",
        "content": None if refused else answer.text,
        "refusal": answer.text if refused else None,
    }
    if answer.calls:
        message["tool_calls"] = _calls(request, answer)
    finish = "tool_calls" if answer.calls else FINISH[answer.stop_reason]
    return {
        "id": identifier("chatcmpl-", request, answer),
        "object": "chat.completion",
        "created": CREATED,
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
    }


def error(status: int, message: str) -> Json:
    kinds = {401: "authentication_error", 429: "rate_limit_exceeded"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def message_turns(messages: Iterable[Json]) -> list[Turn]:
    """The turns of messages that have a role and a content."""
    turns = ((message, text_of(message.get("content"))) for message in messages)
    return [(each["role"], text) for each, text in turns if text or not each.get("tool_calls")]


def _tool(function: Json) -> tuple[str, Tool]:
    return function["name"], Tool(function["description"], function["parameters"])


def _calls(request: Request, answer: Answer) -> list[Json]:
    return [
        {
            "id": identifier("call_", request, answer, number),
            "type": "function",
            "function": {"name": name, "arguments": as_json(arguments)},
        }
        for number, (name, arguments) in enumerate(answer.calls)
    ]


PROTOCOL = Protocol(re.compile(r"/v1/chat/completions"), parse, respond, error)
