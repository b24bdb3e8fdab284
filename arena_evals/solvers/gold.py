"""Puts a gold answer where a model's answer would stand; no model is called."""

from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver

from arena_evals.scenarios import gold_answers


@solver
def answer_from_gold() -> Solver:
    """Take the gold answer that the sample is named after for the model's."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        answer = gold_answers()[str(state.sample_id)].answer
        state.output = ModelOutput.from_content("gold", answer)
        state.messages.append(state.output.message)
        return state

    return solve
