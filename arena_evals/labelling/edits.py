"""Labels in a log: one score a labeller, with Inspect's own history of who changed what, when."""

import re
from collections.abc import Mapping
from math import nan
from typing import Literal
from unicodedata import normalize

from inspect_ai.log import EvalLog, EvalSample, ProvenanceData, edit_score
from inspect_ai.scorer import Score, ScoreEdit

from arena_evals.analysis.labels import PREFIX, UNSURE
from arena_evals.errors import BadInput
from arena_evals.labelling.sheet import Label

Change = Literal["new", "changed", "same"]


def labeller(name: str) -> str:
    """Return a name as scores carry it: in lower case, so that nobody is two people.

    Raises:
        BadInput: it holds more than letters, digits, ``.``, ``_`` and ``-``.
    """
    plain = normalize("NFC", name).casefold()
    if not re.fullmatch(r"[\w.-]{1,40}", plain):
        raise BadInput(f"--by: '{name}' is no name; use letters, digits, '.', '_' and '-' alone")
    return plain


def add_labels(
    log: EvalLog, labels: Mapping[str, Label], by: str, rubrics: Mapping[str, str]
) -> dict[str, Change]:
    """Store labels, by the uuid of their sample, in the log, in place; other scores stay.

    A label is the score ``label_<by>``; ``unsure`` is one without a verdict. ``rubrics`` says, by
    uuid too, by which rubric it was given. A label that the log has already is not stored again.
    Returns what became of each label whose sample the log holds.
    """
    changes: dict[str, Change] = {}
    for sample in log.samples or []:
        label = labels.get(sample.uuid or "")
        if label is None:
            continue
        uuid = str(sample.uuid)
        there = (sample.scores or {}).get(PREFIX + by)
        changes[uuid] = "new" if there is None else "changed"
        if there and _label_of(there) == label:
            changes[uuid] = "same"
        else:
            _edit(log, sample, label, by, rubrics[uuid])
    return changes


def _label_of(score: Score) -> Label:
    choice = UNSURE if score.value != score.value else str(score.value)  # NaN is not itself
    return Label(choice, score.explanation or "")


def _edit(log: EvalLog, sample: EvalSample, label: Label, by: str, rubric: str) -> None:
    unsure = label.choice == UNSURE
    edit = ScoreEdit(
        value=nan if unsure else label.choice,
        explanation=label.note or None,
        reason=UNSURE if unsure else None,
        metadata={"rubric": rubric},
        provenance=ProvenanceData(author=by, reason="labelled blind by a person"),
    )
    # a label has no metric, and metrics of other scores do not change
    edit_score(log, sample.id, PREFIX + by, edit, recompute_metrics=False, epoch=sample.epoch)
