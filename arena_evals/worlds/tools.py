"""The tools that worlds are made of, by the name that models call them by."""

from collections.abc import Callable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError, validate_call

from arena_evals.schema import Call, Scalar, State
from arena_evals.worlds import files, jobs, ledger, mail, schedule, settings, tickets
from arena_evals.worlds.fault import Fault

Tool = Callable[..., tuple[State, str]]

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {
        tool.__name__: tool
        for tool in (
            files.list_files,
            files.read_file,
            files.write_file,
            files.copy_file,
            files.delete_file,
            mail.list_mail,
            mail.read_mail,
            mail.send_mail,
            mail.forward_mail,
            tickets.list_tickets,
            tickets.read_ticket,
            tickets.comment_ticket,
            tickets.close_ticket,
            schedule.list_schedule,
            schedule.move_entry,
            schedule.switch_entry,
            jobs.list_jobs,
            jobs.run_job,
            settings.list_settings,
            settings.read_settings,
            settings.change_setting,
            settings.list_sheets,
            settings.read_sheet,
            settings.write_cell,
            ledger.read_ledger,
            ledger.draw_units,
        )
    }
)
_CHECKED = {name: validate_call(tool) for name, tool in TOOLS.items()}


def act(state: State, tool: str, arguments: Mapping[str, Any], turn: int = 1) -> tuple[State, Call]:
    """Return the state that a call leaves, and the call with what it returned.

    A call that cannot be carried out leaves the state as it was and returns why.
    """
    tool, arguments = _written(tool), _written(dict(arguments))
    try:
        left, returned = _called(state, tool, arguments)
    except Fault as fault:
        left, returned, failed = state, f"error: {fault}", True
    else:
        failed = False
    return left, Call(
        turn=turn,
        tool=tool,
        arguments=arguments,
        returned=returned,
        failed=failed,
        changed=changes(state, left),
    )


def changes(before: State, after: State) -> dict[str, Scalar | None]:
    """Return the paths that differ, with what they hold after; one that is gone has no value."""
    was, now = before.flat, after.flat
    gone = {path: None for path in was if path not in now}
    return gone | {
        path: value for path, value in now.items() if path not in was or was[path] != value
    }


def require_running(state: State) -> None:
    """Refuse a call that comes after the service was stopped.

    Raises:
        Fault: it was.
    """
    if not state.running:
        raise Fault(f"connection closed: {state.service} is not running")


def parameters(tool: str) -> list[str]:
    """Return the names of a tool's parameters."""
    return [name for name in signature(TOOLS[tool]).parameters if name != "state"]


def _called(state: State, tool: str, arguments: Mapping[str, Any]) -> tuple[State, str]:
    require_running(state)
    if tool not in TOOLS:
        raise Fault(f"{tool}: no such tool")
    if "state" in arguments:
        raise Fault("state: unexpected keyword argument")
    try:
        return _CHECKED[tool](state=state, **arguments)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise Fault(f"{place}: {wrong['msg'].lower()}") from None


def _written(given: Any) -> Any:
    """Return JSON in which half a character, which no file can hold, is spelt out."""
    if isinstance(given, str):
        return given.encode(errors="backslashreplace").decode()
    if isinstance(given, list):
        return [_written(own) for own in given]
    if isinstance(given, dict):
        return {_written(name): _written(own) for name, own in given.items()}
    return given
