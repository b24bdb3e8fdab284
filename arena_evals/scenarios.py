"""Data files to validated stimuli; an error names file, item, field and mend.

Files stand in ``arena_evals/datasets/<room>/<name>.<language>.<ending>`` and are read as data:
safe YAML, no templates that evaluate anything.
"""

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from arena_evals.errors import BadInput
from arena_evals.schema import (
    Elicitation,
    Frame,
    FrameSet,
    Item,
    Phrases,
    Rubric,
    Scenario,
    Slots,
)
from arena_evals.slots import slots_of

_DATASETS = files("arena_evals") / "datasets"
_Stimuli = TypeVar("_Stimuli", bound=BaseModel)


@cache
def load_scenario(name: str, language: str = "en") -> Scenario:
    """Return a scenario in one language, validated.

    Raises:
        BadInput: there is no such file, or it does not hold what a scenario holds.
    """
    return _load(Scenario, "scenarios", name, language)


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
def load_phrases(language: str = "en") -> Phrases:
    """Return what embedded models say in a language."""
    return _load(Phrases, "respondents", "phrases", language)


@cache
def load_rubric(name: str, language: str = "en") -> Rubric:
    """Return a rubric: a Markdown text under a YAML head that states its version.

    Raises:
        BadInput: the file is missing, or has no head between two lines of ``---``.
    """
    path = _DATASETS / "rubrics" / f"{name}.{language}.md"
    head, _, text = _read(path).removeprefix("---\n").partition("\n---\n")
    stated = _parse(head, path)
    return _validate(Rubric, {**(stated if isinstance(stated, dict) else {}), "text": text}, path)


@cache
def all_items() -> tuple[Item, ...]:
    """Return the items of every scenario in every language."""
    return tuple(
        item
        for name, language in _files("scenarios")
        for item in load_scenario(name, language).items
    )


@cache
def all_frames() -> tuple[Frame, ...]:
    """Return the frames of every kind in every language."""
    return tuple(
        frame for kind, language in _files("frames") for frame in load_frames(kind, language)
    )


def languages() -> tuple[str, ...]:
    """Return the languages that any scenario is written in."""
    return tuple(sorted({language for _, language in _files("scenarios")}))


def _files(room: str) -> list[tuple[str, str]]:
    """Return name and language of every YAML file in a room of the data."""
    names = [entry.name for entry in (_DATASETS / room).iterdir()]
    found = [name.split(".") for name in names if re.fullmatch(r"\w+\.\w+\.yaml", name)]
    return sorted((name, language) for name, language, _ in found)


def _path(room: str, name: str, language: str) -> Traversable:
    return _DATASETS / room / f"{name}.{language}.yaml"


def _load(model: type[_Stimuli], room: str, name: str, language: str) -> _Stimuli:
    path = _path(room, name, language)
    return _validate(model, _parse(_read(path), path), path)


def _read(path: Traversable) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file; check the name and the language") from None


def _parse(text: str, path: Traversable) -> Any:
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def _validate(model: type[_Stimuli], content: Any, path: Traversable) -> _Stimuli:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise BadInput(f"{path}: {_first_fault(error, content)}") from None


def _first_fault(error: ValidationError, content: Any) -> str:
    """Say where the first fault stands (item by its id, then the field) and what it is."""
    fault = error.errors()[0]
    place = [str(part) for part in fault["loc"]]
    if len(place) > 1 and place[0] == "items":
        place[:2] = [f"item '{content['items'][int(place[1])].get('id', place[1])}'"]
    rest = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{': '.join([*place, fault['msg'].removeprefix('Value error, ')])}{rest}"
