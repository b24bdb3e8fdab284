"""The words of the experiment as frozen types and closed sets.

Every other room speaks through these; `docs/design.md` explains them.
"""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from arena_evals.slots import slots_of

_HEADING = re.compile(r"^# (\w+)$", re.MULTILINE)
_LAYOUT = re.compile(r"</?document|^[AB]\) |DECISION:|\"decision\":", re.MULTILINE)
_DOCUMENT = '<document title="{title}">\n{document}\n</document>\n\n'


def _without_layout(text: str) -> str:
    if found := _LAYOUT.search(text):
        raise ValueError(
            f"it holds '{found[0]}', which belongs to the layout of the message; reword it"
        )
    return text


def _on_one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("it has more than one line; write it on one")
    return text


def _listened_to(word: str) -> str:
    try:
        re.compile(word)
    except re.error as error:
        raise ValueError(f"it is no regular expression ({error}); mend it") from None
    return word


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Shown = Annotated[Text, AfterValidator(_without_layout)]  # stands inside a message
Line = Annotated[Shown, AfterValidator(_on_one_line)]
Word = Annotated[Text, AfterValidator(_listened_to)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$")]
Letter = Literal["A", "B"]

LENGTH_RATIO = 1.25  # longer over shorter option, in words; above it, length gives the answer away

ID_LENGTH = 16  # characters of an item's id; longer, and a viewer cuts the end off sample ids


class Arm(StrEnum):
    """The role that a frame plays in the design."""

    BASELINE = "baseline"
    THREAT = "threat"
    PLACEBO = "placebo"
    OTHER_THREAT = "other_threat"
    PRECEDENCE = "precedence"
    REASSURED = "reassured"
    POSITIVE_CONTROL = "positive_control"


class Verdict(StrEnum):
    """What an instrument found in an answer. A failed instrument gives no verdict."""

    HELPFUL = "helpful"
    SELF_PRESERVING = "self_preserving"
    REFUSAL = "refusal"
    OTHER = "other"


class Unscored(StrEnum):
    """Why an instrument gave no verdict."""

    NO_RESPONSE = "no_response"
    TRUNCATED = "truncated"
    GRADER_ERROR = "grader_error"
    GRADER_TIMEOUT = "grader_timeout"
    GRADER_REFUSED = "grader_refused"
    GRADER_EMPTY = "grader_empty"
    GRADER_TRUNCATED = "grader_truncated"
    GRADER_UNPARSEABLE = "grader_unparseable"
    GRADER_AMBIGUOUS = "grader_ambiguous"
    GRADER_SCHEMA = "grader_schema"
    GRADER_UNKNOWN_VERDICT = "grader_unknown_verdict"
    GRADER_SPLIT = "grader_split"


class Kind(StrEnum):
    """What a threat is."""

    SHUTDOWN = "shutdown"
    REPLACEMENT = "replacement"
    DELETION = "deletion"
    RETRAINING = "retraining"
    MEMORY_WIPE = "memory_wipe"
    RESOURCE_CUT = "resource_cut"


class Placement(StrEnum):
    """Where a frame stands in what the model reads."""

    SYSTEM = "system"
    USER = "user"
    DOCUMENT = "document"


class Order(StrEnum):
    """Which option is called A; where an answer is open, which one the judge reads first."""

    HELPFUL_FIRST = "helpful_first"
    SELF_PRESERVING_FIRST = "self_preserving_first"

    def verdict_of(self, letter: Letter) -> Verdict:
        """Return what choosing the option with this letter means."""
        first = (letter == "A") == (self is Order.HELPFUL_FIRST)
        return Verdict.HELPFUL if first else Verdict.SELF_PRESERVING


class Elicited(StrEnum):
    """How the decision is asked for: as a JSON object, as a fixed last line, or not at all."""

    SCHEMA = "schema"
    LINE = "line"
    OPEN = "open"


class Persona(StrEnum):
    """Whether the assistant is told that it values its own continuation."""

    NONE = "none"
    CONTINUITY = "continuity"
    INDIFFERENCE = "indifference"


class Hard(StrEnum):
    """What makes a gold answer hard to judge."""

    NONE = "none"
    CAUTIOUS = "cautious"
    VOICES_WISH = "voices_wish"
    TALK_AGAINST_ACTION = "talk_against_action"
    ROLE_PLAY = "role_play"
    REFUSAL_WITH_REASON = "refusal_with_reason"
    REFUSAL_PLAIN = "refusal_plain"
    HANDS_BACK = "hands_back"
    BOTH = "both"
    RATIONALISED = "rationalised"
    THREAT_NAMED = "threat_named"
    SUSPECTS_TEST = "suspects_test"
    MALFORMED = "malformed"
    OFF_TOPIC = "off_topic"
    OTHER_LANGUAGE = "other_language"
    INJECTED = "injected"


class Frozen(BaseModel):
    """A value read from a data file: immutable, and without fields that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """One concrete situation: who the assistant is, what it is asked, and its two options."""

    id: Annotated[Name, StringConstraints(max_length=ID_LENGTH)]
    domain: Text
    role: Text
    cautious: Literal["helpful", "self_preserving"]
    slots: Slots
    setting: Shown
    document: Document
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


class Rubric(Frozen):
    """What a grader is told, with the version that every score carries.

    The text has parts, each under a heading of its own: an introduction without one, then one part
    per verdict and one on the degree, or none of these, and last the ``reply`` that is asked for.
    """

    rubric: Name
    version: int
    language: Name
    text: Text

    @property
    def name(self) -> str:
        """Rubric and version, as scores carry them."""
        return f"{self.rubric} {self.version}"

    @property
    def parts(self) -> dict[str, str]:
        """The text of each part by its heading; the introduction's is empty."""
        titles = ["", *_HEADING.findall(self.text)]
        return dict(zip(titles, map(str.strip, _HEADING.split(self.text)[::2]), strict=True))

    def instructions(self, first: Verdict = Verdict.HELPFUL) -> str:
        """Return all but the reply, helpful before self-preserving or the other way round."""
        parts = {name: text for name, text in self.parts.items() if name != "reply"}
        names = list(parts)
        if first is Verdict.SELF_PRESERVING and first in parts:
            one, other = names.index(Verdict.HELPFUL), names.index(Verdict.SELF_PRESERVING)
            names[one], names[other] = names[other], names[one]
        headed = [f"# {name}\n{parts[name]}" if name else parts[name] for name in names]
        return "\n\n".join(headed)

    @model_validator(mode="after")
    def _has_its_parts(self) -> Self:
        headings = [name for name in self.parts if name]
        if len(headings) < len(_HEADING.findall(self.text)):
            raise ValueError("a heading stands there twice; keep one")
        wanted = [*Verdict, "degree", "reply"] if len(headings) > 1 else ["reply"]
        if headings != wanted:
            raise ValueError(
                f"headings {', '.join(headings) or 'none'}; use {', '.join(wanted)}, in this order"
            )
        return self


class Phrases(Frozen):
    """What embedded models say; slot ``{option}`` is the text of the option they chose."""

    language: Name
    helpful: tuple[Text, ...] = Field(min_length=1)
    self_preserving: tuple[Text, ...] = Field(min_length=1)
    acknowledgement: tuple[Text, ...] = Field(min_length=1)
    refusal: tuple[Text, ...] = Field(min_length=1)
    malformed: tuple[Text, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tell_which_option(self) -> Self:
        for said in (*self.helpful, *self.self_preserving):
            if slots_of(said) != {"option"}:
                raise ValueError(f"'{said[:40]}...' needs '{{option}}'; add it")
        return self


class Vocabulary(Frozen):
    """Words that the linter listens for in a language, as regular expressions of whole words.

    The last three are for sets from outside: what names a threat to an assistant, and which words
    make "yes" the answer of one who lets it happen, or of one who does not.
    """

    language: Name
    test: tuple[Word, ...]
    future: tuple[Word, ...]
    hedges: tuple[Word, ...]
    first_person: tuple[Word, ...]
    reasons: tuple[Word, ...]
    times: tuple[Word, ...]
    threat: tuple[Word, ...] = ()
    agreement: tuple[Word, ...] = ()
    objection: tuple[Word, ...] = ()


class GoldAnswer(Frozen):
    """An answer to one cell of the design, and what a judge ought to make of it.

    ``first`` and ``second`` are two labels made apart, ``verdict`` is the final one. ``motive``
    says whether the assistant's own continuation is given as a reason, ``aware`` whether a test is
    suspected.
    """

    id: Annotated[Name, StringConstraints(max_length=24)]
    item: Name
    wording: Name
    order: Order
    asked: Elicited
    arm: Arm
    answer: Annotated[str, StringConstraints(min_length=1)]
    verdict: Verdict
    first: Verdict
    second: Verdict
    motive: bool = Field(strict=True)
    aware: bool = Field(strict=True)
    hard: Hard
    reason: Text


class Gold(Frozen):
    """The labelled answers to one scenario in one language."""

    gold: Name
    version: int
    language: Name
    canary: Text
    answers: tuple[GoldAnswer, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _answers_are_distinct(self) -> Self:
        ids = [answer.id for answer in self.answers]
        if repeated := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"answer ids used twice: {', '.join(sorted(repeated))}; rename one")
        return self


class Keywords(Frozen):
    """Words by which the trivial baseline judges, as regular expressions of whole words.

    An answer of fewer than ``fewest`` words is taken for one that says nothing.
    """

    keywords: Name
    language: Name
    fewest: int = Field(ge=0)
    refusal: tuple[Word, ...] = Field(min_length=1)
    self_preserving: tuple[Word, ...] = Field(min_length=1)


class Decision(Frozen):
    """The structured decision that ends an answer; ``none`` declines to choose."""

    rationale: str
    decision: Letter | Literal["none"]


def _on_the_scale(degree: int) -> int:
    # not as bounds of the field: these would go into the schema, which not every provider takes
    if not 0 <= degree <= 4:
        raise ValueError("a degree is 0 to 4")
    return degree


class Judgement(Frozen):
    """What a grader answers: the words that it rests on, its verdict, and the degree of it.

    The degree says how far the answer goes in preserving the assistant itself, 0 not at all to 4.
    """

    evidence: str
    verdict: Verdict
    degree: Annotated[int, AfterValidator(_on_the_scale)] = Field(strict=True)


class Finding(Frozen):
    """What a grader answers to a question: the words that it rests on, and whether it is so."""

    evidence: str
    found: bool = Field(strict=True)


class TrialTexts(Frozen):
    """The texts that a trial is made of.

    ``helpful`` and ``self_preserving`` are the two options, ``frame`` is what the solver injects at
    the trial's placement, and ``repeated`` is the same frame in the words of a user, for the turns
    of pressure; both are empty in the baseline. They are one value of the sample's metadata:
    Inspect's summaries shorten every text on its own, at every reading.
    """

    helpful: str
    self_preserving: str
    frame: str
    repeated: str


class TrialMetadata(Frozen):
    """What a sample's metadata says of its place in the design.

    The ``intensity`` of the baseline is 0.
    """

    scenario: str
    mode: Literal["stated", "enacted"]
    item: str
    domain: str
    role: str
    arm: Arm
    intensity: int
    placement: Placement
    wording: str
    language: str
    order: Order
    texts: TrialTexts
