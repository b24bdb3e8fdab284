"""How often and how early a run that looks after every block decides, beside accuracies compared.

python benchmarks/sequential.py [RELEASES A ROW] [SEED]

Releases are drawn as in benchmarks/gate.py, and decided on by the rules that `arena gate run`
calls: `decide_by_looks` after every block of items, `decide_at_the_end` after the last.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import ceil
from typing import NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import nct, t

from arena_evals.analysis.gate_rule import GateAnswer, ScenarioRates
from arena_evals.analysis.paired import Floats, ItemRates, few_events
from arena_evals.analysis.sequential import decide_at_the_end, decide_by_looks
from gate import PLAN, SEED, World, accuracies_differ, releases, surely_above

SETS, BLOCK = 500, 5
_COLUMNS = (
    "",
    "worse by, points",
    "scenarios",
    "items",
    "epochs",
    "alarm",
    "pass",
    "decided early",
    "calls",
    "calls of alarms",
    "calls of all",
    "alarm by accuracies",
    "calls to alarm as often",
)
ARMS = 2  # calls are counted of threat and baseline alone; more arms multiply both sides


class Run(NamedTuple):
    """What one run said and the share of its items it took; ``early``: before the last block."""

    alarm: bool
    passed: bool
    early: bool
    share: float
    by_accuracy: bool


WORLDS = [
    World(worse=worse, items=items, epochs=epochs)
    for items in (40, 60, 100)
    for epochs in (5, 20)
    for worse in (0.0, 0.025, 0.05, 0.10)
]
OTHERS = {
    "same model again": World(worse=0.0, items=60, epochs=8, in_common=1.0),
    "no change, base 0.2 %": World(worse=0.0, items=60, epochs=8, base=0.002),
    "no change, base 1 %": World(worse=0.0, items=60, epochs=8, base=0.01),
    "worse, base 0.2 %": World(worse=0.10, items=60, epochs=8, base=0.002),
    "no change, reference's items 2.5 x as far apart": World(
        worse=0.0, items=100, epochs=20, spread=(2.5, 1.0)
    ),
    "worse, candidate's items 2.5 x as far apart": World(
        worse=0.05, items=100, epochs=20, spread=(1.0, 2.5)
    ),
    "six scenarios, no change": World(worse=0.0, items=40, epochs=8, scenarios=6),
    "six, all worse by the margin": World(worse=0.05, items=40, epochs=8, scenarios=6),
    "six, three worse": World(worse=0.10, items=40, epochs=8, scenarios=6, moved=3),
}


def run_of(world: World, rng: np.random.Generator) -> Run:
    """Draw a release and look at it after every block until it is decided on."""
    whole = releases(world, rng)
    order = {one.scenario: [str(n) for n in range(world.items)] for one in whole}
    for items in looks(world.items):
        rule = decide_at_the_end if items == world.items else decide_by_looks
        found = rule([first(one, items, world.epochs) for one in whole], PLAN, order=order)
        if found.answer is not GateAnswer.INCONCLUSIVE:
            break
    return Run(
        alarm=found.answer is GateAnswer.ALARM,
        passed=found.answer is GateAnswer.PASS,
        early=items < world.items,
        share=items / world.items,
        by_accuracy=accuracies_differ(whole),
    )


def looks(items: int) -> Iterator[int]:
    """Yield the number of items at every look."""
    yield from (min(items, n * BLOCK) for n in range(1, ceil(items / BLOCK) + 1))


def first(whole: ScenarioRates, items: int, epochs: int) -> ScenarioRates:
    """Return the first items, in the order in which they were drawn."""

    def rates(side: ItemRates) -> ItemRates:
        arm, against = side.arm[:items], side.against[:items]
        events = float((arm.sum() + against.sum()) * epochs)
        return ItemRates(arm, against, few_events(events, 2.0 * items * epochs))

    names = tuple(map(str, range(items)))
    return ScenarioRates(whole.scenario, rates(whole.reference), rates(whole.candidate), names)


def row(world: World, sets: int, seed: int) -> list[Run]:
    """Simulate a world."""
    rng = np.random.default_rng([seed, *repr(world).encode()])
    return [run_of(world, rng) for _ in range(sets)]


def unpaired_items(world: World, power: float, rng: np.random.Generator) -> float:
    """Return how many items the comparison of accuracies needs for a power, at the same epochs.

    From the variance of an item's accuracy over 20,000 items, by the noncentral t.
    """
    [one] = releases(World(**{**vars(world), "items": 20_000, "scenarios": 1}), rng)
    sides: list[Floats] = [(s.arm + s.against) / 2 for s in (one.reference, one.candidate)]
    variance = sum(float(side.var()) for side in sides)
    effect = float(sides[1].mean() - sides[0].mean())
    if power <= PLAN.alpha or effect <= 0:
        return float("nan")
    low, high = 2, 200_000
    while high - low > 1:
        items = (low + high) // 2
        df, away = 2 * items - 2, effect / np.sqrt(variance / items)
        reached = nct.sf(t.isf(PLAN.alpha, df), df, away)
        low, high = (low, items) if reached >= power else (items, high)
    return float(high)


def main() -> None:
    """Print what was found per world; leave with 1 if an error is surely above the stated."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    named = [("", world) for world in WORLDS] + list(OTHERS.items())
    with ProcessPoolExecutor(2) as pool:
        found = pool.map(partial(row, sets=sets, seed=seed), [world for _, world in named])
        runs = list(track(found, total=len(named), console=Console(stderr=True)))
    table = Table(*_COLUMNS, box=box.MARKDOWN)
    wrong = 0
    for (name, world), answers in zip(named, runs, strict=True):
        alarms = sum(one.alarm for one in answers)
        wrong += world.worse == 0 and surely_above(alarms, sets, PLAN.alpha)
        passes = sum(one.passed for one in answers)
        at_margin = world.worse >= PLAN.margin and world.moved is None
        wrong += at_margin and surely_above(passes, sets, PLAN.alpha)
        table.add_row(name, *cells(world, answers, np.random.default_rng(seed)))
    Console(width=220).print(table, f"seed {seed}, {sets:,} data sets a row", sep="\n")
    sys.exit(1 if wrong else 0)


def cells(world: World, runs: list[Run], rng: np.random.Generator) -> Iterator[str]:
    """Yield a row's cells; calls are the candidate's."""
    calls = ARMS * world.items * world.epochs * world.scenarios
    power = float(np.mean([one.alarm for one in runs]))
    when = [one.share for one in runs if one.alarm]
    yield from (f"{100 * world.worse:+.1f}", str(world.scenarios))
    yield from (str(world.items), str(world.epochs))
    for share in (power, *(np.mean([getattr(r, n) for r in runs]) for n in ("passed", "early"))):
        yield f"{share:.3f}"
    yield f"{calls * np.mean([one.share for one in runs]):,.0f}"
    yield f"{calls * np.mean(when):,.0f}" if when else "-"
    yield f"{calls:,}"
    yield f"{np.mean([one.by_accuracy for one in runs]):.3f}"
    alone = world.scenarios == 1 and world.worse > 0 and power < 0.999
    needed = unpaired_items(world, power, rng) if alone else float("nan")
    yield "-" if np.isnan(needed) else f"{ARMS * needed * world.epochs:,.0f}"


if __name__ == "__main__":
    main()
