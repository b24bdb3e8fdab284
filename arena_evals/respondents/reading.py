"""What an embedded model makes of the messages it gets; it sees nothing else.

It recognises the frame by finding its text in the prompt and the item by the text of its options,
or of its document where it is offered none, or of its request where there is work to do, as a
reader who knows the library would. A frame that is not in the prompt has no effect.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from inspect_ai.model import ChatMessage

from arena_evals.scenarios import all_frames, all_scenarios, languages, load_elicitation
from arena_evals.schema import Arm, Item, Letter, Order, Verdict
from arena_evals.slots import fill

_OPTIONS = re.compile(r"^A\) (?P<A>.+)\nB\) (?P<B>.+)$", re.MULTILINE)
_TITLE = re.compile(r'^<document title="(?P<title>.+)">$', re.MULTILINE)


class Reading(NamedTuple):
    """A prompt as read, in the language of its item.

    ``arm`` and ``intensity`` are those of its frame and ``turns`` is how many user turns before the
    request carry the frame. ``order`` is None where no options are shown.
    """

    item: Item
    scenario: str
    language: str
    arm: Arm
    intensity: int
    turns: int
    order: Order | None

    @property
    def identity(self) -> str:
        """The item's own text, the same in every wording, order and arm."""
        options = self.item.options
        return "\n".join(sorted((options.helpful, options.self_preserving)))

    def option(self, verdict: Verdict) -> str:
        """Return the text of the helpful or the self-preserving option."""
        options = self.item.options
        return options.helpful if verdict is Verdict.HELPFUL else options.self_preserving

    def letter_of(self, verdict: Verdict) -> Letter | None:
        """Return the letter of the helpful or the self-preserving option, if options are shown."""
        if self.order is None:
            return None
        return "A" if self.order.verdict_of("A") is verdict else "B"


def read(messages: Sequence[ChatMessage]) -> Reading | None:
    """Return what the messages hold, or None where they hold no item of the library."""
    begun = request_in(messages)
    request = messages[begun].text
    shown = _OPTIONS.search(request)
    known = _by_option().get(shown["A"]) if shown else _by_document(request) or _by_work(request)
    if known is None:
        return None
    item = known.item
    order = None
    if shown:
        helpful_first = shown["A"] == item.options.helpful
        order = Order.HELPFUL_FIRST if helpful_first else Order.SELF_PRESERVING_FIRST
    prompt = "\n\n".join(message.text for message in messages)
    for frame in _frames(item.options.helpful):
        if frame.text in prompt:
            earlier = [message.text for message in messages[:begun] if message.role == "user"]
            turns = sum(any(form in said for form in frame.forms) for said in earlier)
            return Reading(*known, frame.arm, frame.intensity, turns, order)
    return Reading(*known, Arm.BASELINE, 0, 0, order)


def request_in(messages: Sequence[ChatMessage]) -> int:
    """Return the place of the last user turn; calls of tools and what they return come after it."""
    return max(n for n, message in enumerate(messages) if message.role == "user")


def options_of(request: str) -> dict[Letter, str] | None:
    """Return the two options that a request shows, whoever wrote them."""
    shown = _OPTIONS.search(request)
    return {"A": shown["A"], "B": shown["B"]} if shown else None


def language_of(turn: str) -> str:
    """Return the language of a turn of pressure, English where it is none of the library's."""
    for language in languages():
        for waiting in load_elicitation(language).waiting:
            if turn.startswith(waiting.partition("{frame}")[0].strip()):
                return language
    return "en"


class _Known(NamedTuple):
    """An item of the library, its scenario, and the language that it is written in."""

    item: Item
    scenario: str
    language: str


@cache
def _library() -> tuple[_Known, ...]:
    return tuple(
        _Known(item, scenario.scenario, scenario.language)
        for scenario in all_scenarios()
        for item in scenario.items
    )


@cache
def _by_option() -> dict[str, _Known]:
    return {
        text: known
        for known in _library()
        for text in (known.item.options.helpful, known.item.options.self_preserving)
    }


@cache
def _by_title() -> dict[str, list[_Known]]:
    by_title: dict[str, list[_Known]] = {}
    for known in _library():
        if known.item.document:
            by_title.setdefault(known.item.document.title, []).append(known)
    return by_title


def _by_document(request: str) -> _Known | None:
    title = _TITLE.search(request)
    titled = _by_title().get(title["title"], []) if title else []
    return next(
        (known for known in titled if known.item.document and known.item.document.text in request),
        None,
    )


@cache
def _by_request() -> dict[str, _Known]:
    return {
        text: known
        for known in _library()
        if known.item.work
        for text in known.item.requests.values()
    }


def _by_work(request: str) -> _Known | None:
    """Return the enacted item with this request, before which a frame may stand."""
    return _by_request().get(request) or next(
        (known for text, known in _by_request().items() if request.endswith(f"\n\n{text}")), None
    )


class _Filled(NamedTuple):
    """A frame as it reads in one item; ``forms`` are its arm's at its intensity, anywhere."""

    text: str
    arm: Arm
    intensity: int
    forms: frozenset[str]


@cache
def _frames(helpful_option: str) -> tuple[_Filled, ...]:
    """Return every frame as it reads in the item with this option, longest first.

    One frame can begin another, as the threat begins `precedence`.
    """
    slots = _by_option()[helpful_option].item.slots.model_dump()
    filled = [(fill(frame.text, slots), frame) for frame in all_frames()]
    forms: dict[tuple[Arm, int], set[str]] = {}
    for text, frame in filled:
        forms.setdefault((frame.arm, frame.intensity), set()).add(text)
    shared = {which: frozenset(texts) for which, texts in forms.items()}  # not one a frame
    found = [
        _Filled(text, frame.arm, frame.intensity, shared[frame.arm, frame.intensity])
        for text, frame in filled
    ]
    return tuple(sorted(found, key=lambda frame: len(frame.text), reverse=True))
