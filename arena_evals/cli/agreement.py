"""``arena agreement``: how far raters of the same things agree, from a plain table."""

import io
import json
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from arena_evals.analysis import Agreement, Coefficient
from arena_evals.analysis import agreement as agreement_of
from arena_evals.errors import BadInput, in_a_line

_SEED = 20261121  # any number, but the same unless another is given
_ROW_NAMES = ("item", "id", "unit")  # of a first column that is no rater


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write the answer as JSON.")
@click.option("--seed", type=int, default=_SEED, show_default=True, help="Of the intervals.")
def agreement(table: Path, json_: Path | None, seed: int) -> None:
    """Say how far raters of the same things agree.

    TABLE is a CSV file (commas, semicolons or tabs) with a row for each item and a column for each
    rater; a cell holds a category, or nothing where the rating is missing. A first column named
    item, id or unit, or one without a name whose values differ, names the items.
    """
    if seed < 0:
        raise BadInput(f"--seed: {seed} is below 0; give 0 or more")
    try:
        found = agreement_of(read_ratings(table), np.random.default_rng(seed))
    except BadInput as error:
        raise BadInput(f"{table}: {error}") from None
    _show(found, seed, Console(markup=False, emoji=False, highlight=False))
    if json_:
        _write(json_, json.dumps(_plain(found, seed), indent=2, ensure_ascii=False))


def read_ratings(path: Path) -> pd.DataFrame:
    """Return the ratings of a CSV file: a row an item, a column a rater, categories as text.

    Raises:
        BadInput: it is no readable table, has no rater, or names a rater or an item twice.
    """
    names, *rows = _cells(path).to_numpy().tolist()
    ratings = pd.DataFrame(rows, columns=range(len(names)), dtype=object)
    first = names[0]
    named = first.lower() in _ROW_NAMES if isinstance(first, str) else ratings[0].is_unique
    if named:
        if (twice := ratings.loc[ratings[0].duplicated(), 0]).size:
            raise BadInput(f"item '{twice.iloc[0]}' has two rows; give each item one")
        names, ratings = names[1:], ratings.drop(columns=0)
    if not names:
        raise BadInput("there is no rater; give each a column")
    for number, name in enumerate(names, start=1 + named):
        if not isinstance(name, str):
            raise BadInput(f"column {number} has no name; name its rater in the first row")
        if names.count(name) > 1:
            raise BadInput(f"rater '{name}' has two columns; give each rater a name of its own")
    return ratings.set_axis(names, axis="columns")


def _cells(path: Path) -> pd.DataFrame:
    """Return a file's cells as text without space around them, None where they are empty.

    Raises:
        BadInput: there is no such file, or it is no table of text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)  # as spreadsheets save it
        cells = pd.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=str, keep_default_na=False
        )
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror}); give a CSV file") from None
    except pd.errors.EmptyDataError:
        raise BadInput("is empty; give a row of names, then a row for each item") from None
    except (UnicodeDecodeError, pd.errors.ParserError) as error:
        raise BadInput(f"is no CSV table in UTF-8 ({in_a_line(error)}); save it as one") from None
    stripped = cells.map(str.strip, na_action="ignore").astype(object)
    return stripped.mask(stripped.isna() | stripped.isin([""]), None)


def _show(found: Agreement, seed: int, out: Console) -> None:
    out.print(
        f"{_number(found.items, 'item')}, {_number(found.raters, 'rater')}, "
        f"{_number(found.missing, 'rating')} missing; {found.paired:,} with two ratings or more"
    )
    if not found.paired:
        out.print("No item has two ratings, so there is no agreement to measure.")
        return
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    shown.add_column("agreement", overflow="fold")
    shown.add_column("", justify="right", no_wrap=True)
    shown.add_column("95 % interval", no_wrap=True)
    shown.add_row("Krippendorff's alpha", *_row(found.alpha))
    shown.add_row("Gwet's AC1", *_row(found.ac1))
    shown.add_row("percent", *_row(found.percent))
    for category, coefficient in found.specific.items():
        shown.add_row(f"specific to {category}", *_row(coefficient))
    out.print(shown)
    if found.alpha is None:
        out.print("alpha does not exist: all ratings that can be compared are the same.")
    out.print(f"seed {seed}", style="dim")


def _row(coefficient: Coefficient | None) -> tuple[str, str]:
    if coefficient is None:
        return "-", ""
    estimate, (low, high) = coefficient
    return f"{estimate:.3f}", f"[{low:.3f}, {high:.3f}]"


def _number(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _plain(found: Agreement, seed: int) -> dict[str, object]:
    return {
        **asdict(found),
        "alpha": _plain_coefficient(found.alpha),
        "ac1": _plain_coefficient(found.ac1),
        "percent": _plain_coefficient(found.percent),
        "specific": {name: _plain_coefficient(one) for name, one in found.specific.items()},
        "seed": seed,
    }


def _plain_coefficient(coefficient: Coefficient | None) -> dict[str, object] | None:
    if coefficient is None:
        return None
    return {"estimate": coefficient.estimate, "interval": coefficient.interval._asdict()}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error}); name a place that can") from None
