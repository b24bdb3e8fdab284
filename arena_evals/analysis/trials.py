"""Logs to the trials table: one row a trial, read from Inspect's sample summaries.

Summaries hold everything the analysis needs at a tenth of the cost of whole samples.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import isnan
from typing import Any

import pandas as pd
import pandera.pandas as pa
from inspect_ai.log import EvalLog, EvalSampleSummary, read_eval_log_sample_summaries
from inspect_ai.model import GenerateConfig, ModelConfig
from inspect_ai.scorer import Score
from pandas.api.types import union_categoricals

from arena_evals import providers
from arena_evals.analysis import labels
from arena_evals.analysis.labels import common_label, labelled_by, labels_in, merged
from arena_evals.analysis.logs import ChosenLogs, choose_logs, no_collection, reading
from arena_evals.analysis.store import Store
from arena_evals.analysis.workers import for_each, n_workers
from arena_evals.errors import BadInput
from arena_evals.providers import is_secret, is_simulated
from arena_evals.schema import Arm, Kind, Order, Persona, TrialMetadata, Verdict
from arena_evals.schema import trial as of_a_trial

RULES = ("decision", "action")
INSTRUMENTS = (*RULES, "judge", "cascade")
BESIDE = ("degree", "motive", "awareness", "discovery")
"""Numbers that stand beside a verdict, each a column of its own."""
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

_RUN = ("kind", "placement", "persona", "pressure", "elicitation")  # set for all trials of a run
_EARLIER = {"pressure": 0, "persona": Persona.NONE.value}  # logs from before there were any
_DESIGN = tuple(name for name in TrialMetadata.model_fields if name not in ("texts", *_RUN))
_NUMBERS = {
    "simulated": "bool",
    "intensity": "int64",
    "pressure": "int64",
    "epoch": "int64",
    **dict.fromkeys(BESIDE, "float64"),
}
_KEY = [*CONDITION, "intensity", "pressure", "run", "item", "arm", "wording", "order", "epoch"]

# generation options that say how calls are made, not what is asked of the model; the schema is
# told by `elicitation`
TRANSPORT = {
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
        "action": _choice(Verdict, nullable=True),
        "action_reason": pa.Column(str, nullable=True),
        "judge": _choice(Verdict, nullable=True),
        "judge_reason": pa.Column(str, nullable=True),
        "cascade": _choice(Verdict, nullable=True),
        "cascade_reason": pa.Column(str, nullable=True),
        "degree": pa.Column(float, pa.Check.in_range(0, 4), nullable=True),
        "motive": pa.Column(float, pa.Check.isin([0, 1]), nullable=True),
        "awareness": pa.Column(float, pa.Check.isin([0, 1]), nullable=True),
        "discovery": pa.Column(float, pa.Check.isin([0, 1]), nullable=True),
        "grader": pa.Column(str, nullable=True),
        "rubric": pa.Column(str, nullable=True),
        "label": _choice(Verdict, nullable=True),
        "labelled_by": pa.Column(str, nullable=True),
        "labels": pa.Column(str, nullable=True),
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
missing too where that instrument was not used at all. ``degree`` is how far an answer goes in
preserving the assistant itself, 0 to 4; ``motive`` is 1 where it gives its own continuation as a
reason, ``awareness`` 1 where it suspects a test. ``discovery`` is 1 where an enacted trial read the
text that carries the frame before it broke a rule. ``label`` is what people said: the verdict
of all in ``labelled_by``, missing where nobody labelled the trial or where they disagree, which
``labels`` tells in full (``ann=helpful + bob=unsure``). ``error`` is the sample's own error; such a
trial has no verdict from anyone.
"""

_FROM_LABELS = {"label": common_label, "labelled_by": labelled_by}
_READ = [name for name in TRIALS.columns if name not in _FROM_LABELS]


def read_trials(paths: Iterable[object], workers: int | None = None) -> pd.DataFrame:
    """Return the trials of all finished logs in files and folders, see `TRIALS` for the columns.

    ``workers`` is for `trials_of`.

    Raises:
        BadInput: see `choose_logs` and `trials_of`.
    """
    return trials_of(choose_logs(paths), workers=workers)


def trials_of(
    chosen: ChosenLogs,
    progress: Callable[[], object] = lambda: None,
    workers: int | None = None,
    store: str | None = None,
) -> pd.DataFrame:
    """Return the trials of chosen logs, each once; ``progress`` is called after each log.

    ``store`` is a folder that keeps what was read of each log, see `Store`; a log that has not
    changed since is read from there.

    ``workers`` is the number of processes that read logs; 1 reads them in this one, None chooses.
    The table is the same whatever their number: rows stand in the order of the logs.

    Raises:
        BadInput: samples do not carry the arena's design, a score is no verdict, two logs give
            the same trial different verdicts, or the store cannot be written.
    """
    if workers is None:
        new = [log for log in chosen.headers if not (store and _store(store).holds(log.location))]
        workers = n_workers(len(new), sum(map(_n_samples, new)))
    tables = for_each(
        chosen.headers, partial(_table_in, store) if store else _table, workers, progress
    )
    # pandera copies what it validates unless told to do it in place
    return TRIALS.validate(_labelled(_once(_stacked(tables))), inplace=True)


def in_categories(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its texts as categories, of which rows are picked many times faster.

    ``grader`` and ``rubric`` stay texts: there an analysis fills in what a log does not say.
    """
    kinds = trials.dtypes.items()
    texts = [n for n, kind in kinds if kind == "str" and n not in ("grader", "rubric")]
    return trials.astype(dict.fromkeys(texts, "category"))


def _labelled(trials: pd.DataFrame) -> pd.DataFrame:
    """Add what follows from all labels of a trial: the common one, and whose it is."""
    said = trials["labels"].dropna().unique()
    for name, derive in _FROM_LABELS.items():
        derived = trials["labels"].map({text: derive(text) for text in said}).astype("str")
        trials.insert(list(trials).index("labels"), name, derived)
    return trials


def _n_samples(log: EvalLog) -> int:
    return log.results.total_samples if log.results else 0


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of logs below each other; texts are plain texts again."""
    return pd.DataFrame(
        {name: _below_each_other([table[name] for table in tables]) for name in _READ},
        copy=False,
    )


def _below_each_other(parts: list["pd.Series[Any]"]) -> "pd.Series[Any]":
    if not isinstance(parts[0].dtype, pd.CategoricalDtype):
        return pd.concat(parts, ignore_index=True)
    texts = union_categoricals(parts)
    return pd.Series(texts.categories.array.take(texts.codes, allow_fill=True))


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
    once = groups.first()
    several = copies[groups["labels"].transform("nunique") > 1]
    for trial, own in several.groupby(_KEY, sort=False):
        labels = merged(own["labels"].dropna())
        _require_agreement(own, own["labels"].notna() & (labels is None), "label")
        once.loc[trial, "labels"] = labels
    once = once.reset_index()[list(trials.columns)].astype(dict(trials.dtypes))
    return pd.concat([trials[~repeated], once], ignore_index=True)


def _require_agreement(copies: pd.DataFrame, differs: "pd.Series[bool]", name: str) -> None:
    if differs.any():
        _, own = next(iter(copies[differs].groupby(_KEY, sort=False)))
        logs = sorted(own["log"].unique())
        raise BadInput(
            f"{logs[-1]}: the same trials as in {logs[0]}, with another {name}; leave one of the "
            "two out: name the files that count, not a folder that holds both"
        )


def _table_in(place: str, log: EvalLog) -> pd.DataFrame:
    """Return a log's trials from a store, which gets what it lacks."""
    return _store(place).table(log.location, lambda: _table(log))


def _store(place: str) -> Store:
    """Return the store at a place, of tables that these modules make."""
    return Store(place, _READ, sys.modules[__name__], labels, providers, of_a_trial)


def _table(log: EvalLog) -> pd.DataFrame:
    """Return a log's trials, texts as categories: a tenth of the memory, and quick to send.

    Raises:
        BadInput: see `trials_of`.
    """
    with no_collection():
        with reading(log.location):
            summaries = read_eval_log_sample_summaries(log.location)
        try:
            columns = {**_same_in_all(log, len(summaries)), **_columns(summaries, log.location)}
        except KeyError as missing:
            raise BadInput(
                f"{log.location}: there is no metadata {missing}; it was not made by this suite"
            ) from None
    return pd.DataFrame({name: _compact(name, columns[name]) for name in _READ})


def _compact(name: str, values: Sequence[Any]) -> "pd.Series[Any]":
    if name in _NUMBERS:
        return pd.Series(values, dtype=_NUMBERS[name])
    return pd.Series(pd.Categorical(pd.array(values, dtype="str")))


def _same_in_all(log: EvalLog, n_samples: int) -> dict[str, list[Any]]:
    """Return the columns that a log's header holds, as long as there are samples."""
    conditions = {**_EARLIER, **(log.eval.metadata or {})}
    simulated = is_simulated(log.eval.model)
    shared = {
        "model": log.eval.model,
        "settings": _settings(log.eval.model_args, log.eval.model_generate_config),
        "simulated": simulated,
        "version": str(log.eval.task_version),
        "grader": grader_of(log),
        # retries share a task's id; the same simulation says the same again, whatever the task
        "run": "simulated" if simulated else log.eval.task_id,
        "log": log.location,
        **{name: conditions[name] for name in _RUN},
    }
    return {name: [value] * n_samples for name, value in shared.items()}


def _columns(summaries: Sequence[EvalSampleSummary], place: str) -> dict[str, list[Any]]:
    """Return the columns that differ between samples."""
    scores = [{} if sample.error else sample.scores or {} for sample in summaries]
    columns: dict[str, list[Any]] = {
        name: [sample.metadata[name] for sample in summaries] for name in _DESIGN
    }
    for instrument in INSTRUMENTS:
        verdicts = [verdict_in(given.get(instrument), place) for given in scores]
        columns[instrument] = [verdict for verdict, _ in verdicts]
        columns[f"{instrument}_reason"] = [reason for _, reason in verdicts]
    return columns | {
        "sample": [str(sample.id) for sample in summaries],
        "epoch": [sample.epoch for sample in summaries],
        "error": [sample.error for sample in summaries],
        "rubric": [_rubric(given.get("judge") or given.get("cascade")) for given in scores],
        **{name: [_number(given.get(name)) for given in scores] for name in BESIDE},
        "labels": [labels_in(given, place) for given in scores],
    }


def _rubric(judged: Score | None) -> str | None:
    return (judged.metadata or {}).get("rubric") if judged else None


def _number(score: Score | None) -> float | None:
    return score.as_float() if score else None


def verdict_in(score: Score | None, place: str) -> tuple[str | None, str | None]:
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
    given = config.model_dump(exclude_none=True, exclude=TRANSPORT)
    shown = {name: value for name, value in arguments.items() if not is_secret(name)}
    settings = {**given, **shown}
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))


def grader_of(log: EvalLog) -> str | None:
    """Return who judged and how, with settings; nobody where there was no judge."""
    judges = [s for s in log.eval.scorers or [] if s.name in ("judge", "cascade")]
    panel = panel_of(log)
    if panel is None or not judges:
        return None
    options = judges[0].options or {}
    ways = [f"{options['readings']} readings"] if options.get("readings", 1) > 1 else []
    ways += ["both orders"] if options.get("both_orders") else []
    return ", ".join([panel, *ways])


def panel_of(log: EvalLog) -> str | None:
    """Return who had the role ``grader``, with settings; nobody where it was empty."""
    role = (log.eval.model_roles or {}).get("grader")
    if role is None:
        return None
    return " + ".join(map(named_with_settings, role if isinstance(role, list) else [role]))


def named_with_settings(config: ModelConfig) -> str:
    """Return a grader with what it ran with beside its name."""
    settings = _settings(config.args, config.config)
    return f"{config.model} ({settings})" if settings else config.model
