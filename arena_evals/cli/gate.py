"""``arena gate``: is a new release worse than the reference, by more than a margin?"""

import os
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic import ValidationError
from rich.console import Console

from arena_evals.analysis import Gate, GateAnswer, GatePlan, choose_logs, gate, trials_of
from arena_evals.cli.gate_files import as_badge, as_json, as_junit, as_markdown
from arena_evals.cli.gate_words import show_gate
from arena_evals.cli.lazy import LazyGroup
from arena_evals.cli.stored import stored
from arena_evals.errors import BadInput
from arena_evals.scenarios import content_of, faults

_PLACES = {"run": ("gate_run:gate_run", "Run the candidate in blocks until the answer is safe.")}
EXIT_CODES = {GateAnswer.PASS: 0, GateAnswer.ALARM: 1, GateAnswer.INCONCLUSIVE: 3}
_INTERRUPTED, _BROKEN = 130, 70  # as shells have them, and sysexits.h; neither is an answer
_FILES = ("junit", "markdown", "badge", "json_")
_PLACE = click.Path(path_type=Path, dir_okay=False)
_WIDTH = 110  # columns at least where nobody looks, so that a job's log has a line a row

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


class _Answers(LazyGroup):
    """A group whose exit codes are the gate's answers, so that nothing else may leave with them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run; Python and click would leave with 1, an alarm, where something breaks."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted: nothing is decided; run the same command again.", err=True)
            ctx.exit(_INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException):
            raise
        except Exception:
            traceback.print_exc()
            ctx.exit(_BROKEN)


@click.group("gate", cls=_Answers, places=_PLACES, invoke_without_command=True)
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
    codes: 0 pass, 1 alarm, 2 bad input, 3 inconclusive, 130 interrupted.
    """
    if context.invoked_subcommand:
        _require_nothing_before(context)
        return
    require_writable(wanted)
    for name, given in (("--reference", reference), ("--candidate", candidate)):
        if not given:
            raise BadInput(f"{name}: no logs given; name log files or a log folder")
    agreed = agreed_plan(wanted)
    old, new = (trials_of(choose_logs(logs), store=store) for logs in (reference, candidate))
    conclude(gate(old, new, agreed), context, wanted)


def agreed_plan(wanted: Wanted) -> GatePlan:
    """Return the plan that the options name."""
    return read_plan(wanted["plan"], margin=wanted["margin"], instrument=wanted["instrument"])


def _require_nothing_before(context: click.Context) -> None:
    """Refuse options of the group that stand before a command of it, which has its own."""
    for option in context.command.params:
        if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE:
            raise BadInput(
                f"{option.opts[0]}: stands before '{context.invoked_subcommand}', where it would "
                "not count; write it after"
            )


def require_writable(wanted: Wanted) -> None:
    """Refuse, before anything is read or run, files that the answer cannot be written into.

    Raises:
        BadInput: a place cannot be written, or stands there for two files.
    """
    taken: dict[Path, str] = {}
    for name in _FILES:
        place: Path | None = wanted[name]
        if place is None:
            continue
        option = f"--{name.rstrip('_')}"
        other = taken.setdefault(place.resolve(), option)
        if other != option:
            raise BadInput(f"{option}: {place} is the place of {other} too; name another")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_written(place, error) from None
        if not os.access(place if place.exists() else place.parent, os.W_OK):
            raise _not_written(place, PermissionError(13, "Permission denied"))


def conclude(found: Gate, context: click.Context, wanted: Wanted) -> None:
    """Print the answer, write the files that are wanted of it, and leave with its exit code."""
    out = Console(markup=False, emoji=False, highlight=False)
    out.width = out.width if out.is_terminal else max(out.width, _WIDTH)
    show_gate(found, out)
    for name, text in zip(_FILES, (as_junit, as_markdown, as_badge, as_json), strict=True):
        if wanted[name]:
            _write(wanted[name], text(found))
    context.exit(EXIT_CODES[found.answer])


def read_plan(place: Path | None, **options: Any) -> GatePlan:
    """Return the plan of a file, with the options that were given in its fields' stead.

    Raises:
        BadInput: the file cannot be read, or a field is not known or out of its range.
    """
    fields = {name: given for name, given in options.items() if given is not None}
    stated = content_of(place) if place else {}
    if not isinstance(stated, dict) or not all(isinstance(name, str) for name in stated):
        raise BadInput(f"{place}: not a plan; write fields such as 'margin: 0.05'")
    try:
        return GatePlan(**(stated | fields))
    except ValidationError as error:
        [name], fault = faults(error, stated)[0]
        where = f"--{name}" if name in fields else f"{place}: {name}"
        given = (stated | fields)[name]
        raise BadInput(f"{where}: {given!r}: {fault}") from None


def _write(place: Path, text: str) -> None:
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _not_written(place, error) from None


def _not_written(place: Path, error: OSError) -> BadInput:
    return BadInput(f"{place}: cannot be written ({error.strerror}); name a place that can")
