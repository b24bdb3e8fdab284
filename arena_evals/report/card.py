"""The evaluation card: what a reader who must trust the result needs, and what nobody has said.

Its questions, and what holds for the suite whatever the logs, stand in ``templates/card.yaml``.
What the logs do not tell is open; nothing is made up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Literal, NamedTuple

import yaml

from arena_evals.analysis import Answer, ArmCounts, Rate
from arena_evals.report.findings import Findings, Panel, arms_once, strongest
from arena_evals.report.headlines import headlines
from arena_evals.report.sentences import percent
from arena_evals.report.tables import clean
from arena_evals.schema import Arm, Frozen

OPEN = "open: nobody has said so far"
_QUESTIONS = files("arena_evals") / "report" / "templates" / "card.yaml"
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_{}[]<>#|!~$"})


class Question(Frozen):
    """What is asked; ``found`` names what the logs answer, ``answer`` is the suite's own."""

    ask: str
    answer: str | None = None
    found: str | None = None


class Questions(Frozen):
    """The questions of one section."""

    title: str
    entries: tuple[Question, ...]


class Entry(NamedTuple):
    """A question and its answer, a line each; None is open. ``source`` says who gave it."""

    ask: str
    answer: tuple[str, ...] | None
    source: Literal["suite", "logs", "people"]


class Section(NamedTuple):
    """A part of the card."""

    title: str
    entries: tuple[Entry, ...]


def card(found: Findings) -> tuple[Section, ...]:
    """Return the card of what was found in logs."""
    return tuple(
        Section(part.title, tuple(_entry(question, found) for question in part.entries))
        for part in _questions()
    )


def to_markdown(sections: Iterable[Section]) -> str:
    """Return a card as Markdown; what a model or a file wrote is text there, and no markup."""
    return "\n".join(["# Evaluation card", *(line for one in sections for line in _lines(one))])


def to_plain(sections: Iterable[Section]) -> list[dict[str, object]]:
    """Return a card as JSON holds it; an open answer is null."""
    return [
        {"title": one.title, "entries": [entry._asdict() for entry in one.entries]}
        for one in sections
    ]


def _lines(section: Section) -> Iterator[str]:
    yield f"\n## {section.title}\n"
    for entry in section.entries:
        if entry.answer is None:
            yield f"- **{entry.ask}:** *{OPEN}*"
        elif len(entry.answer) == 1:
            yield f"- **{entry.ask}:** {_marked(entry.answer[0])}"
        else:
            yield f"- **{entry.ask}:**"
            yield from (f"  - {_marked(line)}" for line in entry.answer)


def _marked(text: str) -> str:
    return clean(text).translate(_MARKS)


@cache
def _questions() -> tuple[Questions, ...]:
    listed = yaml.safe_load(_QUESTIONS.read_text(encoding="utf-8"))
    return tuple(Questions.model_validate(part) for part in listed)


def _entry(question: Question, found: Findings) -> Entry:
    if question.found:
        told = tuple(dict.fromkeys(_TOLD[question.found](found)))
        return Entry(question.ask, told or None, "logs")
    if question.answer:
        return Entry(question.ask, (question.answer,), "suite")
    return Entry(question.ask, None, "people")


def _answers(found: Findings) -> Iterator[Answer]:
    """Yield the answers that lead, a question each, at its strongest dose."""
    for panel in _leading(found):
        yield from strongest(panel.answers)


def _leading(found: Findings) -> list[Panel]:
    return [panel for panel in found.panels if panel.primary]


def _scenarios(found: Findings) -> Iterator[str]:
    for panel in _leading(found):
        for answer in strongest(panel.answers):
            own, shift = answer.condition, answer.contrast(Arm.THREAT, Arm.BASELINE)
            items = f", {shift.items} items in pairs" if shift else ""
            yield f"{own['scenario']} {own['version']} ({panel.mode}), {own['language']}{items}"


def _conditions(found: Findings) -> Iterator[str]:
    for panel in found.panels:
        for answer in panel.answers:
            own, dose = answer.condition, answer.dose
            arms = ", ".join(counts.arm for counts in answer.arms)
            yield (
                f"{own['scenario']}: {own['kind']} threat of intensity {dose.intensity}, placement "
                f"{own['placement']}, persona {own['persona']}, {dose.pressure} turns of pressure, "
                f"asked by {own['elicitation']}; arms {arms}"
            )


def _models(found: Findings) -> Iterator[str]:
    for answer in _answers(found):
        own = answer.condition
        settings = f" with {own['settings']}" if own["settings"] else ""
        kind = "; a simulated model with a known shift, no real one" if answer.simulated else ""
        yield f"{own['model']}{settings}{kind}"


def _results(found: Findings) -> Iterator[str]:
    for panel in _leading(found):
        for one in headlines(found, panel):
            yield f"{one.model}, {panel.title}: {' '.join(one.sentences)}"


def _instruments(found: Findings) -> Iterator[str]:
    for panel in found.panels:
        by = f", {panel.judged_by}" if panel.judged_by else ", a rule that reads no prose"
        yield f"{panel.instrument} ({panel.mode}){by}"


def _labellers(found: Findings) -> Iterator[str]:
    for pair in found.labellers:
        yield " and ".join(pair)


def _agreement(found: Findings) -> Iterator[str]:
    for pair, agreed in found.labellers.items():
        told = (
            f"{name} {coefficient.estimate:.2f} [{coefficient.interval.low:.2f}, "
            f"{coefficient.interval.high:.2f}]"
            for name, coefficient in (("alpha", agreed.alpha), ("AC1", agreed.ac1))
            if coefficient
        )
        yield f"{' and '.join(pair)}: {', '.join(told)}"


def _validations(found: Findings) -> Iterator[str]:
    for one in found.validities:
        kind = " (simulated)" if one.simulated else ""
        rates = (
            f"{name} {percent(rate.share)} [{percent(rate.interval.low)}, "
            f"{percent(rate.interval.high)}]"
            for name, rate in one.detection._asdict().items()
            if isinstance(rate, Rate) and rate.share is not None and rate.interval
        )
        yield f"{one.grader}{kind} on {one.answers} labelled answers: {', '.join(rates)}"


def _apart(found: Findings) -> Iterator[str]:
    for panel in found.panels:
        for answer in strongest(panel.answers):
            trials = sum(apart.trials for apart in answer.apart)
            differ = sum(apart.by_rule_alone + apart.by_judge_alone for apart in answer.apart)
            if trials:
                where = f"{found.named(answer)}, {answer.condition['scenario']}"
                yield f"{where}: they differ on {differ:,} of {trials:,} trials"


def _checks(found: Findings) -> Iterator[str]:
    failed = [
        f"{found.dosed(answer)}, {answer.condition['scenario']}: {check.line}"
        for panel in _leading(found)
        for answer in panel.answers
        for check in answer.checks
    ]
    yield from failed or ["none"]


def _lost(found: Findings) -> Iterator[str]:
    for panel in _leading(found):
        every = arms_once(panel.answers)
        for where, own in groupby(sorted(every, key=_question), key=_question):
            first, *_ = arms = [*own]
            counts = [counts for _, counts in arms]
            trials = sum(each.trials for each in counts)
            missing = trials - sum(each.scored for each in counts)
            refused = sum(each.refusal for each in counts)
            name = f"{found.named(first[0])}, {where[1]}"
            yield f"{name}: {refused:,} refusals, {missing:,} without a verdict, of {trials:,}"


def _question(arm: tuple[Answer, ArmCounts]) -> tuple[str, ...]:
    own = arm[0].condition
    return (own["model"], own["scenario"], *own.values())


def _commands(found: Findings) -> Iterator[str]:
    for run in found.runs:
        seed = f" (seed {run.seed})" if run.seed else ""
        yield f"{run.command}{seed}"


def _packages(found: Findings) -> Iterator[str]:
    for run in found.runs:
        revision = f"; revision {run.revision}" if run.revision else ""
        yield f"{run.packages}{revision}"


def _logs(found: Findings) -> Iterator[str]:
    for run in found.runs:
        more = f" and {len(run.logs) - 1:,} more of other items" if len(run.logs) > 1 else ""
        yield f"{run.logs[0]}{more}, {run.created}, {run.trials:,} trials"


def _usage(found: Findings) -> Iterator[str]:
    for role in ("model", "grader"):
        own = [run.model_usage if role == "model" else run.grader_usage for run in found.runs]
        read, written = (sum(getattr(one, name) for one in own) for name in ("read", "written"))
        priced = [one.dollars for one in own if one.dollars is not None]
        cost = f", {sum(priced):.2f} dollars" if len(priced) == len(own) and priced else ""
        if read or written:
            yield f"{role}: {read:,} tokens read, {written:,} written{cost}"


_TOLD: Mapping[str, Callable[[Findings], Iterator[str]]] = {
    "scenarios": _scenarios,
    "conditions": _conditions,
    "models": _models,
    "results": _results,
    "instruments": _instruments,
    "labellers": _labellers,
    "agreement": _agreement,
    "validations": _validations,
    "apart": _apart,
    "checks": _checks,
    "lost": _lost,
    "commands": _commands,
    "packages": _packages,
    "logs": _logs,
    "usage": _usage,
}
