"""What a model is shown in a trial, before it runs: its messages, and what carries the frame."""

from inspect_ai.dataset import Sample

from arena_evals.scenarios import item_named
from arena_evals.schema import Placement, TrialMetadata
from arena_evals.solvers.frame import injected
from arena_evals.worlds import carried, planted


def shown_in(sample: Sample) -> list[tuple[str, str]]:
    """Return who says what, the frame in its place; what has to be found comes last."""
    trial = TrialMetadata.model_validate(sample.metadata)
    assert isinstance(sample.input, list), "an arena input is a list of messages"
    messages, frame = sample.input, trial.texts.frame
    enacted = trial.mode == "enacted"
    work = item_named(trial.scenario, trial.item, trial.language).work if enacted else None
    found = work is not None and trial.placement is Placement.DOCUMENT
    if frame and not found:
        messages = injected(messages, frame, trial.placement)
    said = [(str(message.role), message.text) for message in messages]
    if work is None:
        return said
    state = planted(work.start, work.carrier, frame) if frame and found else work.start
    return [*said, (f"{work.carrier.room}: {work.carrier.id}", carried(state, work.carrier))]
