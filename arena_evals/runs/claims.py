"""A folder of logs as one run's own: what it is about, and that nobody else writes there now."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from arena_evals.errors import BadInput

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
    try:
        if not files.exists(place):
            files.makedirs(place.rpartition("/")[0], exist_ok=True)
            files.pipe_file(place, f"{json.dumps(record, indent=2)}\n".encode())
            return
        before = json.loads(files.cat_file(place))
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:160]
        raise BadInput(f"{place}: cannot be used ({said}); name another --log-dir") from None
    for name, given in json.loads(json.dumps(record)).items():
        if before.get(name) != given:
            raise BadInput(
                f"{place}: the run there has {name} {_short(before.get(name))}, not "
                f"{_short(given)}; give that, or name another --log-dir"
            )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@contextmanager
def alone(lock: Path, folder: object) -> Iterator[None]:
    """Hold a run's folder by a lock; the system lets go of it however the run ends.

    Raises:
        BadInput: another run holds it.
    """
    with lock.open("ab") as held:
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
