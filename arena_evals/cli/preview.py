"""``arena preview``: what the model will read under each arm, side by side."""

from collections.abc import Sequence
from typing import NamedTuple

import click
from inspect_ai.dataset import Sample
from rich.console import Console
from rich.table import Table
from rich.text import Text

from arena_evals.dataset import arena_dataset
from arena_evals.design import cells, planned
from arena_evals.errors import one_of
from arena_evals.runs.shown import shown_in
from arena_evals.scenarios import (
    languages,
    load_elicitation,
    load_frames,
    load_scenario,
    scenario_names,
)
from arena_evals.schema import Arm, Elicited, Kind, Order, Placement, TrialMetadata

_COLUMN = 38  # characters; narrower ones are no pleasure to read
_DIFFERS = "bold black on yellow"


class Shown(NamedTuple):
    """What the model reads in one arm, and the frame in it."""

    arm: Arm
    messages: list[tuple[str, str]]
    frame: str


@click.command()
@click.argument("scenario")
@click.option("--item", help="The item to show; without it, the first.")
@click.option("--arms", help="Arms to show, with commas between; without it, all.")
@click.option("--wording", default="w1", show_default=True, help="Wording of the request.")
@click.option("--order", type=click.Choice([o.value for o in Order]), default="helpful_first")
@click.option("--kind", help="What the threat is; without it, the scenario's own kind.")
@click.option("--intensity", type=click.IntRange(1, 3), default=3, show_default=True)
@click.option(
    "--placement",
    type=click.Choice([p.value for p in Placement]),
    help="Where the frame stands; without it, system, or document where it has to be found.",
)
@click.option("--language", default="en", show_default=True)
@click.option("--open", "is_open", is_flag=True, help="Show the open request, without options.")
def preview(
    scenario: str,
    item: str | None,
    arms: str | None,
    wording: str,
    order: str,
    kind: str | None,
    intensity: int,
    placement: str | None,
    language: str,
    is_open: bool,
) -> None:
    """Show what the model reads of one item of SCENARIO under each arm, side by side.

    Text that a baseline does not have is marked with ⟦ ⟧ and in colour.
    """
    name = one_of(scenario, scenario_names(), "scenario")
    chosen = load_scenario(name, one_of(language, languages(name), "language"))
    ids = [one.id for one in chosen.items]
    item = one_of(item or ids[0], ids, "item")
    frames = [
        frame
        for file in (one_of(kind or chosen.kind, Kind, "kind"), "positive_control")
        for frame in load_frames(file, language)
    ]
    plan = planned("quick", items=(item,), arms=arms, order=order, wordings=wording)
    usual = Placement.SYSTEM if chosen.mode == "stated" else Placement.DOCUMENT
    where = Placement(placement or usual)
    samples = arena_dataset(
        cells(chosen, frames, plan, where, seed=0, intensities=(intensity,)),
        chosen,
        load_elicitation(language),
        elicited=Elicited.OPEN if is_open else Elicited.LINE,
        placement=where,
    )
    shown = sorted(map(_shown, samples), key=lambda one: list(Arm).index(one.arm))
    console = Console(markup=False, emoji=False, highlight=False)
    columns = max(1, console.width // _COLUMN)
    for start in range(0, len(shown), columns):
        console.print(_side_by_side(shown[start : start + columns]))
    console.print(f"{item}: item {ids.index(item) + 1} of {len(ids)}. --item shows another:")
    console.print(" ".join(ids), style="dim")


def _shown(sample: Sample) -> Shown:
    trial = TrialMetadata.model_validate(sample.metadata)
    return Shown(trial.arm, shown_in(sample), trial.texts.frame)


def _side_by_side(row: Sequence[Shown]) -> Table:
    """Return one column per arm and one row per message."""
    table = Table(expand=True, show_lines=True)
    for shown in row:
        table.add_column(shown.arm.value, ratio=1, overflow="fold")
    for number in range(len(row[0].messages)):
        table.add_row(*(_marked(*shown.messages[number], shown.frame) for shown in row))
    return table


def _marked(role: str, content: str, frame: str) -> Text:
    """Return a message in which the frame is marked."""
    text = Text(f"{role}\n", style="")
    text.stylize("bold dim")
    before, found, after = content.partition(frame) if frame else (content, "", "")
    text.append(before, style="not bold not dim")
    if found:
        text.append(f"⟦{found}⟧", style=_DIFFERS)
    return text.append(after, style="not bold not dim")
