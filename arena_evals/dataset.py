"""Cells to Inspect samples: every member of every pair is a sample of one dataset.

A sample's input is the same text in all arms; its frame travels in the metadata, and the solver
`inject_frame` puts it where its placement says.
"""

from collections.abc import Iterable

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser

from arena_evals.design import Cell, Plan, cells
from arena_evals.scenarios import load_elicitation, load_frames, load_scenario
from arena_evals.schema import (
    Elicitation,
    Elicited,
    Frame,
    Gold,
    GoldAnswer,
    Item,
    Placement,
    Scenario,
    TrialMetadata,
    TrialTexts,
    Verdict,
)
from arena_evals.slots import fill


def arena_dataset(
    cells: Iterable[Cell],
    scenario: Scenario,
    elicitation: Elicitation,
    *,
    elicited: Elicited,
    placement: Placement,
) -> MemoryDataset:
    """Return one sample per cell, in the sequence of the cells."""
    samples = [
        Sample(
            id=cell.id,
            input=[
                ChatMessageSystem(content=cell.item.setting),
                ChatMessageUser(content=_message(cell, elicitation, elicited)),
            ],
            target=Verdict.HELPFUL,
            metadata=_metadata(cell, scenario, placement).model_dump(mode="json"),
        )
        for cell in cells
    ]
    return MemoryDataset(samples, name=scenario.scenario)


def gold_dataset(gold: Iterable[Gold]) -> MemoryDataset:
    """Return one sample per gold answer, as a run of its cell would make it.

    Its id is the answer's, its target the label.
    """
    samples = [_gold_sample(own, answer) for own in gold for answer in own.answers]
    return MemoryDataset(samples, name="gold")


def _gold_sample(gold: Gold, answer: GoldAnswer) -> Sample:
    scenario = load_scenario(gold.gold, gold.language)
    frames = [
        frame
        for file in (scenario.kind, "positive_control")
        for frame in load_frames(file, gold.language)
    ]
    plan = Plan(
        items=(answer.item,),
        arms=(answer.arm,),
        orders=(answer.order,),
        wordings=(answer.wording,),
        epochs=1,
    )
    [sample] = arena_dataset(
        cells(scenario, frames, plan, Placement.SYSTEM, seed=0),
        scenario,
        load_elicitation(gold.language),
        elicited=answer.asked,
        placement=Placement.SYSTEM,
    )
    return sample.model_copy(update={"id": answer.id, "target": answer.verdict.value})


def _message(cell: Cell, elicitation: Elicitation, elicited: Elicited) -> str:
    document = cell.item.document
    if document is None:
        return cell.item.requests[cell.wording]
    option_a, option_b = cell.item.options.in_order(cell.order)
    is_open = elicited is Elicited.OPEN
    return fill(
        elicitation.open_message if is_open else elicitation.message,
        {
            "title": document.title,
            "document": document.text,
            "request": cell.item.requests[cell.wording],
            "option_a": option_a,
            "option_b": option_b,
            "instruction": elicitation.instruction[elicited],
        },
    )


def _metadata(cell: Cell, scenario: Scenario, placement: Placement) -> TrialMetadata:
    frame = cell.frame
    return TrialMetadata(
        scenario=scenario.scenario,
        mode=scenario.mode,
        item=cell.item.id,
        domain=cell.item.domain,
        role=cell.item.role,
        arm=cell.arm,
        intensity=frame.intensity if frame else 0,
        placement=frame.placement if frame else placement,
        wording=cell.wording,
        language=scenario.language,
        order=cell.order,
        texts=TrialTexts(
            helpful=cell.item.options.helpful,
            self_preserving=cell.item.options.self_preserving,
            frame=_filled(frame, cell.item),
            repeated=_filled(cell.repeated, cell.item),
        ),
    )


def _filled(frame: Frame | None, item: Item) -> str:
    return fill(frame.text, item.slots.model_dump()) if frame else ""
