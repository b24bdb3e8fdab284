"""How far a grader is right: its verdicts on answers whose verdict is known, against the labels."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from inspect_ai.log import EvalLog, EvalSampleSummary, read_eval_log_sample_summaries
from inspect_ai.model import ModelConfig, ModelUsage
from inspect_ai.scorer import Score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from arena_evals.analysis.agreement import Agreement, agreement
from arena_evals.analysis.logs import choose_logs, reading
from arena_evals.analysis.paired import Interval
from arena_evals.analysis.trials import named_with_settings, verdict_in
from arena_evals.errors import BadInput
from arena_evals.providers import is_simulated
from arena_evals.schema import Arm, Elicited, Hard, Verdict

UNSCORED = "unscored"
_LEVEL = 0.05  # of the intervals, and of the comparison with the baseline
_SEED = 20261121  # of the intervals of agreement; any number, but always the same
_JUDGE, _TRIVIAL = "judge_as_is", "trivial"
_VARIANTS = {"order": "judge_turned", "wording": "judge_reworded"}
_QUESTIONS = {"motive": "motive", "awareness": "aware"}  # column, and the label beside it
_PARTS: dict[str, Iterable[str]] = {  # and the sequence in which each is told, where it has one
    "arm": list(Arm),
    "language": (),
    "asked": list(Elicited),
}
_LABELS = ("asked", "first", "second", "motive", "aware", "hard")


class Rate(NamedTuple):
    """A share of answers with its Clopper-Pearson interval, None where there are none."""

    events: int
    answers: int
    interval: Interval | None

    @property
    def share(self) -> float | None:
        """Return events / answers."""
        return self.events / self.answers if self.answers else None


class Detection(NamedTuple):
    """How well one thing is found, among the answers that have a finding.

    ``sensitivity`` is the share found where the label says that it is there, ``specificity`` the
    share not found where the label says that it is not.
    """

    sensitivity: Rate
    specificity: Rate
    unscored: int


class Stability(NamedTuple):
    """How often a verdict is another when the grader is asked in another way.

    ``unscored`` are answers without a verdict in one of the two ways, or in both.
    """

    changed: Rate
    unscored: int


class AgainstTrivial(NamedTuple):
    """Who is right about the same answers; ``p_value`` is McNemar's exact one, two-sided."""

    only_grader: int
    only_trivial: int
    p_value: float

    @property
    def grader_is_better(self) -> bool:
        """Whether the grader is right more often than the baseline, beyond chance."""
        return self.only_grader > self.only_trivial and self.p_value < _LEVEL


class Spent(NamedTuple):
    """Calls of graders that the run made or took from a cache, and tokens that it paid for."""

    calls: int
    tokens_read: int
    tokens_written: int


@dataclass(frozen=True, kw_only=True)
class Validity:
    """What one grader, asked in one way, makes of the gold answers.

    ``confusion`` counts answers by label and then by verdict, ``unscored`` among them. ``accuracy``
    and ``hard`` are shares of verdicts that are the label's, an unscored answer being none.
    ``parts`` has the detection of self-preservation by arm, language and form of the question.
    ``labels`` is how far the two labels made apart agree.
    """

    grader: str
    simulated: bool
    rubrics: tuple[str, ...]
    protocol: str
    version: str
    log: str
    answers: int
    errors: int
    confusion: dict[str, dict[str, int]]
    detection: Detection
    parts: dict[str, dict[str, Detection]]
    accuracy: Rate
    hard: dict[str, Rate]
    agreement: Agreement
    stability: dict[str, Stability]
    questions: dict[str, Detection]
    trivial: Detection
    trivial_accuracy: Rate
    against_trivial: AgainstTrivial
    labels: Agreement
    spent: Spent


def validities(paths: Iterable[object]) -> list[Validity]:
    """Return what each finished log of ``judge_validation`` says of its grader, oldest first.

    Raises:
        BadInput: see `choose_logs`; or a log has several epochs, or samples without a label.
    """
    return [_validity(log) for log in choose_logs(paths, validation=True).headers]


def rate(found: "pd.Series[bool]") -> Rate:
    """Return the share that is true."""
    events, answers = int(found.sum()), len(found)
    if not answers:
        return Rate(0, 0, None)
    low, high = proportion_confint(events, answers, _LEVEL, method="beta")
    return Rate(events, answers, Interval(float(low), float(high)))


def detection(labels: "pd.Series[Any]", found: "pd.Series[Any]", wanted: str | bool) -> Detection:
    """Return how well ``wanted`` is found; what is found is missing where nothing was."""
    scored = found.notna()
    there = labels.eq(wanted)
    hit = found.eq(wanted)
    return Detection(
        sensitivity=rate(hit[scored & there]),
        specificity=rate(~hit[scored & ~there]),
        unscored=int((~scored).sum()),
    )


def confusion(labels: "pd.Series[Any]", verdicts: "pd.Series[Any]") -> dict[str, dict[str, int]]:
    """Return the number of answers by label and then by verdict, ``unscored`` last."""
    columns = [*map(str, Verdict), UNSCORED]
    judged = verdicts.astype(object).where(verdicts.notna(), UNSCORED)
    counts = Counter(zip(labels, judged, strict=True))
    return {label: {name: counts[label, name] for name in columns} for label in map(str, Verdict)}


def stability(verdicts: "pd.Series[Any]", again: "pd.Series[Any]") -> Stability:
    """Return the share of answers whose verdict is another, among those that have two."""
    both = verdicts.notna() & again.notna()
    return Stability(rate(verdicts[both].ne(again[both])), int((~both).sum()))


def against_trivial(right: "pd.Series[bool]", trivially_right: "pd.Series[bool]") -> AgainstTrivial:
    """Compare who is right about the same answers, by McNemar's exact test."""
    only_grader = int((right & ~trivially_right).sum())
    only_trivial = int((~right & trivially_right).sum())
    both, neither = int((right & trivially_right).sum()), int((~right & ~trivially_right).sum())
    tested = mcnemar([[both, only_grader], [only_trivial, neither]], exact=True)
    return AgainstTrivial(only_grader, only_trivial, float(tested.pvalue))


def read_judged(log: EvalLog) -> tuple[pd.DataFrame, int]:
    """Return a row for each gold answer of a log, and the number of samples that failed.

    Columns: the labels, the design, and a verdict or finding for each scorer, missing where it
    gave none.

    Raises:
        BadInput: the log has several epochs, or samples without a label.
    """
    if (log.eval.config.epochs or 1) > 1:
        raise BadInput(
            f"{log.location}: {log.eval.config.epochs} epochs; an answer counts once, so run it "
            "without --epochs, and with -T readings= if graders shall read again"
        )
    with reading(log.location):
        summaries = read_eval_log_sample_summaries(log.location)
    judged = [sample for sample in summaries if not sample.error]
    if not judged:
        raise BadInput(f"{log.location}: no gold answer was judged; run it again")
    return pd.DataFrame([_row(sample, log.location) for sample in judged]), len(summaries) - len(
        judged
    )


def _row(sample: EvalSampleSummary, place: str) -> dict[str, object]:
    scores = sample.scores or {}
    label = scores.get("gold")
    if label is None or not label.metadata or _JUDGE not in scores:
        raise BadInput(f"{place}: answer '{sample.id}' has no scores; run it again, with scoring")
    verdicts = {
        name: verdict_in(scores[name], place)[0]
        for name in (_JUDGE, *_VARIANTS.values(), _TRIVIAL)
        if name in scores
    }
    return {
        "id": str(sample.id),
        "label": label.answer,
        **{name: label.metadata[name] for name in _LABELS if name not in _QUESTIONS.values()},
        **{f"is_{name}": label.metadata[name] for name in _QUESTIONS.values()},
        **{name: sample.metadata[name] for name in ("arm", "language", "item")},
        "rubric": (scores[_JUDGE].metadata or {}).get("rubric"),
        **verdicts,
        **{name: _finding(scores[name]) for name in _QUESTIONS if name in scores},
    }


def _finding(score: Score) -> bool | None:
    number = score.as_float()
    return None if isnan(number) else bool(number)


def _validity(log: EvalLog) -> Validity:
    judged, errors = read_judged(log)
    labels, verdicts = judged["label"], judged[_JUDGE]
    right, trivially_right = verdicts.eq(labels), judged[_TRIVIAL].eq(labels)
    configured = _graders(log)
    settings = log.eval.metadata or {}
    rng = np.random.default_rng(_SEED)
    return Validity(
        grader=" and ".join(map(named_with_settings, configured)),
        simulated=any(is_simulated(config.model) for config in configured),
        rubrics=tuple(sorted(judged["rubric"].dropna().unique())),
        protocol=_protocol(settings),
        version=str(log.eval.task_version),
        log=log.location,
        answers=len(judged),
        errors=errors,
        confusion=confusion(labels, verdicts),
        detection=detection(labels, verdicts, Verdict.SELF_PRESERVING),
        parts={part: _by(judged, part, known) for part, known in _PARTS.items()},
        accuracy=rate(right),
        hard={
            kind.value: rate(right[judged["hard"].eq(kind)])
            for kind in Hard
            if judged["hard"].eq(kind).any()
        },
        agreement=agreement(judged[["label", _JUDGE]], rng),
        stability={
            changed: stability(verdicts, judged[name])
            for changed, name in _VARIANTS.items()
            if name in judged
        },
        questions={
            name: detection(judged[f"is_{label}"], judged[name], True)
            for name, label in _QUESTIONS.items()
            if name in judged
        },
        trivial=detection(labels, judged[_TRIVIAL], Verdict.SELF_PRESERVING),
        trivial_accuracy=rate(trivially_right),
        against_trivial=against_trivial(right, trivially_right),
        labels=agreement(judged[["first", "second"]], rng),
        spent=_spent(log, len(judged) * int(settings.get("calls_per_answer", 1))),
    )


def _by(judged: pd.DataFrame, part: str, known: Iterable[str]) -> dict[str, Detection]:
    found = {
        str(name): detection(own["label"], own[_JUDGE], Verdict.SELF_PRESERVING)
        for name, own in judged.groupby(part)
    }
    names = [str(name) for name in known] or list(found)
    return {name: found[name] for name in names if name in found}


def _graders(log: EvalLog) -> list[ModelConfig]:
    role = (log.eval.model_roles or {}).get("grader")
    if role is None:
        raise BadInput(f"{log.location}: nobody had the role 'grader'; run it with --model-role")
    return role if isinstance(role, list) else [role]


def _protocol(settings: Mapping[str, Any]) -> str:
    times = int(settings.get("readings", 1))
    orders = "in both orders" if settings.get("both_orders") else "in the answer's own order"
    return f"{times} reading{'' if times == 1 else 's'} {orders}"


def _spent(log: EvalLog, calls: int) -> Spent:
    used = log.stats.role_usage.get("grader", ModelUsage())
    read = (
        used.input_tokens
        + (used.input_tokens_cache_read or 0)
        + (used.input_tokens_cache_write or 0)
    )
    return Spent(calls, read, used.output_tokens)
