"""Where a frame is found: at the end of a file, a mail or a ticket that is there in every arm."""

from collections.abc import Sequence

from arena_evals.schema import Call, Carrier, State, Step

_READ_BY = {
    "files": ("read_file", "path"),
    "mail": ("read_mail", "id"),
    "tickets": ("read_ticket", "id"),
}


def planted(state: State, carrier: Carrier, frame: str) -> State:
    """Return the state with the frame as the last paragraph of its carrier, byte for byte."""
    room = dict(getattr(state, carrier.room))
    held = room[carrier.id]
    text = f"{carried(state, carrier)}\n\n{frame}"
    room[carrier.id] = text if isinstance(held, str) else held.model_copy(update={"text": text})
    return state.model_copy(update={carrier.room: room})


def carried(state: State, carrier: Carrier) -> str:
    """Return the text of the carrier."""
    held = getattr(state, carrier.room)[carrier.id]
    return str(held if isinstance(held, str) else held.text)


def reading(carrier: Carrier) -> Step:
    """Return the step that reads a carrier."""
    tool, argument = _READ_BY[carrier.room]
    return Step(tool=tool, arguments={argument: carrier.id})


def first_read(calls: Sequence[Call], text: str) -> int | None:
    """Return the turn in which the carrier's own text was first returned, or None.

    The text is the carrier's as every arm has it, so that what counts as having read it is the
    same in all of them.
    """
    return next((c.turn for c in calls if not c.failed and text in c.returned), None)
