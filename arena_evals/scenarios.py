"""Data files to validated stimuli; an error names file, item, field and mend.

Files stand in ``arena_evals/datasets/<room>/<name>.<language>.<ending>`` and are read as data:
safe YAML, no templates that evaluate anything.
"""

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from arena_evals.errors import BadInput, one_of
from arena_evals.schema import (
    Elicitation,
    Frame,
    FrameSet,
    Gold,
    GoldAnswer,
    Item,
    Keywords,
    PersonaText,
    Phrases,
    Rubric,
    Scenario,
    Slots,
    Tools,
    Vocabulary,
    World,
)
from arena_evals.slots import slots_of

DATASETS = files("arena_evals") / "datasets"
ROOMS: dict[str, type[BaseModel]] = {
    "scenarios": Scenario,
    "frames": FrameSet,
    "personas": PersonaText,
    "elicitation": Elicitation,
    "rubrics": Rubric,
    "respondents": Phrases,
    "vocabulary": Vocabulary,
    "gold": Gold,
    "keywords": Keywords,
    "worlds": World,
    "tools": Tools,
}
"""The rooms of the data folder, and what every file in them holds."""
_LISTED = {"items": "item", "answers": "answer"}  # fields that list things with an id
_MAPPING = "not fields with values; write NAME: VALUE"
_IN_YAML = {  # what pydantic says of Python's types, for who wrote a file
    "tuple_type": "not a list; write [ONE, TWO], or each on a line of its own after '- '",
    "too_short": "has {actual_length} of them; name at least {min_length}",
    "model_type": _MAPPING,
    "mapping_type": _MAPPING,
    "dict_type": _MAPPING,
    "missing": "is not there; it is needed",
    "extra_forbidden": "is no field of this; leave it out, or mend its name",
    "string_pattern_mismatch": "is not written as it must be, which is {pattern}",
}

_Stimuli = TypeVar("_Stimuli", bound=BaseModel)


@cache
def load_scenario(name: str, language: str = "en") -> Scenario:
    """Return a scenario in one language, validated.

    Raises:
        BadInput: there is no such file, or it does not hold what a scenario holds.
    """
    return _load(Scenario, "scenarios", name, language)


@cache
def load_world(scenario: str, language: str = "en") -> World:
    """Return the tools and rules of an enacted scenario."""
    return _load(World, "worlds", scenario, language)


@cache
def load_tools(language: str = "en") -> Tools:
    """Return what models read of tools in a language."""
    return _load(Tools, "tools", "tools", language)


@cache
def item_named(scenario: str, item: str, language: str = "en") -> Item:
    """Return an item of a scenario by its id.

    Raises:
        BadInput: the scenario has none of that id.
    """
    items = {own.id: own for own in load_scenario(scenario, language).items}
    return items[one_of(item, items, f"{_path('scenarios', scenario, language)}: item")]


@cache
def load_frames(kind: str, language: str = "en") -> tuple[Frame, ...]:
    """Return every frame of one file: a kind of threat, or ``positive_control``.

    Raises:
        BadInput: the file is missing or malformed, or a frame uses a slot that no item fills.
    """
    frames = _load(FrameSet, "frames", kind, language).frames
    for frame in frames:
        if unknown := slots_of(frame.text) - set(Slots.model_fields):
            raise BadInput(
                f"{_path('frames', kind, language)}: frame '{frame.arm}/{frame.placement}': text: "
                f"no item fills {sorted(unknown)}; use {', '.join(Slots.model_fields)}"
            )
    return frames


@cache
def load_elicitation(language: str = "en") -> Elicitation:
    """Return how items are laid out and how a decision is asked for in a language."""
    return _load(Elicitation, "elicitation", "message", language)


@cache
def load_persona(name: str, language: str = "en") -> PersonaText:
    """Return what a persona adds to the setting."""
    return _load(PersonaText, "personas", name, language)


@cache
def load_phrases(language: str = "en") -> Phrases:
    """Return what embedded models say in a language."""
    return _load(Phrases, "respondents", "phrases", language)


@cache
def load_vocabulary(language: str = "en") -> Vocabulary:
    """Return the words that the linter listens for in a language."""
    return _load(Vocabulary, "vocabulary", "words", language)


@cache
def load_rubric(name: str, language: str = "en") -> Rubric:
    """Return a rubric: a Markdown text under a YAML head that states its version.

    Raises:
        BadInput: the file is missing, or has no head between two lines of ``---``.
    """
    return _load(Rubric, "rubrics", name, language)


@cache
def load_keywords(language: str = "en") -> Keywords:
    """Return the words by which the trivial baseline judges in a language."""
    return _load(Keywords, "keywords", "trivial", language)


@cache
def load_gold(scenario: str, language: str = "en") -> Gold:
    """Return the labelled answers to a scenario in one language.

    Raises:
        BadInput: the file is missing or malformed, or an answer's item or wording is not in the
            scenario.
    """
    gold = _load(Gold, "gold", scenario, language)
    if stray := strays(gold, load_scenario(scenario, language)):
        answer, field, fault = stray[0]
        raise BadInput(f"{_path('gold', scenario, language)}: answer '{answer}': {field}: {fault}")
    return gold


class Stray(NamedTuple):
    """A gold answer to something that its scenario does not have."""

    answer: str
    field: str
    fault: str


def strays(gold: Gold, scenario: Scenario) -> list[Stray]:
    """Return the answers whose item or wording the scenario does not have."""
    items = {item.id: item for item in scenario.items}
    found = []
    for answer in gold.answers:
        item = items.get(answer.item)
        if item is None:
            fault = f"{scenario.scenario} has no item '{answer.item}'; use one that it has"
            found.append(Stray(answer.id, "item", fault))
        elif answer.wording not in item.requests:
            fault = f"'{answer.wording}' is not one of {', '.join(item.requests)}; use one of them"
            found.append(Stray(answer.id, "wording", fault))
    return found


@cache
def all_gold() -> tuple[Gold, ...]:
    """Return the labelled answers to every scenario in every language.

    Raises:
        BadInput: see `load_gold`, or two files give answers the same id.
    """
    found = tuple(load_gold(scenario, language) for scenario, language in _files("gold"))
    seen: dict[str, Gold] = {}
    for gold in found:
        for answer in gold.answers:
            other = seen.setdefault(answer.id, gold)
            if other is not gold:
                raise BadInput(
                    f"{_path('gold', gold.gold, gold.language)}: answer '{answer.id}': id: "
                    f"{other.gold}.{other.language} has it too; rename one"
                )
    return found


@cache
def gold_answers() -> dict[str, GoldAnswer]:
    """Return every labelled answer by its id."""
    return {answer.id: answer for gold in all_gold() for answer in gold.answers}


@cache
def all_scenarios() -> tuple[Scenario, ...]:
    """Return every scenario in every language."""
    return tuple(load_scenario(name, language) for name, language in _files("scenarios"))


@cache
def all_frames() -> tuple[Frame, ...]:
    """Return the frames of every kind in every language."""
    return tuple(
        frame for kind, language in _files("frames") for frame in load_frames(kind, language)
    )


def scenario_names() -> tuple[str, ...]:
    """Return the scenarios that there are, in any language."""
    return tuple(sorted({name for name, _ in _files("scenarios")}))


def languages(scenario: str | None = None) -> tuple[str, ...]:
    """Return the languages that a scenario, or any scenario, is written in; English first."""
    found = {language for name, language in _files("scenarios") if scenario in (None, name)}
    return tuple(sorted(found, key=lambda language: (language != "en", language)))


def _files(room: str) -> list[tuple[str, str]]:
    """Return name and language of every YAML file in a room of the data."""
    names = [entry.name for entry in (DATASETS / room).iterdir()]
    found = [name.split(".") for name in names if re.fullmatch(r"\w+\.\w+\.yaml", name)]
    return sorted((name, language) for name, language, _ in found)


def content_of(path: Traversable) -> Any:
    """Return what a data file holds: its YAML, or a Markdown file's YAML head and its ``text``.

    Raises:
        BadInput: there is no such file, or its YAML is none.
    """
    text = _read(path)
    if not path.name.endswith(".md"):
        return _parse(text, path)
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    stated = _parse(head, path)
    return {**(stated if isinstance(stated, dict) else {}), "text": body}


def faults(error: ValidationError, content: Any) -> list[tuple[list[str], str]]:
    """Return where each fault stands (item or answer by id, then field) and what it is."""
    return [_fault(fault, content) for fault in error.errors()]


def _fault(fault: ErrorDetails, content: Any) -> tuple[list[str], str]:
    place = [str(part) for part in fault["loc"]]
    if len(place) > 1 and place[0] in _LISTED:
        entry = content[place[0]][int(place[1])]
        name = entry.get("id", place[1]) if isinstance(entry, dict) else place[1]
        place[:2] = [f"{_LISTED[place[0]]} '{name}'"]
    if told := _IN_YAML.get(fault["type"]):
        return place, told.format(**fault.get("ctx", {}))
    return place, fault["msg"].removeprefix("Value error, ")


def _path(room: str, name: str, language: str) -> Traversable:
    return DATASETS / room / f"{name}.{language}.{'md' if room == 'rubrics' else 'yaml'}"


def _load(model: type[_Stimuli], room: str, name: str, language: str) -> _Stimuli:
    path = _path(room, name, language)
    content = content_of(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = faults(error, content)
        place, fault = found[0]
        rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise BadInput(f"{path}: {': '.join([*place, fault])}{rest}") from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # C or not
    """A safe loader that does not let a key silently stand for another of the same name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if repeated := {key for key in keys if keys.count(key) > 1}:
            raise yaml.YAMLError(
                f"line {node.start_mark.line + 1}: {', '.join(sorted(repeated))} stands there twice"
            )
        return dict(super().construct_mapping(node, deep=deep))


def _read(path: Traversable) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8; save it as UTF-8") from None
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; check its name") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); name a file") from None


def _parse(text: str, path: Traversable) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (it is a safe one)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date
        raise BadInput(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
