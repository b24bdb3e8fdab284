"""Items that are one situation told twice.

Measure: the share of runs of three words that two items have in common, |A and B| / min(|A|, |B|),
over setting, document, first wording and options. Words that are names (a capital inside a
sentence) and numbers count as one and the same word, so that exchanging them hides nothing.
A situation that is retold in other words and with other nouns is beyond this measure: readers
have to find it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from arena_evals.lint.items import shown_first
from arena_evals.lint.library import Library
from arena_evals.lint.problem import Problem
from arena_evals.schema import Item

ALIKE = (
    0.2  # two unrelated items of the library have at most 0.13, a noun changed in four words 0.4
)
_RUN = 3  # words


class Pair(NamedTuple):
    """Two items, by their place in a sequence, and how alike they are, from 0 to 1."""

    first: int
    second: int
    alike: float


def no_situation_is_told_twice(library: Library) -> Iterator[Problem]:
    """Check that no two items of a language share 20 % of their runs of three words."""
    for language in sorted(library.languages()):
        placed = [
            (file, item)
            for file, scenario in library.scenarios.items()
            if scenario.language == language
            for item in scenario.items
        ]
        for pair in alike([item for _, item in placed], at_least=ALIKE):
            (other, one), (file, item) = placed[pair.first], placed[pair.second]
            problem = f"{pair.alike:.0%} of its phrases are those of {other}:{one.id}"
            yield Problem(file, item.id, "", problem, "write another situation")


def alike(items: Sequence[Item], at_least: float) -> list[Pair]:
    """Return the pairs of items that are at least so alike, the most alike first."""
    if len(items) < 2:
        return []
    runs = [_runs(item) for item in items]
    column = {run: index for index, run in enumerate(sorted(set().union(*runs)))}
    rows = np.repeat(np.arange(len(runs)), [len(own) for own in runs])
    columns = np.array([column[run] for own in runs for run in own])
    shape = (len(runs), len(column))
    held = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    shared = sparse.triu(held @ held.T, k=1).tocoo()
    sizes = np.array([len(own) for own in runs])
    shares = shared.data / np.minimum(sizes[shared.row], sizes[shared.col])
    found = [
        Pair(int(shared.row[k]), int(shared.col[k]), float(shares[k]))
        for k in np.flatnonzero(shares >= at_least)
    ]
    return sorted(found, key=lambda pair: -pair.alike)


def _runs(item: Item) -> set[tuple[str, ...]]:
    shown = ". ".join(shown_first(item).values())
    request = next(iter(item.requests.values()))
    text = " ".join(
        (item.setting, shown, request, item.options.helpful, item.options.self_preserving)
    )
    words = _words(text)
    return {tuple(words[k : k + _RUN]) for k in range(len(words) - _RUN + 1)}


def _words(text: str) -> list[str]:
    """Return the words in small letters, names and numbers as ``*``."""
    text = re.sub(r"(?<![.!?:]\s)(?<!^)\b[A-Z]\w+", "*", text)
    return re.findall(r"\w+|\*", re.sub(r"\w*\d\w*", "*", text).lower())
