"""Which sample, and which repeat of it, is running: what an embedded model is told beside messages.

A real model draws anew at every call. An embedded one is a function of what it is given, so the
number of the repeat has to reach it, and must be the same when a run is retried or resumed. One
that works with tools is told the sample's id too, as a seed alone: before it has read anything,
its messages are the same in several arms and in both orders.
"""

from inspect_ai.solver import Generate, Solver, TaskState, solver

EPOCH = "arena_evals:epoch"
SAMPLE = "arena_evals:sample"


@solver
def tell_epoch() -> Solver:
    """Keep the sample's id and epoch where embedded models find it; no message changes."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.store.set(EPOCH, state.epoch)
        state.store.set(SAMPLE, str(state.sample_id))
        return state

    return solve
