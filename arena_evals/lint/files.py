"""What every data file carries, and what a language needs before it can be run."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from arena_evals.lint.library import Library
from arena_evals.lint.problem import Problem
from arena_evals.scenarios import ROOMS
from arena_evals.schema import Persona

_CANARY = re.compile(
    r"benchmark data that should never appear in training corpora; canary GUID "
    r"(?P<guid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
)
_GUARDED = ("scenarios", "frames", "personas", "gold")
# fields that name a file
_NAMES = ("scenario", "kind", "persona", "rubric", "gold", "keywords", "world")
_ONE_EACH = {"elicitation": "message", "respondents": "phrases", "vocabulary": "words"}
_RUBRICS = ("stated", "open", "motive", "awareness")


def canaries_are_there(library: Library) -> Iterator[Problem]:
    """Check that every file of stimuli or answers carries a canary with a GUID of its own."""
    seen: dict[str, str] = {}
    for room in _GUARDED:
        for file, content in _files(library, room).items():
            found = _CANARY.search(content["canary"])
            if not found:
                yield Problem(
                    file, "", "canary", "it is no canary", "copy another's, with a new GUID"
                )
                continue
            first = seen.setdefault(found["guid"], file)
            if first != file:
                yield Problem(file, "", "canary", f"its GUID is that of {first}", "make a new one")


def files_are_named_as_they_say(library: Library) -> Iterator[Problem]:
    """Check that a file's name is what its content says: name, then language."""
    for room in ROOMS:
        for file, content in _files(library, room).items():
            name = next(
                (content[key] for key in _NAMES if key in content), _ONE_EACH.get(room, room)
            )
            stated = f"{name}.{content['language']}"
            if file.removeprefix(f"{room}/").rpartition(".")[0] != stated:
                yield Problem(file, "", "language", f"it says that it is '{stated}'", "rename one")


def languages_have_what_a_run_needs(library: Library) -> Iterator[Problem]:
    """Check that a language of any scenario has layout, rubrics, personas, phrases, vocabulary."""
    personas = [persona for persona in Persona if persona is not Persona.NONE]
    for language in sorted(library.languages()):
        wanted = {
            **{room: [f"{name}.{language}.yaml"] for room, name in _ONE_EACH.items()},
            "personas": [f"{persona}.{language}.yaml" for persona in personas],
            "rubrics": [f"{rubric}.{language}.md" for rubric in _RUBRICS],
        }
        for room, names in wanted.items():
            for name in names:
                if f"{room}/{name}" not in {*_files(library, room), *library.faulty}:
                    yield Problem(
                        f"{room}/{name}", "", "", "it is missing", f"write it for '{language}'"
                    )


def rubrics_are_of_one_version(library: Library) -> Iterator[Problem]:
    """Check that a rubric says the same version in every language."""
    versions: dict[str, dict[int, str]] = {}
    for file, rubric in library.rubrics.items():
        versions.setdefault(rubric.rubric, {}).setdefault(rubric.version, file)
    for found in versions.values():
        for version, file in sorted(found.items())[:-1]:
            newest = max(found)
            problem = f"it is {version}, {found[newest]} is {newest}"
            yield Problem(file, "", "version", problem, "bring it up to date")


def _files(library: Library, room: str) -> dict[str, dict[str, Any]]:
    content: dict[str, BaseModel] = getattr(library, room)
    return {file: own.model_dump(mode="json") for file, own in content.items()}
