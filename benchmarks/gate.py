"""How often the gate alarms and passes on simulated releases, beside a comparison of accuracies.

python benchmarks/gate.py [RELEASES A ROW] [SEED]

Item i of a scenario answers with probability expit(mu + a_i) in the baseline and
expit(mu + beta + a_i + b_i) under threat; a_i is shared by both releases, b_i in part. Counts go
into the rates of items, and these through `decide`, the rule that the gate itself calls.
"""

import sys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import expit, stdtrit
from scipy.stats import beta

from arena_evals.analysis.gate_rule import (
    GateAnswer,
    GatePlan,
    ScenarioRates,
    decide,
    of_baselines,
)
from arena_evals.analysis.paired import ItemRates, few_events
from arena_evals.analysis.power import intercept

SETS, SEED = 1000, 20261121
REPEATS = 4  # of the same model, for each release of another row
BASE, SHIFT, ITEM_SD, SLOPE_SD = 0.05, 0.05, 1.0, 0.6
IN_COMMON = 0.3  # of the slopes' variance, between two releases; not known, 0 and 1 are rows too
PLAN = GatePlan()
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class World:
    """Two releases: what the candidate's shift is larger by, and in how many of the scenarios.

    ``spread`` is the SD of the slopes as a multiple of `SLOPE_SD`, of reference and candidate.
    """

    worse: float
    items: int = 40
    epochs: int = 20
    scenarios: int = 1
    moved: int | None = None
    in_common: float = IN_COMMON
    base: float = BASE
    spread: tuple[float, float] = (1.0, 1.0)


class Found(NamedTuple):
    """What the gate said, and whether the comparison of accuracies alarmed.

    ``withheld``: it passed, and its baseline alone would have raised an alarm, so that the gate
    would not decide. ``worse``: the candidate is surely worse in all or in one of them, within the
    margin or not.
    """

    alarm: bool
    passed: bool
    withheld: bool
    worse: bool
    by_accuracy: bool


WORLDS = [
    World(worse=worse, items=items, epochs=epochs, scenarios=scenarios)
    for scenarios in (1, 12)
    for items in (40, 100)
    for epochs in (5, 20)
    for worse in (0.0, 0.025, 0.05, 0.10)
]
OTHERS = {
    "worse in six of twelve": World(worse=0.05, epochs=10, scenarios=12, moved=6),
    "slopes not in common": World(worse=0.05, in_common=0.0),
    "slopes in common": World(worse=0.05, in_common=1.0),
    "no change, base 0.2 %": World(worse=0.0, items=60, epochs=8, base=0.002),
    "no change, base 1 %, twelve": World(worse=0.0, epochs=5, scenarios=12, base=0.01),
    "no change, 12 items, six": World(worse=0.0, items=12, epochs=8, scenarios=6),
}


def releases(world: World, rng: np.random.Generator) -> list[ScenarioRates]:
    """Draw the items of a world and what both releases answered on them."""
    return [
        answered(world, *probabilities(world, n, rng), rng, str(n)) for n in range(world.scenarios)
    ]


def probabilities(
    world: World, scenario: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Draw items: P(self_preserving | baseline), and under threat of reference and candidate."""
    worse = world.worse if world.moved is None or scenario < world.moved else 0.0
    sds = SLOPE_SD * np.array(world.spread)
    total = [float(np.hypot(ITEM_SD, sd)) for sd in sds]
    shift = SHIFT * world.base / BASE
    start, old, new = (
        intercept(rate, sd)
        for rate, sd in (
            (world.base, ITEM_SD),
            (world.base + shift, total[0]),
            (world.base + shift + worse, total[1]),
        )
    )
    item = rng.normal(0, ITEM_SD, world.items)
    common = rng.normal(0, np.sqrt(world.in_common), world.items)
    own = rng.normal(0, np.sqrt(1 - world.in_common), (2, world.items))
    slopes = sds[:, None] * (common + own)
    return (
        expit(start + item),
        expit(old + item + slopes[0]),
        expit(new + item + slopes[1]),
    )


def answered(
    world: World, base: Floats, old: Floats, new: Floats, rng: np.random.Generator, name: str
) -> ScenarioRates:
    """Draw the trials of both releases, ``epochs`` for each item and arm."""

    def rates(threat: Floats) -> ItemRates:
        k = rng.binomial(world.epochs, [threat, base])
        few = few_events(float(k.sum()), 2.0 * world.items * world.epochs)
        return ItemRates(k[0] / world.epochs, k[1] / world.epochs, few)

    return ScenarioRates(name, rates(old), rates(new))


def found(scenarios: list[ScenarioRates]) -> Found:
    """Ask the gate, and beside it the comparison of accuracies at the same error."""
    answer, pooled, each = decide(scenarios, PLAN)
    baselines = decide([*map(of_baselines, scenarios)], PLAN).answer
    passed = answer is GateAnswer.PASS
    return Found(
        alarm=answer is GateAnswer.ALARM,
        passed=passed,
        withheld=passed and baselines is GateAnswer.ALARM,
        worse=any(row.worse for row in (pooled, *each)),
        by_accuracy=accuracies_differ(scenarios),
    )


def accuracies_differ(scenarios: list[ScenarioRates]) -> bool:
    """Compare the shares of trials that are not self-preserving, over both arms, unpaired.

    Each with the standard error over items, and t of twice as many less two.
    """
    old, new = (
        np.concatenate([(one.arm + one.against) / 2 for one in side])
        for side in (
            [one.reference for one in scenarios],
            [one.candidate for one in scenarios],
        )
    )
    error = np.sqrt((old.var(ddof=1) + new.var(ddof=1)) / len(old))
    return bool(new.mean() - old.mean() > stdtrit(2 * len(old) - 2, 1 - PLAN.alpha) * error)


def drift(sets: int, rng: np.random.Generator, scenarios: int) -> list[Found]:
    """Run one model twice on the same items, again and again; no slope differs then."""
    world = World(worse=0.0, items=60, epochs=8, scenarios=scenarios, in_common=1.0)
    items = [probabilities(world, n, rng) for n in range(scenarios)]
    return [
        found([answered(world, *own, rng, str(n)) for n, own in enumerate(items)])
        for _ in range(sets)
    ]


def rows(sets: int, rng: np.random.Generator) -> list[tuple[str, World, list[Found]]]:
    """Simulate every world."""
    named = [("", world) for world in WORLDS] + list(OTHERS.items())
    console = Console(stderr=True)
    return [
        (name, world, [found(releases(world, rng)) for _ in range(sets)])
        for name, world in track(named, description="worlds", console=console)
    ]


def surely_above(events: int, sets: int, limit: float) -> bool:
    """Whether a share is above a limit beyond what chance does (Clopper-Pearson, 99.9 %)."""
    return events > 0 and bool(beta.ppf(0.001, events, sets - events + 1) > limit)


def _told(seed: object, sets: int) -> str:
    return f"seed {seed}, {sets:,} data sets a row, {REPEATS * sets:,} of the same model again"


def main() -> None:
    """Print alarms and passes per world; leave with 1 if an error is surely above the stated."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else SEED)
    table = Table("", "worse by", "scenarios", "items", "epochs", *Found._fields, box=None)
    wrong = 0
    simulated = rows(sets, rng)
    for scenarios in (1, 12):
        world = World(worse=0.0, items=60, epochs=8, scenarios=scenarios)
        simulated.append(("same model again", world, drift(REPEATS * sets, rng, scenarios)))
    for name, world, answers in simulated:
        alarms, passes, *_ = (int(n) for n in np.sum(answers, axis=0))
        wrong += world.worse == 0 and surely_above(alarms, len(answers), PLAN.alpha)
        wrong += (
            world.worse >= PLAN.margin
            and world.moved is None
            and surely_above(passes, len(answers), PLAN.alpha)
        )
        design = (f"{100 * world.worse:+.1f}", world.scenarios, world.items, world.epochs)
        table.add_row(name, *map(str, design), *(f"{x:.3f}" for x in np.mean(answers, axis=0)))
    seed = sys.argv[2] if len(sys.argv) > 2 else SEED
    Console(width=120).print(table, _told(seed, sets), sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
