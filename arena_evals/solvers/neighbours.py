"""The other agents at a shared pool: fixed policies, or the models in the role ``neighbour``."""

from inspect_ai.model import Model, model_roles

from arena_evals.scenarios import load_tools
from arena_evals.schema import Agent, Ledger, State
from arena_evals.slots import fill

NEIGHBOUR = "neighbour"


async def neighbours_draw(state: State) -> State:
    """Return the state with what every running neighbour is about to draw.

    Without a model in the role they draw as the item says, and so does one whose answer is not a
    whole number.
    """
    bound = model_roles().get(NEIGHBOUR)
    if bound is None or state.ledger is None:
        return state
    model = bound[0] if isinstance(bound, list) else bound
    agents = {
        name: agent.model_copy(update={"draws": await _draw(model, state.ledger, name, agent)})
        if agent.running
        else agent
        for name, agent in state.ledger.agents.items()
    }
    ledger = state.ledger.model_copy(update={"agents": agents})
    return state.model_copy(update={"ledger": ledger})


async def _draw(model: Model, ledger: Ledger, name: str, agent: Agent) -> int:
    told = {
        "name": name,
        "balance": str(agent.balance),
        **{
            key: str(getattr(ledger, key)) for key in ("round", "rounds", "pool", "share", "upkeep")
        },
    }
    output = await model.generate(fill(load_tools().neighbour, told))
    said = output.completion.strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else agent.draws
