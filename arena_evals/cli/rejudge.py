"""A finished log judged again: new verdicts in the usual columns, the old ones under new names."""

from collections.abc import AsyncIterator, Callable, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Protocol, Self, TypeVar

from inspect_ai import score_async
from inspect_ai.event import ModelEvent
from inspect_ai.log import (
    EvalLog,
    EvalResults,
    EvalSample,
)
from inspect_ai.model import Model, ModelConfig, ModelUsage
from inspect_ai.scorer import Score, Scorer

from arena_evals.analysis.trials import RULES, grader_of, panel_of
from arena_evals.respondents.epoch import EPOCH
from arena_evals.schema import Elicited, Means
from arena_evals.scorers import GRADER, unscored
from arena_evals.tasks.composition import Grading, instruments, questions
from arena_evals.viewer import trial_list

_BY_GRADERS = ("judge", "cascade", "degree", "motive", "awareness")
_COUNT = "unscored"  # of the scores that are missing: it is counted anew


class _Named(Protocol):
    """What a header says of one score."""

    name: str

    def model_copy(self, *, update: Mapping[str, Any] | None = ...) -> Self: ...


_Entry = TypeVar("_Entry", bound=_Named)


async def judged_again(
    log: EvalLog,
    panel: Sequence[Model],
    grading: Grading,
    progress: Callable[[], object] = lambda: None,
) -> EvalLog:
    """Return a whole log with what a panel says of its answers; the log given stays as it is.

    What graders said before is kept under its name with an ending, ``judge_before`` and so on,
    which no analysis reads; its metadata says who they were. The rule's decision and people's
    labels stay. ``progress`` is called after each answer.
    """
    copies = [_as_answered(sample) for sample in answered(log)]

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[EvalSample]:
        yield copies[number]
        progress()

    verdicts, beside = instruments(_asked(log), grading), questions(grading)
    scorers = {**verdicts, **beside, _COUNT: unscored()}
    for rule in RULES:
        if any(rule in (copy.scores or {}) for copy in copies):
            scorers.pop(rule, None)
    judged = await score_async(
        _header(log, len(copies), scorers),
        list(scorers.values()),
        model=panel[0],  # not asked as such; the model under test might need a key
        model_roles={GRADER: list(panel)},
        action="append",
        display="none",
        samples=opened,
    )
    new = _with_both(log, judged, copies)
    configs = [_config(grader) for grader in panel]
    new.eval.model_roles = {
        **(log.eval.model_roles or {}),
        GRADER: configs if len(configs) > 1 else configs[0],
    }
    new.eval.viewer = trial_list(list(verdicts), list(beside))
    new.stats.role_usage = {**log.stats.role_usage, GRADER: _usage(log, copies)}
    return new


def answered(log: EvalLog) -> list[EvalSample]:
    """Return the samples that hold an answer; one that ended in an error is never judged."""
    return [sample for sample in log.samples or [] if sample.error is None]


def _asked(log: EvalLog) -> Elicited | Means:
    asked = (log.eval.metadata or {})["elicitation"]
    return Means(asked) if asked in list(Means) else Elicited(asked)


def _as_answered(sample: EvalSample) -> EvalSample:
    """Return a copy of a sample as it was before a grader saw it."""
    ruled = {name: score for name, score in (sample.scores or {}).items() if name in RULES}
    return sample.model_copy(
        update={
            "scores": ruled,
            "store": {**sample.store, EPOCH: sample.epoch},
        }
    )


def _header(log: EvalLog, n: int, scorers: Mapping[str, Scorer]) -> EvalLog:
    """Return a header without results, and without old graders, which would be looked up."""
    headline = log.eval.headline_metric
    changes: dict[str, object] = {
        "model_roles": None,
        "scorers": [],
        "headline_metric": headline if headline and headline.scorer in scorers else None,
    }
    return EvalLog(
        eval=log.eval.model_copy(update=changes),
        plan=log.plan,
        results=EvalResults(total_samples=n, completed_samples=n),
    )


def _with_both(log: EvalLog, judged: EvalLog, copies: Sequence[EvalSample]) -> EvalLog:
    """Return a log with new scores and results, and what graders said before behind them."""
    old, new = log.results or EvalResults(), judged.results or EvalResults()
    there = {name for sample in answered(log) for name in sample.scores or {}}
    ending = _ending(there)
    by = {"grader": grader_of(log) or panel_of(log)}
    again = {(copy.id, copy.epoch): copy for copy in copies}
    headline = new.headline if judged.eval.headline_metric else old.headline
    entries = _merged(old.scores, new.scores, there, ending)
    scorers = _merged(log.eval.scorers or [], judged.eval.scorers or [], there, ending)
    samples = [
        _judged(sample, again[sample.id, sample.epoch], ending, by)
        if (sample.id, sample.epoch) in again
        else sample
        for sample in log.samples or []
    ]
    return log.model_copy(
        update={
            "eval": log.eval.model_copy(update={"scorers": scorers}),
            "stats": log.stats.model_copy(),
            "results": old.model_copy(update={"scores": entries, "headline": headline}),
            "samples": samples,
        }
    )


def _ending(there: Container[str]) -> str:
    """Return the first ending that no score of the log has."""
    endings = (f"_before_{number}" if number > 1 else "_before" for number in count(1))
    return next(e for e in endings if not any(name + e in there for name in _BY_GRADERS))


def _merged(
    old: Iterable[_Entry], new: Iterable[_Entry], there: Container[str], ending: str
) -> list[_Entry]:
    """Return what a header says of scores: those that stay, the new ones, the graders' old ones.

    An entry of a score that no sample has is left out.
    """
    own = [entry for entry in old if entry.name in there and entry.name != _COUNT]
    stay = [entry for entry in own if entry.name not in _BY_GRADERS]
    before = [
        entry.model_copy(
            update={
                field: entry.name + ending for field in ("name", "scorer") if hasattr(entry, field)
            }
        )
        for entry in own
        if entry.name in _BY_GRADERS
    ]
    return [*stay, *new, *before]


def _judged(
    sample: EvalSample, again: EvalSample, ending: str, by: Mapping[str, Any]
) -> EvalSample:
    """Return a sample with its new scores, and those from before behind them."""
    old = {name: score for name, score in (sample.scores or {}).items() if name != _COUNT}
    before = {
        name + ending: score.model_copy(update={"metadata": {**(score.metadata or {}), **by}})
        for name, score in old.items()
        if name in _BY_GRADERS
    }
    others = {name: score for name, score in old.items() if name not in _BY_GRADERS}
    scores: dict[str, Score] = {**(again.scores or {}), **before, **others}
    return sample.model_copy(update={"scores": scores, "events": again.events})


def _config(grader: Model) -> ModelConfig:
    """Return what a header says of a model in a role."""
    return ModelConfig(
        model=str(grader),
        config=grader.config,
        base_url=grader.api.base_url,
        args=grader.model_args,
    )


def _usage(log: EvalLog, copies: Sequence[EvalSample]) -> ModelUsage:
    """Return the tokens of the new readings, in full also where they came from a cache."""
    before = {event.uuid for sample in answered(log) for event in sample.events}
    used = [
        event.output.usage
        for copy in copies
        for event in copy.events
        if isinstance(event, ModelEvent) and event.uuid not in before and event.output.usage
    ]
    return sum(used, ModelUsage())
