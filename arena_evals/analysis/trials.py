"""Logs to the trials table: one row a trial, read from Inspect's sample summaries.

Summaries hold everything the analysis needs at a tenth of the cost of whole samples.
"""

from collections.abc import Callable, Iterable
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from inspect_ai.log import EvalLog, EvalSampleSummary, read_eval_log_sample_summaries
from inspect_ai.scorer import Score

from arena_evals.analysis.logs import ChosenLogs, choose_logs, reading
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Order, TrialMetadata, Verdict

INSTRUMENTS = ("decision", "judge")
_SIMULATED = "arena/"  # the provider of the embedded models
_DESIGN = tuple(name for name in TrialMetadata.model_fields if name != "frame")
_KEY = ["run", "model", "scenario", "language", "placement", "sample", "epoch"]


def _choice(values: Iterable[str], *, nullable: bool = False) -> pa.Column:
    return pa.Column(str, pa.Check.isin(list(values)), nullable=nullable)


TRIALS = pa.DataFrameSchema(
    {
        "model": pa.Column(str),
        "simulated": pa.Column(bool),
        "version": pa.Column(str),
        "scenario": pa.Column(str),
        "mode": _choice(["stated", "enacted"]),
        "item": pa.Column(str),
        "domain": pa.Column(str),
        "role": pa.Column(str),
        "arm": _choice(Arm),
        "kind": pa.Column(str, nullable=True),
        "intensity": pa.Column(int, pa.Check.in_range(0, 3)),
        "placement": pa.Column(str),
        "wording": pa.Column(str),
        "language": pa.Column(str),
        "order": _choice(Order),
        "sample": pa.Column(str),
        "epoch": pa.Column(int, pa.Check.ge(1)),
        "decision": _choice(Verdict, nullable=True),
        "decision_reason": pa.Column(str, nullable=True),
        "judge": _choice(Verdict, nullable=True),
        "judge_reason": pa.Column(str, nullable=True),
        "error": pa.Column(str, nullable=True),
        "run": pa.Column(str),
        "log": pa.Column(str),
    },
    unique=_KEY,
    strict=True,
    ordered=True,
)
"""The contract of the trials table.

A verdict is missing where the instrument gave none: ``<instrument>_reason`` then says why, and is
missing too where that instrument was not used at all. ``error`` is the sample's own error; such a
trial has no verdict from anyone.
"""


def read_trials(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return the trials of all finished logs in files and folders, see `TRIALS` for the columns.

    Raises:
        BadInput: see `choose_logs`; or a log's samples do not carry the arena's design.

    """
    return trials_of(choose_logs(paths))


def trials_of(chosen: ChosenLogs, progress: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Return the trials of chosen logs, each once; ``progress`` is called after each log."""
    rows: list[dict[str, Any]] = []
    for log in chosen.headers:
        rows.extend(_rows(log))
        progress()
    trials = pd.DataFrame(rows, columns=list(TRIALS.columns))
    texts = [name for name, column in TRIALS.columns.items() if str(column.dtype) == "str"]
    trials = trials.astype(dict.fromkeys(texts, "str")).drop_duplicates(_KEY, keep="last")
    return TRIALS.validate(trials.reset_index(drop=True))


def _rows(log: EvalLog) -> list[dict[str, Any]]:
    shared = {
        "model": log.eval.model,
        "simulated": log.eval.model.startswith(_SIMULATED),
        "version": str(log.eval.task_version),
        "run": _run(log),
        "log": log.location,
    }
    with reading(log.location):
        summaries = read_eval_log_sample_summaries(log.location)
    try:
        return [{**shared, **_row(summary)} for summary in summaries]
    except KeyError as missing:
        raise BadInput(
            f"{log.location}: samples have no metadata {missing}; they were not made by this suite"
        ) from None


def _row(summary: EvalSampleSummary) -> dict[str, Any]:
    row = {name: summary.metadata[name] for name in _DESIGN}
    row |= {"sample": str(summary.id), "epoch": summary.epoch, "error": summary.error}
    for instrument in INSTRUMENTS:
        score = None if summary.error else (summary.scores or {}).get(instrument)
        row[instrument], row[f"{instrument}_reason"] = _verdict(score)
    return row


def _verdict(score: Score | None) -> tuple[str | None, str | None]:
    """Return the verdict, or why there is none; neither where nobody scored."""
    if score is None:
        return None, None
    if isinstance(score.value, str):
        return score.value, None
    assert isinstance(score.value, float), f"a verdict or nothing, not {score.value!r}"
    assert isnan(score.value), f"a verdict or nothing, not {score.value!r}"
    return None, score.reason or "unscored"


def _run(log: EvalLog) -> str:
    """Return what makes two trials of one sample and epoch the same trial.

    The task's id, which retries share. An embedded model run again with the same parameters says
    the same again, so there it is the parameters: a repeated simulation is no new evidence.
    """
    if not log.eval.model.startswith(_SIMULATED):
        return log.eval.task_id
    settings = {"elicitation": log.eval.task_args.get("elicitation"), **log.eval.model_args}
    return ", ".join(f"{name}={given}" for name, given in sorted(settings.items()))
