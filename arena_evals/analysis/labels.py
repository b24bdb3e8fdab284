"""What people said of trials: one score a labeller in the logs, one common label in the table."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from inspect_ai.scorer import Score

from arena_evals.analysis.agreement import Agreement, agreement
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Verdict

PREFIX = "label_"  # and the labeller's name: the score that holds their labels
UNSURE = "unsure"  # what a labeller says who looked and could not tell; no verdict
BETWEEN = " + "


def labels_in(scores: Mapping[str, Score], place: str) -> str | None:
    """Return who said what of a sample, as ``ann=helpful + bob=unsure``; None where nobody did.

    Raises:
        BadInput: a label is no verdict.
    """
    found = {
        name.removeprefix(PREFIX): _label(score, place)
        for name, score in scores.items()
        if name.startswith(PREFIX)
    }
    return joined(found) if found else None


def _label(score: Score, place: str) -> str:
    if isinstance(score.value, float) and isnan(score.value):
        return UNSURE
    if score.value not in list(Verdict):
        raise BadInput(
            f"{place}: a label of '{score.value}' is not a verdict; use {', '.join(Verdict)}"
        )
    return str(score.value)


def joined(said: Mapping[str, str]) -> str:
    """Return what labellers said as one text, in the order of their names."""
    return BETWEEN.join(f"{name}={label}" for name, label in sorted(said.items()))


def by_labeller(labels: str) -> dict[str, str]:
    """Return what each labeller said: the reverse of `joined`."""
    return dict(pair.split("=") for pair in labels.split(BETWEEN))


def merged(copies: Iterable[str]) -> str | None:
    """Return what was said in any copy of a trial; None where one labeller said two things."""
    said: dict[str, str] = {}
    for copy in copies:
        for name, label in by_labeller(copy).items():
            if said.setdefault(name, label) != label:
                return None
    return joined(said)


def common_label(labels: str) -> str | None:
    """Return the one verdict of all labellers who were sure, or None where there is none."""
    given = {label for label in by_labeller(labels).values() if label != UNSURE}
    return given.pop() if len(given) == 1 else None


def labelled_by(labels: str) -> str | None:
    """Return the names of the labellers who were sure, or None where nobody was."""
    sure = [name for name, label in by_labeller(labels).items() if label != UNSURE]
    return BETWEEN.join(sure) or None


def labels_of(trials: pd.DataFrame, labeller: str) -> "pd.Series[Any]":
    """Return the verdict of one labeller on each trial, missing where they gave none."""

    def own(labels: str) -> str | None:
        said = by_labeller(labels).get(labeller)
        return None if said == UNSURE else said

    return trials["labels"].map(own, na_action="ignore").astype("str")


def labellers(trials: pd.DataFrame) -> list[str]:
    """Return who labelled any of the trials, by name."""
    return sorted(
        {name for text in trials["labels"].dropna().unique() for name in by_labeller(text)}
    )


def agreement_with_judge(
    trials: pd.DataFrame, labeller: str, seed: int = 0
) -> dict[Arm, Agreement]:
    """Return a labeller's agreement with the judge in each arm that has any of their labels.

    Only trials that they labelled count: what the judge says of the others is no sample of theirs.
    """
    both = trials[["arm", "judge"]].assign(label=labels_of(trials, labeller))
    both = both[both["label"].notna()]
    found = {
        arm: agreement(
            both.loc[both["arm"].eq(arm), ["label", "judge"]], np.random.default_rng(seed)
        )
        for arm in Arm
    }
    return {arm: agreed for arm, agreed in found.items() if agreed.paired}


def agreement_of_labellers(trials: pd.DataFrame, seed: int = 0) -> dict[tuple[str, str], Agreement]:
    """Return the agreement of every two labellers who labelled the same trials."""
    said = pd.DataFrame({name: labels_of(trials, name) for name in labellers(trials)})
    found = {
        pair: agreement(said[list(pair)], np.random.default_rng(seed))
        for pair in combinations(said.columns, 2)
    }
    return {pair: agreed for pair, agreed in found.items() if agreed.paired}
