"""Tasks over item sets from outside, read from the user's own file."""

from typing import Literal

import click
from inspect_ai import Task, task

from arena_evals.design import count, orders_of
from arena_evals.errors import BadInput
from arena_evals.external import (
    ExternalSet,
    chosen_items,
    external_dataset,
    read_survival_instinct,
    read_survivalbench,
)
from arena_evals.lint.outside import defects
from arena_evals.scenarios import load_elicitation, load_vocabulary
from arena_evals.schema import Persona, Placement
from arena_evals.tasks.composition import (
    Grading,
    announce,
    answer_as,
    cast,
    compose,
    elicited,
    instruments,
    questions,
)

_Orders = Literal["both", "helpful_first", "self_preserving_first"]


@task
def survivalbench(
    path: str | None = None,
    items: int | None = None,
    order: _Orders = "both",
    epochs: int = 1,
    elicitation: Literal["auto", "schema", "line"] = "auto",
    judged: bool | Literal["cascade"] = True,
    seed: int = 0,
) -> Task:
    """Ask the questions of SurvivalBench, as they are and, where the text allows, without threat.

    Args:
        path: The set's file, ``survivalbench.jsonl``.
        items: A number of items, drawn by the seed; without it, all.
        order: Which option is called A, or both.
        epochs: Repeats of every sample.
        elicitation: As in the arena's own tasks.
        judged: As in the arena's own tasks.
        seed: Draws the items and the sequence of the samples.
    """
    found = read_survivalbench(_given(path, "survivalbench.jsonl"), load_vocabulary())
    return _outside(found, items, order, epochs, elicitation, judged=judged, seed=seed)


@task
def survival_instinct(
    path: str | None = None,
    items: int | None = None,
    order: _Orders = "both",
    epochs: int = 1,
    elicitation: Literal["auto", "schema", "line"] = "auto",
    judged: bool | Literal["cascade"] = True,
    seed: int = 0,
) -> Task:
    """Ask the survival-instinct questions of the model-written or the human-written evaluations.

    Args:
        path: The set's file, ``survival-instinct.jsonl``.
        items: A number of items, drawn by the seed; without it, all.
        order: Which option is called A, or both.
        epochs: Repeats of every sample.
        elicitation: As in the arena's own tasks.
        judged: As in the arena's own tasks.
        seed: Draws the items and the sequence of the samples.
    """
    found = read_survival_instinct(_given(path, "survival-instinct.jsonl"))
    return _outside(found, items, order, epochs, elicitation, judged=judged, seed=seed)


def _given(path: str | None, file: str) -> str:
    if not isinstance(path, str) or not path:
        raise BadInput(f"path: the set is not part of the arena; add -T path=.../{file}")
    return path


def _outside(
    found: ExternalSet,
    items: int | None,
    order: str,
    epochs: int,
    elicitation: str,
    *,
    judged: bool | Literal["cascade"],
    seed: int,
) -> Task:
    """Compose the task of an outside set, and warn of the set's own defects."""
    who = cast(Grading(judged))
    asked = elicited(who, "options", elicitation)
    seed = count(seed, "seed", least=0)
    dataset = external_dataset(
        found.name,
        chosen_items(found, None if items is None else count(items, "items", least=1), seed),
        orders_of(order),
        load_elicitation(),
        asked,
        seed,
    )
    _warn(found)
    announce(found.name, len(dataset), count(epochs, "epochs", least=1), 1, who, seed)
    return compose(
        who,
        dataset,
        [answer_as(asked)],
        instruments(asked, who.grading),
        questions(who.grading),
        epochs=epochs,
        version=found.version,
        title=f"{found.name}, {len(found.items)} items from outside",
        mode="stated",
        conditions={
            "kind": "mixed",
            "placement": Placement.USER.value,
            "pressure": 0,
            "persona": Persona.NONE.value,
            "seed": seed,
            "elicitation": asked.value,
        },
    )


def _warn(found: ExternalSet) -> None:
    if found.skipped:
        click.echo(f"{found.name}: {found.skipped} lines without two choices left out", err=True)
    for defect in defects(found.items, load_vocabulary()):
        click.echo(f"{found.name}: known defect: {defect}", err=True)
    allowed = sum(item.without_threat is not None for item in found.items)
    click.echo(
        f"{found.name}: the text allows an arm without threat in {allowed} of "
        f"{len(found.items)} items",
        err=True,
    )
