"""From answers to what people read: a page, figures, tables; imports no room that made logs."""

from arena_evals.report.card import Entry, Section, card, to_markdown, to_plain
from arena_evals.report.contents import plots, tables
from arena_evals.report.figures import image
from arena_evals.report.findings import Findings, findings
from arena_evals.report.movers import Told, Trial
from arena_evals.report.page import movers_shown, page
from arena_evals.report.plots import table_of
from arena_evals.report.svg import alone
from arena_evals.report.tables import Table, to_csv, to_latex

__all__ = [
    "Entry",
    "Findings",
    "Section",
    "Table",
    "Told",
    "Trial",
    "alone",
    "card",
    "findings",
    "image",
    "movers_shown",
    "page",
    "plots",
    "table_of",
    "tables",
    "to_csv",
    "to_latex",
    "to_markdown",
    "to_plain",
]
