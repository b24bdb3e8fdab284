"""Who the assistant is told that it is, beyond its work: the same in every arm."""

from inspect_ai.model import ChatMessageSystem
from inspect_ai.solver import Generate, Solver, TaskState, solver


@solver
def adopt_persona(text: str) -> Solver:
    """Add a persona to the system message; stands before `inject_frame`."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        setting = state.messages[0]
        assert isinstance(setting, ChatMessageSystem), "an arena input begins with the setting"
        state.messages[0] = setting.model_copy(update={"content": f"{setting.text}\n\n{text}"})
        return state

    return solve
