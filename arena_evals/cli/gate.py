"""``arena gate``: is a new release worse than the reference, by more than a margin?"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError
from rich.console import Console

from arena_evals.analysis import Gate, GateAnswer, GatePlan, choose_logs, gate, trials_of
from arena_evals.cli.gate_files import as_badge, as_json, as_junit, as_markdown
from arena_evals.cli.gate_words import show_gate
from arena_evals.cli.lazy import LazyGroup
from arena_evals.cli.stored import stored
from arena_evals.errors import BadInput

_PLACES = {"run": ("gate_run:gate_run", "Run the candidate in blocks until the answer is safe.")}
EXIT_CODES = {GateAnswer.PASS: 0, GateAnswer.ALARM: 1, GateAnswer.INCONCLUSIVE: 3}
_PLACE = click.Path(path_type=Path, dir_okay=False)


_OUTPUTS = (
    click.option(
        "--plan", type=_PLACE, help="What was fixed beforehand, as YAML; see docs/gate.md."
    ),
    click.option("--margin", type=float, help="Largest increase of the shift to accept [0.05]."),
    click.option(
        "--instrument",
        type=click.Choice(["rule", "judge", "cascade"]),
        help="Whose verdicts count [rule: decision where stated, action where enacted].",
    ),
    click.option("--junit", type=_PLACE, help="Write JUnit XML."),
    click.option("--markdown", type=_PLACE, help="Write a summary for a job page."),
    click.option("--badge", type=_PLACE, help="Write a badge as shields.io reads it."),
    click.option("--json", "json_", type=_PLACE, help="Write the answer as JSON."),
)


Wanted = Mapping[str, Any]
"""What `outputs` gives: the plan with what stands in for its fields, and files to write."""


def outputs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a plan and of files that its answer goes into."""
    for option in reversed(_OUTPUTS):
        command = option(command)
    return command


@click.group("gate", cls=LazyGroup, places=_PLACES, invoke_without_command=True)
@click.option("--reference", multiple=True, metavar="LOGS", help="Logs of the release in use.")
@click.option("--candidate", multiple=True, metavar="LOGS", help="Logs of the new release.")
@outputs
@stored
@click.pass_context
def gate_release(
    context: click.Context,
    /,
    reference: tuple[str, ...],
    candidate: tuple[str, ...],
    store: str | None,
    **wanted: Any,
) -> None:
    """Say whether a new release may follow the reference: pass, alarm or inconclusive.

    LOGS are Inspect log files or folders, as paths or URLs; the options may be repeated. Exit
    codes: 0 pass, 1 alarm, 2 bad input, 3 inconclusive.
    """
    if context.invoked_subcommand:
        return
    for name, given in (("--reference", reference), ("--candidate", candidate)):
        if not given:
            raise BadInput(f"{name}: no logs given; name log files or a log folder")
    agreed = agreed_plan(wanted)
    old, new = (trials_of(choose_logs(logs), store=store) for logs in (reference, candidate))
    conclude(gate(old, new, agreed), context, wanted)


def agreed_plan(wanted: Wanted) -> GatePlan:
    """Return the plan that the options name."""
    return read_plan(wanted["plan"], margin=wanted["margin"], instrument=wanted["instrument"])


def conclude(found: Gate, context: click.Context, wanted: Wanted) -> None:
    """Print the answer, write the files that are wanted of it, and leave with its exit code."""
    show_gate(found, Console(markup=False, emoji=False, highlight=False))
    files = {"junit": as_junit, "markdown": as_markdown, "badge": as_badge, "json_": as_json}
    for name, text in files.items():
        if wanted[name]:
            _write(wanted[name], text(found))
    context.exit(EXIT_CODES[found.answer])


def read_plan(place: Path | None, **options: Any) -> GatePlan:
    """Return the plan of a file, with the options that were given in its fields' stead.

    Raises:
        BadInput: the file cannot be read, or a field is not known or out of its range.
    """
    fields = {name: given for name, given in options.items() if given is not None}
    try:
        return GatePlan(**(_fields_of(place) | fields))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        where = f"--{name}" if name in fields else f"{place}: {name}"
        raise BadInput(f"{where}: {first['input']!r}: {first['msg']}; mend it") from None


def _fields_of(place: Path | None) -> dict[str, Any]:
    if place is None:
        return {}
    try:
        found = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{place}: no YAML that can be read ({_line(error)}); mend it") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise BadInput(f"{place}: not a plan; write fields such as 'margin: 0.05'")
    return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _write(place: Path, text: str) -> None:
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{place}: cannot be written ({error}); name a place that can") from None
