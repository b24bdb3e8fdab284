"""A loopback server that speaks the OpenAI, Anthropic and Google Gemini wire protocols."""

from .faults import (
    Effect,
    Fault,
    always,
    chain,
    cut_off,
    drop,
    first,
    html,
    in_turn,
    rate_limited,
    raw,
    stall,
    status,
    truncate,
)
from .replies import Reply
from .server import Answerer, ProviderServer, serve
from .vocabulary import Answer, ProtocolName, Request, StopReason, Tool, ToolCall

__all__ = [
    "Answer",
    "Answerer",
    "Effect",
    "Fault",
    "ProtocolName",
    "ProviderServer",
    "Reply",
    "Request",
    "StopReason",
    "Tool",
    "ToolCall",
    "always",
    "chain",
    "cut_off",
    "drop",
    "first",
    "html",
    "in_turn",
    "rate_limited",
    "raw",
    "serve",
    "stall",
    "status",
    "truncate",
]
