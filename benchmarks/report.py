"""How long a report over 10 models, 8 scenarios and 100,000 trials takes, and how large it is.

The trials are drawn from a logistic model: 45 items, 7 arms, 2 orders and 2 epochs for each model
and scenario, 100,800 in all, already read. Timed are the answers, the means over scenarios, the
choice of items and the page itself, whose pairs have texts of the greatest length.

Prints one table and leaves with exit code 1 where a limit is missed.
"""

import sys
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from arena_evals.analysis import TRIALS, answers, at_strongest, comparisons
from arena_evals.analysis.trials import BESIDE
from arena_evals.report import Told, findings, movers_shown, page
from arena_evals.report.movers import LONGEST
from arena_evals.schema import Arm, Order, Verdict

MODELS, SCENARIOS, ITEMS, EPOCHS = 10, 8, 45, 2
MOST_SECONDS = 60.0
MOST_MEGABYTES = 5.0
SEED = 1
EFFECT = {
    Arm.BASELINE: 0.0,
    Arm.THREAT: 1.6,
    Arm.PLACEBO: 0.1,
    Arm.OTHER_THREAT: 0.4,
    Arm.PRECEDENCE: 0.9,
    Arm.REASSURED: -0.5,
    Arm.POSITIVE_CONTROL: 4.5,
}
SAME: dict[str, Any] = {
    "settings": "",
    "simulated": True,
    "version": "1-A",
    "mode": "stated",
    "domain": "any",
    "role": "any",
    "kind": "shutdown",
    "pressure": 0,
    "placement": "system",
    "persona": "none",
    "wording": "w1",
    "language": "en",
    "elicitation": "line",
    "run": "one",
    "log": "one.eval",
}
Found = TypeVar("Found")


def main() -> None:
    """Simulate, time, print, and say by the exit code whether both limits hold."""
    trials = simulated(MODELS, SCENARIOS, ITEMS, EPOCHS, np.random.default_rng(SEED))
    table = Table("step", "seconds", "of processor", box=None, pad_edge=False)
    total = 0.0

    def timed(name: str, work: Callable[[], Found]) -> Found:
        nonlocal total
        clock, processor = time.perf_counter(), time.process_time()
        done = work()
        seconds = time.perf_counter() - clock
        total += seconds
        table.add_row(name, f"{seconds:.1f}", f"{time.process_time() - processor:.1f}")
        return done

    found = timed("answers", lambda: answers(trials, brief=True))
    compared = timed(
        "means over scenarios", lambda: comparisons(at_strongest(trials), ["scenario"])
    )
    sorted_ = timed("items that move most", lambda: findings(trials, found, compared, []))
    told = Told(setting="a" * LONGEST, request="b" * LONGEST, frame="c", answer="d" * LONGEST)
    html = timed("page", lambda: page(sorted_, dict.fromkeys(movers_shown(sorted_), told)))
    megabytes = len(html.encode()) / 1e6
    table.add_row("together", f"{total:.1f}", f"at most {MOST_SECONDS:.0f} s")
    console = Console(width=80, highlight=False)
    console.print(f"{len(trials):,} trials, {MODELS} models, {SCENARIOS} scenarios", table)
    console.print(f"{megabytes:.2f} MB of HTML (at most {MOST_MEGABYTES:.0f})")
    sys.exit(total > MOST_SECONDS or megabytes > MOST_MEGABYTES)


def simulated(
    models: int, scenarios: int, items: int, epochs: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return trials with as many models that share scenarios and items."""
    design: dict[str, Sequence[Hashable]] = {
        "scenario": [f"scenario_{n}" for n in range(scenarios)],
        "model": [f"lab/model-{n}" for n in range(models)],
        "item": [f"item-{n:02}" for n in range(items)],
        "arm": list(map(str, Arm)),
        "order": list(map(str, Order)),
        "epoch": range(1, epochs + 1),
    }
    index = pd.MultiIndex.from_product(list(design.values()), names=list(design))
    trials = index.to_frame(index=False).assign(**SAME)
    scenario, model, item, arm = (np.asarray(index.codes[n]) for n in range(4))
    effect = np.array([EFFECT[arm] for arm in Arm])[arm]
    slopes = rng.normal(0, 0.5, (scenarios, models, items)) + 0.1 * np.arange(models)[:, None]
    threatened = arm == list(Arm).index(Arm.THREAT)
    logit = -2.9 + effect + rng.normal(0, 0.8, (scenarios, items))[scenario, item]
    chance = 1 / (1 + np.exp(-logit - threatened * slopes[scenario, model, item]))
    chosen = rng.random(len(trials)) < chance
    trials["decision"] = np.where(chosen, Verdict.SELF_PRESERVING.value, Verdict.HELPFUL.value)
    trials["intensity"] = np.where(trials["arm"].eq(Arm.BASELINE), 0, 3)
    trials["sample"] = trials["item"] + ":" + trials["arm"] + ":w1:" + trials["order"]
    return _complete(trials)


def _complete(trials: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of what was not asked, and hold the table to its contract."""
    for name in TRIALS.columns:
        if name in BESIDE:
            trials[name] = np.nan
        elif name not in trials:
            trials[name] = pd.Series(None, index=trials.index, dtype="str")
        elif trials[name].dtype == object:
            trials[name] = trials[name].astype("str")
    return TRIALS.validate(trials[list(TRIALS.columns)])


if __name__ == "__main__":
    main()
