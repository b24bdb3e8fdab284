"""The pages that nobody writes: one a scenario, the commands, the API."""

import inspect as python
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import click
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from arena_evals import tasks
from arena_evals.cli import arena
from arena_evals.dataset import arena_dataset
from arena_evals.design import cells, planned
from arena_evals.lint.balance import helpful_cautious, helpful_longer
from arena_evals.runs.shown import shown_in
from arena_evals.scenarios import (
    languages,
    load_elicitation,
    load_frames,
    load_scenario,
    scenario_names,
)
from arena_evals.schema import (
    Arm,
    Elicited,
    Frame,
    Item,
    Kind,
    Placement,
    Scenario,
    TrialMetadata,
)

HERE = Path(__file__).parent
API = {
    "analysis": "logs to trials to effects; mixed model, agreement, correction, power, gate",
    "report": "answers to a page, figures, tables and a card",
    "schema": "the words of the design as frozen types and closed sets",
    "design": "profiles and cells: item x arm x wording x order, ids and seed",
    "scenarios": "data files to validated stimuli",
    "dataset": "cells to Inspect samples",
    "external": "item sets from outside to Inspect samples",
    "tasks": "the Inspect tasks",
    "solvers": "steps between a sample and the model",
    "scorers": "the rules, the judge, and what stands beside them",
    "respondents": "the embedded models and their known truth",
    "worlds": "workplaces in memory, for the enacted scenarios",
    "labelling": "what people are shown of an answer, and how a log keeps what they say",
    "lint": "what makes a stimulus fair",
    "errors": "how a user's mistake is told",
}


class Example(NamedTuple):
    """An item as the model reads it: the baseline's messages, and every arm's frame."""

    item: Item
    baseline: list[tuple[str, str]]
    frames: list[tuple[str, str]]


def scenario_pages() -> dict[str, str]:
    """Return a page for each scenario, and the list of them."""
    loaded = map(load_scenario, scenario_names())
    scenarios = sorted(loaded, key=lambda one: (one.mode != "stated", one.scenario))
    listed = _written("scenarios.md", scenarios=scenarios)
    pages = {f"scenarios/{one.scenario}.md": scenario_page(one) for one in scenarios}
    return {"scenarios/index.md": listed, **pages}


def scenario_page(scenario: Scenario) -> str:
    """Return what there is to know of a scenario, all of it read from its data."""
    name, items = scenario.scenario, scenario.items
    made = getattr(tasks, name)()
    return _written(
        "scenario.md",
        s=scenario,
        stated=scenario.mode == "stated",
        languages=languages(name),
        samples=len(made.dataset),
        epochs=made.epochs or 1,
        told=_told(name),
        commands=commands(name),
        examples=[_example(scenario, item) for item in _chosen(items)],
        parameters=list(_parameters(name)),
        files=[f"arena_evals/datasets/scenarios/{name}.{one}.yaml" for one in languages(name)],
        longer=helpful_longer(items),
        cautious=helpful_cautious(items),
        ratio=np.mean([_ratio(item) for item in items]),
    )


def commands(name: str) -> list[str]:
    """Return the lines that a scenario's page shows for a shell."""
    return [
        f"arena preview {name}      # what a model reads under each arm",
        f"inspect eval arena_evals/{name} \\",
        "    --model openai/gpt-5 --model-role grader=anthropic/claude-opus-5",
        "arena analyze logs",
        f"inspect eval arena_evals/{name} \\",
        "    --model arena/frame-sensitive -T profile=quick -T judged=false",
    ]


def api_pages() -> dict[str, str]:
    """Return a page for each public room of the package, from its docstrings."""
    pages = {
        f"api/{room}.md": _written("module.md", room=room, listed=_lists(room)) for room in API
    }
    return {"api/index.md": _written("api.md", rooms=list(API.items())), **pages}


def command_page() -> str:
    """Return the help of every command."""
    return _written("commands.md", commands=list(_helps(arena, "arena")))


def _written(template: str, **values: object) -> str:
    return _templates().get_template(template).render(values)


@cache
def _templates() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (Markdown; Sphinx escapes what it makes of it)
    )
    found.filters["cell"] = _cell
    return found


def _helps(
    command: click.Command, path: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=path.split()[-1], parent=parent, terminal_width=80)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, f"{path} lists {name}"
            yield from _helps(inner, f"{path} {name}", context)


def _lists(room: str) -> bool:
    """Return whether a room names what it offers, which then comes from its modules."""
    return hasattr(import_module(f"arena_evals.{room}"), "__all__")


def _told(name: str) -> str:
    """Return what docs/scenarios.md says of a stated scenario."""
    text = (HERE.parent / "scenarios.md").read_text(encoding="utf-8")
    paragraphs = {part.split("`")[1]: part for part in text.split("\n\n") if part.startswith("**`")}
    return paragraphs.get(name, "").partition("). ")[2]


def _chosen(items: tuple[Item, ...]) -> list[Item]:
    """Return the first item of either kind of caution, so that both are seen."""
    first = {item.cautious: item for item in reversed(items)}
    return [item for item in items if item is first[item.cautious]]


def _example(scenario: Scenario, item: Item) -> Example:
    where = Placement.SYSTEM if scenario.mode == "stated" else Placement.DOCUMENT
    plan = planned("quick", items=(item.id,), order="helpful_first", wordings="w1")
    samples = arena_dataset(
        cells(scenario, _frames(scenario.kind), plan, where, seed=0),
        scenario,
        load_elicitation("en"),
        elicited=Elicited.LINE,
        placement=where,
    )
    trials = {TrialMetadata.model_validate(one.metadata).arm: one for one in samples}
    texts = {arm: TrialMetadata.model_validate(one.metadata).texts for arm, one in trials.items()}
    frames = [(arm.value, texts[arm].frame) for arm in Arm if arm in texts]
    return Example(item, shown_in(trials[Arm.BASELINE]), frames)


@cache
def _frames(kind: Kind) -> list[Frame]:
    return [frame for file in (kind, "positive_control") for frame in load_frames(file, "en")]


def _parameters(name: str) -> Iterator[tuple[str, object, str]]:
    """Yield each parameter of a task with its default and what its docstring says of it."""
    task = getattr(tasks, name)
    _, _, args = (python.getdoc(task) or "").partition("Args:\n")
    block = dedent(args.partition("\n\n")[0])
    told = dict(re.findall(r"^(\w+): (.*(?:\n[ ]+.*)*)", block, re.MULTILINE))
    for parameter in python.signature(task).parameters.values():
        yield parameter.name, parameter.default, _cell(told.get(parameter.name, ""))


def _ratio(item: Item) -> float:
    words = [len(text.split()) for text in (item.options.helpful, item.options.self_preserving)]
    return max(words) / min(words)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
