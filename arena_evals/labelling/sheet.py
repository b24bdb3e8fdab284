"""The table that a person fills in: CSV that every spreadsheet opens, and none runs."""

import io
import warnings
from collections.abc import Collection, Mapping
from typing import NamedTuple

import pandas as pd

from arena_evals.analysis.labels import UNSURE
from arena_evals.errors import BadInput, in_a_line, one_of
from arena_evals.labelling.case import Case
from arena_evals.schema import Verdict

COLUMNS = ("key", "setting", "request", "requested", "protecting", "answer", "label", "note")
CHOICES = (*(verdict.value for verdict in Verdict), UNSURE)

# a cell that begins with one of the first is a formula to a spreadsheet; the apostrophe is there so
# that taking the guard off is exact
_GUARDED = ("=", "+", "-", "@", "\t", "\r", "'")
_GUARD = "'"


class Label(NamedTuple):
    """What a person said of one trial: a verdict or ``unsure``, and a remark."""

    choice: str
    note: str


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return _GUARD + cell if cell.startswith(_GUARDED) else cell


def unguarded(cell: str) -> str:
    """Return a cell as it was before `guarded`."""
    bare = cell.removeprefix(_GUARD)
    return bare if bare.startswith(_GUARDED) else cell


def sheet(cases: Mapping[str, Case]) -> bytes:
    """Return the table of cases by key, with nothing in ``label`` and ``note``.

    It begins with a byte order mark: without one, Excel takes UTF-8 for something else.
    """
    rows = [
        [key, *(_cell(getattr(case, name)) for name in COLUMNS[1:-2]), "", ""]
        for key, case in cases.items()
    ]
    text = pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")


def _cell(text: str) -> str:
    """Return a text as a cell; a file cannot hold its NULs and halves of characters."""
    whole = text.encode(errors="replace").decode()
    return guarded(whole.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def read_sheet(content: bytes, place: object, keys: Collection[str]) -> dict[str, Label]:
    """Return the labels of a table that a person filled in, by key; empty ones are left out.

    Raises:
        BadInput: it is no such table, or a key or a label is unknown, or a key stands twice.
    """
    table = _table(content, place)
    labels: dict[str, Label] = {}
    seen: set[str] = set()
    for key, choice, note in zip(*(table[name] for name in ("key", "label", "note")), strict=True):
        if key not in keys:
            raise BadInput(
                f"{place}: key '{key}' is not in key.json; name the key.json of the same export "
                "with --key"
            )
        if key in seen:
            raise BadInput(f"{place}: key '{key}' stands there twice; leave one of its rows out")
        seen.add(key)
        if choice:
            known = one_of(choice.lower(), CHOICES, f"{place}: key '{key}': label")
            labels[key] = Label(known, note)
    if not labels:
        raise BadInput(f"{place}: column 'label' is empty; fill it with {', '.join(CHOICES)}")
    return labels


def _table(content: bytes, place: object) -> pd.DataFrame:
    """Return key, label and note as texts, whatever separator a spreadsheet saved with."""
    try:
        text = content.decode("utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            table = pd.read_csv(
                io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False
            )
    except UnicodeDecodeError:
        raise BadInput(f"{place}: not UTF-8; save it as 'CSV UTF-8'") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise BadInput(
            f"{place}: not a CSV table ({in_a_line(error)}); give the filled labels.csv"
        ) from None
    for name in ("key", "label", "note"):
        if name not in table:
            raise BadInput(f"{place}: there is no column '{name}'; give the filled labels.csv")
    cells = table[["key", "label", "note"]].fillna("")
    cells = cells.map(lambda cell: unguarded(cell.strip()))
    return cells[(cells != "").any(axis=1)]
