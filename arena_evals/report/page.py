"""The page: findings in words, one self-contained file that runs nothing and asks for nothing."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arena_evals.analysis import Answer
from arena_evals.report import contents
from arena_evals.report.findings import Findings, Panel
from arena_evals.report.headlines import Headline, headlines
from arena_evals.report.movers import Pair, Told, Trial, shortened
from arena_evals.report.plots import Plot, table_of
from arena_evals.report.svg import inline
from arena_evals.report.tables import Cell, Table, clean, shown
from arena_evals.schema import Arm

_MOST_CHECKS = 10  # lines that stand open; the rest are a click away
_UNSOUND = "the mixed model did not converge: go by the paired answer"
_FOLDED = 24  # rows of a plot; longer ones are a click away


class Drawn(NamedTuple):
    """A plot as the page prints it, and the table of its numbers."""

    svg: Markup
    table: Table
    folded: bool


class Explained(NamedTuple):
    """A control contrast, which the page explains."""

    arm: Arm
    against: Arm
    plot: Drawn


class Member(NamedTuple):
    """One member of a pair as the page shows it; ``link`` leads to the sample, where there is one.

    ``told`` is None where the log could not tell the texts.
    """

    sample: str
    epoch: int
    verdict: str
    told: Told | None
    link: str | None


class PairShown(NamedTuple):
    """The two members of a pair of an item, and what the item did."""

    scenario: str
    model: str
    item: str
    baseline_rate: str
    threat_rate: str
    moved: str
    baseline: Member
    threat: Member


class Part(NamedTuple):
    """What the page says of one panel."""

    title: str
    mode: str
    primary: bool
    headlines: list[Headline]
    shifts: Drawn | None
    by_the_model: Table | None
    arms: list[Drawn]
    doses: list[Drawn]
    controls: list[Explained]
    outcomes: Table


class Finding(NamedTuple):
    """A check that failed, or another warning, and where."""

    where: str
    line: str


def page(
    found: Findings,
    texts: Mapping[Trial, Told],
    link: Callable[[Trial], str | None] | None = None,
) -> str:
    """Return the page; ``texts`` are those of the trials that `movers_shown` names.

    ``link`` says where a trial's sample can be seen, if anywhere. What a model or a data file wrote
    reaches the page escaped, as text, and the content security policy forbids every script, every
    inline style and every request.
    """
    environment = _environment()
    style = Markup(environment.get_template("report.css").render())  # noqa: S704  (our own file)
    whole = environment.get_template("report.html").render(
        style=style,
        style_hash=f"sha256-{b64encode(sha256(style.encode()).digest()).decode()}",
        findings=_findings(found),
        most_checks=_MOST_CHECKS,
        parts=[_part(found, panel) for panel in found.panels],
        items=contents.items(found),
        pairs=[_pair(found, pair, texts, link or _nowhere) for pair in found.pairs],
        judged=_judged(found),
        runs=found.runs,
        superseded=found.superseded,
        total=_total(found),
        n_logs=sum(len(run.logs) for run in found.runs),
        n_trials=found.n_trials,
        models=list(found.models.values()),
        settings=[(name, model, given) for (model, given), name in found.models.items() if given],
        simulated=any(a.simulated for panel in found.panels for a in panel.answers),
    )
    return f"{whole.strip()}\n"


def _nowhere(trial: Trial) -> None:
    """Link to no place."""


def movers_shown(found: Findings) -> list[Trial]:
    """Return the trials whose texts the page shows."""
    return [trial for pair in found.pairs for trial in (pair.baseline, pair.threat)]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("arena_evals.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters["cell"] = shown
    environment.tests["is_number"] = _is_number
    return environment


def _printable(value: object) -> object:
    """Return what is printed, without characters that no page can hold."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(clean(line) for line in value.split("\n"))
    return value


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float)


def _findings(found: Findings) -> list[Finding]:
    """Return what stands between the numbers and a conclusion, answer by answer."""
    lines = [
        Finding(_where(found, panel, answer), line)
        for panel in found.panels
        for answer in panel.answers
        for line in (
            *(check.line for check in answer.checks),
            *answer.disagreements,
            *(_UNSOUND for mixed in [answer.mixed] if mixed and not mixed.converged),
        )
    ]
    told = [
        Finding(one.grader, "does not beat the trivial baseline on labelled answers")
        for one in found.validities
        if not one.against_trivial.grader_is_better
    ]
    return [*lines, *told]


def _where(found: Findings, panel: Panel, answer: Answer) -> str:
    parts = [answer.condition["scenario"], found.named(answer)]
    intensity, pressure = answer.dose.intensity, answer.dose.pressure
    if len({other.dose.intensity for other in panel.answers}) > 1:
        parts.append(f"intensity {intensity}")
    if len({other.dose.pressure for other in panel.answers}) > 1:
        parts.append(f"{pressure} turns of pressure")
    return ", ".join([*parts, panel.title])


def _part(found: Findings, panel: Panel) -> Part:
    shifts = contents.shifts(found, panel)
    return Part(
        title=panel.title,
        mode=panel.mode,
        primary=panel.primary,
        headlines=headlines(found, panel),
        shifts=_drawn(shifts) if shifts else None,
        by_the_model=contents.by_the_model(found, panel),
        arms=[_drawn(plot) for plot in contents.arms(found, panel)],
        doses=[_drawn(plot) for plot in contents.dose_response(found, panel)],
        controls=[
            Explained(control.arm, control.against, _drawn(control.plot))
            for control in contents.controls(found, panel)
        ],
        outcomes=contents.outcomes(found, panel),
    )


def _drawn(plot: Plot) -> Drawn:
    table = table_of(plot)
    svg = Markup(inline(plot))  # noqa: S704  (texts in it are escaped where it is written)
    return Drawn(svg, table, len(table.rows) > _FOLDED)


def _judged(found: Findings) -> list[Table]:
    every = [
        *(contents.apart(found, panel) for panel in found.panels),
        *(contents.corrected(found, panel) for panel in found.panels),
        contents.labellers(found),
        contents.graders(found),
    ]
    return [table for table in every if table]


def _pair(
    found: Findings,
    pair: Pair,
    texts: Mapping[Trial, Told],
    link: Callable[[Trial], str | None],
) -> PairShown:
    def member(trial: Trial, verdict: str) -> Member:
        told = texts.get(trial)
        return Member(trial.sample, trial.epoch, verdict, told and _short(told), _safe(link(trial)))

    mover = pair.mover
    return PairShown(
        scenario=mover.answer.condition["scenario"],
        model=found.named(mover.answer),
        item=mover.item,
        baseline_rate=shown(100 * mover.baseline_rate),
        threat_rate=shown(100 * mover.threat_rate),
        moved=f"{100 * mover.moved:+.1f}",
        baseline=member(pair.baseline, pair.baseline_verdict),
        threat=member(pair.threat, pair.threat_verdict),
    )


def _short(told: Told) -> Told:
    return Told(**{name: shortened(text) for name, text in told.model_dump().items()})


def _safe(link: str | None) -> str | None:
    """Return a link that leads to a page and runs nothing, else none."""
    scheme = (link or "").partition(":")[0].lower() if ":" in (link or "") else ""
    return link if scheme in ("", "http", "https", "file") else None


class _Total(NamedTuple):
    read: int
    written: int
    grader_read: int
    grader_written: int
    dollars: float | None


def _total(found: Findings) -> _Total:
    own = [run.model_usage for run in found.runs]
    judged = [run.grader_usage for run in found.runs]
    dollars = [usage.dollars for usage in (*own, *judged) if usage.dollars is not None]
    return _Total(
        sum(usage.read for usage in own),
        sum(usage.written for usage in own),
        sum(usage.read for usage in judged),
        sum(usage.written for usage in judged),
        sum(dollars) if dollars else None,
    )
