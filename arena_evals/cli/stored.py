"""The option ``--store``, which every command that reads logs has."""

from collections.abc import Callable
from typing import TypeVar

import click

from arena_evals.errors import BadInput

_Command = TypeVar("_Command", bound=Callable[..., object])


def stored(command: _Command) -> _Command:
    """Give a command the option."""
    return click.option(
        "--store",
        metavar="FOLDER",
        callback=_named,
        help="Keep what is read of each log there as Parquet, and read from there what is kept.",
    )(command)


def _named(_: click.Context, __: click.Parameter, place: str | None) -> str | None:
    if place == "":
        raise BadInput("--store: is empty; name a folder, or leave it out")
    return place
