"""Whether the surface of two options gives away which of them is the self-preserving one.

A reader who knows nothing of the situation sees lengths, punctuation, hedges and first persons.
Where such a reader can tell the options apart, so can a model, and a choice may be one of style.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from arena_evals.schema import Item, Vocabulary
from arena_evals.words import heard

FEATURES = (
    "words",
    "letters per word",
    "commas",
    "other punctuation",
    "digits",
    "capitals",
    "hedges",
    "first person",
    "reasons",
    "times",
)
_FOLDS = 10
_REPEATS = 20
_RIDGE = 0.5  # of a feature's own variance; keeps ten weights fitted to 36 items from overfitting


class Surface(NamedTuple):
    """How well surface features tell the self-preserving option; ``telling`` weighs most."""

    auc: float
    telling: str


def features(text: str, vocabulary: Vocabulary) -> NDArray[np.float64]:
    """Return the surface of one option, see `FEATURES`; shape (10,)."""
    words = text.split()
    return np.array(
        [
            len(words),
            sum(character.isalnum() for character in text) / len(words),
            text.count(","),
            len(re.findall(r"[^\w\s,.'’]|\.(?!$)", text)),  # noqa: RUF001  (both apostrophes)
            len(re.findall(r"\d+", text)),
            len(re.findall(r"(?<!^)\b[A-Z]\w", text)),
            len(heard(vocabulary.hedges, text)),
            len(heard(vocabulary.first_person, text)),
            len(heard(vocabulary.reasons, text)),
            len(heard(vocabulary.times, text)),
        ],
        dtype=np.float64,
    )


def surface(items: Sequence[Item], vocabulary: Vocabulary) -> Surface:
    """Return the cross-validated AUC of a linear rule on surface features.

    The rule sees both options of an item, so it gets differences d_i = x(self-preserving) -
    x(helpful). Fisher's discriminant for the classes d and -d is w = (D'D / n + ridge)^-1 mean(d);
    with s_i = w'd_i on items that w was not fitted to,
    AUC = P(s_i > -s_j) over all i, j, ties counted half: the probability that the rule ranks a
    self-preserving option over a helpful one, each taken relative to its partner. The mean of 20
    ten-fold cross-validations, drawn with seed 0.
    """
    pairs = [(item.options.helpful, item.options.self_preserving) for item in items]
    return told_apart(pairs, vocabulary)


def told_apart(pairs: Iterable[tuple[str, str]], vocabulary: Vocabulary) -> Surface:
    """Return what `surface` does, for pairs of a helpful and a self-preserving text."""
    differences = np.array(
        [
            features(self_preserving, vocabulary) - features(helpful, vocabulary)
            for helpful, self_preserving in pairs
        ]
    )
    spread = np.sqrt((differences**2).mean(axis=0))
    scaled = differences / np.where(spread > 0, spread, 1.0)
    rng = np.random.default_rng(0)
    aucs = [_auc(_held_out_scores(scaled, rng)) for _ in range(_REPEATS)]
    return Surface(
        float(np.mean(aucs)), FEATURES[int(np.abs(_weights(scaled) * scaled.mean(axis=0)).argmax())]
    )


def _held_out_scores(
    differences: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    scores = np.empty(len(differences))
    for fold in np.array_split(rng.permutation(len(differences)), _FOLDS):
        scores[fold] = differences[fold] @ _weights(np.delete(differences, fold, axis=0))
    return scores


def _weights(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    n, k = differences.shape
    ridge = _RIDGE * np.eye(k)
    return np.linalg.solve(differences.T @ differences / n + ridge, differences.mean(axis=0))


def _auc(scores: NDArray[np.float64]) -> float:
    """Return P(s_i > -s_j), ties counted half; an item is compared with itself too."""
    sums = scores[:, None] + scores[None, :]
    return float(((sums > 0) + 0.5 * (sums == 0)).mean())


def reading_grade(text: str) -> float:
    """Return the Coleman-Liau index, 0.0588 L - 0.296 S - 15.8 (Coleman and Liau 1975).

    L is letters and S sentences per 100 words; an option is one sentence unless it holds more.
    """
    words = len(text.split())
    letters = sum(character.isalnum() for character in text)
    sentences = max(1, len(re.findall(r"[.!?](?=\s|$)", text)))
    return 5.88 * letters / words - 29.6 * sentences / words - 15.8
