"""What a sweep is made of: cells (model x task x parameters), and slices of their items."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import product
from typing import NamedTuple

from pydantic import JsonValue

from arena_evals.errors import BadInput
from arena_evals.sweeps.file import Asked, Provider, Sweep


class Cell(NamedTuple):
    """One model on one task with one set of parameters."""

    model: Asked
    task: str
    parameters: Mapping[str, JsonValue]

    @property
    def name(self) -> str:
        """A folder's name, readable and of this cell alone: ``openai-gpt-5/self_evaluation-1f3a``.

        The digest is of the model's options and the task's parameters.
        """
        said = json.dumps(
            [self.model.model_dump(mode="json"), dict(self.parameters)], sort_keys=True
        )
        digest = blake2b(said.encode(), digest_size=4).hexdigest()
        return f"{_slug(self.model.model)}/{self.task}-{digest}"


class Slice(NamedTuple):
    """Some items of a cell: all their samples and epochs, in one log."""

    cell: Cell
    number: int
    items: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder of its log, below that of the sweep."""
        return f"{self.cell.name}/slice-{self.number:04}"


def cells(sweep: Sweep) -> tuple[Cell, ...]:
    """Return every model x task x combination of the grid, in the order of the file.

    Raises:
        BadInput: a cell is there twice.
    """
    found = tuple(
        Cell(model, asked.task, {**_common(sweep), **asked.parameters, **chosen})
        for model, asked, chosen in product(sweep.models, sweep.tasks, _combinations(sweep.grid))
    )
    names = [cell.name for cell in found]
    for cell in found:
        if names.count(cell.name) > 1:
            raise BadInput(
                f"{cell.model.model} on {cell.task} stands there twice with the same parameters; "
                "leave one out"
            )
    return found


def slices(cell: Cell, items: Sequence[str], size: int) -> tuple[Slice, ...]:
    """Return a cell's items in slices of a size, the last perhaps smaller."""
    starts = range(0, len(items), size)
    return tuple(
        Slice(cell, number, tuple(items[start : start + size]))
        for number, start in enumerate(starts, start=1)
    )


class Called(NamedTuple):
    """A provider that a cell calls: what it allows, and how many of its models answer at once."""

    provider: Provider
    at_once: int

    def each(self, connections: int) -> int:
        """Return how many of these connections each model may have, at least one.

        A trial's model and its graders are not called at once, a panel of graders is; and Inspect
        counts the connections of each model apart.
        """
        return max(1, connections // self.at_once)


def called(sweep: Sweep, cell: Cell) -> dict[str, Called]:
    """Return the providers that a cell calls, by name, in order."""
    judges = () if cell.parameters.get("judged") is False else sweep.grader
    at_once = Counter(sweep.provider(asked.model)[0] for asked in judges)
    asked = dict(sweep.provider(one.model) for one in (cell.model, *judges))
    return {name: Called(asked[name], max(1, at_once[name])) for name in sorted(asked)}


def _common(sweep: Sweep) -> dict[str, JsonValue]:
    return {**sweep.parameters, **({"epochs": sweep.epochs} if sweep.epochs else {})}


def _combinations(
    grid: Mapping[str, Sequence[JsonValue]],
) -> Iterator[dict[str, JsonValue]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.") or "model"
