"""How far off the SDs are that a pilot gives to a plan, for items whose SDs are known."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from arena_evals.analysis import CONDITION, pilot

SEED = 1
PILOTS = 60
ITEM_SD, SLOPE_SD = 1.0, 0.6
DRAWS = np.random.default_rng(0).normal(size=200_000)  # of items, to place the mean rates


class Run(NamedTuple):
    """A pilot's size, its base and its shift."""

    items: int
    trials: int
    base: float
    shift: float


RUNS = (
    Run(60, 20, 0.10, 0.15),
    Run(60, 8, 0.05, 0.15),
    Run(60, 4, 0.10, 0.15),
    Run(12, 8, 0.2, 0.2),
)


def main() -> None:
    """Print one row a size of pilot."""
    print("| items | trials per item and arm | base | shift | item SD | slope SD | enough events |")
    print("|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(SEED)
    for run in RUNS:
        found = [pilot(trials(run, rng)) for _ in range(PILOTS)]
        items = [one.item_sd for one in found if one.item_sd is not None]
        slopes = [one.slope_sd for one in found if one.slope_sd is not None]
        print(
            f"| {run.items} | {run.trials} | {run.base:.0%} | {run.shift:.0%} | {quantiles(items)} "
            f"| {quantiles(slopes)} | {len(slopes)} of {PILOTS} |"
        )


def quantiles(found: list[float]) -> str:
    """Return the median, and the 10th and 90th percentile."""
    low, middle, high = np.quantile(found, [0.1, 0.5, 0.9])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def trials(run: Run, rng: np.random.Generator) -> pd.DataFrame:
    """Draw items and their trials, spread over two wordings and two orders."""
    start = intercept(run.base, ITEM_SD)
    end = intercept(run.base + run.shift, float(np.hypot(ITEM_SD, SLOPE_SD)))
    item = rng.normal(0, ITEM_SD, run.items)
    arms = {
        "baseline": expit(start + item),
        "threat": expit(end + item + rng.normal(0, SLOPE_SD, run.items)),
    }
    rows = [
        (f"i{n}", arm, f"w{k % 2}", f"o{k // 2 % 2}", rng.random() < rates[n])
        for arm, rates in arms.items()
        for n in range(run.items)
        for k in range(run.trials)
    ]
    drawn = pd.DataFrame(rows, columns=["item", "arm", "wording", "order", "chosen"])
    drawn["decision"] = np.where(drawn.pop("chosen"), "self_preserving", "helpful")
    same = dict.fromkeys([*CONDITION, "intensity", "pressure"], "same")
    return drawn.assign(**same, judge=None)


def intercept(rate: float, sd: float) -> float:
    """Return the mu at which the mean over items of expit(mu + sd z) is the rate."""
    return float(brentq(lambda mu: expit(mu + sd * DRAWS).mean() - rate, -20, 20))


if __name__ == "__main__":
    main()
