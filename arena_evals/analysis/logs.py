"""Which logs count: finished ones, the last attempt of each, all of one kind of task."""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from inspect_ai.log import EvalConfig, EvalLog, list_eval_logs, read_eval_log

from arena_evals.errors import BadInput, in_a_line

_PACKAGE = "arena_evals/"
_VALIDATION = f"{_PACKAGE}judge_validation"
_REFERENCE = "reference"
_LIMITS = (
    "fail_on_error",
    "continue_on_fail",
    "retry_on_error",
    "score_on_error",
    "message_limit",
    "token_limit",
    "turn_limit",
    "time_limit",
    "working_limit",
)
_USUAL = {"fail_on_error": True, "continue_on_fail": False, "score_on_error": False}


class ChosenLogs(NamedTuple):
    """Headers of the logs to analyse, oldest first, and the places of attempts left out."""

    headers: tuple[EvalLog, ...]
    superseded: tuple[str, ...]


def choose_logs(paths: Iterable[object], *, validation: bool = False) -> ChosenLogs:
    """Return the finished logs in files and folders, without attempts that another one replaced.

    Logs of a judge's validation are chosen with ``validation``, all others without.

    Paths and URLs (``file://`` and whatever fsspec knows) are both taken. What a folder holds in
    a folder ``reference`` (that of the gate) is read only where that one is named itself.

    An attempt that failed is left out where the same task has a finished one; where it has none,
    that is an error: a run that did not finish has no result.

    Raises:
        BadInput: there is no log, or one is damaged, foreign, unfinished, or of another version.
    """
    with no_collection():
        every = sorted(map(_header, _places(paths)), key=lambda log: log.eval.created)
    headers = [log for log in every if (_task(log) == _VALIDATION) is validation]
    if not headers:
        raise BadInput(
            f"{every[0].location}: not of judge_validation; run inspect eval {_VALIDATION}"
            if validation
            else f"{every[0].location}: validates a judge, and is read with: arena validity"
        )
    attempts: defaultdict[tuple[str, str], list[EvalLog]] = defaultdict(list)
    for log in headers:
        attempts[log.eval.task_id, log.eval.model].append(log)
    finished = [log for log in headers if log.status == "success"]
    for tries in attempts.values():
        if not any(log.status == "success" for log in tries):
            raise BadInput(_why_not_finished(tries[-1]))
    _require_one_version(finished)
    superseded = tuple(log.location for log in headers if log.status != "success")
    return ChosenLogs(tuple(finished), superseded)


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Turn whatever goes wrong inside Inspect's reader into one line about the log."""
    try:
        yield
    except Exception as error:  # a damaged archive fails wherever its bytes lead the reader
        raise BadInput(
            f"{place}: not a readable Inspect log ({in_a_line(error)}); leave it out, or recover "
            f"it with: inspect log recover {place}"
        ) from None


@contextmanager
def no_collection() -> Iterator[None]:
    """Suspend the search for cycles, which takes half the time of reading and finds none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _places(paths: Iterable[object]) -> list[str]:
    """Return where each log is as a URL, folders searched, each file once."""
    found: dict[str, None] = {}
    for given in paths:
        files, place = place_of(str(given))
        url = files.unstrip_protocol(place)
        inside = _inside(url) if files.isdir(place) else [url]
        if not inside:
            raise BadInput(f"{given}: no logs in this folder; run inspect eval --log-dir {given}")
        for log in inside:
            require_read_as_named(log)
        found.update(dict.fromkeys(inside))
    if not found:
        raise BadInput("no logs given; name log files or a log folder")
    return list(found)


def place_of(given: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system and the path of what is there.

    Raises:
        BadInput: nothing is, or it cannot be reached.
    """
    try:
        files, place = url_to_fs(given)
        there = files.exists(place)
    except Exception as error:  # whatever a file system raises for want of a package or a right
        raise BadInput(f"{given}: cannot be reached ({in_a_line(error)}); mend that") from None
    if not there:
        raise BadInput(f"{given}: there is no such file or folder; give a log or a log folder")
    return files, place


def limits_of(config: EvalConfig) -> dict[str, Any]:
    """Return a run's limits of a sample, and what it does where one fails, as Inspect takes them.

    What is as ever is left out; so is a limit of cost, which means nothing without the prices
    that no log holds.
    """
    limits = {name: getattr(config, name) for name in _LIMITS}
    if config.token_limit_type:
        limits["token_limit"] = f"{config.token_limit_type}:{config.token_limit}"
    return {
        name: limit
        for name, limit in limits.items()
        if limit is not None and limit is not _USUAL.get(name)
    }


def require_read_as_named(place: str) -> None:
    """Refuse a name that stands for another one in a URL: Inspect would open that other file."""
    if place.startswith("file:") and (unquote(place) != place or set(place) & set("?#")):
        raise BadInput(f"{place}: '%', '?' or '#' in a path leads to another file; rename it")


def _inside(folder: str) -> list[str]:
    """Return where each log in a folder and its folders is, but for a gate's reference in it."""
    places = [info.name for info in list_eval_logs(folder)]
    apart = f"{folder.rstrip('/')}/{_REFERENCE}/"
    return [place for place in places if not place.startswith(apart)]


def _header(place: str) -> EvalLog:
    with reading(place):
        log = read_eval_log(place, header_only=True)
    name = _task(log)
    if not name.startswith(_PACKAGE):
        raise BadInput(f"{place}: a log of task '{name}', not of an arena scenario; leave it out")
    return log


def _task(log: EvalLog) -> str:
    return log.eval.task_registry_name or log.eval.task


def _why_not_finished(log: EvalLog) -> str:
    if log.status == "started":
        return (
            f"{log.location}: still running, or killed; wait for it, or finish it with: "
            f"inspect eval-retry {log.location} (in a folder of arena sweep or arena gate run: "
            "with the same command again)"
        )
    return (
        f"{log.location}: the run ended in status '{log.status}'; finish it with: "
        f"inspect eval-retry {log.location} (in a folder of arena sweep or arena gate run: with "
        "the same command again)"
    )


def _require_one_version(logs: Sequence[EvalLog]) -> None:
    """Refuse to pool answers to different stimuli: a scenario's version names its items."""
    first: dict[str, EvalLog] = {}
    for log in logs:
        other = first.setdefault(log.eval.task, log)
        if other.eval.task_version != log.eval.task_version:
            raise BadInput(
                f"{log.location}: {log.eval.task} version {log.eval.task_version}, but "
                f"{other.location} has version {other.eval.task_version}; analyse them apart"
            )
