"""What NAME=VALUE on the command line says."""

from collections.abc import Sequence
from typing import Any

import yaml

from arena_evals.errors import BadInput


def pairs(option: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE texts by name, the values read as YAML, as Inspect does.

    Raises:
        BadInput: one is none, or a name stands there twice.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise BadInput(f"{option}: '{text}' is not NAME=VALUE; write it so")
        if name in found:
            raise BadInput(f"{option}: {name} is given twice; leave one out")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInput(f"{option} {name}: '{value}' is no value; quote it") from None
    return found
