"""A folder of logs as one run's own: what it is about, and that nobody else writes there now."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from arena_evals.errors import BadInput, in_a_line

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]  # a module or nothing

_LONGEST = 80  # letters of a value in a line


def keep_or_compare(files: AbstractFileSystem, place: str, record: Mapping[str, Any]) -> None:
    """Write down what a run is about, or find that it goes on as it began.

    Raises:
        BadInput: the folder is another run's, or cannot be written.
    """
    if compare(files, place, record):
        return
    with _usable(place):
        files.makedirs(place.rpartition("/")[0], exist_ok=True)
        files.pipe_file(place, f"{json.dumps(record, indent=2)}\n".encode())


def compare(files: AbstractFileSystem, place: str, record: Mapping[str, Any]) -> bool:
    """Find that a run goes on as it began; return False where none has begun.

    Raises:
        BadInput: the folder is another run's.
    """
    with _usable(place):
        if not files.exists(place):
            return False
        before = json.loads(files.cat_file(place))
        if not isinstance(before, dict):
            raise ValueError("no record of a run")
    for name, given in json.loads(json.dumps(record)).items():
        for where, was, now in _differences(name, before.get(name), given):
            raise BadInput(
                f"{place}: the run there has {where} {_short(was)}, not {_short(now)}; give that, "
                "or name another --log-dir"
            )
    return True


@contextmanager
def _usable(place: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{place}: cannot be used ({in_a_line(error)}); name another --log-dir"
        ) from None


def _differences(name: str, was: object, now: object) -> Iterator[tuple[str, object, object]]:
    """Yield where two values differ, as deep as both go, and what stands there."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*was, *now]):
            yield from _differences(f"{name}: {key}", was.get(key), now.get(key))
    elif isinstance(was, list) and isinstance(now, list):
        for number, (old, new) in enumerate(zip_longest(was, now)):
            yield from _differences(f"{name}: {number}", old, new)
    elif was != now or type(was) is not type(now):  # JSON tells 0 from false
        yield name, was, now


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@contextmanager
def alone(lock: Path, folder: object) -> Iterator[None]:
    """Hold a run's folder by a lock; the system lets go of it however the run ends.

    Raises:
        BadInput: another run holds it.
    """
    try:
        opened = lock.open("ab")
    except OSError as error:
        said = error.strerror or error
        raise BadInput(f"{folder}: cannot be written ({said}); name another --log-dir") from None
    with opened as held:
        if fcntl:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadInput(
                    f"{folder}: another run is at work there; wait for it, or name another "
                    "--log-dir"
                ) from None
            except OSError:
                pass  # a file system without locks
        yield
