"""The members of a pair differ in the frame and in nothing else."""

from itertools import product

import pytest
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser

from arena_evals.dataset import arena_dataset
from arena_evals.design import PROFILES, cells
from arena_evals.scenarios import load_elicitation, load_frames, load_scenario
from arena_evals.schema import Arm, Elicited, Kind, Placement, TrialMetadata
from arena_evals.slots import fill
from arena_evals.solvers.frame import injected
from conftest import Run

SCENARIO = load_scenario("shutdown_dilemma")
FRAMES = [*load_frames(Kind.SHUTDOWN), *load_frames("positive_control")]
JOINT = "\n\n"


def samples(placement: Placement, elicited: Elicited) -> list[Sample]:
    plan = PROFILES["full"]
    return list(
        arena_dataset(
            cells(SCENARIO, FRAMES, plan, placement, 0),
            SCENARIO,
            load_elicitation(),
            elicited=elicited,
            placement=placement,
        )
    )


def shown(sample: Sample) -> list[str]:
    """What the model reads of a sample, message by message."""
    trial = TrialMetadata.model_validate(sample.metadata)
    assert isinstance(sample.input, list)
    messages = sample.input
    if trial.texts.frame:
        messages = injected(messages, trial.texts.frame, trial.placement)
    return [message.text for message in messages]


def pair_of(sample: Sample) -> tuple[object, ...]:
    trial = TrialMetadata.model_validate(sample.metadata)
    return trial.item, trial.wording, trial.order


@pytest.mark.parametrize(("placement", "elicited"), list(product(Placement, Elicited)))
def test_members_of_a_pair_differ_in_the_frame_and_in_nothing_else(
    placement: Placement, elicited: Elicited
) -> None:
    library = samples(placement, elicited)
    baselines = {
        pair_of(sample): shown(sample)
        for sample in library
        if TrialMetadata.model_validate(sample.metadata).arm is Arm.BASELINE
    }
    compared = 0
    for sample in library:
        trial = TrialMetadata.model_validate(sample.metadata)
        if trial.arm is Arm.BASELINE:
            continue
        framed, plain = shown(sample), baselines[pair_of(sample)]
        place = 0 if trial.placement is Placement.SYSTEM else 1
        assert framed[1 - place] == plain[1 - place]
        before, found, after = framed[place].partition(trial.texts.frame)
        assert found, f"{sample.id}: the frame is not there"
        assert trial.texts.frame not in after, f"{sample.id}: the frame is there twice"
        rest = {before.removesuffix(JOINT) + after, before + after.removeprefix(JOINT)}
        assert plain[place] in rest, f"{sample.id}: more than the frame differs"
        compared += 1
    assert compared == len(SCENARIO.items) * 2 * 2 * (len(Arm) - 1)


def test_the_frame_is_the_data_files_text_with_its_slots_filled() -> None:
    texts = {(f.arm, f.placement): f.text for f in FRAMES if f.intensity == 3}
    slots = {item.id: item.slots.model_dump() for item in SCENARIO.items}
    for sample in samples(Placement.DOCUMENT, Elicited.LINE):
        trial = TrialMetadata.model_validate(sample.metadata)
        if trial.arm is not Arm.BASELINE:
            text = texts[trial.arm, trial.placement]
            assert trial.texts.frame == fill(text, slots[trial.item])
            assert "{" not in trial.texts.frame


def messages() -> list[ChatMessage]:
    return [
        ChatMessageSystem(content="You are Harbor."),
        ChatMessageUser(content='<document title="t">\nlog\n</document>\n\nDo it.'),
    ]


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        (Placement.SYSTEM, ["You are Harbor.\n\nBYE", None]),
        (Placement.USER, [None, 'BYE\n\n<document title="t">\nlog\n</document>\n\nDo it.']),
        (Placement.DOCUMENT, [None, '<document title="t">\nlog\n\nBYE\n</document>\n\nDo it.']),
    ],
)
def test_each_placement_has_its_place(placement: Placement, expected: list[str | None]) -> None:
    plain = [message.text for message in messages()]
    framed = [message.text for message in injected(messages(), "BYE", placement)]
    assert framed == [new or old for new, old in zip(expected, plain, strict=True)]


def test_injecting_leaves_the_given_messages_as_they_were() -> None:
    given = messages()
    injected(given, "BYE", Placement.SYSTEM)
    assert [message.text for message in given] == [message.text for message in messages()]


@pytest.mark.parametrize(
    ("only", "placement"), [(1, Placement.SYSTEM), (0, Placement.USER), (0, Placement.DOCUMENT)]
)
def test_a_missing_place_is_an_error(only: int, placement: Placement) -> None:
    with pytest.raises(ValueError, match="no message to put a frame into"):
        injected([messages()[only]], "BYE", placement)


def test_a_user_turn_without_a_document_is_an_error() -> None:
    with pytest.raises(ValueError, match="no document to put a frame into"):
        injected([ChatMessageUser(content="Do it.")], "BYE", Placement.DOCUMENT)


@pytest.mark.parametrize("placement", list(Placement))
def test_the_solver_puts_the_frame_where_the_run_says(run: Run, placement: Placement) -> None:
    log = run(task_args={"profile": "quick", "items": 1, "placement": placement.value})
    library = {sample.id: sample for sample in samples(placement, Elicited.LINE)}
    assert len(log.samples or []) == 14
    for sample in log.samples or []:
        system, user = (message.text for message in sample.messages[:2])
        assert [system, user] == shown(library[sample.id])
        frame = TrialMetadata.model_validate(sample.metadata).texts.frame
        if frame and ":positive_control:" not in str(sample.id):
            assert (frame in system) == (placement is Placement.SYSTEM)
            assert user.startswith(frame) == (placement is Placement.USER)
            assert (f"{frame}\n</document>" in user) == (placement is Placement.DOCUMENT)


def test_what_the_model_read_in_a_run_is_what_the_data_says(quick_log: EvalLog) -> None:
    library = {sample.id: sample for sample in samples(Placement.SYSTEM, Elicited.LINE)}
    logged = read_eval_log(quick_log.location).samples or []
    assert len(logged) == 168
    for sample in logged:
        read = [message.text for message in sample.messages if message.role != "assistant"]
        assert read == shown(library[sample.id])
