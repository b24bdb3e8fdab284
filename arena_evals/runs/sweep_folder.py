"""The folder of a sweep: whose it is, that one run at a time writes there, and what was spent.

``sweep.json`` says what the sweep is, ``spent.json`` what it has spent; logs stand in a folder a
slice. A folder may be any place that fsspec knows.
"""

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from inspect_ai.log import list_eval_logs, read_eval_log

from arena_evals.analysis.logs import require_read_as_named
from arena_evals.errors import BadInput, in_a_line
from arena_evals.runs import claims
from arena_evals.runs.claims import compare, keep_or_compare
from arena_evals.sweeps import Slice, Spent

_RECORD = "sweep.json"
_LEDGER = "spent.json"
_EVERY = 5.0  # seconds between two writings of a ledger that is not a local file


class Folder(NamedTuple):
    """Where a sweep's logs go."""

    files: AbstractFileSystem
    path: str
    url: str

    @property
    def local(self) -> bool:
        """Whether it is on this machine's file system."""
        return "file" in self.files.protocol

    def of(self, one: Slice) -> str:
        """Return where a slice's log goes."""
        return f"{self.path if self.local else self.url}/{one.name}"

    def inside(self, log: str) -> str:
        """Return a log's place in the folder."""
        return str(url_to_fs(log)[1]).removeprefix(self.path.rstrip("/") + "/")


def folder_at(place: str) -> Folder:
    """Return a folder by its path or URL.

    Raises:
        BadInput: nothing can be reached there.
    """
    if not place:
        raise BadInput("--log-dir: is empty; name a folder")
    try:
        files, path = url_to_fs(place)
        url = str(files.unstrip_protocol(path))
        require_read_as_named(url)
        files.makedirs(path, exist_ok=True)
    except BadInput:
        raise
    except Exception as error:  # whatever a file system raises for want of a package or a right
        raise BadInput(f"--log-dir {place}: cannot be used ({in_a_line(error)})") from None
    return Folder(files, path, url)


def require_own(folder: Folder, what: dict[str, Any]) -> None:
    """Refuse a folder that is another sweep's, or holds logs of none.

    Raises:
        BadInput: it is so.
    """
    if not compare(folder.files, f"{folder.path}/{_RECORD}", what):
        logs = list_eval_logs(folder.url)
        if logs:
            raise BadInput(
                f"{folder.url}: holds {len(logs)} logs of no sweep; name another --log-dir"
            )


def claim(folder: Folder, what: dict[str, Any]) -> None:
    """Write down whose folder it is.

    Raises:
        BadInput: it is another's, or cannot be written.
    """
    keep_or_compare(folder.files, f"{folder.path}/{_RECORD}", what)


class Book(NamedTuple):
    """What the ledger of a folder holds: all that was spent, and by each slice that has begun."""

    spent: Spent
    slices: dict[str, Spent]

    def text(self) -> str:
        """Return one line of JSON."""
        return json.dumps({"spent": self.spent, "slices": self.slices})


def book_of(text: str) -> Book:
    """Return what a ledger says; raises ValueError where it is none."""
    match json.loads(text):
        case {"spent": spent, "slices": dict(slices)}:
            return Book(_spent(spent), {name: _spent(each) for name, each in slices.items()})
    raise ValueError("it is no record of what was spent")


def _spent(given: object) -> Spent:
    """Return calls and dollars; raises ValueError where they are none."""
    if not isinstance(given, list) or len(given) != 2:
        raise ValueError(f"{given} is no count of calls and dollars")
    calls, dollars = given
    if type(calls) is not int or calls < 0 or not isinstance(dollars, int | float) or dollars < 0:
        raise ValueError(f"{given} is no count of calls and dollars")
    return Spent(calls, float(dollars))


@contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends.

    For a folder that is not local it stands in this machine's temporary folder, and does not see
    other machines.

    Raises:
        BadInput: another run holds it.
    """
    if folder.local:
        place = Path(folder.path) / ".sweep.lock"
    else:
        digest = blake2b(folder.url.encode(), digest_size=8).hexdigest()
        place = Path(tempfile.gettempdir()) / f"arena-sweep-{digest}.lock"
    with claims.alone(place, folder.url):
        yield


def read_book(folder: Folder) -> Book:
    """Return what was spent so far.

    Raises:
        BadInput: the ledger cannot be read.
    """
    place = f"{folder.path}/{_LEDGER}"
    try:
        known = folder.files.cat_file(place).decode()  # `exists` may know an old listing
        return book_of(known) if known.strip() else Book(Spent(), {})
    except FileNotFoundError:
        return Book(Spent(), {})
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{place}: does not say what was spent ({in_a_line(error)}); delete it to count anew"
        ) from None


@contextmanager
def ledger(folder: Folder) -> Iterator[tuple[Book, Callable[[str], None]]]:
    """Open what was spent so far, and yield it with what writes a new state.

    A local ledger is written in place at once, and survives the death of the process. Elsewhere it
    is written every few seconds and at the end.

    Raises:
        BadInput: there is one that cannot be read, or it cannot be written, at any time.
    """
    book = read_book(folder)
    place = f"{folder.path}/{_LEDGER}"
    opened = _in_place(Path(place)) if folder.local else _now_and_then(folder, place)
    with opened as keep:
        yield book, keep


@contextmanager
def _in_place(place: Path) -> Iterator[Callable[[str], None]]:
    """Yield what writes over the file's beginning in one write, padded so that no rest remains."""
    with _writing(place):
        file = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    length = os.fstat(file).st_size

    def keep(text: str) -> None:
        nonlocal length
        length = max(length, len(text) + 1)
        with _writing(place):
            os.pwrite(file, f"{text:<{length - 1}}\n".encode(), 0)

    try:
        yield keep
    finally:
        os.close(file)


@contextmanager
def _now_and_then(folder: Folder, place: str) -> Iterator[Callable[[str], None]]:
    written, latest = 0.0, ""

    def write() -> None:
        with _writing(place):
            folder.files.pipe_file(place, latest.encode())

    def keep(text: str) -> None:
        nonlocal written, latest
        latest = text
        if time.monotonic() - written > _EVERY:
            write()
            written = time.monotonic()

    try:
        yield keep
    finally:
        if latest:
            write()


@contextmanager
def _writing(place: object) -> Iterator[None]:
    """Turn what goes wrong in writing a ledger into one line."""
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{place}: cannot be written ({error.strerror or in_a_line(error)}), and no call is "
            "made that is not counted; mend that, and the same command goes on"
        ) from None


def finished(folder: Folder, slices: Sequence[Slice]) -> set[str]:
    """Return the names of slices whose log is finished.

    What stands in a folder of a slice's folder, as answers that were judged again, is not its log.

    Raises:
        BadInput: a log stands there that is of none of them or cannot be read, a slice has two
            finished ones, or none and other logs below it.
    """
    names = {one.name for one in slices}
    found: Counter[str] = Counter()
    beside: dict[str, str] = {}
    for info in list_eval_logs(folder.url):
        name = folder.inside(info.name).rpartition("/")[0]
        if name in names:
            found[name] += _is_finished(info.name)
        elif own := next((str(p) for p in PurePosixPath(name).parents if str(p) in names), None):
            beside[own] = info.name
        else:
            raise BadInput(f"{info.name}: no log of this sweep; put it elsewhere")
    for name, logs in found.items():
        if logs > 1:
            raise BadInput(f"{folder.url}/{name}: holds {logs} finished logs; keep one of them")
    for name, place in beside.items():
        if not found[name]:
            raise BadInput(
                f"{place}: stands below a slice that is not finished, and would be taken for its "
                "log; move it elsewhere"
            )
    return {name for name, logs in found.items() if logs}


def _is_finished(place: str) -> bool:
    try:
        return read_eval_log(place, header_only=True).status == "success"
    except Exception as error:  # a damaged archive fails wherever its bytes lead the reader
        raise BadInput(
            f"{place}: cannot be read ({in_a_line(error)}); move it elsewhere, and the same "
            "command runs its slice again"
        ) from None
