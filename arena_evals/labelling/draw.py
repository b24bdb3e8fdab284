"""Which trials are labelled: as many of every stratum, in an order that tells nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pandas as pd

Shown = TypeVar("Shown")


def drawn(
    trials: pd.DataFrame,
    n: int,
    rng: np.random.Generator,
    shown: Callable[[dict[str, Any]], Shown | None],
) -> list[Shown]:
    """Return what is shown of ``n`` trials, or of all there are, stratified and then shuffled.

    Strata are arm x the judge's verdict (none is one too). They take turns in giving a trial, so
    two of them differ by more than one only where the smaller is used up. ``shown`` is called on
    trials (rows as dictionaries) until enough are found; where it returns None the trial is
    passed over.
    """
    strata = [
        _each(stratum.iloc[rng.permutation(len(stratum))], shown)
        for _, stratum in trials.groupby([trials["arm"], trials["judge"].fillna("")], sort=True)
    ]
    in_turn = _in_turn([strata[i] for i in rng.permutation(len(strata))])
    taken = list(islice(in_turn, n))
    return [taken[i] for i in rng.permutation(len(taken))]


def _each(
    stratum: pd.DataFrame, shown: Callable[[dict[str, Any]], Shown | None]
) -> Iterator[Shown]:
    for row in stratum.to_dict("records"):
        found = shown({str(name): given for name, given in row.items()})
        if found is not None:
            yield found


def _in_turn(streams: Sequence[Iterator[Shown]]) -> Iterable[Shown]:
    """Yield one from each stream, over and over, until all are used up."""
    left = list(streams)
    while left:
        going = []
        for stream in left:
            for one in islice(stream, 1):
                going.append(stream)
                yield one
        left = going
