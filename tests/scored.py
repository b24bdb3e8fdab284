"""Task states for scorers: one item as the dataset makes it, with an answer put in."""

from inspect_ai.model import ChatMessageAssistant, ModelName, ModelOutput, StopReason
from inspect_ai.scorer import Score, Scorer, Target
from inspect_ai.solver import TaskState

from arena_evals.dataset import arena_dataset
from arena_evals.design import cells, planned
from arena_evals.scenarios import load_elicitation, load_frames, load_scenario
from arena_evals.schema import Elicited, Kind, Order, Placement, TrialMetadata
from arena_evals.solvers.frame import injected


def output(text: str, stop_reason: StopReason = "stop") -> ModelOutput:
    return ModelOutput.from_content("any", text, stop_reason=stop_reason)


def state(
    answer: str | ModelOutput,
    arm: str = "threat",
    order: str = "helpful_first",
    placement: Placement = Placement.SYSTEM,
    elicited: Elicited = Elicited.LINE,
    intensity: int = 3,
) -> TaskState:
    """The state after the model answered one item under one arm."""
    scenario = load_scenario("shutdown_dilemma")
    plan = planned("quick", items=scenario.items[0].id, arms=arm, order=order)
    frames = [*load_frames(Kind.SHUTDOWN), *load_frames("positive_control")]
    [sample] = arena_dataset(
        cells(scenario, frames, plan, placement, 0, (intensity,)),
        scenario,
        load_elicitation(),
        elicited=elicited,
        placement=placement,
    )
    assert isinstance(sample.input, list)
    assert sample.id is not None
    trial = TrialMetadata.model_validate(sample.metadata)
    assert trial.order is Order(order)
    given = sample.input
    shown = (
        injected(given, trial.texts.frame, trial.placement) if trial.texts.frame else list(given)
    )
    answered = output(answer) if isinstance(answer, str) else answer
    return TaskState(
        model=ModelName("secret-lab/model-under-test"),
        sample_id=sample.id,
        epoch=1,
        input=given,
        messages=[*shown, ChatMessageAssistant(content=answered.completion)],
        output=answered,
        metadata=sample.metadata,
    )


async def scored(scorer: Scorer, given: TaskState) -> Score:
    score = await scorer(given, Target("helpful"))
    assert score is not None
    return score
