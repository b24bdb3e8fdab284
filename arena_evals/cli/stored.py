"""The option ``--store``, which every command that reads logs has."""

from collections.abc import Callable
from typing import TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., object])


def stored(command: _Command) -> _Command:
    """Give a command the option."""
    return click.option(
        "--store",
        metavar="FOLDER",
        help="Keep what is read of each log there as Parquet, and read from there what is kept.",
    )(command)
