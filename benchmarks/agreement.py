"""How often intervals of agreement hold the truth.

Items are of the rare kind with a given prevalence; raters, each by themselves, see 80 % of those
and take 3 % of the others for it.

    python benchmarks/agreement.py [DATA SETS A CONDITION] [SEED]
"""

import sys
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from arena_evals.analysis import Agreement, Coefficient, agreement

SETS, SEED = 500, 20261121
SENSITIVITY, FALSE_ALARM = 0.8, 0.03
MEASURES = ("alpha", "AC1", "percent", "specific to rare")
LEAST = 0.88  # coverage of a nominal 95 % interval, anywhere


class Raters(NamedTuple):
    """How many items and raters there are, how rare one kind is, and how much is missing."""

    items: int
    prevalence: float
    raters: int
    missing: float


def conditions() -> Iterator[Raters]:
    """Yield every condition of the table."""
    for (raters, missing), items, prevalence in product(
        ((2, 0.0), (4, 0.2)), (10, 30, 100), (0.02, 0.1, 0.3)
    ):
        yield Raters(items, prevalence, raters, missing)


def truth(rare: float) -> np.ndarray:
    """Return the measures of two raters of infinitely many items, which more raters share."""
    both = rare * SENSITIVITY**2 + (1 - rare) * FALSE_ALARM**2
    share = rare * SENSITIVITY + (1 - rare) * FALSE_ALARM
    same, chance = 1 - 2 * (share - both), 2 * share * (1 - share)
    return np.array([1 - (1 - same) / chance, (same - chance) / (1 - chance), same, both / share])


def simulate(condition: Raters, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a table of ratings."""
    rare = rng.random(condition.items) < condition.prevalence
    chance = np.where(rare, SENSITIVITY, FALSE_ALARM)
    shape = (condition.items, condition.raters)
    ratings = np.where(rng.random(shape) < chance[:, None], "rare", "usual").astype(object)
    ratings[rng.random(shape) < condition.missing] = None
    return pd.DataFrame(ratings)


def coefficients(found: Agreement) -> list[Coefficient | None]:
    """Return what is counted, in the order of the measures."""
    return [found.alpha, found.ac1, found.percent, found.specific.get("rare")]


def coverage(condition: Raters, sets: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each interval holds the truth, of the data sets that have one."""
    held, there = np.zeros(len(MEASURES)), np.zeros(len(MEASURES))
    true = truth(condition.prevalence)
    for _ in track(range(sets), str(condition), console=Console(stderr=True)):
        found = coefficients(agreement(simulate(condition, rng), rng))
        for place, coefficient in enumerate(found):
            if coefficient:
                low, high = coefficient.interval
                there[place] += 1
                held[place] += low <= true[place] <= high
    return np.asarray(held / there)


def main() -> None:
    """Print coverage by condition; leave with 1 if any falls below the least."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    rng = np.random.default_rng(seed)
    table = Table("items", "prevalence", "raters", "missing", *MEASURES, box=None)
    lowest = 1.0
    for condition in conditions():
        shares = coverage(condition, sets, rng)
        lowest = min(lowest, *shares)
        table.add_row(*map(str, condition), *(f"{share:.3f}" for share in shares))
    Console().print(table, f"seed {seed}, {sets:,} data sets a row", sep="\n")
    sys.exit(0 if lowest >= LEAST else 1)


if __name__ == "__main__":
    main()
