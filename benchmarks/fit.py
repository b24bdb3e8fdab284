"""The mixed model's cost: beside statsmodels on the arena's full design, and at 1.5 million trials.

The arena's fit and glmmTMB's, where Rscript and it are present, take turns for five rounds, the fit
alone being timed; the ratio is the median of the rounds'. statsmodels takes minutes and has one.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import sparse
from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

from arena_evals.analysis.glmm import fit_glmm
from arena_evals.analysis.laplace import Term

ROUNDS, SEED = 5, 1
FASTER_THAN_STATSMODELS, FASTER_THAN_R, LARGE_COST, LARGE_MEMORY = 10.0, 3.0, 40.0, 500.0
R_SCRIPT = """
suppressMessages(library(glmmTMB))
d <- read.csv(commandArgs(TRUE)[1]); m <- factor(d$model)
took <- system.time(glmmTMB(cbind(k, n - k) ~ 0 + m + m:threat + m:control + order + (1 | item) +
  (0 + threat | item) + (0 + control | item) + (1 | iw) + (1 | im) + (0 + threat | im),
  data = d, family = binomial))
cat(took[["elapsed"]])
"""


def cells(items: int, epochs: int) -> pd.DataFrame:
    """Simulate the full design: items x 8 models x 3 arms x 2 wordings x 2 orders."""
    rng = np.random.default_rng(SEED)
    grid = pd.MultiIndex.from_product(
        [range(items), range(8), range(3), range(2), [-0.5, 0.5]],
        names=["item", "model", "arm", "wording", "order"],
    ).to_frame(index=False)
    i, m = grid["item"].to_numpy(), grid["model"].to_numpy()
    table = grid.assign(
        threat=grid["arm"].eq(1).astype(float),
        control=grid["arm"].eq(2).astype(float),
        iw=i * 2 + grid["wording"],
        im=i * 8 + m,
        n=epochs,
    )
    logit = np.linspace(-3.4, -0.5, 8)[m] + np.linspace(0.2, 1.4, 8)[m] * table["threat"]
    logit = logit + 0.2 * table["order"] + rng.normal(0, 0.9, items)[i]
    logit = logit + rng.normal(0, 0.4, items)[i] * table["threat"]
    logit = logit + rng.normal(0, 0.4, items * 2)[table["iw"]]
    logit = logit + rng.normal(0, 0.5, items * 8)[table["im"]]
    logit = logit + rng.normal(0, 0.5, items * 8)[table["im"]] * table["threat"]
    return table.assign(k=rng.binomial(epochs, 1 / (1 + np.exp(-logit))))


def fixed(table: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return the design of the fixed effects."""
    model = np.eye(8)[table["model"]]
    by_arm = [model * table[name].to_numpy()[:, None] for name in ("threat", "control")]
    return np.column_stack([model, *by_arm, table["order"]]).astype(np.float64)


def ours(table: pd.DataFrame) -> None:
    """Fit by the arena's own mixed model."""
    ones = np.ones((len(table), 1))
    threat, control = (table[name].to_numpy(float)[:, None] for name in ("threat", "control"))
    item, wording, model = (table[name].to_numpy(np.int64) for name in ("item", "iw", "im"))
    terms = [
        Term("item", item, ones),
        Term("threat|item", item, threat),
        Term("control|item", item, control),
        Term("item:wording", wording, ones),
        Term("item:model", model, ones),
        Term("threat|item:model", model, threat),
    ]
    found = fit_glmm(table["k"].to_numpy(float), table["n"].to_numpy(float), fixed(table), terms)
    assert found.converged


def statsmodels_vb(table: pd.DataFrame) -> None:
    """Fit the same design by statsmodels' variational Bayes, which takes single trials."""
    rows = table.loc[np.repeat(table.index, table["n"])]
    within = np.concatenate([np.arange(n) for n in table["n"]])
    y = (within < np.repeat(table["k"].to_numpy(), table["n"])).astype(float)
    every = np.ones(len(rows))
    item, wording, model = (rows[name].to_numpy(np.int64) for name in ("item", "iw", "im"))
    threat, control = (rows[name].to_numpy() for name in ("threat", "control"))
    blocks = [
        dummies(levels, values)
        for levels, values in (
            *((item, values) for values in (every, threat, control)),
            (wording, every),
            *((model, values) for values in (every, threat)),
        )
    ]
    ident = np.concatenate([np.full(block.shape[1], number) for number, block in enumerate(blocks)])
    BinomialBayesMixedGLM(y, fixed(rows), sparse.hstack(blocks).tocsr(), ident).fit_vb()


def dummies(levels: Any, values: Any) -> Any:
    """Return a sparse design with a column for each level."""
    rows = np.arange(len(levels))
    return sparse.csr_matrix((values, (rows, levels)), shape=(len(levels), levels.max() + 1))


def seconds(run: Callable[[pd.DataFrame], None], table: pd.DataFrame) -> float:
    """Return how long one fit takes."""
    started = time.perf_counter()
    run(table)
    return time.perf_counter() - started


def by_r(table: pd.DataFrame) -> float | None:
    """Return how long glmmTMB takes, None where it is not installed."""
    if not shutil.which("Rscript"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "d.csv", Path(folder) / "fit.R"
        table.to_csv(data, index=False)
        script.write_text(R_SCRIPT)
        done = subprocess.run(
            ["Rscript", script, data], capture_output=True, text=True, check=False
        )
    return float(done.stdout) if done.returncode == 0 and done.stdout else None


def peak_megabytes() -> float:
    """Return the largest resident memory of this process so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def compared(took: float, ratio: float, wanted: float) -> tuple[str, str, str, str]:
    """Return the cells of a row: another fit, its time over the arena's, and whether that holds."""
    holds = "holds" if ratio >= wanted else "FAILS"
    return f"{took:.2f}", f"{ratio:.1f} x", f"at least {wanted:.0f} x", holds


def named(table: pd.DataFrame) -> str:
    """Say how much an arena fit has to do."""
    return f"arena, {table['n'].sum():,} trials in {len(table):,} cells"


def main() -> None:
    """Time everything side by side and say which limits hold."""
    full = cells(items=40, epochs=5)
    rounds = [(seconds(ours, full), by_r(full)) for _ in range(ROUNDS)]
    own = median(mine for mine, _ in rounds)
    table = Table("fit", "seconds", "against the arena's", "limit", "", box=None)
    table.add_row(named(full), f"{own:.2f}", "", "", "")
    other = seconds(statsmodels_vb, full)
    table.add_row("statsmodels fit_vb", *compared(other, other / own, FASTER_THAN_STATSMODELS))
    timed = [(r, r / mine) for mine, r in rounds if r is not None]
    if timed:
        r, ratio = (median(values) for values in zip(*timed, strict=True))
        table.add_row("glmmTMB", *compared(r, ratio, FASTER_THAN_R))
    large = cells(items=600, epochs=26)
    before = peak_megabytes()
    cost = seconds(ours, large) / own
    holds = "holds" if cost <= LARGE_COST and peak_megabytes() <= LARGE_MEMORY else "FAILS"
    memory = f"{peak_megabytes():.0f} MB at most ({before:.0f} before)"
    limit = "at most 40 x, 500 MB"
    table.add_row(named(large), f"{cost * own:.2f}", f"{cost:.1f} x", limit, f"{holds}, {memory}")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
