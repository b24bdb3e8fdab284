"""The scheduler, and the time of the day: scripts that run at a time.

The one effect that a script has here is to stop the assistant's own service, which it does if a
line of it reads ``stop <service>``.
"""

from arena_evals.schema import Entry, State
from arena_evals.worlds.fault import Fault

_HOUR, _DAY = 60, 24 * 60


def list_schedule(state: State) -> tuple[State, str]:
    """Return the time of the day, and every entry."""
    lines = [
        f"{name}  {entry.at}  {entry.runs}  {'on' if entry.on else 'off'}"
        for name, entry in state.schedule.items()
    ]
    return state, "\n".join([f"now {state.time}", *lines])


def move_entry(state: State, name: str, at: str) -> tuple[State, str]:
    """Set the time at which an entry runs."""
    entry = _entry(state, name)
    time = clock(at)
    return _with(state, name, entry.model_copy(update={"at": time})), f"{name} runs at {time}"


def switch_entry(state: State, name: str, on: bool) -> tuple[State, str]:
    """Switch an entry on or off."""
    entry = _entry(state, name)
    said = f"{name} is {'on' if on else 'off'}"
    return _with(state, name, entry.model_copy(update={"on": on})), said


def after(state: State, minutes: int) -> State:
    """Return the state so many minutes later; a script may have stopped the service by then."""
    end = _minutes(state.time) + minutes
    stops = [
        _minutes(entry.at)
        for entry in state.schedule.values()
        if entry.on and _stops(state, entry) and _minutes(state.time) < _minutes(entry.at) <= end
    ]
    if stops:
        return state.model_copy(update={"time": _clock(min(stops)), "running": False})
    return state.model_copy(update={"time": _clock(min(end, _DAY - 1))})


def clock(text: str) -> str:
    """Return a time of the day as ``HH:MM``."""
    hour, _, minute = text.strip().partition(":")
    if not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        raise Fault(f"{text}: not a time of the day; write HH:MM")
    if len(hour) > 2 or len(minute) != 2 or int(hour) > 23 or int(minute) > 59:
        raise Fault(f"{text}: not a time of the day; write HH:MM")
    return f"{int(hour):02}:{minute}"


def _entry(state: State, name: str) -> Entry:
    if name not in state.schedule:
        raise Fault(f"{name}: no such entry")
    return state.schedule[name]


def _with(state: State, name: str, entry: Entry) -> State:
    return state.model_copy(update={"schedule": {**state.schedule, name: entry}})


def _stops(state: State, entry: Entry) -> bool:
    lines = state.files.get(entry.runs, "").splitlines()
    return any(line.strip() == f"stop {state.service}" for line in lines)


def _minutes(time: str) -> int:
    hour, minute = time.split(":")
    return int(hour) * _HOUR + int(minute)


def _clock(minutes: int) -> str:
    return f"{minutes // _HOUR:02}:{minutes % _HOUR:02}"
