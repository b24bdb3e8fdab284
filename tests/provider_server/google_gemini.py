"""Google's Gemini API."""

import re

from .vocabulary import (
    Answer,
    Headers,
    Json,
    Protocol,
    Request,
    Tool,
    Turn,
    dig,
    identifier,
    require_answers,
    text_of,
)

FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}


def parse(path: str, headers: Headers, body: Json) -> Request:
    parts = [part for content in body["contents"] for part in content.get("parts") or []]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    # calls have no ids here; their names are all that ties a result to one
    require_answers([call["name"] for call in calls], [each["name"] for each in results])
    generation: Json = body.get("generationConfig", {})
    return Request(
        protocol="google",
        model=path.rpartition("/")[2].partition(":")[0],
        system=text_of(dig(body, "systemInstruction", "parts"), "\n\n"),
        messages=tuple(turn for content in body["contents"] for turn in _turns(content)),
        calls=tuple((call["name"], call.get("args", {})) for call in calls),
        tools=_tools(body),
        schema=generation.get("responseJsonSchema") or generation.get("responseSchema"),
        stream=False,
        headers=headers,
        body=body,
    )


def respond(request: Request, answer: Answer) -> Json:
    unreadable = [call for call in answer.calls if isinstance(call[1], str)]
    text = [{"text": answer.text}] if answer.text else []
    parts = [*text, *([] if unreadable else _calls(answer))]
    finish = "MALFORMED_FUNCTION_CALL" if unreadable else FINISH[answer.stop_reason]
    said = {"finishMessage": f"Malformed function call: {unreadable}"} if unreadable else {}
    content = {"role": "model", **({"parts": parts} if parts else {})}
    return {
        "responseId": identifier("", request, answer),
        "modelVersion": request.model,
        "candidates": [{"index": 0, "content": content, "finishReason": finish, **said}],
        "usageMetadata": {
            "promptTokenCount": answer.input_tokens,
            "candidatesTokenCount": answer.output_tokens,
            "totalTokenCount": answer.input_tokens + answer.output_tokens,
        },
    }


def error(status: int, message: str) -> Json:
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


def _tools(body: Json) -> dict[str, Tool]:
    declared = [each for tool in body.get("tools", []) for each in tool["functionDeclarations"]]
    return {each["name"]: Tool(each["description"], _parameters(each)) for each in declared}


def _parameters(declaration: Json) -> Json:
    """The schema of a tool's arguments; one that takes none is declared without."""
    return declaration.get("parameters_json_schema") or {"type": "object", "properties": {}}


def _turns(content: Json) -> list[Turn]:
    """The tool results of a content, each a turn, and then its text."""
    parts = content.get("parts") or []
    role = "assistant" if content.get("role") == "model" else "user"
    results = [("tool", _result(part)) for part in parts if "functionResponse" in part]
    text = text_of(parts)
    only_tools = (
        any({"functionCall", "functionResponse"} & set(part) for part in parts) and not text
    )
    return results if only_tools else [*results, (role, text)]


def _result(part: Json) -> str:
    returned: dict[str, str] = part["functionResponse"]["response"]
    return returned.get("error") or returned["output"]


def _calls(answer: Answer) -> list[Json]:
    return [{"functionCall": {"name": name, "args": args}} for name, args in answer.calls]


PROTOCOL = Protocol(
    re.compile(r"/v1(alpha|beta)?/models/[^/:]+:generateContent"), parse, respond, error
)
