"""Trials for people to label: what they are shown, what they send back, how a log keeps it."""

from arena_evals.labelling.case import Case, case_of
from arena_evals.labelling.draw import drawn
from arena_evals.labelling.edits import Change, add_labels, labeller
from arena_evals.labelling.key import Key, Keyed, read_key
from arena_evals.labelling.page import page
from arena_evals.labelling.sheet import Label, read_sheet, sheet

__all__ = [
    "Case",
    "Change",
    "Key",
    "Keyed",
    "Label",
    "add_labels",
    "case_of",
    "drawn",
    "labeller",
    "page",
    "read_key",
    "read_sheet",
    "sheet",
]
