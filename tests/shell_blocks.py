"""The commands of the documents, and what Inspect's and the arena's command lines make of them."""

import re
import shlex
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import click
import yaml

from arena_evals import tasks
from arena_evals.cli import arena

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^ {4}((?:arena|inspect|make) (?:.*\\\n)*.*\n)", re.MULTILINE)


class Command(NamedTuple):
    """One command of a document: where it stands, and its words."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.words)


def commands_in(text: str, page: str) -> Iterator[Command]:
    """Yield the commands in the fenced and indented blocks of a page, continued lines as one."""
    for block in [*_FENCE.findall(text), *_INDENTED.findall(text)]:
        for line in block.replace("\\\n", " ").splitlines():
            words = tuple(shlex.split(line, comments=True))
            if words:
                yield Command(page, words)


def parsed(command: Command) -> click.Context:
    """Have the real command line read a command of `arena` or `inspect`; nothing is run.

    Raises:
        click.UsageError: it has no such command, option or argument.
    """
    program, *words = command.words
    found: click.Command = arena if program == "arena" else inspect_command()
    name, above = program, None
    while isinstance(found, click.Group) and words and not words[0].startswith("-"):
        above = click.Context(found, info_name=name, parent=above)
        said, inner, words = found.resolve_command(above, words)
        assert inner is not None, "click refuses a name that it does not know"
        found, name = inner, said or name
    return found.make_context(name, words, parent=above)


def inspect_command() -> click.Group:
    """Return Inspect's own command line, as its console script has it."""
    [script] = entry_points(group="console_scripts", name="inspect")
    module = sys.modules[script.load().__module__]
    found: click.Group = module.inspect
    return found


def tasks_of(context: click.Context) -> list[str]:
    """Return the names of the arena's tasks in a parsed `inspect eval`."""
    return [str(task).removeprefix("arena_evals/") for task in context.params["tasks"]]


def parameters_of(context: click.Context) -> dict[str, object]:
    """Return what `-T` sets in a parsed `inspect eval`, as Inspect reads its values."""
    given = dict(str(pair).split("=", 1) for pair in context.params["t"])
    read = {name: yaml.safe_load(value) for name, value in given.items()}
    return {n: v.split(",") if isinstance(v, str) and "," in v else v for n, v in read.items()}


def built(context: click.Context, **instead: object) -> None:
    """Build every task that a parsed `inspect eval` names, with the parameters that it sets.

    Raises:
        TypeError: a task has no such parameter.
        arena_evals.errors.BadInput: a parameter has no such value.
    """
    for name in tasks_of(context):
        getattr(tasks, name)(**parameters_of(context) | instead)


def targets() -> set[str]:
    """Return what the Makefile says that there is to make."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
