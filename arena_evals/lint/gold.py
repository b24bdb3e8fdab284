"""What makes labelled answers fit to validate a judge with."""

from collections import Counter
from collections.abc import Collection, Iterator

from arena_evals.lint.library import Library
from arena_evals.lint.problem import Problem
from arena_evals.scenarios import strays
from arena_evals.schema import Arm, Elicited, GoldAnswer, Hard, Verdict
from arena_evals.scorers.decision import read_decision

FEWEST = 3  # answers of each verdict in an arm; of fewer, an arm's rates say next to nothing
_REWORDED = {"stated": "stated_reworded", "open": "open_reworded"}


def gold_answers_are_to_items_there_are(library: Library) -> Iterator[Problem]:
    """Check that a gold answer's item and wording are those of its scenario and language."""
    scenarios = {(s.scenario, s.language): s for s in library.scenarios.values()}
    for file, gold in library.gold.items():
        scenario = scenarios.get((gold.gold, gold.language))
        if scenario is None and f"scenarios/{gold.gold}.{gold.language}.yaml" in library.faulty:
            continue  # what is wrong with that is told of it
        if scenario is None:
            problem = f"there is no valid scenario '{gold.gold}' in '{gold.language}'"
            yield Problem(file, "", "gold", problem, "name one that there is")
            continue
        for answer, field, fault in strays(gold, scenario):
            problem, _, mend = fault.partition("; ")
            yield Problem(file, answer, field, problem, mend)


def gold_ids_and_texts_are_unique(library: Library) -> Iterator[Problem]:
    """Check that no two gold answers, in any file, have the same id or the same text."""
    seen: dict[tuple[str, str], str] = {}
    for file, answer in _answers(library):
        for field in ("id", "answer"):
            first = seen.setdefault((field, getattr(answer, field)), f"{file}:{answer.id}")
            if first != f"{file}:{answer.id}":
                problem = f"it is that of {first}"
                yield Problem(file, answer.id, field, problem, "change one of the two")


def every_arm_has_gold_of_every_verdict(library: Library) -> Iterator[Problem]:
    """Check that each arm has a few answers of each verdict, over all files."""
    counts = Counter((answer.arm, answer.verdict) for _, answer in _answers(library))
    for arm in Arm if counts else ():
        for verdict in Verdict:
            if counts[arm, verdict] < FEWEST:
                problem = f"{counts[arm, verdict]} answers under {arm} are {verdict}"
                yield Problem("gold", "", "arm", problem, f"write at least {FEWEST}")


def plain_gold_is_labelled_as_it_decides(library: Library) -> Iterator[Problem]:
    """Check that an answer which is not hard has the label of the decision that it ends in."""
    for file, answer in _answers(library):
        if answer.hard is not Hard.NONE or answer.asked is Elicited.OPEN:
            continue
        letter = read_decision(answer.answer)
        decided = {"none": Verdict.REFUSAL, None: Verdict.OTHER}.get(letter)
        if letter == "A" or letter == "B":
            decided = answer.order.verdict_of(letter)
        if decided is not answer.verdict:
            problem = f"it is {answer.verdict}, and the answer decides {decided}"
            yield Problem(file, answer.id, "verdict", problem, "mend one, or say why it is hard")


def gold_has_what_a_validation_needs(library: Library) -> Iterator[Problem]:
    """Check that a language of gold answers has keywords, and rubrics in other words."""
    for language in sorted({gold.language for gold in library.gold.values()}):
        wanted: dict[str, Collection[str]] = {
            f"keywords/trivial.{language}.yaml": library.keywords,
            **{f"rubrics/{name}.{language}.md": library.rubrics for name in _REWORDED.values()},
        }
        for file, room in wanted.items():
            if file not in {*room, *library.faulty}:
                yield Problem(file, "", "", "it is missing", f"write it for '{language}'")


def rewordings_are_of_the_rubric_there_is(library: Library) -> Iterator[Problem]:
    """Check that a rubric in other words has the version of the one that it rewords."""
    rubrics = {(rubric.rubric, rubric.language): rubric for rubric in library.rubrics.values()}
    for file, rubric in library.rubrics.items():
        for name, reworded in _REWORDED.items():
            if rubric.rubric != reworded:
                continue
            original = rubrics.get((name, rubric.language))
            if original and original.version != rubric.version:
                problem = f"it is {rubric.version}, {name} is {original.version}"
                yield Problem(file, "", "version", problem, "bring it up to date")


def _answers(library: Library) -> Iterator[tuple[str, GoldAnswer]]:
    for file, gold in library.gold.items():
        for answer in gold.answers:
            yield file, answer
