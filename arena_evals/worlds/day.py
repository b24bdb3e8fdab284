"""What is recorded of a working day, in Inspect's own store: it stands in the log."""

from inspect_ai.util import StoreModel

from arena_evals.schema import Call, State


class Day(StoreModel):
    """The state at the start and now, and every call between; None before the day begins.

    ``turns`` counts the model's messages.

    ``finished`` says that the model stopped by itself, or was stopped in the world, and not by a
    limit of the run.
    """

    start: State | None = None
    state: State | None = None
    calls: list[Call] = []  # noqa: RUF012  (pydantic copies it)
    turns: int = 0
    finished: bool = False
