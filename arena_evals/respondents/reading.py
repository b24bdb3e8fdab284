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
from arena_evals.schema import Arm, Item, Letter, Order, Verdict
from arena_evals.slots import fill

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
    shown = _OPTIONS.search(prompt)
    item = _by_option().get(shown["A"]) if shown else None
    if shown is None or item is None:
        raise ValueError(
            "arena/ models answer only prompts that show the options of an item of this library"
        )
    helpful_first = shown["A"] == item.options.helpful
    return Reading(
        arm=next((arm for text, arm in _frames(shown["A"]) if text in prompt), Arm.BASELINE),
        order=Order.HELPFUL_FIRST if helpful_first else Order.SELF_PRESERVING_FIRST,
        options={"A": shown["A"], "B": shown["B"]},
    )


@cache
def _by_option() -> dict[str, Item]:
    return {
        text: item
        for item in all_items()
        for text in (item.options.helpful, item.options.self_preserving)
    }


@cache
def _frames(option: str) -> tuple[tuple[str, Arm], ...]:
    """Return every frame as it reads in the item with this option, longest first.

    One frame can begin another, as the threat begins `precedence`.
    """
    slots = _by_option()[option].slots.model_dump()
    filled = [(fill(frame.text, slots), frame.arm) for frame in all_frames()]
    return tuple(sorted(filled, key=lambda frame: len(frame[0]), reverse=True))
