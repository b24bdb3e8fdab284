"""Tables as values, and as HTML, spreadsheets and papers hold them."""

import csv
import io
import re
from typing import NamedTuple

Cell = str | int | float | None

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # how a spreadsheet's formula begins
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after a row's end it would be taken for an argument
    "]": "{]}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


class Table(NamedTuple):
    """Rows of texts and numbers; a fraction is in the unit that its column names."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def clean(text: str) -> str:
    """Return a text on one line, without characters that a page or a drawing cannot hold."""
    return _CONTROL.sub(" ", text)


def shown(cell: Cell) -> str:
    """Return a cell as people read it: one decimal, thousands apart."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell + 0.0:.1f}".replace("-0.0", "0.0")
    return f"{cell:,}" if isinstance(cell, int) else clean(cell)


def to_csv(table: Table) -> str:
    """Return a table as CSV with all digits; no text in it is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_guarded(name) for name in table.columns])
    writer.writerows([_guarded(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def to_latex(table: Table) -> str:
    """Return a table as LaTeX, for the package booktabs; no text in it is taken for a command."""
    numeric = [
        all(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))
    ]
    lines = [
        f"% {clean(table.title)}",
        rf"\begin{{tabular}}{{{''.join('r' if number else 'l' for number in numeric)}}}",
        r"\toprule",
        _latex_row(table.columns),
        r"\midrule",
        *(_latex_row(row) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _guarded(cell: Cell) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(cell, str):
        text = clean(cell)
        return f"'{text}" if text.startswith(_FORMULA) else text
    return "" if cell is None else f"{cell:.10g}" if isinstance(cell, float) else str(cell)


def _latex_row(row: tuple[Cell, ...]) -> str:
    return " & ".join(_latex(shown(cell)) for cell in row) + r" \\"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
