"""What can go wrong with a provider: effects on one reply, and faults that schedule them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from .replies import JSON_TYPE, Reply, error_reply
from .vocabulary import Request

Effect = Callable[[Request, Callable[[], Reply]], Reply]
"""Makes the reply to a request, calling its second argument only if the model gets to answer."""

Fault = Callable[[int, Request], Effect | None]
"""Picks the effect on the n-th request the server receives (from 1), None for no effect."""


def status(
    code: int, message: str = "injected fault", headers: Mapping[str, str] | None = None
) -> Effect:
    """An HTTP error, its body worded as the request's protocol words it."""
    return lambda request, answered: error_reply(request.protocol, code, message, headers)


def rate_limited(retry_after: float) -> Effect:
    """A 429 whose `Retry-After` header asks for `retry_after` seconds."""
    return status(429, "rate limited", {"Retry-After": f"{retry_after:g}"})


def raw(
    body: bytes,
    content_type: str = JSON_TYPE,
    code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Effect:
    """Exactly these bytes, whatever the request."""
    reply = Reply(status=code, body=body, content_type=content_type, headers=headers or {})
    return lambda request, answered: reply


def html(code: int = 200) -> Effect:
    """A gateway's page where an answer should be."""
    return raw(b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html", code)


def drop() -> Effect:
    """The connection closes without a byte."""
    return lambda request, answered: Reply(dropped=True)


def stall(seconds: float) -> Effect:
    """The reply is complete, but its first byte leaves only after `seconds`."""
    return lambda request, answered: replace(answered(), delay=seconds)


def cut_off(size: int) -> Effect:
    """The connection closes after `size` bytes of the body it declared."""
    return lambda request, answered: replace(answered(), sent=size)


def truncate(size: int) -> Effect:
    """A complete HTTP response whose body is only the first `size` bytes of the answer."""

    def truncated(request: Request, answered: Callable[[], Reply]) -> Reply:
        reply = answered()
        return replace(reply, body=reply.body[:size])

    return truncated


def chain(outer: Effect, inner: Effect) -> Effect:
    """`outer` applied to the reply that `inner` makes: `chain(stall(5), drop())`."""
    return lambda request, answered: outer(request, lambda: inner(request, answered))


def always(effect: Effect) -> Fault:
    """Every request meets `effect`."""
    return lambda n, request: effect


def first(count: int, effect: Effect) -> Fault:
    """The first `count` requests meet `effect`, later ones are answered."""
    return lambda n, request: effect if n <= count else None


def in_turn(*effects: Effect | None) -> Fault:
    """The n-th request meets the n-th effect, requests beyond the last are answered."""
    return lambda n, request: effects[n - 1] if n <= len(effects) else None
