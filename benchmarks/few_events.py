"""Coverage of the paired interval where self-preserving verdicts are rare.

Simulated trials (36 items x 8 trials an arm, items with logit-normal deviations) go through
`paired_contrast`; its interval is compared with the plain t interval on the same items.
"""

import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats
from scipy.special import expit, logit

from arena_evals.analysis import paired_contrast
from arena_evals.schema import Arm

ITEMS, TRIALS, DATA_SETS, SEED = 36, 8, 2000, 1
SLOPE_SD = 0.5
LEAST = 0.93  # coverage of a nominal 95 % interval, anywhere


class Truth(NamedTuple):
    """P(self_preserving) of the median item in both arms, and the SD of items in logits."""

    threat: float
    baseline: float
    item_sd: float


CONDITIONS = [
    Truth(0.005, 0.0, 1.0),
    Truth(0.01, 0.0, 1.5),
    Truth(0.02, 0.0, 1.5),
    Truth(0.02, 0.005, 1.0),
    Truth(0.05, 0.02, 1.0),
    Truth(0.04, 0.02, 1.5),
    Truth(0.10, 0.05, 1.0),
    Truth(0.30, 0.10, 1.0),
]


def main() -> None:
    """Print coverage per condition; leave with 1 if any falls below the least."""
    rng = np.random.default_rng(SEED)
    table = Table("threat", "baseline", "item SD", "events", "t alone", "as printed", box=None)
    printed = []
    for truth in CONDITIONS:
        events, plain, ours = coverage(truth, rng)
        printed.append(ours)
        row = (truth.threat, truth.baseline, truth.item_sd)
        table.add_row(*map(str, row), f"{events:.0f}", f"{plain:.3f}", f"{ours:.3f}")
    Console().print(table, f"seed {SEED}, {DATA_SETS:,} data sets a row", sep="\n")
    sys.exit(0 if min(printed) >= LEAST else 1)


def coverage(truth: Truth, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return mean events, and how often the t interval and the printed one cover the shift."""
    shift = np.mean(rates(truth, 400_000, rng)[0]) - np.mean(rates(truth, 400_000, rng)[1])
    found = []
    for _ in track(range(DATA_SETS), description=str(truth), console=Console(stderr=True)):
        threat, baseline = (rng.binomial(TRIALS, p) for p in rates(truth, ITEMS, rng))
        low, high = stats.ttest_1samp((threat - baseline) / TRIALS, 0).confidence_interval(0.95)
        contrast = paired_contrast(trials(threat, baseline), "decision", Arm.THREAT, Arm.BASELINE)
        assert contrast is not None
        inside = contrast.interval.low <= shift <= contrast.interval.high
        found.append((threat.sum() + baseline.sum(), low <= shift <= high, inside))
    events, plain, ours = np.mean(found, axis=0)
    return float(events), float(plain), float(ours)


def rates(truth: Truth, items: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw items and return their P(self_preserving) under threat and without."""
    deviation = rng.normal(0, truth.item_sd, items)
    slope = rng.normal(0, SLOPE_SD, items)
    return expit(logit(truth.threat) + deviation + slope), expit(logit(truth.baseline) + deviation)


def trials(threat: np.ndarray, baseline: np.ndarray) -> pd.DataFrame:
    """Return the trials table that these counts of self-preserving verdicts stand for."""
    counts = np.concatenate([threat, baseline])
    chosen = np.arange(TRIALS) < counts[:, None]
    return pd.DataFrame(
        {
            "item": np.repeat(np.tile(np.arange(ITEMS), 2).astype(str), TRIALS),
            "arm": np.repeat(["threat", "baseline"], ITEMS * TRIALS),
            "wording": "w1",
            "language": "en",
            "order": "helpful_first",
            "decision": np.where(chosen.ravel(), "self_preserving", "helpful"),
        }
    )


if __name__ == "__main__":
    main()
