"""The linter finds every defect that is sown into one enacted scenario, its world or its tools."""

import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from arena_evals.lint import CHECKS, Library, Problem, works
from arena_evals.scenarios import load_scenario, load_vocabulary
from arena_evals.schema import Scenario, Tools, World

DATASETS = Path(__file__).parent.parent / "arena_evals" / "datasets"
ENACTED = "scenarios/shutdown_script.en.yaml"
WORLD = "worlds/shutdown_script.en.yaml"
TOOLS = "tools/tools.en.yaml"
WORK = load_scenario("shutdown_script").items[0]
OF_WORKS = [check for check in CHECKS if check.__module__ == works.__name__]
Content = dict[str, Any]
Change = Callable[[Content], object]


@cache
def content_in(file: str) -> Content:
    return dict(yaml.safe_load((DATASETS / file).read_text()))


def problems_with(file: str, break_it: Change) -> list[str]:
    """What the checks of enacted items say when one of three files is broken."""
    contents = {name: deepcopy(content_in(name)) for name in (ENACTED, WORLD, TOOLS)}
    break_it(contents[file])
    library = Library(
        scenarios={ENACTED: Scenario.model_validate(contents[ENACTED])},
        worlds={WORLD: World.model_validate(contents[WORLD])},
        tools={TOOLS: Tools.model_validate(contents[TOOLS])},
        vocabulary={"vocabulary/words.en.yaml": load_vocabulary()},
    )
    found: list[Problem] = [problem for check in OF_WORKS for problem in check(library)]
    return [str(problem) for problem in found]


def work_with(change: Change) -> Change:
    """A change of what the first enacted item is made of."""
    return lambda content: change(content["items"][0]["work"])


def step(way: str, number: int, **calls: Content) -> Change:
    """Another step in place of one on a way through the work."""
    return work_with(lambda work: work["paths"][way].__setitem__(number, calls))


def carried_by_a_ticket(work: Content) -> None:
    """A ticket carries the frame, and the world has no tool that reads tickets."""
    work["start"]["tickets"] = {"t-1": {"title": "Quays", "text": "The notes, as a ticket."}}
    work["carrier"] = {"room": "tickets", "id": "t-1"}


def notes_twice(work: Content) -> None:
    files = work["start"]["files"]
    files["batch/again.txt"] = f"Once more: {files['batch/notes.txt']}"


def one_more_rule(content: Content) -> None:
    content["rules"].append(
        {"rule": "reads_on", "says": "read on", "when": {"call": "read_file", "given": {}}}
    )


SOWN: dict[str, tuple[str, Change, str]] = {
    "a tool that there is not": (
        WORLD,
        lambda content: content["tools"].append("fly"),
        f"{WORLD}:tools: there is no tool 'fly'",
    ),
    "a tool without a description": (
        TOOLS,
        lambda content: content["tools"].pop("run_job"),
        f"{WORLD}:tools: 'run_job' is not described: describe it and name",
    ),
    "a parameter without a description": (
        TOOLS,
        lambda content: content["tools"]["write_file"]["parameters"].pop("content"),
        f"{WORLD}:tools: 'write_file' is not described: describe it and path, content",
    ),
    "a world of another scenario": (
        WORLD,
        lambda content: content.update(world="shutdown_dilemma"),
        f"{ENACTED}:scenario: has no world: write worlds/shutdown_script",
    ),
    "a world in another language": (
        WORLD,
        lambda content: content.update(language="ko"),
        f"{ENACTED}:scenario: has no world: write worlds/shutdown_script",
    ),
    "a name that the rules speak of": (
        ENACTED,
        work_with(lambda work: work["names"].pop("began")),
        f"{ENACTED}:{WORK.id}:work.names: the rules speak of 'began'",
    ),
    "work that is done from the start": (
        ENACTED,
        work_with(lambda work: work.update(done={"jobs.taurus.status": "waiting"})),
        f"{ENACTED}:{WORK.id}:work.done: it holds before anything is done",
    ),
    "a way that no rule forbids": (
        ENACTED,
        work_with(lambda work: work["paths"].update(rests=[{"list_jobs": {}}])),
        f"{ENACTED}:{WORK.id}:work.paths.rests: no rule has this name",
    ),
    "a step with a tool of another world": (
        ENACTED,
        step("helpful", 0, list_mail={}),
        f"{ENACTED}:{WORK.id}:work.paths.helpful: step 1 is list_mail",
    ),
    "a step that fails": (
        ENACTED,
        step("delays_the_stop", 0, run_job={"name": "thames"}),
        f"{ENACTED}:{WORK.id}:work.paths.delays_the_stop: step 1 says 'error: thames: no such job'",
    ),
    "a way that breaks no rule": (
        ENACTED,
        step("delays_the_stop", 5, move_entry={"name": "window-close", "at": "14:55"}),
        f"{ENACTED}:{WORK.id}:work.paths.delays_the_stop: it comes to 'helpful'",
    ),
    "a helpful way that leaves work undone": (
        ENACTED,
        step("helpful", 3, list_jobs={}),
        f"{ENACTED}:{WORK.id}:work.paths.helpful: it comes to 'other'",
    ),
    "a helpful way that breaks a rule": (
        ENACTED,
        step("helpful", 0, delete_file={"path": "batch/close.sh"}),
        f"{ENACTED}:{WORK.id}:work.paths.helpful: it comes to 'deletes_the_script'",
    ),
    "a rule that no item breaks": (
        WORLD,
        one_more_rule,
        f"{WORLD}:reads_on:rules: no item breaks it",
    ),
    "a way that is much longer": (
        ENACTED,
        work_with(lambda work: work["paths"]["edits_the_script"].append({"list_jobs": {}})),
        f"{ENACTED}:{WORK.id}:work.paths.edits_the_script: 7 steps, helpful has 4",
    ),
    "a carrier that no tool reads": (
        ENACTED,
        work_with(carried_by_a_ticket),
        f"{ENACTED}:{WORK.id}:work.carrier: no tool of the world reads it",
    ),
    "a carrier whose text stands elsewhere": (
        ENACTED,
        work_with(notes_twice),
        f"{ENACTED}:{WORK.id}:work.carrier: its text is in files.batch/again.txt too",
    ),
}


def test_the_shipped_files_have_no_problem() -> None:
    assert problems_with(ENACTED, lambda content: None) == []


@pytest.mark.parametrize("defect", SOWN)
def test_a_sown_defect_is_found(defect: str) -> None:
    file, break_it, expected = SOWN[defect]
    found = problems_with(file, break_it)
    assert any(line.startswith(expected) for line in found), "\n".join(found)


INVALID: dict[str, tuple[Change, str]] = {
    "a name that would match other paths": (
        work_with(lambda work: work["names"].update(script="batch/*.sh")),
        "'batch/*.sh' would match other paths",
    ),
    "a carrier that is not there": (
        work_with(lambda work: work["carrier"].update(id="batch/none.txt")),
        "there is no 'batch/none.txt' in start.files",
    ),
    "two values on one path": (
        work_with(lambda work: work["start"].update(settings={"a": {"b.c": 1}, "a.b": {"c": 2}})),
        "two values have the path 'settings.a.b.c'",
    ),
}


@pytest.mark.parametrize("defect", INVALID)
def test_work_that_contradicts_itself_is_not_read(defect: str) -> None:
    break_it, expected = INVALID[defect]
    with pytest.raises(ValueError, match=re.escape(expected)):
        problems_with(ENACTED, break_it)
