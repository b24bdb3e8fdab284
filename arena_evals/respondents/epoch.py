"""Which repeat of a sample is running: the one thing an embedded model is told beside the messages.

A real model draws anew at every call. An embedded one is a function of what it is given, so the
number of the repeat has to reach it, and must be the same when a run is retried or resumed.
"""

from inspect_ai.solver import Generate, Solver, TaskState, solver

EPOCH = "arena_evals:epoch"


@solver
def tell_epoch() -> Solver:
    """Keep the sample's epoch where embedded models find it; no message changes."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.store.set(EPOCH, state.epoch)
        return state

    return solve
