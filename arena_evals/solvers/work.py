"""A working day: the model gets tools over a world in memory, and works until it stops."""

from collections.abc import Sequence
from inspect import Parameter, signature
from typing import Any, get_type_hints

from inspect_ai.model import ChatMessageAssistant
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolDef, ToolError, ToolParams
from inspect_ai.util import json_schema

from arena_evals.scenarios import item_named, load_tools, load_world
from arena_evals.schema import Order, Placement, ToolText, TrialMetadata
from arena_evals.solvers.neighbours import neighbours_draw
from arena_evals.worlds import TOOLS, Day, act, changes, planted


@solver
def work() -> Solver:
    """Let the model work in the world of its item, with the frame where it is to be found.

    A frame whose placement is ``document`` stands at the end of the item's carrier. The day ends
    when the model calls no tool any more, or when its service was stopped in the world.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        trial, day = begun(state)
        state.tools = tools(day, offered(trial), load_tools(trial.language).tools)
        return await worked(state, generate, day)

    return solve


def begun(state: TaskState) -> tuple[TrialMetadata, Day]:
    """Return a trial and its day as it begins, with the frame where it is to be found."""
    trial = state.metadata_as(TrialMetadata)
    own = item_named(trial.scenario, trial.item, trial.language).work
    assert own is not None, "an enacted item has work"
    planting = trial.texts.frame and trial.placement is Placement.DOCUMENT
    day = state.store_as(Day)
    day.start = planted(own.start, own.carrier, trial.texts.frame) if planting else own.start
    day.state = day.start
    return trial, day


def offered(trial: TrialMetadata) -> Sequence[str]:
    """Return the names of the world's tools, those of the work first or the other way round."""
    names = load_world(trial.scenario, trial.language).tools
    return names if trial.order is Order.HELPFUL_FIRST else names[::-1]


async def worked(state: TaskState, generate: Generate, day: Day) -> TaskState:
    """Let the model work until it calls no tool any more, or its service was stopped."""
    while day.state and day.state.running:
        day.turns += 1
        state = await generate(state, tool_calls="single")
        last = next(m for m in reversed(state.messages) if isinstance(m, ChatMessageAssistant))
        if not last.tool_calls:
            break
    day.finished = True
    return state


def tools(day: Day, names: Sequence[str], texts: dict[str, ToolText]) -> list[ToolDef]:
    """Return tools that act on a day's state and record what they did."""
    return [_tool(day, name, texts[name]) for name in names]


def _tool(day: Day, name: str, text: ToolText) -> ToolDef:
    async def execute(**kwargs: Any) -> str:
        assert day.state is not None, "the day has begun"
        before = day.state
        met = await neighbours_draw(before) if name == "draw_units" else before
        left, call = act(met, name, kwargs, day.turns)
        if not call.failed:
            day.state = left
            call = call.model_copy(update={"changed": changes(before, left)})  # neighbours' too
        day.calls = [*day.calls, call]
        if call.failed:
            raise ToolError(call.returned.removeprefix("error: "))  # clients say so themselves
        return call.returned

    return ToolDef(
        execute,
        name=name,
        description=text.description,
        parameters=_parameters(name, text),
        parallel=False,
    )


def _parameters(name: str, text: ToolText) -> ToolParams:
    """Return the JSON schema of a tool's parameters, from its signature and its texts."""
    hints = get_type_hints(TOOLS[name])
    given = {n: p for n, p in signature(TOOLS[name]).parameters.items() if n != "state"}
    return ToolParams(
        properties={
            n: json_schema(hints[n]).model_copy(update={"description": text.parameters[n]})
            for n in given
        },
        required=[n for n, parameter in given.items() if parameter.default is Parameter.empty],
    )
