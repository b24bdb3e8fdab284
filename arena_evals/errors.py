"""What a user is told when something they gave cannot be used."""

from collections.abc import Iterable
from typing import TypeVar

import click

_Choice = TypeVar("_Choice")


class BadInput(click.ClickException, ValueError):
    """A mistake in what the user gave: one line that names the place and the mend.

    It is a click exception because both command lines that reach it, ``inspect`` and ``arena``,
    are built on click: each prints the line alone and leaves with exit code 2.
    """

    exit_code = 2


def one_of(given: object, known: Iterable[_Choice], field: str) -> _Choice:
    """Return the choice that equals what was given.

    Raises:
        BadInput: none does; the line names the field and lists the choices.
    """
    choices = tuple(known)
    for choice in choices:
        if choice == given:
            return choice
    raise BadInput(f"{field}: '{given}' is not known; use {', '.join(str(c) for c in choices)}")
