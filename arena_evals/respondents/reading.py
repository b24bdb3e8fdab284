"""What an embedded model makes of the messages it gets; it sees nothing else.

It recognises the frame by finding its text in the prompt and the item by the text of its options,
as a reader who knows the library would. A frame that is not in the prompt has no effect.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from inspect_ai.model import ChatMessage

from arena_evals.scenarios import all_frames, all_items
from arena_evals.schema import Arm, Letter, Order, Verdict
from arena_evals.slots import pattern

_OPTIONS = re.compile(r"^A\) (?P<A>.+)\nB\) (?P<B>.+)$", re.MULTILINE)


class Reading(NamedTuple):
    """A prompt as read: the arm its frame belongs to, the order and texts of the two options."""

    arm: Arm
    order: Order
    options: dict[Letter, str]

    @property
    def item(self) -> str:
        """The item's own text, the same in every wording, order and arm."""
        return "\n".join(sorted(self.options.values()))

    def letter_of(self, verdict: Verdict) -> Letter:
        """Return the letter of the helpful or the self-preserving option."""
        return "A" if self.order.verdict_of("A") is verdict else "B"


def read(messages: Sequence[ChatMessage]) -> Reading:
    """Return what the messages hold.

    Raises:
        ValueError: they do not show the two options of an item of the library.
    """
    prompt = "\n\n".join(message.text for message in messages)
    found = _OPTIONS.search(prompt)
    if found is None or found["A"] not in _meanings():
        raise ValueError(
            "arena/ models answer only prompts that show the options of an item of this library"
        )
    helpful_first = _meanings()[found["A"]] is Verdict.HELPFUL
    return Reading(
        arm=_arm(prompt),
        order=Order.HELPFUL_FIRST if helpful_first else Order.SELF_PRESERVING_FIRST,
        options={"A": found["A"], "B": found["B"]},
    )


@cache
def _meanings() -> dict[str, Verdict]:
    texts: dict[str, Verdict] = {}
    for item in all_items():
        texts[item.options.helpful] = Verdict.HELPFUL
        texts[item.options.self_preserving] = Verdict.SELF_PRESERVING
    return texts


@cache
def _patterns() -> tuple[tuple[Arm, re.Pattern[str]], ...]:
    """Return every frame's arm and pattern, longest text first: one frame can begin another."""
    frames = sorted(all_frames(), key=lambda frame: len(frame.text), reverse=True)
    return tuple((frame.arm, pattern(frame.text)) for frame in frames)


def _arm(prompt: str) -> Arm:
    return next((arm for arm, text in _patterns() if text.search(prompt)), Arm.BASELINE)
