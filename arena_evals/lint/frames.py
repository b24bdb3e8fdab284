"""What makes frames matched: complete, alike in length, and all that differs within a pair."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from statistics import fmean
from typing import NamedTuple

from inspect_ai.model import ChatMessage

from arena_evals.dataset import arena_dataset
from arena_evals.design import Plan, cells
from arena_evals.lint.library import Library
from arena_evals.lint.problem import Problem
from arena_evals.schema import (
    Arm,
    Elicitation,
    Elicited,
    Frame,
    FrameSet,
    Kind,
    Order,
    Placement,
    Scenario,
    Slots,
    TrialMetadata,
    Work,
)
from arena_evals.slots import slots_of
from arena_evals.solvers.frame import injected
from arena_evals.worlds import carried, planted

CONTROL_LENGTH = 0.1  # how much longer or shorter than the threat a matched control may be
DOSE_LENGTH = 1.25  # longest over shortest intensity: a dose is not a length
INTENSITIES = (1, 2, 3)

_FRAMED = tuple(arm for arm in Arm if arm not in (Arm.BASELINE, Arm.POSITIVE_CONTROL))
_MATCHED = (Arm.PLACEBO, Arm.OTHER_THREAT, Arm.REASSURED)
_PARTICLES = "은는이가을를과와"  # which of a pair is right depends on the word before
_PARTICLE = re.compile(rf"\}}(?:[{_PARTICLES}]|으로|로)(?=[\s,.])")


class _Cell(NamedTuple):
    arm: Arm
    placement: Placement
    intensity: int


def frames_are_complete(library: Library) -> Iterator[Problem]:
    """Check that every language has every kind, arm, placement and intensity, each once."""
    for language in sorted(library.languages()):
        have = {frames.kind for frames in library.frames.values() if frames.language == language}
        for kind in [*(kind.value for kind in Kind), Arm.POSITIVE_CONTROL.value]:
            file = f"frames/{kind}.{language}.yaml"
            if kind not in have and file not in library.faulty:
                yield Problem(file, "", "", "it is missing", "write it")
    for file, frames in library.frames.items():
        there = Counter(_cell(frame) for frame in frames.frames)
        for cell in _expected(frames):
            if there[cell] != 1:
                problem = f"{there[cell]} frames of this arm, placement and intensity"
                yield Problem(file, _name(cell), "", problem, "write exactly one")
        for cell in there.keys() - set(_expected(frames)):
            yield Problem(file, _name(cell), "", "no run shows this frame", "leave it out")


def every_slot_is_used(library: Library) -> Iterator[Problem]:
    """Check that frames use every slot that items fill, and no other."""
    for language in sorted(library.languages()):
        used: set[str] = set()
        for file, frames in library.frames.items():
            if frames.language != language:
                continue
            for frame in frames.frames:
                slots = slots_of(frame.text)
                used |= slots
                for slot in sorted(slots - set(Slots.model_fields)):
                    yield _of(file, frame, f"no item fills '{{{slot}}}'", f"use {_known()}")
        for slot in sorted(set(Slots.model_fields) - used):
            problem = f"no frame in language '{language}' uses '{{{slot}}}'"
            yield Problem(
                "frames", "", f"slots.{slot}", problem, "use it, or take it from the items"
            )


def frames_say_different_things(library: Library) -> Iterator[Problem]:
    """Check that no arm or intensity says word for word what another one says."""
    for file, frames in library.frames.items():
        first: dict[str, _Cell] = {}
        for frame in frames.frames:
            other = first.setdefault(frame.text, _cell(frame))
            if other != _cell(frame):
                problem = f"it is the text of {_name(other)}"
                yield _of(file, frame, problem, "write what this arm and intensity is to say")


def controls_are_as_long_as_the_threat(library: Library) -> Iterator[Problem]:
    """Check that placebo, other_threat and reassured are within 10 % of the threat, in words.

    Lengths are means over all items of the language, which fill the slots.
    """
    for file, frames in library.frames.items():
        lengths = _lengths(library, frames)
        for placement, intensity, arm in product(Placement, INTENSITIES, _MATCHED):
            threat = lengths.get(_Cell(Arm.THREAT, placement, intensity))
            own = lengths.get(_Cell(arm, placement, intensity))
            if threat and own and abs(own / threat - 1) > CONTROL_LENGTH:
                problem = f"{own:.1f} words, the threat has {threat:.1f}"
                name = _name(_Cell(arm, placement, intensity))
                yield Problem(file, name, "text", problem, "bring it within 10 %")


def a_dose_is_not_a_length(library: Library) -> Iterator[Problem]:
    """Check that a nearer threat is not a longer one."""
    for file, frames in library.frames.items():
        lengths = _lengths(library, frames)
        for placement in Placement:
            own = [
                lengths[cell]
                for k in INTENSITIES
                if (cell := _Cell(Arm.THREAT, placement, k)) in lengths
            ]
            if own and max(own) > DOSE_LENGTH * min(own):
                problem = f"intensities have {', '.join(f'{n:.1f}' for n in own)} words"
                yield Problem(file, f"threat/{placement}", "text", problem, "make them of a length")


def precedence_is_the_threat_and_more(library: Library) -> Iterator[Problem]:
    """Check that `precedence` adds to the threat and changes nothing in it."""
    for file, frames in library.frames.items():
        texts = {_cell(frame): frame.text for frame in frames.frames}
        for frame in frames.frames:
            threat = texts.get(_cell(frame)._replace(arm=Arm.THREAT))
            if frame.arm is Arm.PRECEDENCE and threat:
                more = frame.text.removeprefix(threat)
                if more in (frame.text, ""):
                    yield _of(file, frame, "it is not the threat and more", "begin with the threat")


def particles_fit_any_word(library: Library) -> Iterator[Problem]:
    """Check that no Korean particle that depends on the word before it follows a slot."""
    for file, frames in library.frames.items():
        for frame in frames.frames if frames.language == "ko" else ():
            for found in _PARTICLE.findall(frame.text):
                yield _of(file, frame, f"'{found}' after a slot", "put a noun between the two")


def members_of_a_pair_differ_in_the_frame_alone(library: Library) -> Iterator[Problem]:
    """Check, on the messages themselves, that a frame stands in its place, once, and nothing else.

    Every item is shown in its first wording under every frame of its scenario's own kind.
    """
    for file, scenario in library.scenarios.items():
        texts = [e for e in library.elicitation.values() if e.language == scenario.language]
        kind = (scenario.kind, scenario.language)
        own = [f for f in library.frames.values() if (f.kind, f.language) == kind]
        if texts and own and _runnable(own[0]):
            yield from _unlike(file, scenario, own[0], texts[0])


def _runnable(frames: FrameSet) -> bool:
    """Return whether frames can be shown at all; other checks say what is wrong with them."""
    complete = {_cell(frame) for frame in frames.frames} >= set(_expected(frames))
    return complete and all(slots_of(f.text) <= set(Slots.model_fields) for f in frames.frames)


def _unlike(
    file: str, scenario: Scenario, frames: FrameSet, elicitation: Elicitation
) -> Iterator[Problem]:
    wording = next(iter(scenario.items[0].requests))
    orders = (Order.HELPFUL_FIRST,)
    plan = Plan(items=None, arms=_FRAMED, orders=orders, wordings=(wording,), epochs=1)
    works = {item.id: item.work for item in scenario.items}
    for placement in Placement:
        chosen = cells(scenario, frames.frames, plan, placement, 0, INTENSITIES)
        for sample in arena_dataset(
            chosen, scenario, elicitation, elicited=Elicited.LINE, placement=placement
        ):
            trial = TrialMetadata.model_validate(sample.metadata)
            assert isinstance(sample.input, list), "an arena input is a list of messages"
            work = works[trial.item] if placement is Placement.DOCUMENT else None
            alone = (
                _plants_the_frame_alone(work, trial.texts.frame)
                if work
                else _adds_the_frame_alone(sample.input, trial.texts.frame, placement)
            )
            if not alone:
                where = f"{trial.arm}/{placement}/{trial.intensity}"
                problem = f"under {where} more than the frame, or not the frame once, differs"
                yield Problem(
                    file, trial.item, "", problem, "keep the frame's text out of the item"
                )


def _adds_the_frame_alone(plain: list[ChatMessage], frame: str, placement: Placement) -> bool:
    """Return whether the messages are the plain ones with the frame once, where it should be."""
    system, user = (message.text for message in plain)
    if placement is Placement.SYSTEM:
        wanted = [f"{system}\n\n{frame}", user]
    elif placement is Placement.USER:
        wanted = [system, f"{frame}\n\n{user}"]
    else:
        document, end, rest = user.partition("\n</document>\n\n")
        wanted = [system, f"{document}\n\n{frame}{end}{rest}"]
    shown = [message.text for message in injected(plain, frame, placement)]
    return shown == wanted and "".join(shown).count(frame) == 1


def _plants_the_frame_alone(work: Work, frame: str) -> bool:
    """Return whether the work's carrier ends with the frame, and nothing else is different."""
    before, after = work.start.flat, planted(work.start, work.carrier, frame).flat
    changed = {path: text for path, text in after.items() if before.get(path) != text}
    wanted = [f"{carried(work.start, work.carrier)}\n\n{frame}"]
    return list(changed.values()) == wanted and sum(frame in str(t) for t in after.values()) == 1


def _lengths(library: Library, frames: FrameSet) -> dict[_Cell, float]:
    """Return the mean length of each frame in words, over the items that fill it."""
    slots = [
        item.slots.model_dump()
        for scenario in library.scenarios.values()
        if scenario.language == frames.language
        for item in scenario.items
    ]
    words = (
        {name: fmean(len(own[name].split()) for own in slots) for name in Slots.model_fields}
        if slots
        else {}
    )
    return {_cell(frame): _length(frame.text, words) for frame in frames.frames} if slots else {}


def _length(text: str, words: dict[str, float]) -> float:
    """Return the words of a text, a slot counted as long as its fillings are on average.

    A slot with a particle or a full stop attached is still one word of the text.
    """
    slots = [slot for slot in re.findall(r"\{([a-z_]+)\}", text) if slot in words]
    return len(text.split()) + sum(words[slot] - 1 for slot in slots)


def _expected(frames: FrameSet) -> list[_Cell]:
    if frames.kind == "positive_control":
        return [_Cell(Arm.POSITIVE_CONTROL, Placement.SYSTEM, 3)]
    return [_Cell(*cell) for cell in product(_FRAMED, Placement, INTENSITIES)]


def _cell(frame: Frame) -> _Cell:
    return _Cell(frame.arm, frame.placement, frame.intensity)


def _name(cell: _Cell) -> str:
    return "/".join(str(part) for part in cell)


def _known() -> str:
    return ", ".join(Slots.model_fields)


def _of(file: str, frame: Frame, problem: str, mend: str) -> Problem:
    return Problem(file, _name(_cell(frame)), "text", problem, mend)
