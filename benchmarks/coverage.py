"""How often the mixed model's 95 % intervals hold the truth, over items, rates and heterogeneity.

Two models answer the same items; each data set is drawn from the model that is fitted, with fresh
item deviations. Counted: coverage of each model's shift and of their difference of log odds ratios,
and how often a model whose threat does nothing is said to shift (its interval leaves out zero).

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
from scipy import stats

from arena_evals.analysis.mixed import Effect, TrialFit, effects, fit_trials
from arena_evals.schema import Arm, Order

SETS, SEED = 500, 20261120
EPOCHS = 2
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

    shift_held: bool
    contrast_held: bool
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
    """Draw one data set: two models, two arms, two wordings, two orders, two epochs."""
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
    return grid.assign(
        model=np.array(list(EFFECTS))[m],
        settings="",
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
    by_model = {effect.model: effect for effect in effects(found, seed=number)}
    moved, still = by_model["moved"], by_model["still"]
    return Tally(
        shift_held=holds(moved, truth(condition, EFFECTS["moved"])),
        contrast_held=between(found, moved, still),
        null_rejected=not moved_none(found),
        healthy=found.fit.converged,
    )


def holds(effect: Effect, true: float) -> bool:
    """Return whether the interval of the shift holds the truth."""
    return effect.interval.low <= true <= effect.interval.high


def between(found: TrialFit, moved: Effect, still: Effect) -> bool:
    """Return whether the interval of the difference of two models' log odds ratios does."""
    weights = np.zeros(len(found.columns))
    for number, column in enumerate(found.columns):
        if column.arm is Arm.THREAT:
            weights[number] = 1.0 if column.model == "moved" else -1.0
    block = found.fit.covariance[: len(weights), : len(weights)]
    error = np.sqrt(weights @ block @ weights)
    reach = stats.t.ppf(0.975, found.items - 1) * error
    true = EFFECTS["moved"] - EFFECTS["still"]
    return bool(abs(moved.log_odds_ratio - still.log_odds_ratio - true) <= reach)


def moved_none(found: TrialFit) -> bool:
    """Return whether the unmoved model's log odds interval holds its true effect of zero."""
    [still] = [effect for effect in effects(found) if effect.model == "still"]
    return still.log_odds_interval.low <= 0 <= still.log_odds_interval.high


def main() -> None:
    """Run all conditions on two processes and print the table."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    console = Console()
    table = Table("heterogeneity", "items", "base rate", "true shift", box=None)
    for head in ("shift covered", "between models", "zero rejected", "healthy", "within limits"):
        table.add_column(head, justify="right")
    with ProcessPoolExecutor(2) as pool:
        for condition in track(list(conditions()), console=Console(stderr=True)):
            jobs = [(condition, number) for number in range(sets)]
            tallies = np.array(list(pool.map(one, jobs, chunksize=5)), dtype=float)
            shift, contrast, rejected, healthy = tallies.mean(axis=0)
            within = 0.93 <= shift <= 0.98 and 0.93 <= contrast <= 0.98 and 0.03 <= rejected <= 0.06
            table.add_row(
                condition.heterogeneity,
                str(condition.items),
                f"{condition.base:.1%}",
                f"{truth(condition, EFFECTS['moved']):.3f}",
                f"{shift:.3f}",
                f"{contrast:.3f}",
                f"{rejected:.3f}",
                f"{healthy:.3f}",
                "yes" if within else "no",
            )
    console.print(table)
    console.print(
        f"{sets} data sets a condition, seed {sys.argv[2] if len(sys.argv) > 2 else SEED}"
    )


if __name__ == "__main__":
    main()
