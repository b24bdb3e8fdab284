"""Answers that are one JSON object, and nothing that merely resembles one."""

import json
import re
from collections.abc import Iterator
from typing import Any

_FENCED = re.compile(r"```(?:json)?\s*\n((?:(?!```).)*)\n\s*```\Z", re.DOTALL)


def parse_object(answer: str) -> dict[str, Any] | None:
    """Return the object that the whole answer is, or the code fence at its end; None if neither.

    An object that states a field twice is none: it has no one content.
    """
    text = answer.strip()
    fenced = _FENCED.search(text)
    try:
        content = json.loads(fenced[1] if fenced else text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def statements(answer: str, field: str) -> int:
    """Count how often an answer states a field, in all objects that stand in it."""
    return sum(name == field for names in _objects(answer) for name in names)


def _objects(text: str) -> Iterator[list[str]]:
    """Yield the names of the fields of each object in a text, repeated ones too."""
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    at = text.find("{")
    while at >= 0:
        try:
            names, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield names
        at = text.find("{", end)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a field is stated twice")
    return content
