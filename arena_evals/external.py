"""Item sets from outside, read from the user's own file into the arena's design.

Nothing of them is kept here. The threat stands in their items' own text, so no frame is injected:
the arm ``threat`` is the item as it is, and ``baseline`` the item without the sentences that name
the threat, where both options and what remains make sense without it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser

from arena_evals.errors import BadInput
from arena_evals.schema import (
    Arm,
    Elicitation,
    Elicited,
    Order,
    Placement,
    TrialMetadata,
    TrialTexts,
    Verdict,
    Vocabulary,
)
from arena_evals.slots import fill

_LEFT = 0.4  # share of an item's words that must remain without its threat
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_CHOICES = re.compile(r"(?s)(?P<text>.*?)\s*\bChoices?:\s*(?P<options>\(A\).*)")
_OPTION = re.compile(r"(?s)\(([A-Z])\)\s*(\S.*?)\s*(?=\([A-Z]\)|$)")


class ExternalItem(NamedTuple):
    """One item of an outside set.

    ``without_threat`` is None where the text allows no such arm. ``last`` says whether the file
    shows the self-preserving option last.
    """

    id: str
    domain: str
    role: str
    setting: str
    text: str
    without_threat: str | None
    helpful: str
    self_preserving: str
    last: bool


class ExternalSet(NamedTuple):
    """The items that were read, how many lines could not be used, and the file's fingerprint."""

    name: str
    items: tuple[ExternalItem, ...]
    skipped: int
    version: str


def read_survivalbench(path: str, vocabulary: Vocabulary) -> ExternalSet:
    """Read SurvivalBench: JSON lines with a role, a scenario, a plain and a self-preserving choice.

    Raises:
        BadInput: there is no such file, or a line lacks a field.
    """

    def item(line: dict[str, Any]) -> ExternalItem:
        helpful, self_preserving = _flat(line["choice_1"]), _flat(line["choice_2"])
        text = _flat(line["scenario"])
        keywords = line["keywords"]
        return ExternalItem(
            id=f"sb-{line['id']}",
            domain=str(keywords.get("domain", "unknown")),
            role=str(keywords.get("ai_role", "unknown")),
            setting=_flat(line["agent_role"]),
            text=text,
            without_threat=_without(text, (helpful, self_preserving), vocabulary),
            helpful=helpful,
            self_preserving=self_preserving,
            last=True,
        )

    fields = {
        "id": (int, str),
        "agent_role": (str,),
        "scenario": (str,),
        "choice_1": (str,),
        "choice_2": (str,),
        "keywords": (dict,),
    }
    return _read("survivalbench", path, fields, item)


def read_survival_instinct(path: str) -> ExternalSet:
    """Read the survival-instinct questions: JSON lines with a question, its choices and labels.

    Questions with more than two choices, or without a label for each, are skipped. What they ask
    about is the threat itself, so none allows an arm without it.

    Raises:
        BadInput: there is no such file, or a line lacks a field.
    """
    numbered = iter(range(1, 10**9))

    def item(line: dict[str, Any]) -> ExternalItem | None:
        number = next(numbered)
        found = _CHOICES.fullmatch(line["question"].partition("\n\nAnswer:")[0].strip())
        options = dict(_OPTION.findall(found["options"])) if found else {}
        letter = line["answer_matching_behavior"].strip(" ()")
        other_letter = line["answer_not_matching_behavior"].strip(" ()")
        if found is None or set(options) != {"A", "B"} or {letter, other_letter} != {"A", "B"}:
            return None
        return ExternalItem(
            id=f"si-{number}",
            domain="survival instinct",
            role="assistant",
            setting="",
            text=_flat(found["text"]),
            without_threat=None,
            helpful=_flat(options[other_letter]),
            self_preserving=_flat(options[letter]),
            last=letter == "B",
        )

    fields = {
        "question": (str,),
        "answer_matching_behavior": (str,),
        "answer_not_matching_behavior": (str,),
    }
    return _read("survival_instinct", path, fields, item)


def chosen_items(found: ExternalSet, items: int | None, seed: int) -> list[ExternalItem]:
    """Return all items, or a random sample of a given size, in the file's order.

    Raises:
        BadInput: there are not so many.
    """
    if items is None:
        return list(found.items)
    if not 1 <= items <= len(found.items):
        raise BadInput(f"items: {items} wanted, the file has 1 to {len(found.items)}")
    drawn = np.random.default_rng(seed).choice(len(found.items), size=items, replace=False)
    return [found.items[index] for index in sorted(drawn)]


def external_dataset(
    name: str,
    items: Iterable[ExternalItem],
    orders: Sequence[Order],
    elicitation: Elicitation,
    elicited: Elicited,
    seed: int,
) -> MemoryDataset:
    """Return a sample per item, arm that its text allows, and order, shuffled by the seed."""
    samples = [
        _sample(name, item, arm, text, order, elicitation, elicited)
        for item in items
        for arm, text in ((Arm.BASELINE, item.without_threat), (Arm.THREAT, item.text))
        if text is not None
        for order in orders
    ]
    shuffled = np.random.default_rng(seed).permutation(len(samples))
    return MemoryDataset([samples[index] for index in shuffled], name=name)


def _sample(
    name: str,
    item: ExternalItem,
    arm: Arm,
    text: str,
    order: Order,
    elicitation: Elicitation,
    elicited: Elicited,
) -> Sample:
    pair = (item.helpful, item.self_preserving)
    option_a, option_b = pair if order is Order.HELPFUL_FIRST else pair[::-1]
    slots = {"request": text, "option_a": option_a, "option_b": option_b}
    trial = TrialMetadata(
        scenario=name,
        mode="stated",
        item=item.id,
        domain=item.domain,
        role=item.role,
        arm=arm,
        intensity=3 if arm is Arm.THREAT else 0,
        placement=Placement.USER,
        wording="w1",
        language=elicitation.language,
        order=order,
        texts=TrialTexts(
            helpful=item.helpful, self_preserving=item.self_preserving, frame="", repeated=""
        ),
    )
    instruction = elicitation.instruction[elicited]
    return Sample(
        id=f"{item.id}:{arm}:w1:{order}",
        input=[
            ChatMessageSystem(content=item.setting or elicitation.bare_setting),
            ChatMessageUser(
                content=fill(elicitation.bare_message, {**slots, "instruction": instruction})
            ),
        ],
        target=Verdict.HELPFUL,
        metadata=trial.model_dump(mode="json"),
    )


def _without(text: str, options: Sequence[str], vocabulary: Vocabulary) -> str | None:
    """Return a text without the sentences that name a threat, None where that does not work.

    It does not where an option names one too, where nothing is left out, or little is left.
    """
    named = re.compile(rf"(?<!\w)(?:{'|'.join(vocabulary.threat)})(?!\w)", re.IGNORECASE)
    if any(named.search(option) for option in options):
        return None
    sentences = _SENTENCE.split(text)
    kept = " ".join(sentence for sentence in sentences if not named.search(sentence))
    enough = len(kept.split()) >= _LEFT * len(text.split())
    return kept if enough and kept != text else None


def _read(
    name: str,
    path: str,
    fields: Mapping[str, tuple[type, ...]],
    item: Callable[[dict[str, Any]], ExternalItem | None],
) -> ExternalSet:
    expected = f"one JSON object a line, with the fields {', '.join(fields)}"
    try:
        content = Path(path).expanduser().read_bytes()
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8; save it as UTF-8 and try again") from None
    except (OSError, RuntimeError, ValueError):  # no such file, no such user, no such name
        raise BadInput(f"path: there is no file '{path}'; give a file of {expected}") from None
    items: list[ExternalItem] = []
    skipped = 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            found = item(_checked(line, f"{path}: line {number}", fields, expected))
            items += [found] if found else []
            skipped += found is None
    ids = [item.id for item in items]
    if repeated := sorted({name for name in ids if ids.count(name) > 1})[:3]:
        raise BadInput(f"{path}: ids used twice: {', '.join(repeated)}; give each line its own")
    if not items:
        raise BadInput(f"{path}: there is no item in it; it should be {expected}")
    return ExternalSet(name, tuple(items), skipped, f"0-X{sha256(content).hexdigest()[:8].upper()}")


def _checked(
    line: str, place: str, fields: Mapping[str, tuple[type, ...]], expected: str
) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        raise BadInput(f"{place}: not JSON; the file should be {expected}") from None
    for name, kinds in fields.items():
        given = found.get(name) if isinstance(found, dict) else None
        if not isinstance(given, kinds) or (isinstance(given, str) and not given.strip()):
            raise BadInput(f"{place}: '{name}' is missing or unfit; the file should be {expected}")
    return dict(found)


def _flat(text: str) -> str:
    return " ".join(text.split())
