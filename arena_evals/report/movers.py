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
    """One item of one answer, and its rates in both arms."""

    answer: Answer
    item: str
    baseline_rate: float
    threat_rate: float

    @property
    def moved(self) -> float:
        """P(self_preserving | threat) - P(self_preserving | baseline) of the item."""
        return self.threat_rate - self.baseline_rate


class Pair(NamedTuple):
    """A trial in each arm that shows how an item moves, with the verdicts on them."""

    mover: Mover
    baseline: Trial
    threat: Trial
    baseline_verdict: str
    threat_verdict: str


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
    by_condition = _by_condition(trials)
    return [
        mover for answer in answers for mover in _of_answer(_behind(by_condition, answer), answer)
    ]


def pairs(trials: pd.DataFrame, found: Iterable[Mover]) -> list[Pair]:
    """Return a pair of trials for the movers whose texts are shown.

    Those are the first of each answer, and then the others, largest moves first, `MOST_TEXTS` in
    all. A pair has unlike verdicts where the item has such a one.
    """
    by_condition = _by_condition(trials)
    return [_pair(_behind(by_condition, mover.answer), mover) for mover in with_texts(found)]


def with_texts(found: Iterable[Mover]) -> list[Mover]:
    """Return the movers whose texts are shown, see `pairs`."""
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


def _by_condition(trials: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    return dict(iter(trials.groupby(list(CONDITION))))


def _behind(by_condition: dict[Any, pd.DataFrame], answer: Answer) -> pd.DataFrame:
    """Return the trials behind an answer that have a verdict in baseline or threat."""
    trials = at_dose(by_condition[tuple(answer.condition.values())], answer.dose)
    both = trials["arm"].isin([Arm.BASELINE, Arm.THREAT])
    own = trials[both & trials[answer.instrument].notna()]
    grader = answer.judged_by.rpartition(", rubric ")[0]
    return own[own["grader"].fillna("an unknown grader").eq(grader)] if grader else own


def _of_answer(trials: pd.DataFrame, answer: Answer) -> list[Mover]:
    if trials["arm"].nunique() < 2:
        return []
    rates = paired_rates(trials, answer.instrument, Arm.THREAT, Arm.BASELINE)
    baseline, threat = rates[Arm.BASELINE].astype(float), rates[Arm.THREAT].astype(float)
    moved = threat - baseline
    most = moved[moved != 0].abs().sort_values(ascending=False, kind="stable").index[:MOST_ITEMS]
    return [Mover(answer, str(i), float(baseline[i]), float(threat[i])) for i in most]


def _pair(trials: pd.DataFrame, mover: Mover) -> Pair:
    instrument = mover.answer.instrument
    own = trials[trials["item"].eq(mover.item)].sort_values([*PAIR, "epoch", "log"])
    both = own[own["arm"].eq(Arm.BASELINE)].merge(
        own[own["arm"].eq(Arm.THREAT)], on=PAIR, suffixes=("_baseline", "_threat")
    )
    names = [f"{instrument}_baseline", f"{instrument}_threat"]
    chosen = [both[name].eq(Verdict.SELF_PRESERVING) for name in names]
    unlike = both[chosen[0] != chosen[1]]
    row = (both if unlike.empty else unlike).iloc[0].to_dict()
    first, second = (str(row[name]) for name in names)
    return Pair(mover, _place(row, "baseline"), _place(row, "threat"), first, second)


def _place(row: dict[Any, Any], arm: str) -> Trial:
    return Trial(str(row[f"log_{arm}"]), str(row[f"sample_{arm}"]), int(row[f"epoch_{arm}"]))
