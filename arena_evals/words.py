"""Words of a data file in a text."""

import re
from collections.abc import Sequence


def heard(words: Sequence[str], text: str) -> list[str]:
    """Return the words, given as regular expressions, that stand in a text, as they stand there."""
    if not words:
        return []
    return re.findall(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", text, re.IGNORECASE)
