"""The command knows its subcommands by name and imports one only when it is called."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from arena_evals.cli import arena

HEAVY = """
import sys
from click.testing import CliRunner
from arena_evals.cli import arena
done = CliRunner().invoke(arena, sys.argv[1:])
print(done.output)
print(*sorted({"pandas", "inspect_ai", "statsmodels"} & set(sys.modules)), file=sys.stderr)
"""


def group(*path: str) -> tuple[click.Group, click.Context]:
    command: click.Command = arena
    context = click.Context(arena)
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command, context = found, click.Context(found, parent=context)
    assert isinstance(command, click.Group)
    return command, context


@pytest.mark.parametrize(
    ("path", "some"), [((), {"analyze", "card", "gate", "view"}), (("gate",), {"run"})]
)
def test_each_name_that_is_listed_is_the_name_of_a_command(
    path: tuple[str, ...], some: set[str]
) -> None:
    commands, context = group(*path)
    names = commands.list_commands(context)
    assert some <= set(names)
    assert names == sorted(names)
    for name in names:
        command = commands.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_help_and_version_import_no_command(asked: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, asked], capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == []
    assert ("rescore    Judge the answers" in done.stdout) == (asked == "--help")


def test_a_command_that_is_not_there_is_one_line() -> None:
    done = CliRunner().invoke(arena, ["gates"])
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == "Error: No such command 'gates'."
