"""What was read of each log, kept as one Parquet file a log: a second reading takes seconds."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from types import ModuleType
from typing import NamedTuple
from uuid import uuid4

import inspect_ai
import pandas as pd
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from arena_evals.errors import BadInput, in_a_line


class _Place(NamedTuple):
    """Where the table of a log is kept, and how all names begin that it has had."""

    folder: str
    begin: str
    name: str


class Store:
    """A folder, as a path or an address that fsspec knows, with one Parquet file a log.

    A file's name says of which log it is, what that log was then (size, time, tag), and which code
    read it; where any of these has changed there is none, and the log is read anew. A file that
    cannot be read is none.

    The files are plain Parquet: ``pandas.read_parquet(folder)`` reads all of them. A trial that two
    logs hold is still there twice.
    """

    def __init__(self, place: str, columns: Sequence[str], *readers: ModuleType) -> None:
        """Name the folder, the columns of the tables, and the modules whose code makes them."""
        self.place = place
        self._columns = columns
        self._code = "".join(inspect.getsource(module) for module in readers)

    def table(self, log: str, read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the table of a log: as it is kept, or as it is read now, and kept from then on.

        Raises:
            BadInput: the folder cannot be written, or pyarrow is not installed.
        """
        place = self._place(log)
        kept = self._kept(place)
        if kept is not None:
            return kept
        table = read()
        self._keep(place, table)
        return table

    def holds(self, log: str) -> bool:
        """Return whether the table of a log as it is now is there."""
        place = self._place(log)
        with self._usable():
            return bool(self._files.exists(f"{place.folder}/{place.name}"))

    @cached_property
    def _root(self) -> tuple[AbstractFileSystem, str]:
        with self._usable():
            files, folder = url_to_fs(self.place)
            return files, str(folder)

    @property
    def _files(self) -> AbstractFileSystem:
        return self._root[0]

    def _place(self, log: str) -> _Place:
        files, path = url_to_fs(log)
        state = (log, files.ukey(path), self._code, inspect_ai.__version__)
        stem = path.rpartition("/")[2].rpartition(".")[0]
        begin = f"{stem}-{_short(log)}-"
        return _Place(self._root[1], begin, f"{begin}{_short(*state)}.parquet")

    def _kept(self, place: _Place) -> pd.DataFrame | None:
        try:
            content = self._files.cat_file(f"{place.folder}/{place.name}")
            table = _texts_again(pd.read_parquet(BytesIO(content)))
            return table if set(table) == set(self._columns) else None
        except ImportError:
            raise _no_parquet() from None
        except Exception:  # none, or cut off: what it raises is wherever its bytes lead the reader
            return None

    def _keep(self, place: _Place, table: pd.DataFrame) -> None:
        """Write a table under another name first, so that no file is ever half there."""
        content, unnamed = BytesIO(), f"{place.folder}/.{uuid4().hex}"
        try:
            table.to_parquet(content, index=False)
        except ImportError:
            raise _no_parquet() from None
        with self._usable():
            self._files.makedirs(place.folder, exist_ok=True)
            self._files.pipe_file(unnamed, content.getvalue())
            self._files.mv(unnamed, f"{place.folder}/{place.name}")
            self._forget_older(place)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Say in a line whatever a file system raises for want of a package or a right."""
        try:
            yield
        except Exception as error:
            raise BadInput(
                f"--store {self.place}: cannot be used ({in_a_line(error)}); name a folder that can"
            ) from None

    def _forget_older(self, place: _Place) -> None:
        for path in self._files.ls(place.folder, detail=False, refresh=True):
            name = path.rpartition("/")[2]
            if name.startswith(place.begin) and name != place.name:
                with suppress(FileNotFoundError):  # another process forgot it first
                    self._files.rm_file(path)


def _texts_again(table: pd.DataFrame) -> pd.DataFrame:
    """Give categories the type of texts back, which Parquet forgets where there are none."""
    empty = [
        name
        for name, kind in table.dtypes.items()
        if isinstance(kind, pd.CategoricalDtype) and kind.categories.empty
    ]
    texts = pd.CategoricalDtype(pd.Index([], dtype="str"))
    return table.astype(dict.fromkeys(empty, texts))


def _short(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def _no_parquet() -> BadInput:
    return BadInput("--store: pyarrow is not installed; pip install 'arena-evals[parquet]'")
