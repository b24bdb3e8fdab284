"""One slice of a sweep run in this process, whatever engine asked for it."""

from typing import Any, Literal, NamedTuple

from inspect_ai.log import EvalLog
from inspect_ai.model import Model

from arena_evals.errors import BadInput, in_a_line
from arena_evals.runs.sets import client, quiet, reason, run_set
from arena_evals.runs.sweep_plan import config_of
from arena_evals.runs.watch import Account, Watch, watched
from arena_evals.sweeps import Slice, Sweep

_GRADER = "grader"


class Outcome(NamedTuple):
    """How a slice ended: with all its trials, with an error, without budget, or by the user."""

    status: Literal["finished", "failed", "unpaid", "interrupted"]
    why: str = ""
    log: str = ""


def run_slice(sweep: Sweep, one: Slice, place: str, account: Account, connections: int) -> Outcome:
    """Run all cells and epochs of a slice's items, or what is left of them at its place.

    The connections are the model's and each grader's: Inspect gives a run's to all in it.
    """
    model = one.cell.model
    watch = Watch(account)
    try:
        with watched(watch), quiet():  # a first client has Inspect name its hooks
            finished, logs = run_set(
                f"arena_evals/{one.cell.task}",
                place,
                retries=sweep.retries,
                model=client(model.model, config_of(model)),  # whose options the log records
                model_roles=_graders(sweep),
                task_args={**one.cell.parameters, "items": list(one.items)},
                max_connections=connections,
                **_options(sweep, model.generate),
            )
    except KeyboardInterrupt:  # what came before, or after, Inspect listened
        return _stopped(watch) if watch.stopped else Outcome("interrupted")
    except BadInput as error:
        return Outcome("failed", error.message)
    except Exception as error:  # what Inspect raises before it has a log to say it in
        return Outcome("failed", f"{type(error).__name__}: {in_a_line(error)}")
    if finished:
        return Outcome("finished", _errors(logs[0]), logs[0].location)
    if watch.stopped:
        return _stopped(watch)
    if not logs or any(log.status == "cancelled" for log in logs):
        return Outcome("interrupted")
    return Outcome("failed", reason(logs))


def _errors(log: EvalLog) -> str:
    """Say how many samples ended in errors that the limits let pass, if any."""
    assert log.results, "a finished log has some"
    failed = log.results.total_samples - log.results.completed_samples
    return (
        f"{failed:,} of {log.results.total_samples:,} samples ended in an error" if failed else ""
    )


def _stopped(watch: Watch) -> Outcome:
    return Outcome("failed", watch.broken) if watch.broken else Outcome("unpaid")


def _graders(sweep: Sweep) -> dict[str, str | Model | list[Model]]:
    made = [client("grader", config_of(asked)) for asked in sweep.grader]
    return {_GRADER: made[0] if len(made) == 1 else [*made]} if made else {}


def _options(sweep: Sweep, generate: Any) -> dict[str, Any]:
    """Return the options of the run: those of the model too, which the task's own would outdo."""
    return {**sweep.limits.model_dump(exclude_none=True), **generate}
