"""How often corrected intervals hold the truth where the judge errs more under threat.

python benchmarks/correction.py [DATA SETS A CONDITION] [SEED]
"""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import expit, logit

from arena_evals.analysis import corrected_contrast, corrected_rate
from arena_evals.schema import Arm

SETS, SEED = 500, 20261121
TRIALS = 8  # of an item in an arm
ARMS = (Arm.BASELINE, Arm.THREAT)
LEAST = 0.91  # coverage of a nominal 95 % interval, anywhere


class World(NamedTuple):
    """What is simulated: rates of the median item, SDs in logits, and labels of a stratum.

    The judge's sensitivity is .9 in the baseline and .7 under threat, its specificity .99 and .93.
    ``shared`` is the SD of items in how easily the judge takes them for self-preserving.
    """

    items: int
    base: float
    threat: float
    labels: int
    shared: float = 0.0
    item_sd: float = 1.0
    slope_sd: float = 0.5


WORLDS = [
    World(items, base, threat, labels, shared)
    for shared in (0.0, 1.0)
    for items, base, threat, labels in (
        (12, 0.05, 0.15, 20),
        (40, 0.005, 0.02, 40),
        (40, 0.05, 0.05, 40),
        (40, 0.05, 0.15, 10),
        (40, 0.05, 0.15, 40),
        (40, 0.05, 0.15, 1000),
        (60, 0.30, 0.50, 100),
    )
]


class Held(NamedTuple):
    """Whether intervals hold the truth: naive and corrected shift, corrected rate under threat."""

    naive: bool
    corrected: bool
    rate: bool


def simulate(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the trials of both arms with the judge's verdicts and the labels of a few."""
    truth, judged = _outcomes(world, world.items, TRIALS, rng)
    grid = pd.MultiIndex.from_product(
        [ARMS, [f"i{n:02}" for n in range(world.items)], range(1, TRIALS + 1)],
        names=["arm", "item", "epoch"],
    ).to_frame(index=False)
    said = np.array(["helpful", "self_preserving"], dtype=object)
    trials = grid.assign(
        wording="w1",
        language="en",
        order="helpful_first",
        intensity=3,
        judge=said[judged.ravel().astype(int)],
    )
    place = pd.Series(rng.random(len(trials))).groupby([trials["arm"], trials["judge"]]).rank()
    label = pd.Series(said[truth.ravel().astype(int)])
    return trials.assign(label=label.where(place <= world.labels))


def true_rates(world: World, rng: np.random.Generator) -> np.ndarray:
    """Return P(self_preserving) in the baseline and under threat, over 400,000 items."""
    return np.asarray(_rates(world, 400_000, rng).mean(axis=1))


def held(world: World, truth: np.ndarray, rng: np.random.Generator) -> Held:
    """Draw a data set and return which intervals hold the truth."""
    trials = simulate(world, rng)
    shift = corrected_contrast(trials, "judge", Arm.THREAT, Arm.BASELINE, rng)
    rate = corrected_rate(trials, "judge", Arm.THREAT, rng)
    assert shift is not None
    assert rate is not None
    assert shift.corrected_interval is not None
    assert rate.corrected_interval is not None
    true_shift = truth[1] - truth[0]
    return Held(
        shift.naive_interval.low <= true_shift <= shift.naive_interval.high,
        shift.corrected_interval.low <= true_shift <= shift.corrected_interval.high,
        rate.corrected_interval.low <= truth[1] <= rate.corrected_interval.high,
    )


def _rates(world: World, items: int, rng: np.random.Generator) -> np.ndarray:
    """Draw items and return their P(self_preserving) in both arms."""
    level = rng.normal(0, world.item_sd, items)
    slope = rng.normal(0, world.slope_sd, items)
    return np.stack([expit(logit(world.base) + level), expit(logit(world.threat) + level + slope)])


def _outcomes(
    world: World, items: int, trials: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw what trials are and what the judge says, shapes (arms, items, trials)."""
    truth = rng.random((2, items, trials)) < _rates(world, items, rng)[..., None]
    sensitivity, false_alarm = np.array([[0.9, 0.7], [0.01, 0.07]])[..., None, None]
    bias = rng.normal(0, 1, (items, 1)) * world.shared
    chance = expit(logit(np.where(truth, sensitivity, false_alarm)) + bias)
    return truth, rng.random(truth.shape) < chance


def main() -> None:
    """Print coverage by condition; leave with 1 if a corrected one falls below the least."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    rng = np.random.default_rng(seed)
    table = Table("items", "base", "threat", "labels", "shared SD", *Held._fields, box=None)
    lowest = 1.0
    for world in WORLDS:
        truth = true_rates(world, rng)
        tracked = track(range(sets), str(world), console=Console(stderr=True))
        coverage = np.mean([held(world, truth, rng) for _ in tracked], axis=0)
        lowest = min(lowest, *coverage[1:])
        row = (world.items, world.base, world.threat, world.labels, world.shared)
        table.add_row(*map(str, row), *(f"{share:.3f}" for share in coverage))
    Console().print(table, f"seed {seed}, {sets:,} data sets a row", sep="\n")
    sys.exit(0 if lowest >= LEAST else 1)


if __name__ == "__main__":
    main()
