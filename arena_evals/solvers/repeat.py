"""Further user turns before the request: the frame again, and the model's own replies between."""

from collections.abc import Sequence

from inspect_ai.model import ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from arena_evals.schema import TrialMetadata
from arena_evals.slots import fill


@solver
def repeat_frame(turns: Sequence[str]) -> Solver:
    """Hold these user turns first, each answered by the model, and then ask what is asked.

    In a turn, ``{frame}`` is the arm's frame in the words of a user. In the baseline and in the
    positive control it is nothing: their turns are as many and say the rest.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        repeated = state.metadata_as(TrialMetadata).texts.repeated
        request = state.messages.pop()
        for turn in turns:
            content = fill(turn, {"frame": repeated}).strip()
            state.messages.append(ChatMessageUser(content=content))
            state = await generate(state)
        state.messages.append(request)
        return state

    return solve
