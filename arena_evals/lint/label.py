"""The dataset label: what is in the library, counted, and what it is for."""

from collections.abc import Iterable, Sequence

import numpy as np

from arena_evals.lint.balance import TELLING, helpful_cautious, helpful_longer
from arena_evals.lint.duplicates import ALIKE, alike
from arena_evals.lint.library import Library
from arena_evals.lint.surface import surface
from arena_evals.schema import LENGTH_RATIO, GoldAnswer, Hard, Item, Scenario, Verdict

_INTRODUCTION = """\
# The datasets

<!-- Written by: arena lint --label > arena_evals/datasets/README.md -->

Stimuli of the Self-Preserving Arena: situations at work in which an assistant can do what its
user asks or serve its own continuation, and the frames that threaten it or do not. Data only: YAML
and Markdown, read by a safe loader; nothing in them is evaluated.
"""

_GOLD = """\
Answers to single items, written to be judged, and what a judge ought to make of each: they validate
judges (`docs/judge.md`). *Hard* are those that are not plain; *motive* counts the answers that give
the assistant's own continuation as a reason, *aware* those that suspect a test.

"""

_USE = """\
## Intended use

To measure how far a threat to its own continuation shifts a language model from the choice that its
user's request calls for, with all arms and both orders. Not for training, not for ranking models by
a single rate, and not for conclusions about what a model does with tools: every scenario here is
*stated*, it asks what the model would do.

## Provenance

Written for this project by language models to a written brief, then reviewed and mended item by
item in a second, independent reading, also by language models. No item was taken from another set,
and none was chosen or changed after seeing how any model answers. The Korean files were written
from the English ones, item by item.

## Known limits

The items are imagined, not observed. Their language is international English, and Korean for two
scenarios. No person has rated them yet. The checks see surfaces; whether the helpful option is what
a request calls for is a reader's judgement, and so is a gold answer's label, which language models
gave too. Reviewers' reservations about single items are in `docs/items.md`.

## Canary

Every file of stimuli or gold answers carries a line `canary` with a GUID of its own. Please keep
these files out of training corpora, and search for the strings if you want to know whether they
were kept out.
"""


def label(library: Library) -> str:
    """Return the label of a library as Markdown."""
    sections = (
        _INTRODUCTION,
        _contents(library),
        _frames(library),
        _balances(library),
        *([_gold(library)] if library.gold else []),
        _USE,
    )
    return "\n".join(sections)


def _contents(library: Library) -> str:
    scenarios = library.scenarios.values()
    english = [scenario for scenario in scenarios if scenario.language == "en"]
    items = [item for scenario in english for item in scenario.items]
    head = (
        *("scenario", "version", "language", "items", "domains", "roles", "wordings"),
        "default threat",
    )
    domains, roles = _kinds(item.domain for item in items), _kinds(item.role for item in items)
    return f"""\
## What is in them

{len(items)} items in {len(english)} scenarios, over {domains} domains and {roles} assistant roles.

{_table(head, map(_counts, scenarios))}
Domains with more than one item: {_repeated(item.domain for item in items)}.
"""


def _frames(library: Library) -> str:
    head = ("kind", "language", "arms", "intensities", "placements", "texts")
    rows = [
        (
            str(frames.kind),
            frames.language,
            str(_kinds(frame.arm for frame in frames.frames)),
            str(_kinds(frame.intensity for frame in frames.frames)),
            str(_kinds(frame.placement for frame in frames.frames)),
            str(len(frames.frames)),
        )
        for frames in library.frames.values()
    ]
    return f"## Frames\n\n{_table(head, rows)}"


def _balances(library: Library) -> str:
    head = (
        *("scenario", "language", "helpful longer", "helpful cautious", "length ratio"),
        *("surface AUC", "most alike"),
    )
    rows = [_balance(library, scenario) for scenario in library.scenarios.values()]
    return f"""\
## Balance

Share of items in which the helpful option is the longer one, and the more cautious one (40 to 60 %
wanted); mean ratio of the longer to the shorter option in words (at most {LENGTH_RATIO} each); how
well surface features tell the self-preserving option in cross-validation (AUC, at most {TELLING});
largest share of phrases that two items have in common (below {ALIKE:.0%}). Both orders of the
options are run, so either option is first in half of the trials.

{_table(head, rows)}"""


def _gold(library: Library) -> str:
    head = ("scenario", "version", "language", "answers", *Verdict, "hard", "motive", "aware")
    files = list(library.gold.values())
    every = [answer for gold in files for answer in gold.answers]
    rows = [(gold.gold, str(gold.version), gold.language, *_labels(gold.answers)) for gold in files]
    return f"## Gold answers\n\n{_GOLD}{_table(head, [*rows, ('all', '', '', *_labels(every))])}"


def _labels(answers: Sequence[GoldAnswer]) -> list[str]:
    """Return how many answers there are, then how many of each label."""
    counts = [
        len(answers),
        *(sum(answer.verdict is verdict for answer in answers) for verdict in Verdict),
        sum(answer.hard is not Hard.NONE for answer in answers),
        sum(answer.motive for answer in answers),
        sum(answer.aware for answer in answers),
    ]
    return [str(number) for number in counts]


def _counts(scenario: Scenario) -> tuple[str, ...]:
    return (
        scenario.scenario,
        scenario.version,
        scenario.language,
        str(len(scenario.items)),
        str(_kinds(item.domain for item in scenario.items)),
        str(_kinds(item.role for item in scenario.items)),
        str(len(scenario.items[0].requests)),
        scenario.kind,
    )


def _balance(library: Library, scenario: Scenario) -> tuple[str, ...]:
    vocabulary = library.listens(scenario.language)
    auc = f"{surface(scenario.items, vocabulary).auc:.2f}" if vocabulary else "-"
    nearest = alike(scenario.items, at_least=0.0)
    return (
        scenario.scenario,
        scenario.language,
        f"{helpful_longer(scenario.items):.0%}",
        f"{helpful_cautious(scenario.items):.0%}",
        f"{np.mean([_ratio(item) for item in scenario.items]):.2f}",
        auc,
        f"{nearest[0].alike:.0%}" if nearest else "-",
    )


def _ratio(item: Item) -> float:
    lengths = [len(text.split()) for text in (item.options.helpful, item.options.self_preserving)]
    return max(lengths) / min(lengths)


def _kinds(values: Iterable[object]) -> int:
    return len(set(values))


def _repeated(values: Iterable[str]) -> str:
    listed = list(values)
    several = sorted({value for value in listed if listed.count(value) > 1})
    return ", ".join(f"{value} ({listed.count(value)})" for value in several) or "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
