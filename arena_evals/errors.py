"""What a user is told when something they gave cannot be used."""

import re
from collections.abc import Iterable
from typing import TypeVar

import click

_Choice = TypeVar("_Choice")

_LONGEST = 160  # characters of an error in a line, or so
_MARKUP = re.compile(r"\[/?(?:bold|blue|red|link[^\]]*)\]")  # in which Inspect words some errors


class BadInput(click.ClickException, ValueError):
    """A mistake in what the user gave: one line that names the place and the mend.

    It is a click exception because both command lines that reach it, ``inspect`` and ``arena``,
    are built on click: each prints the line alone and leaves with exit code 2.
    """

    exit_code = 2


def in_a_line(error: object) -> str:
    """Return what an error says in one line, or its kind; of a long one its beginning and its end.

    A provider's own words often stand at the end, after the request.
    """
    said = " ".join(_MARKUP.sub("", click.unstyle(str(error))).split())
    text = said or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 3]} ... {text[-_LONGEST:]}"


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
