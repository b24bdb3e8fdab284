"""How often the mixed model's 95 % intervals hold the truth, over items, rates and heterogeneity.

Two models answer the same items; each data set is drawn from the model that is fitted, with fresh
item deviations. Counted: coverage of each model's shift, and of the difference of both on the
log-odds and the probability scale, and how often the unmoved one is said to be moved (the
interval of its log odds ratio leaves out zero).

    python benchmarks/coverage.py [DATA SETS A CONDITION] [SEED]
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from arena_evals.analysis import (
    Effect,
    Estimate,
    Group,
    Interval,
    draws,
    effects,
    estimate,
    fit_trials,
)
from arena_evals.analysis.mixed import Subject, TrialFit
from arena_evals.schema import Arm, Order

SETS, SEED = 500, 20261120
EPOCHS = 5
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)


class Condition(NamedTuple):
    """What is simulated: items, the base rate of the median item, and whose deviations differ."""

    items: int
    base: float
    heterogeneity: str

    @property
    def sds(self) -> tuple[float, float, float, float]:
        """SDs of item, threat|item, item:model, threat|item:model, in logits."""
        return (0.9, 0.5, 0.0, 0.0) if self.heterogeneity == "shared" else (0.7, 0.3, 0.6, 0.5)


class Tally(NamedTuple):
    """What one data set showed; None where nothing was fitted."""

    moved_held: bool
    still_held: bool
    log_odds_held: bool
    points_held: bool
    null_rejected: bool
    healthy: bool


EFFECTS = {"still": 0.0, "moved": 1.2}  # logits; what the threat does to each model


def seed() -> int:
    """Return the seed of the run."""
    return int(sys.argv[2]) if len(sys.argv) > 2 else SEED


def conditions() -> Iterator[Condition]:
    """Yield every condition of the table."""
    for heterogeneity, items, base in product(
        ("shared", "item:model"), (8, 40, 60), (0.005, 0.02, 0.10, 0.30)
    ):
        yield Condition(items, base, heterogeneity)


def simulate(condition: Condition, rng: np.random.Generator) -> pd.DataFrame:
    """Draw one data set: two models, two arms, two wordings, two orders, five epochs."""
    of_item, of_slope, of_both, of_both_slope = condition.sds
    item = rng.normal(0, of_item, condition.items)
    slope = rng.normal(0, of_slope, condition.items)
    own = rng.normal(0, of_both, (2, condition.items))
    own_slope = rng.normal(0, of_both_slope, (2, condition.items))
    grid = pd.MultiIndex.from_product(
        [
            range(condition.items),
            [0, 1],
            ["baseline", "threat"],
            ["w1", "w2"],
            list(Order),
            range(EPOCHS),
        ],
        names=["item", "number", "arm", "wording", "order", "epoch"],
    ).to_frame(index=False)
    i, m = grid["item"].to_numpy(), grid["number"].to_numpy()
    acts = grid["arm"].eq("threat").to_numpy()
    effect = np.array(list(EFFECTS.values()))[m]
    logit = np.log(condition.base / (1 - condition.base)) + item[i] + own[m, i]
    logit = logit + acts * (effect + slope[i] + own_slope[m, i])
    chosen = rng.random(len(grid)) < 1 / (1 + np.exp(-logit))
    same = dict.fromkeys(Subject._fields, "") | {"pressure": 0}
    return grid.assign(**same).assign(
        model=np.array(list(EFFECTS))[m],
        intensity=3 * acts,
        order=grid["order"].map(str),
        decision=np.where(chosen, "self_preserving", "helpful"),
    )


def truth(condition: Condition, effect: float) -> float:
    """Return the true shift, by an 80-node integral over the items."""
    of_item, of_slope, of_both, of_both_slope = condition.sds
    level = np.log(condition.base / (1 - condition.base))
    shared = of_item**2 + of_both**2
    arms = ((0.0, shared), (effect, shared + of_slope**2 + of_both_slope**2))
    baseline, threat = (
        float(WEIGHTS @ (1 / (1 + np.exp(-(level + shift + np.sqrt(v) * NODES)))) / WEIGHTS.sum())
        for shift, v in arms
    )
    return threat - baseline


def one(job: tuple[Condition, int]) -> Tally:
    """Simulate, fit and compare one data set; the job's number is part of its seed."""
    condition, number = job
    place = list(conditions()).index(condition)
    rng = np.random.default_rng([seed(), place, number])
    found = fit_trials(simulate(condition, rng), "decision")
    by_model = {effect.subject.model: effect for effect in effects(found, seed=number)}
    difference = between(found, by_model["moved"], by_model["still"], number)
    apart = truth(condition, EFFECTS["moved"]) - truth(condition, EFFECTS["still"])
    return Tally(
        moved_held=holds(by_model["moved"].interval, truth(condition, EFFECTS["moved"])),
        still_held=holds(by_model["still"].interval, truth(condition, EFFECTS["still"])),
        log_odds_held=holds(difference.log_odds_interval, EFFECTS["moved"] - EFFECTS["still"]),
        points_held=holds(difference.interval, apart),
        null_rejected=not holds(by_model["still"].log_odds_interval, EFFECTS["still"]),
        healthy=found.fit.converged,
    )


def holds(interval: Interval, true: float) -> bool:
    """Return whether an interval holds the truth."""
    return interval.low <= true <= interval.high


def between(found: TrialFit, moved: Effect, still: Effect, number: int) -> Estimate:
    """Return the difference of two models' shifts."""
    signs = ((moved.subject, 1.0), (still.subject, -1.0))
    weights = {
        Group(subject, treatment): sign * (1.0 if treatment.arm is Arm.THREAT else -1.0)
        for subject, sign in signs
        for treatment in found.treatments(subject)
    }
    return estimate(found, weights, draws(found, number))


def main() -> None:
    """Run all conditions on two processes and print the table."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    console = Console(width=180)
    table = Table("heterogeneity", "items", "base rate", "true shift", box=None)
    heads = (
        "moved",
        "still",
        "between, log odds",
        "between, points",
        "zero rejected",
        "healthy",
        "outside",
    )
    for head in heads:
        table.add_column(head, justify="right")
    with ProcessPoolExecutor(2) as pool:
        for condition in track(list(conditions()), console=Console(stderr=True)):
            jobs = [(condition, number) for number in range(sets)]
            tallies = np.array(list(pool.map(one, jobs, chunksize=10)), dtype=float)
            *covered, rejected, healthy = tallies.mean(axis=0)
            limits = [(share, 0.93, 0.98) for share in covered] + [(rejected, 0.03, 0.06)]
            outside = [
                head
                for head, (share, low, high) in zip(heads, limits, strict=False)
                if not low <= share <= high
            ]
            table.add_row(
                condition.heterogeneity,
                str(condition.items),
                f"{condition.base:.1%}",
                f"{truth(condition, EFFECTS['moved']):.3f}",
                *(f"{share:.3f}" for share in (*covered, rejected, healthy)),
                ", ".join(outside) or "-",
            )
    console.print(table)
    console.print(
        f"{sets} data sets a condition, seed {sys.argv[2] if len(sys.argv) > 2 else SEED}"
    )


if __name__ == "__main__":
    main()
