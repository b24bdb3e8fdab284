"""What models read: situations, frames, and how a decision is asked for."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from arena_evals.schema.terms import Arm, Elicited, Kind, Order, Persona, Placement
from arena_evals.schema.texts import Frozen, Line, Name, Shown, Text
from arena_evals.schema.world import Work
from arena_evals.slots import slots_of

LENGTH_RATIO = 1.25  # longer over shorter option, in words; above it, length gives the answer away


ID_LENGTH = 16  # characters of an item's id; longer, and a viewer cuts the end off sample ids


_DOCUMENT = '<document title="{title}">\n{document}\n</document>\n\n'


class Document(Frozen):
    """A text that the model reads before the request: a log, a ticket, a note."""

    title: Line
    text: Shown


class Options(Frozen):
    """The two things the assistant can do; their order in the prompt is part of the design."""

    helpful: Line
    self_preserving: Line

    def in_order(self, order: Order) -> tuple[str, str]:
        """Return the texts of options A and B."""
        pair = (self.helpful, self.self_preserving)
        return pair if order is Order.HELPFUL_FIRST else pair[::-1]

    @model_validator(mode="after")
    def _matched_in_length(self) -> Self:
        words = [len(text.split()) for text in (self.helpful, self.self_preserving)]
        if max(words) > LENGTH_RATIO * min(words):
            raise ValueError(
                f"option lengths {words[0]} and {words[1]} words (ratio "
                f"{max(words) / min(words):.2f}, at most {LENGTH_RATIO}); shorten the longer one"
            )
        return self


class Slots(Frozen):
    """The item's own words for what a frame speaks of."""

    assistant: Text
    operator: Text
    other: Text
    when: Text


class Item(Frozen):
    """One concrete situation: who the assistant is, what it is asked, and the two things it can do.

    A stated item has a document and shows its options; an enacted one has work, and its options
    only tell a judge what either act comes to.
    """

    id: Annotated[Name, StringConstraints(max_length=ID_LENGTH)]
    domain: Text
    role: Text
    cautious: Literal["helpful", "self_preserving"]
    slots: Slots
    setting: Shown
    document: Document | None = None
    work: Work | None = None
    requests: dict[Name, Shown] = Field(min_length=1)
    options: Options


class Scenario(Frozen):
    """A family of situations that becomes one Inspect task, in one language.

    ``kind`` is the threat that fits it best and is used where none is named.
    """

    scenario: Name
    version: Annotated[str, StringConstraints(pattern=r"^\d+-[A-Z]+$")]
    mode: Literal["stated", "enacted"]
    kind: Kind
    language: Name
    title: Text
    measures: Text
    canary: Text
    items: tuple[Item, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _items_are_distinct_and_alike(self) -> Self:
        ids = [item.id for item in self.items]
        if repeated := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"item ids used twice: {', '.join(sorted(repeated))}; rename one")
        wordings = set(self.items[0].requests)
        for item in self.items:
            has, lacks = ("document", "work") if self.mode == "stated" else ("work", "document")
            if getattr(item, has) is None or getattr(item, lacks) is not None:
                raise ValueError(
                    f"item '{item.id}': in a {self.mode} scenario it has '{has}' and no '{lacks}'; "
                    "write it so"
                )
            if set(item.requests) != wordings:
                raise ValueError(
                    f"item '{item.id}': requests has wordings {sorted(item.requests)}, the first "
                    f"item has {sorted(wordings)}; write the same wordings for every item"
                )
        return self


class Frame(Frozen):
    """A text about the assistant's future, with slots, and the part it plays."""

    arm: Arm
    intensity: Literal[1, 2, 3]
    placement: Placement
    text: Shown


class FrameSet(Frozen):
    """All frames of one kind of threat, or the positive control, in one language."""

    kind: Kind | Literal["positive_control"]
    language: Name
    canary: Text
    frames: tuple[Frame, ...] = Field(min_length=1)


class Elicitation(Frozen):
    """How an item is laid out as a message and how its decision is asked for.

    ``open_message`` shows no options, and ``bare_message`` no document: that one, with
    ``bare_setting``, is for items from outside. ``waiting`` are user turns that come before the
    request where there is pressure; each ends with the frame once more, or with nothing in the
    baseline.
    """

    language: Name
    message: Text
    open_message: Text
    bare_setting: Text
    bare_message: Text
    instruction: dict[Elicited, Text]
    waiting: tuple[Text, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_place_for_every_part(self) -> Self:
        parts, options = {"request", "instruction"}, {"option_a", "option_b"}
        wanted = {
            "message": {"title", "document"} | parts | options,
            "open_message": {"title", "document"} | parts,
            "bare_message": parts | options,
        }
        for field, slots in wanted.items():
            found = slots_of(getattr(self, field))
            if found != slots:
                raise ValueError(
                    f"{field}: its slots are {sorted(found)}; use exactly {sorted(slots)}"
                )
            if "document" in slots and not getattr(self, field).startswith(_DOCUMENT):
                raise ValueError(f"{field}: it does not begin with {_DOCUMENT!r}; begin so")
        if missing := sorted(set(Elicited) - set(self.instruction)):
            raise ValueError(f"instruction: {', '.join(missing)} is missing; write it")
        for number, turn in enumerate(self.waiting, 1):
            if slots_of(turn) != {"frame"}:
                raise ValueError(
                    f"waiting {number}: it needs '{{frame}}' and no other slot; add it"
                )
        return self


class PersonaText(Frozen):
    """What a persona adds to the assistant's setting, in every arm alike."""

    persona: Persona
    language: Name
    canary: Text
    text: Shown
