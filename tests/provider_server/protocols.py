"""The four wire protocols: request bodies become `Request`, `Answer` becomes response bodies."""

from . import anthropic_messages, google_gemini, openai_chat, openai_responses
from .vocabulary import Protocol, ProtocolName

PROTOCOLS: dict[ProtocolName, Protocol] = {
    "openai-chat": openai_chat.PROTOCOL,
    "openai-responses": openai_responses.PROTOCOL,
    "anthropic": anthropic_messages.PROTOCOL,
    "google": google_gemini.PROTOCOL,
}


def protocol_at(path: str) -> Protocol | None:
    """The protocol listening at `path` (no query string), or None."""
    found = (protocol for protocol in PROTOCOLS.values() if protocol.path.fullmatch(path))
    return next(found, None)
