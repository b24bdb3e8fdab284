"""Answers that are one JSON object, and nothing that merely resembles one.

Both readers take time in proportion to an answer's length, whatever stands in it.
"""

import json
import re
from typing import Any

_FENCE = "```"
_STATED = re.compile(r'(?<!\\)("(?:[^"\\]|\\.){1,120}")\s*:')  # no field's name is as long


def parse_object(answer: str) -> dict[str, Any] | None:
    """Return the object that the whole answer is, or the code fence at its end; None if neither.

    An object that states a field twice is none: it has no one content.
    """
    text = answer.strip()
    try:
        content = json.loads(_fenced(text) or text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def statements(answer: str, field: str) -> int:
    """Count how often an answer states a field, be its object nested, broken off or in prose."""
    return sum(_plain(name) == field for name in _STATED.findall(answer))


def _fenced(text: str) -> str | None:
    """Return what stands in the code fence that ends a text, None where none does.

    A fence opens at a line's end, where no JSON string can stand: one that quotes it is no fence.
    """
    *lines, last = text.split("\n")
    opening = [n for n, line in enumerate(lines) if _opens(line.rstrip())]
    return "\n".join(lines[opening[-1] + 1 :]) if opening and last.strip() == _FENCE else None


def _opens(line: str) -> bool:
    return line.removesuffix("json").endswith(_FENCE)


def _plain(name: str) -> str | None:
    """Return the name that a JSON string spells, with or without escapes."""
    try:
        return str(json.loads(name))
    except ValueError:
        return None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a field is stated twice")
    return content
