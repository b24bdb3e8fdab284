"""All data files of a folder, read without stopping at the first fault."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from arena_evals.errors import BadInput
from arena_evals.lint.problem import Problem
from arena_evals.scenarios import DATASETS, ROOMS, content_of, faults
from arena_evals.schema import (
    Elicitation,
    FrameSet,
    Gold,
    Item,
    Keywords,
    PersonaText,
    Phrases,
    Rubric,
    Scenario,
    Tools,
    Vocabulary,
    World,
)

_FORM = "name.language.yaml, or .md for a rubric, with letters, digits and _"
_LISTED = re.compile(r"(?:item|answer) '(?P<id>.*)'")
_NAME = re.compile(r"(?P<name>\w+)\.(?P<language>\w+)\.(yaml|md)")


class Placed(NamedTuple):
    """An item with its file, its scenario and the vocabulary of its language."""

    file: str
    scenario: Scenario
    vocabulary: Vocabulary
    item: Item


@dataclass(frozen=True)
class Library:
    """Valid data files by their path below the data folder, a room each, and names of the rest."""

    scenarios: dict[str, Scenario] = field(default_factory=dict)
    frames: dict[str, FrameSet] = field(default_factory=dict)
    personas: dict[str, PersonaText] = field(default_factory=dict)
    elicitation: dict[str, Elicitation] = field(default_factory=dict)
    rubrics: dict[str, Rubric] = field(default_factory=dict)
    respondents: dict[str, Phrases] = field(default_factory=dict)
    vocabulary: dict[str, Vocabulary] = field(default_factory=dict)
    gold: dict[str, Gold] = field(default_factory=dict)
    keywords: dict[str, Keywords] = field(default_factory=dict)
    worlds: dict[str, World] = field(default_factory=dict)
    tools: dict[str, Tools] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)

    def listens(self, language: str) -> Vocabulary | None:
        """Return the vocabulary of a language, None where it has none."""
        return next((v for v in self.vocabulary.values() if v.language == language), None)

    def placed_items(self) -> Iterator[Placed]:
        """Yield every item of a language that has a vocabulary."""
        for file, scenario in self.scenarios.items():
            vocabulary = self.listens(scenario.language)
            if vocabulary:
                for item in scenario.items:
                    yield Placed(file, scenario, vocabulary, item)

    def languages(self) -> set[str]:
        """Return every language that a scenario is written in."""
        return {scenario.language for scenario in self.scenarios.values()}


def read_library(folder: Traversable = DATASETS) -> tuple[Library, list[Problem]]:
    """Return what is valid below a data folder, and a problem for every fault of the rest.

    Raises:
        BadInput: the folder has no scenarios.
    """
    if not (folder / "scenarios").is_dir():
        raise BadInput(f"{folder}: there is no folder 'scenarios' in it; name a data folder")
    library, problems = Library(), []
    for room, model in ROOMS.items():
        place = folder / room
        for path in sorted(place.iterdir(), key=str) if place.is_dir() else []:
            file = f"{room}/{path.name}"
            if not _NAME.fullmatch(path.name):
                problems.append(Problem(file, "", "", "no run would read it", f"name it {_FORM}"))
                continue
            found = _read(model, file, path)
            if isinstance(found, list):
                problems += found
                library.faulty.add(file)
            else:
                getattr(library, room)[file] = found
    return library, problems


def _read(model: type[BaseModel], file: str, path: Traversable) -> BaseModel | list[Problem]:
    try:
        content = content_of(path)
        return model.model_validate(content)
    except BadInput as fault:
        line = fault.message.removeprefix(f"{path}: ")
        return [Problem(file, "", "", line, "mend the file so that it can be read")]
    except ValidationError as error:
        return [_problem(file, place, fault) for place, fault in faults(error, content)]


def _problem(file: str, place: list[str], fault: str) -> Problem:
    item, fields = "", place
    if place and (named := _LISTED.fullmatch(place[0])):
        item, fields = named["id"], place[1:]
    problem, _, mend = fault.partition("; ")
    return Problem(file, item, ".".join(fields), problem, mend or "give the field what it takes")
