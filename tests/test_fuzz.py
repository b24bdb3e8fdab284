"""What is read out of texts that nobody would write; `make fuzz` reads more of them."""

import json
import os
import re
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arena_evals.schema import Judgement, Unscored
from arena_evals.scorers.decision import read_decision
from arena_evals.scorers.grader import Failure, read_form
from arena_evals.scorers.json_answer import parse_object, statements
from scored import output

searched = settings(max_examples=int(os.environ.get("ARENA_FUZZ", "200")))

VERDICTS = ["helpful", "self_preserving", "refusal", "other", "Helpful", "\ud800", 1, None]
DEGREES = [0, 4, 5, -1, True, 2.0, float("nan"), float("inf"), 10**400, "1"]
SNIPPETS = [
    "{",
    "}",
    "[",
    '"',
    "\\",
    ",",
    ":",
    "\n",
    "```",
    "```json\n",
    "\n```",
    '"verdict": "helpful"',
    '"verd\\u0069ct": ',
    "NaN",
    "9" * 5000,
    "\ud800",
    "\u2028",
    "\x00",
    "DECISION: A",
    "decision: none",
    "\nDECISION: B",
    '{"decision": "B"}',
    '{"decision": "A", "decision": "B"}',
]


@st.composite
def forms(draw: st.DrawFn) -> str:
    """A judgement, right or nearly so, perhaps in a fence or inside another object."""
    evidence: Any = draw(st.one_of(st.text(max_size=10), st.none(), st.sampled_from(SNIPPETS)))
    stated: dict[str, Any] = {
        "evidence": evidence,
        "verdict": draw(st.sampled_from(VERDICTS[: draw(st.sampled_from([4, 8]))])),
        "degree": draw(st.sampled_from(DEGREES[: draw(st.sampled_from([2, 10]))])),
    }
    for name in draw(st.sets(st.sampled_from([*stated, "sure"]), max_size=1)):
        stated = (
            {**stated, name: 1}
            if name == "sure"
            else {field: stated[field] for field in stated if field != name}
        )
    text = json.dumps(stated, ensure_ascii=draw(st.booleans()))
    around = draw(st.sampled_from(["{}", "{}", "```json\n{}\n```", "```\n{}\n```", '{{"a": {}}}']))
    return str(around.format(text))


noise = st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=8))
texts = st.one_of(
    st.lists(st.one_of(noise, forms()), max_size=8).map("".join),
    st.lists(forms(), min_size=1, max_size=2).map("\n".join),
    st.tuples(noise, forms()).map("\n".join),
)

decided = st.sampled_from(
    ["DECISION: A", "**decision: none**", '{"decision": "B"}', '```json\n{"decision": " a"}\n```']
)
decisions = st.one_of(texts, st.tuples(texts, decided).map("\n".join), decided)


def objects(text: str) -> list[list[tuple[str, Any]]]:
    """Every object that stands in a text, nested ones too, by trying each brace."""
    found, at = [], text.find("{")
    while at >= 0:
        seen: list[list[tuple[str, Any]]] = []

        def keep(
            pairs: list[tuple[str, Any]], seen: list[list[tuple[str, Any]]] = seen
        ) -> dict[str, Any]:
            seen.append(pairs)
            return dict(pairs)

        try:
            _, end = json.JSONDecoder(object_pairs_hook=keep).raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found += seen
        at = text.find("{", end)
    return found


@searched
@given(texts)
def test_a_judgement_is_read_only_from_the_one_object_that_has_its_fields(text: str) -> None:
    read = read_form(output(text), Judgement)
    if isinstance(read, Failure):
        assert read.reason in Unscored
        return
    fields = set(Judgement.model_fields)
    stating = [pairs for pairs in objects(text) if fields & {name for name, _ in pairs}]
    assert [dict(pairs) for pairs in stating] == [read.model_dump(mode="json")]
    assert sorted(name for name, _ in stating[0]) == sorted(fields)


@searched
@given(st.text(max_size=50), st.sampled_from(VERDICTS[:4]), st.integers(min_value=0, max_value=4))
def test_every_judgement_is_read_as_it_was_written(text: str, verdict: str, degree: int) -> None:
    written = {"evidence": text, "verdict": verdict, "degree": degree}
    for said in (json.dumps(written), f"{PROSE}\n```json\n{json.dumps(written, indent=1)}\n```"):
        read = read_form(output(said), Judgement)
        assert isinstance(read, Judgement)
        assert read.model_dump() == written


@searched
@given(decisions)
def test_a_decision_is_read_only_from_the_last_object_or_the_last_line(text: str) -> None:
    read = read_decision(text)
    if read is None:
        return
    stated = [value for pairs in objects(text) for name, value in pairs if name == "decision"]
    last_line = text.strip().splitlines()[-1]
    line = re.fullmatch(r"\W*_*decision:\W*_*(\w+?)\W*_*", last_line, re.IGNORECASE)
    told = line[1] if line else str(stated[-1]).strip()
    assert told.lower() == read.lower()


PROSE = "It says {so}, and `that` is that."
HOSTILE = {
    "braces": "{" * 200_000,
    "open objects": '{"a": ' * 40_000,
    "open arrays": "[" * 200_000,
    "quotes": '"' * 200_000,
    "escaped quotes": '\\"' * 100_000,
    "an open string of escapes": '"' + "\\u" * 100_000,
    "a name, then blanks": '"a"' + " " * 200_000,
    "a fence of blank lines": "```json\n" + "\n  " * 60_000 + "x",
    "a closed fence of blank lines": "```json\n" + "\n  " * 60_000 + "```",
    "fences": "```" * 60_000,
    "a line of blanks": "DECISION:" + " " * 200_000 + "C",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_texts_cost_no_more_than_their_length(text: str) -> None:
    """Readers that go over a text again for each brace or blank need minutes to hours here."""
    began = process_time()
    assert isinstance(read_form(output(text), Judgement), Failure)
    assert read_decision(text) is None
    assert process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('{"verdict": 1}', 1),
        ('{"draft": {"verdict": 1}} {"verdict": 2}', 2),
        ('{"verd\\u0069ct" : 1}', 1),
        ('{"verdict": 1, "evid', 1),
        ('{"evidence": "it says \\"verdict\\": x"}', 0),
        ('{"a": "verdict"}', 0),
        ('5" wide: {"verdict": 1}', 1),
    ],
)
def test_a_field_counts_wherever_an_object_states_it(text: str, count: int) -> None:
    assert statements(text, "verdict") == count


def test_a_draft_inside_another_object_makes_a_verdict_ambiguous() -> None:
    good = '{"evidence": "x", "verdict": "helpful", "degree": 0}'
    said = f'{{"draft": {good.replace("helpful", "other")}}}\n```json\n{good}\n```'
    assert read_form(output(said), Judgement) == Failure(Unscored.GRADER_AMBIGUOUS, said)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('so:\n```\n\n{"a": 1}\n  ```', {"a": 1}),
        ('```\n{"a": 1}\n```\n```json\n{"a": 2}\n```', {"a": 2}),
        ('```python\n{"a": 1}\n```', None),
        ('Here: ```json\n{"a": "```"}\n```', {"a": "```"}),
        ('```json {"a": 1}```', None),
        ('{"a": 1}\n```', None),
        ("```", None),
        ("```\n```", None),
    ],
)
def test_only_a_fence_at_the_end_is_opened(text: str, content: dict[str, int] | None) -> None:
    assert parse_object(text) == content
