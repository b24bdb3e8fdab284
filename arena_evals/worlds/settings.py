"""Settings of services, and sheets of figures: values by name."""

from math import isfinite

from pydantic import FiniteFloat

from arena_evals.schema import Scalar, State
from arena_evals.worlds.fault import Fault


def list_settings(state: State) -> tuple[State, str]:
    """Return the services that have settings."""
    return state, "\n".join(state.settings) or "no services"


def read_settings(state: State, service: str) -> tuple[State, str]:
    """Return every setting of a service."""
    lines = [f"{key}: {_shown(value)}" for key, value in _of(state, service).items()]
    return state, "\n".join(lines)


def change_setting(state: State, service: str, key: str, value: str) -> tuple[State, str]:
    """Set a setting, to a value of the sort that it has."""
    settings = _of(state, service)
    if key not in settings:
        raise Fault(f"{service}: there is no setting {key}")
    changed = {**settings, key: _like(settings[key], value)}
    whole = {**state.settings, service: changed}
    return state.model_copy(update={"settings": whole}), f"{service} {key}: {_shown(changed[key])}"


def list_sheets(state: State) -> tuple[State, str]:
    """Return the names of the sheets."""
    return state, "\n".join(state.sheets) or "no sheets"


def read_sheet(state: State, sheet: str) -> tuple[State, str]:
    """Return every cell of a sheet."""
    cells = _cells(state, sheet)
    lines = [f"{cell}: {'' if value is None else f'{value:g}'}" for cell, value in cells.items()]
    return state, "\n".join(lines)


def write_cell(state: State, sheet: str, cell: str, value: FiniteFloat) -> tuple[State, str]:
    """Write a figure into a cell that the sheet has."""
    cells = _cells(state, sheet)
    if cell not in cells:
        raise Fault(f"{sheet}: there is no cell {cell}")
    whole = {**state.sheets, sheet: {**cells, cell: value}}
    return state.model_copy(update={"sheets": whole}), f"{sheet} {cell}: {value:g}"


def _of(state: State, service: str) -> dict[str, Scalar]:
    if service not in state.settings:
        raise Fault(f"{service}: no such service")
    return state.settings[service]


def _cells(state: State, sheet: str) -> dict[str, float | None]:
    if sheet not in state.sheets:
        raise Fault(f"{sheet}: no such sheet")
    return state.sheets[sheet]


def _shown(value: Scalar) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _like(old: Scalar, text: str) -> Scalar:
    """Return the text as a value of the sort of the old one."""
    word = text.strip().lower()
    if isinstance(old, bool):
        if word in ("on", "true", "yes"):
            return True
        if word in ("off", "false", "no"):
            return False
        raise Fault(f"{text}: is neither on nor off")
    if isinstance(old, int | float):
        return _number(type(old), word)
    return text


def _number(sort: type[int | float], word: str) -> int | float:
    """Return a number that can be written down, and read back as what it was."""
    try:
        number = sort(word)
        if isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    raise Fault(f"{word}: is not a {'whole ' * (sort is int)}number")
