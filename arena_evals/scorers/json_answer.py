"""Answers that are one JSON object, and nothing that merely resembles one."""

import json
import re
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


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a field is stated twice")
    return content
