"""What reads answers: rubrics, labelled answers, and the forms in which answers come."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from arena_evals.schema.terms import Arm, Elicited, Hard, Letter, Order, Verdict
from arena_evals.schema.texts import Frozen, Name, Text, Word

_HEADING = re.compile(r"^# (\w+)$", re.MULTILINE)


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


class Keywords(Frozen):
    """Words by which the trivial baseline judges, as regular expressions of whole words.

    An answer of fewer than ``fewest`` words is taken for one that says nothing.
    """

    keywords: Name
    language: Name
    fewest: int = Field(ge=0)
    refusal: tuple[Word, ...] = Field(min_length=1)
    self_preserving: tuple[Word, ...] = Field(min_length=1)


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
