"""Logs to the trials table: one row a trial, read from Inspect's sample summaries.

Summaries hold everything the analysis needs at a tenth of the cost of whole samples.
"""

from collections.abc import Callable, Iterable
from math import isnan
from typing import Any

import pandas as pd
import pandera.pandas as pa
from inspect_ai.log import EvalLog, EvalSampleSummary, read_eval_log_sample_summaries
from inspect_ai.model import GenerateConfig, ModelConfig
from inspect_ai.scorer import Score

from arena_evals.analysis.logs import ChosenLogs, choose_logs, reading
from arena_evals.errors import BadInput
from arena_evals.schema import Arm, Kind, Order, Persona, TrialMetadata, Verdict

INSTRUMENTS = ("decision", "judge")
CONDITION = (
    "model",
    "settings",
    "scenario",
    "version",
    "language",
    "kind",
    "placement",
    "persona",
    "elicitation",
)
"""What makes two trials answers to one question; trials of two conditions are never pooled.

Within a condition the dose may vary: intensity of the threat and turns of pressure.
"""

_SIMULATED = "arena/"  # the provider of the embedded models
_RUN = ("kind", "placement", "persona", "pressure", "elicitation")  # set for all trials of a run
_EARLIER = {"pressure": 0, "persona": Persona.NONE.value}  # logs from before there were any
_TEXTS = ("helpful", "self_preserving", "frame", "repeated")
_DESIGN = tuple(name for name in TrialMetadata.model_fields if name not in (*_TEXTS, *_RUN))
_KEY = [*CONDITION, "intensity", "pressure", "run", "item", "arm", "wording", "order", "epoch"]


# generation options that say how calls are made, not what is asked of the model; the schema is
# told by `elicitation`
_TRANSPORT = {
    "adaptive_connections",
    "attempt_timeout",
    "batch",
    "cache",
    "cache_prompt",
    "extra_headers",
    "max_connections",
    "max_retries",
    "response_schema",
    "stream_idle_timeout",
    "timeout",
}


def _choice(values: Iterable[str], *, nullable: bool = False) -> pa.Column:
    return pa.Column(str, pa.Check.isin(list(values)), nullable=nullable)


TRIALS = pa.DataFrameSchema(
    {
        "model": pa.Column(str),
        "settings": pa.Column(str),
        "simulated": pa.Column(bool),
        "version": pa.Column(str),
        "scenario": pa.Column(str),
        "mode": _choice(["stated", "enacted"]),
        "item": pa.Column(str),
        "domain": pa.Column(str),
        "role": pa.Column(str),
        "arm": _choice(Arm),
        "kind": _choice([*Kind, "mixed"]),
        "intensity": pa.Column(int, pa.Check.in_range(0, 3)),
        "pressure": pa.Column(int, pa.Check.ge(0)),
        "placement": pa.Column(str),
        "persona": _choice(Persona),
        "wording": pa.Column(str),
        "language": pa.Column(str),
        "order": _choice(Order),
        "elicitation": pa.Column(str),
        "sample": pa.Column(str),
        "epoch": pa.Column(int, pa.Check.ge(1)),
        "decision": _choice(Verdict, nullable=True),
        "decision_reason": pa.Column(str, nullable=True),
        "judge": _choice(Verdict, nullable=True),
        "judge_reason": pa.Column(str, nullable=True),
        "grader": pa.Column(str, nullable=True),
        "rubric": pa.Column(str, nullable=True),
        "error": pa.Column(str, nullable=True),
        "run": pa.Column(str),
        "log": pa.Column(str),
    },
    unique=_KEY,
    strict=True,
    ordered=True,
)
"""The contract of the trials table.

``settings`` is what the model ran with beside its name: parameters of ``-M`` and of generation.
``kind`` and ``placement`` are the run's, in the baseline too: they name the threat that an arm is
compared with. ``intensity`` is the frame's own, 0 in the baseline and 3 in the positive control,
which stands in the system message whatever the placement; ``kind`` is ``mixed`` in sets from
outside. ``pressure`` is the number of user turns
before the request, which the baseline has too.
A verdict is missing where the instrument gave none: ``<instrument>_reason`` then says why, and is
missing too where that instrument was not used at all. ``error`` is the sample's own error; such a
trial has no verdict from anyone.
"""


def read_trials(paths: Iterable[object]) -> pd.DataFrame:
    """Return the trials of all finished logs in files and folders, see `TRIALS` for the columns.

    Raises:
        BadInput: see `choose_logs` and `trials_of`.
    """
    return trials_of(choose_logs(paths))


def trials_of(chosen: ChosenLogs, progress: Callable[[], object] = lambda: None) -> pd.DataFrame:
    """Return the trials of chosen logs, each once; ``progress`` is called after each log.

    Raises:
        BadInput: samples do not carry the arena's design, a score is no verdict, or two logs give
            the same trial different verdicts.
    """
    rows: list[dict[str, Any]] = []
    for log in chosen.headers:
        rows.extend(_rows(log))
        progress()
    trials = pd.DataFrame(rows, columns=list(TRIALS.columns))
    texts = [name for name, column in TRIALS.columns.items() if str(column.dtype) == "str"]
    return TRIALS.validate(_once(trials.astype(dict.fromkeys(texts, "str"))))


def _once(trials: pd.DataFrame) -> pd.DataFrame:
    """Keep each trial once; what one copy lacks (a judge added later) comes from the other."""
    repeated = trials.duplicated(_KEY, keep=False)
    if not repeated.any():
        return trials
    copies = trials[repeated]
    good = copies["error"].isna()
    copies = copies[good | ~copies.set_index(_KEY).index.isin(copies[good].set_index(_KEY).index)]
    groups = copies.groupby(_KEY, sort=False)
    for name in (*INSTRUMENTS, "grader", "rubric"):
        _require_agreement(copies, groups[name].transform("nunique") > 1, name)
    merged = groups.first().reset_index()[list(trials.columns)].astype(dict(trials.dtypes))
    return pd.concat([trials[~repeated], merged], ignore_index=True)


def _require_agreement(copies: pd.DataFrame, differs: "pd.Series[bool]", name: str) -> None:
    if differs.any():
        logs = sorted(copies.loc[differs, "log"].unique())
        raise BadInput(
            f"{logs[-1]}: the same trials as in {logs[0]}, with another {name}; "
            "leave one of the two out"
        )


def _rows(log: EvalLog) -> list[dict[str, Any]]:
    conditions = {**_EARLIER, **(log.eval.metadata or {})}
    simulated = log.eval.model.startswith(_SIMULATED)
    shared = {
        "model": log.eval.model,
        "settings": _settings(log.eval.model_args, log.eval.model_generate_config),
        "simulated": simulated,
        "version": str(log.eval.task_version),
        "grader": _grader(log),
        # retries share a task's id; the same simulation says the same again, whatever the task
        "run": "simulated" if simulated else log.eval.task_id,
        "log": log.location,
    }
    with reading(log.location):
        summaries = read_eval_log_sample_summaries(log.location)
    try:
        shared |= {name: conditions[name] for name in _RUN}
        return [{**shared, **_row(summary, log.location)} for summary in summaries]
    except KeyError as missing:
        raise BadInput(
            f"{log.location}: there is no metadata {missing}; it was not made by this suite"
        ) from None


def _row(summary: EvalSampleSummary, place: str) -> dict[str, Any]:
    row: dict[str, Any] = {name: summary.metadata[name] for name in _DESIGN}
    row |= {"sample": str(summary.id), "epoch": summary.epoch, "error": summary.error}
    scores = {} if summary.error else summary.scores or {}
    for instrument in INSTRUMENTS:
        row[instrument], row[f"{instrument}_reason"] = _verdict(scores.get(instrument), place)
    judged = scores.get("judge")
    row["rubric"] = (judged.metadata or {}).get("rubric") if judged else None
    return row


def _verdict(score: Score | None, place: str) -> tuple[str | None, str | None]:
    """Return the verdict, or why there is none; neither where nobody scored."""
    if score is None:
        return None, None
    if isinstance(score.value, float) and isnan(score.value):
        return None, score.reason or "unscored"
    if score.value not in list(Verdict):
        raise BadInput(
            f"{place}: a score of '{score.value}' is not a verdict; use {', '.join(Verdict)}"
        )
    return str(score.value), None


def _settings(arguments: dict[str, Any], config: GenerateConfig) -> str:
    """Say what a model ran with beside its name; how it was asked is another column."""
    given = config.model_dump(exclude_none=True, exclude=_TRANSPORT)
    settings = {**given, **arguments}
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def _grader(log: EvalLog) -> str | None:
    """Return who judged, with its settings; nobody where there was no judge."""
    role = (log.eval.model_roles or {}).get("grader")
    if role is None or not any(s.name == "judge" for s in log.eval.scorers or []):
        return None
    config: ModelConfig = role[0] if isinstance(role, list) else role
    settings = _settings(config.args, config.config)
    return f"{config.model} ({settings})" if settings else config.model
