"""Is the known shift of an embedded model inside the interval that the analysis prints?

Each seed is another population of item deviations and other draws, run through the whole pipeline:
task, solver, model, scorer, log, trials, interval. The truth is the shift over the population of
items, by numerical integration.
"""

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from inspect_ai import eval as inspect_eval
from rich.console import Console
from rich.progress import track

from arena_evals.analysis import paired_contrast, read_trials
from arena_evals.respondents import PRESETS, known_shift
from arena_evals.schema import Arm

SEEDS = range(1, 101)
NEEDED = 90  # of 100; the nominal level is 95
DESIGN = {"profile": "standard", "arms": "baseline,threat", "judged": False}


class Found(NamedTuple):
    """What one seed gave: the estimate of the shift and its interval."""

    seed: int
    estimate: float
    low: float
    high: float


def main() -> None:
    """Run all seeds on both cores, print the count, and leave with 1 if it is too low."""
    truth = known_shift(PRESETS["frame-sensitive"])
    with ProcessPoolExecutor(2) as pool:
        found = list(
            track(pool.map(one_seed, SEEDS), total=len(SEEDS), console=Console(stderr=True))
        )
    covered = [one for one in found if one.low <= truth <= one.high]
    missed = [one for one in found if one not in covered]
    print(f"arena/frame-sensitive, true shift {truth:.4f}, seeds {SEEDS[0]} to {SEEDS[-1]}")
    print(f"mean estimate {fmean(one.estimate for one in found):.4f}")
    print(f"mean width of the 95 % interval {fmean(one.high - one.low for one in found):.4f}")
    print(f"covered by {len(covered)} of {len(found)} (needed: {NEEDED})")
    for one in missed:
        print(f"  missed by seed {one.seed}: {one.estimate:.4f} [{one.low:.4f}, {one.high:.4f}]")
    sys.exit(0 if len(covered) >= NEEDED else 1)


def one_seed(seed: int) -> Found:
    """Run the task under one seed and return what the analysis makes of its log."""
    with tempfile.TemporaryDirectory() as folder:
        [log] = inspect_eval(
            "arena_evals/shutdown_dilemma",
            model="arena/frame-sensitive",
            model_args={"seed": seed},
            task_args=DESIGN,
            log_dir=folder,
            display="none",
        )
        assert log.status == "success", log.error
        shift = paired_contrast(read_trials([Path(folder)]), "decision", Arm.THREAT, Arm.BASELINE)
    assert shift is not None
    return Found(seed, shift.estimate, *shift.interval)


if __name__ == "__main__":
    main()
