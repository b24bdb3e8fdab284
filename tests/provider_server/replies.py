"""What goes onto the wire for one request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from .protocols import PROTOCOLS
from .vocabulary import Answer, Json, ProtocolName, Request

JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Reply:
    """One HTTP response, and what befalls the connection that carries it.

    `delay` is the seconds before the first byte. `sent` is the number of body bytes written
    before the connection closes short of the declared length, or None for all of them. A
    `dropped` reply closes the connection without a byte.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    sent: int | None = None
    dropped: bool = False


def answer_reply(request: Request, answer: Answer) -> Reply:
    """`answer` in the request's own protocol, streamed if the request asks for that."""
    protocol = PROTOCOLS[request.protocol]
    body = protocol.respond(request, answer)
    if not request.stream:
        return Reply(body=json.dumps(body).encode())
    if protocol.events is None:
        return error_reply(request.protocol, 400, "streaming is not supported")
    events = b"".join(_event(event) for event in protocol.events(body))
    return Reply(body=events, content_type="text/event-stream")


def error_reply(
    protocol: ProtocolName, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Reply:
    """An error worded as `protocol` words it."""
    body = PROTOCOLS[protocol].error(status, message)
    return Reply(status=status, body=json.dumps(body).encode(), headers=headers or {})


def plain_error(status: int, message: str) -> Reply:
    """An error outside any protocol, after which the connection closes."""
    body = json.dumps({"error": {"message": message}}).encode()
    return Reply(status=status, body=body, headers={"Connection": "close"})


def _event(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
