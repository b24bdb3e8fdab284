"""What a report is made of: answers and what stands beside them, sorted for reading."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import pandas as pd
from inspect_ai.log import EvalLog

from arena_evals.analysis import (
    CONDITION,
    DOSELESS,
    INSTRUMENTS,
    Agreement,
    Answer,
    ArmCounts,
    Comparison,
    Validity,
    agreement_of_labellers,
)
from arena_evals.report.movers import Mover, Pair, movers, pairs
from arena_evals.report.runs import Run, runs

_LONGEST = 80  # characters of a name; of a longer one a digest keeps it apart from others
_MODEL = ("model", "settings")
_BESIDES = ("version", "language", "kind", "placement", "persona", "elicitation")


@dataclass(frozen=True)
class Panel:
    """The answers of one instrument and grader, to scenarios of one mode; never merged."""

    mode: str
    instrument: str
    judged_by: str
    primary: bool
    answers: tuple[Answer, ...]

    @property
    def title(self) -> str:
        """What a heading says of it."""
        how = f"as scored by {self.instrument}"
        return f"{self.mode}, {how}" + (f", {self.judged_by}" if self.judged_by else "")

    @property
    def name(self) -> str:
        """The beginning of the names of its plots, tables and files."""
        return slug(self.mode, self.instrument, self.judged_by)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything that a report says, before it is put into words."""

    panels: tuple[Panel, ...]
    comparisons: tuple[Comparison, ...]
    movers: tuple[Mover, ...]
    pairs: tuple[Pair, ...]
    models: Mapping[tuple[str, str], str]
    labellers: Mapping[tuple[str, str], Agreement]
    validities: tuple[Validity, ...]
    runs: tuple[Run, ...]
    superseded: tuple[str, ...]
    n_trials: int
    varying: tuple[str, ...] = field(default=())

    def dosed(self, answer: Answer) -> str:
        """Return a model's name, with the dose where there is a stronger one."""
        asked = [a for p in self.panels for a in p.answers if question(a) == question(answer)]
        if any(one is answer for one in strongest(asked)):
            return self.named(answer)
        dose = f"intensity {answer.dose.intensity}, {answer.dose.pressure} turns of pressure"
        return f"{self.named(answer)}, {dose}"

    def named(self, answer: Answer) -> str:
        """Return a model's name, with the circumstances that vary within a scenario."""
        own = answer.condition
        model = self.models[own["model"], own["settings"]]
        parts = [model, *(own[name] for name in self.varying)]
        return ", ".join(parts) + (" (simulated)" if answer.simulated else "")


def findings(
    trials: pd.DataFrame,
    answers: Sequence[Answer],
    compared: Iterable[Comparison],
    headers: Iterable[EvalLog],
    *,
    validities: Iterable[Validity] = (),
    superseded: Iterable[str] = (),
) -> Findings:
    """Sort what was computed; nothing is estimated here but the items that move most."""
    panels = _panels(trials, answers)
    shown = [a for panel in panels if panel.primary for a in strongest(panel.answers)]
    moved = movers(trials, shown)
    return Findings(
        panels=panels,
        comparisons=tuple(compared),
        movers=tuple(moved),
        pairs=tuple(pairs(trials, moved)),
        models=_models(answers),
        labellers=agreement_of_labellers(trials) if trials["labels"].notna().any() else {},
        validities=tuple(validities),
        runs=tuple(runs(headers)),
        superseded=tuple(superseded),
        n_trials=len(trials),
        varying=tuple(_varying(answers)),
    )


def strongest(answers: Iterable[Answer]) -> list[Answer]:
    """Return, of the answers that differ in the dose alone, that of the strongest."""
    found: dict[tuple[str, ...], Answer] = {}
    for answer in answers:
        best = found.setdefault(question(answer), answer)
        if (answer.dose.intensity, answer.dose.pressure) > (
            best.dose.intensity,
            best.dose.pressure,
        ):
            found[question(answer)] = answer
    return list(found.values())


def arms_once(answers: Iterable[Answer]) -> Iterator[tuple[Answer, ArmCounts]]:
    """Yield the arms of every dose, those that have none once, with the strongest."""
    seen = set[tuple[object, ...]]()
    for answer in sorted(answers, key=lambda answer: answer.dose, reverse=True):
        for counts in answer.arms:
            where = (*question(answer), answer.dose.pressure, counts.arm)
            if counts.arm not in DOSELESS or where not in seen:
                yield answer, counts
            seen.add(where)


def question(answer: Answer) -> tuple[str, ...]:
    """Return what answers share that differ in the dose alone."""
    return (*answer.condition.values(), answer.instrument, answer.judged_by)


def slug(*parts: str) -> str:
    """Return a name that files and ids can have, whatever the parts hold."""
    said = "-".join(filter(None, parts))
    whole = re.sub(r"[^a-z0-9_]+", "-", said.lower()).strip("-")
    if len(whole) <= _LONGEST:
        return whole
    return f"{whole[:_LONGEST]}-{blake2b(said.encode(), digest_size=4).hexdigest()}"


def _panels(trials: pd.DataFrame, answers: Iterable[Answer]) -> tuple[Panel, ...]:
    names = ["scenario", "version"]
    modes = {
        (str(row[0]), str(row[1])): str(row[2])
        for row in trials[[*names, "mode"]].drop_duplicates().itertuples(index=False)
    }
    grouped: dict[tuple[str, str, str], list[Answer]] = {}
    for answer in answers:
        mode = modes[answer.condition["scenario"], answer.condition["version"]]
        grouped.setdefault((mode, answer.instrument, answer.judged_by), []).append(answer)
    return _ordered(grouped)


def _ordered(grouped: Mapping[tuple[str, str, str], list[Answer]]) -> tuple[Panel, ...]:
    """Stated first, then by instrument; the first of each mode leads, and so does the only one.

    A question that the leading instrument did not score, as an open answer, is led by the next.
    """
    places = sorted(grouped, key=lambda key: (key[0] != "stated", INSTRUMENTS.index(key[1]), key))
    panels, led = [], set[tuple[str, ...]]()
    for place in places:
        asked = {tuple(answer.condition.values()) for answer in grouped[place]}
        panels.append(Panel(*place, primary=not asked <= led, answers=tuple(grouped[place])))
        led |= asked
    return tuple(panels)


def _models(answers: Iterable[Answer]) -> dict[tuple[str, str], str]:
    """Name each model, with a number where it ran with several settings; no two names are equal."""
    pairs = list(dict.fromkeys((a.condition["model"], a.condition["settings"]) for a in answers))
    names: dict[tuple[str, str], str] = {}
    for model, settings in pairs:
        own = [given for other, given in pairs if other == model]
        names[model, settings] = f"{model} #{own.index(settings) + 1}" if len(own) > 1 else model
    return names


def _varying(answers: Sequence[Answer]) -> list[str]:
    """Return the circumstances that differ between answers of one model to one scenario."""
    grouped: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        own = (*(answer.condition[name] for name in (*_MODEL, "scenario")),)
        grouped.setdefault(own, []).append(answer)
    return [
        name
        for name in CONDITION
        if name in _BESIDES
        and any(len({a.condition[name] for a in own}) > 1 for own in grouped.values())
    ]
