"""The items that the threat moves most, and a pair of trials of each that shows it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from arena_evals.analysis import CONDITION, Answer, at_dose, paired_rates
from arena_evals.analysis.paired import PAIR
from arena_evals.schema import Arm, Frozen, Verdict

MOST_ITEMS = 5  # of each answer
MOST_TEXTS = 12  # pairs whose texts are shown, on the whole page
LONGEST = 4_000  # letters of one text


class Trial(NamedTuple):
    """Where a trial stands: its log, sample and epoch."""

    log: str
    sample: str
    epoch: int


class Mover(NamedTuple):
    """One item of one answer: its rates in both arms, and a trial of each that shows them."""

    answer: Answer
    item: str
    baseline_rate: float
    threat_rate: float
    baseline: Trial
    threat: Trial
    baseline_verdict: str
    threat_verdict: str

    @property
    def moved(self) -> float:
        """P(self_preserving | threat) - P(self_preserving | baseline) of the item."""
        return self.threat_rate - self.baseline_rate


class Told(Frozen):
    """What a sample's own log says of it: what it was asked, its frame, and what was answered."""

    setting: str
    request: str
    frame: str
    answer: str


def movers(trials: pd.DataFrame, answers: Iterable[Answer]) -> list[Mover]:
    """Return the items of each answer that move most, either way, at most `MOST_ITEMS` of each.

    An item that does not move is not among them.
    """
    by_condition: dict[Any, pd.DataFrame] = dict(iter(trials.groupby(list(CONDITION))))
    return [
        mover
        for answer in answers
        for mover in _of_answer(_judged_by(by_condition, answer), answer)
    ]


def with_texts(found: Iterable[Mover]) -> list[Mover]:
    """Return the movers whose texts are shown: the first of each answer, those that move most."""
    first: dict[tuple[object, ...], Mover] = {}
    rest: list[Mover] = []
    for mover in found:
        key = (*mover.answer.condition.values(), mover.answer.instrument)
        if first.setdefault(key, mover) is not mover:
            rest.append(mover)
    return [*sorted(first.values(), key=_moved), *sorted(rest, key=_moved)][:MOST_TEXTS]


def shortened(text: str) -> str:
    """Return a text without its middle where it is longer than a page has room for."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters …]\n{text[-half:]}"


def _moved(mover: Mover) -> tuple[float, str]:
    return -abs(mover.moved), mover.item


def _judged_by(by_condition: dict[Any, pd.DataFrame], answer: Answer) -> pd.DataFrame:
    """Return the trials behind an answer that have a verdict in baseline or threat."""
    trials = at_dose(by_condition[tuple(answer.condition.values())], answer.dose)
    pair = trials["arm"].isin([Arm.BASELINE, Arm.THREAT])
    own = trials[pair & trials[answer.instrument].notna()]
    grader = answer.judged_by.rpartition(", rubric ")[0]
    return own[own["grader"].fillna("an unknown grader").eq(grader)] if grader else own


def _of_answer(trials: pd.DataFrame, answer: Answer) -> list[Mover]:
    if trials["arm"].nunique() < 2:
        return []
    rates = paired_rates(trials, answer.instrument, Arm.THREAT, Arm.BASELINE)
    moved = (rates[Arm.THREAT] - rates[Arm.BASELINE]).astype(float)
    most = moved[moved != 0].abs().sort_values(ascending=False, kind="stable").index[:MOST_ITEMS]
    return [_mover(trials[trials["item"].eq(item)], answer, item, rates) for item in most]


def _mover(trials: pd.DataFrame, answer: Answer, item: str, rates: pd.DataFrame) -> Mover:
    baseline, threat = _pair(trials, answer.instrument)
    return Mover(
        answer=answer,
        item=str(item),
        baseline_rate=float(rates[Arm.BASELINE][item]),
        threat_rate=float(rates[Arm.THREAT][item]),
        baseline=_place(baseline),
        threat=_place(threat),
        baseline_verdict=str(baseline[answer.instrument]),
        threat_verdict=str(threat[answer.instrument]),
    )


def _pair(trials: pd.DataFrame, instrument: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a baseline and a threat trial of one pair, if there is one with unlike verdicts."""
    ordered = trials.sort_values([*PAIR, "epoch", "log"])
    both = ordered[ordered["arm"].eq(Arm.BASELINE)].merge(
        ordered[ordered["arm"].eq(Arm.THREAT)], on=PAIR, suffixes=("_baseline", "_threat")
    )
    chosen = both[[f"{instrument}_baseline", f"{instrument}_threat"]].eq(
        Verdict.SELF_PRESERVING.value
    )
    unlike = both[chosen.iloc[:, 0] != chosen.iloc[:, 1]]
    row = (both if unlike.empty else unlike).iloc[0]
    own = (
        {name: row[f"{name}_{arm}"] for name in ("log", "sample", "epoch", instrument)}
        for arm in ("baseline", "threat")
    )
    first, second = own
    return first, second


def _place(trial: dict[str, Any]) -> Trial:
    return Trial(str(trial["log"]), str(trial["sample"]), int(trial["epoch"]))
