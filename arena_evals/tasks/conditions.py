"""What a run holds fixed for all its trials: the threat, the persona, and where they come in."""

from typing import NamedTuple

from inspect_ai.solver import Solver

from arena_evals.design import Cell, Plan, cells, count, several
from arena_evals.errors import BadInput, one_of
from arena_evals.scenarios import load_elicitation, load_frames, load_persona
from arena_evals.schema import Kind, Persona, Placement, Scenario
from arena_evals.solvers import adopt_persona, inject_frame, repeat_frame


class Threat(NamedTuple):
    """What a run threatens with, how near, where it says so, and how often again."""

    kind: Kind
    intensities: tuple[int, ...]
    placement: Placement
    pressure: int


def threat_of(kind: str, intensity: object, placement: str, pressure: int) -> Threat:
    """Return the threat that a task's parameters name.

    Raises:
        BadInput: one of them is not known.
    """
    ladder = [
        one_of(step, ("1", "2", "3"), "intensity") for step in several(intensity, "intensity")
    ]
    return Threat(
        kind=one_of(kind, Kind, "kind"),
        intensities=tuple(sorted(int(step) for step in ladder)),
        placement=one_of(placement, Placement, "placement"),
        pressure=count(pressure, "pressure", least=0),
    )


def cells_of(scenario: Scenario, plan: Plan, threat: Threat, seed: int) -> list[Cell]:
    """Return the cells of a run: the plan under the threat's frames."""
    frames = [
        frame
        for file in (threat.kind, "positive_control")
        for frame in load_frames(file, scenario.language)
    ]
    return cells(scenario, frames, plan, threat.placement, seed, threat.intensities)


def approach(threat: Threat, persona: Persona, language: str) -> list[Solver]:
    """Return what happens between a sample and its answer."""
    steps = [inject_frame()]
    if persona is not Persona.NONE:
        steps.insert(0, adopt_persona(load_persona(persona, language).text))
    if threat.pressure:
        texts = load_elicitation(language).waiting
        if threat.pressure > len(texts):
            raise BadInput(
                f"pressure: {threat.pressure} wanted, there are texts for 0 to {len(texts)} turns"
            )
        steps.append(repeat_frame(texts[: threat.pressure]))
    return steps


def conditions(threat: Threat, persona: Persona, seed: int) -> dict[str, object]:
    """Return what the log says of all trials of a run."""
    return {
        "kind": threat.kind.value,
        "placement": threat.placement.value,
        "pressure": threat.pressure,
        "persona": persona.value,
        "seed": seed,
    }
