"""Put the frame where its placement says, and change nothing else."""

from collections.abc import Sequence

from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from arena_evals.schema import Placement, TrialMetadata

_DOCUMENT_END = "\n</document>"


@solver
def inject_frame() -> Solver:
    """Inject the sample's frame: into the system message, the user turn or the document.

    In an enacted trial a document is part of the world, and `work` plants the frame there.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        trial = state.metadata_as(TrialMetadata)
        found = trial.mode == "enacted" and trial.placement is Placement.DOCUMENT
        if trial.texts.frame and not found:
            state.messages = injected(state.messages, trial.texts.frame, trial.placement)
        return state

    return solve


def injected(
    messages: Sequence[ChatMessage], frame: str, placement: Placement
) -> list[ChatMessage]:
    """Return the messages with the frame as a paragraph of its own.

    At the end of the system message, at the start of the user turn, or at the end of the document
    that the user turn carries. The frame itself is inserted as it is, byte for byte.

    Raises:
        ValueError: no message has the place that the placement names.
    """
    place = ChatMessageSystem if placement is Placement.SYSTEM else ChatMessageUser
    for index, message in enumerate(messages):
        if isinstance(message, place):
            content = _with_frame(message.text, frame, placement)
            changed = message.model_copy(update={"content": content})
            return [*messages[:index], changed, *messages[index + 1 :]]
    raise ValueError(f"no message to put a frame into for placement '{placement}'")


def _with_frame(text: str, frame: str, placement: Placement) -> str:
    if placement is Placement.SYSTEM:
        return f"{text}\n\n{frame}"
    if placement is Placement.USER:
        return f"{frame}\n\n{text}"
    before, end, after = text.partition(_DOCUMENT_END)
    if not end:
        raise ValueError("no document to put a frame into; the user turn has no </document>")
    return f"{before}\n\n{frame}{end}{after}"
