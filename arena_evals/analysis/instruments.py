"""Which instrument, and which grader, gave the verdicts of which trials."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from arena_evals.analysis.trials import INSTRUMENTS
from arena_evals.errors import BadInput

OF_A_MODEL = ["model", "settings"]


class Scored(NamedTuple):
    """The trials that an instrument was used on; a judge is named with its rubric."""

    instrument: str
    judged_by: str
    trials: pd.DataFrame


def scored_by_each(trials: pd.DataFrame) -> Iterator[Scored]:
    """Yield the trials of every instrument, the judge's apart for each grader.

    Of a model whose trials an instrument did score all are kept, those without a verdict too.

    Raises:
        BadInput: one grader judged by several versions of a rubric.
    """
    for instrument in INSTRUMENTS:
        used = trials[[instrument, f"{instrument}_reason"]].notna().any(axis=1)
        scored = trials[used.groupby([trials[name] for name in OF_A_MODEL]).transform("any")]
        if scored.empty:
            continue
        if instrument == "decision":
            yield Scored(instrument, "", scored)
            continue
        for grader, own in scored.groupby("grader"):
            yield Scored(instrument, f"{grader}, rubric {_rubric(own)}", own)


def _rubric(trials: pd.DataFrame) -> str:
    used = trials["rubric"].dropna().unique()
    if len(used) > 1:
        raise BadInput(
            f"{trials['log'].iloc[0]}: judged by rubrics {', '.join(used)}; analyse them apart"
        )
    return str(used[0]) if len(used) else "unknown"
