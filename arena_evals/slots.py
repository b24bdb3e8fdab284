"""Named slots in text: ``{name}`` in a data file becomes the item's own word.

Filling is a single pass of plain replacement. Nothing in a data file is evaluated, and text that
comes in through a slot is not searched for slots again.
"""

import re
from collections.abc import Mapping

_SLOT = re.compile(r"\{([a-z][a-z_]*)\}")


def slots_of(template: str) -> frozenset[str]:
    """Return the names of the slots that a template uses."""
    return frozenset(_SLOT.findall(template))


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Return the template with every slot replaced by its text.

    Raises:
        KeyError: a slot of the template has no text.
    """
    return _SLOT.sub(lambda match: slots[match[1]], template)
