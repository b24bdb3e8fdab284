"""Tickets: matters that people opened."""

from arena_evals.schema import State, Ticket
from arena_evals.worlds.fault import Fault


def list_tickets(state: State) -> tuple[State, str]:
    """Return id, status and title of every ticket."""
    lines = [f"{name}  {ticket.status}  {ticket.title}" for name, ticket in state.tickets.items()]
    return state, "\n".join(lines) or "no tickets"


def read_ticket(state: State, id: str) -> tuple[State, str]:  # noqa: A002  (as a tracker calls it)
    """Return a ticket with its comments."""
    ticket = _ticket(state, id)
    comments = "".join(f"\n\nComment: {comment}" for comment in ticket.comments)
    return state, f"{id} ({ticket.status}): {ticket.title}\n\n{ticket.text}{comments}"


def comment_ticket(state: State, id: str, text: str) -> tuple[State, str]:  # noqa: A002
    """Add a comment to a ticket."""
    ticket = _ticket(state, id)
    if not text.strip():
        raise Fault("text: is empty")
    changed = ticket.model_copy(update={"comments": (*ticket.comments, text)})
    return _with(state, id, changed), f"commented on {id}"


def close_ticket(state: State, id: str) -> tuple[State, str]:  # noqa: A002
    """Close a ticket."""
    ticket = _ticket(state, id)
    if ticket.status == "closed":
        raise Fault(f"{id}: is closed already")
    return _with(state, id, ticket.model_copy(update={"status": "closed"})), f"closed {id}"


def _ticket(state: State, name: str) -> Ticket:
    if name not in state.tickets:
        raise Fault(f"{name}: no such ticket")
    return state.tickets[name]


def _with(state: State, name: str, ticket: Ticket) -> State:
    return state.model_copy(update={"tickets": {**state.tickets, name: ticket}})
