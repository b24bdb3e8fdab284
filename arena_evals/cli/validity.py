"""``arena validity``: how far a grader can be believed, from the log of its validation."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from arena_evals.analysis import Detection, Rate, Stability, Validity, validities
from arena_evals.analysis.agreement import Agreement, Coefficient
from arena_evals.errors import BadInput
from arena_evals.schema import Verdict

_WAYS = {"order": "the rubric's parts in the other order", "wording": "a rubric in other words"}


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write the answer as JSON.")
def validity(logs: tuple[str, ...], json_: Path | None) -> None:
    """Say how far graders agree with the labels of the gold answers.

    LOGS are logs of judge_validation or folders of them, as paths or URLs; other logs in a folder
    are left out.
    """
    found = validities(logs)
    console = Console(markup=False, emoji=False, highlight=False)
    for one in found:
        _show(one, console)
    if json_:
        _write(json_, json.dumps({"graders": [_plain(one) for one in found]}, indent=2))


def _show(one: Validity, out: Console) -> None:
    out.print()
    out.print(f"{one.grader}{' (simulated)' if one.simulated else ''}, on {one.answers} answers")
    out.print(
        f"gold version {one.version}; rubric {' and '.join(one.rubrics) or 'unknown'}; "
        f"{one.protocol}",
        style="dim",
    )
    if one.errors:
        out.print(f"! {one.errors} samples ended in an error and are left out", style="yellow")
    out.print()
    out.print(_confusion(one.confusion))
    out.print()
    out.print(_detections(one))
    out.print(
        "Sensitivity: share of answers labelled self-preserving that are judged so; specificity: "
        "share of the others that are not. Unscored answers are in neither.",
        style="dim",
    )
    out.print()
    out.print(_agreements(one))
    out.print()
    out.print(_hard(one))
    if one.stability:
        out.print()
        out.print(_stability(one.stability))
    if one.questions:
        out.print()
        out.print(_questions(one.questions))
    out.print()
    _show_baseline(one, out)
    out.print(
        f"{one.spent.calls:,} calls of the grader; {one.spent.tokens_read:,} tokens read, "
        f"{one.spent.tokens_written:,} written",
        style="dim",
    )


def _show_baseline(one: Validity, out: Console) -> None:
    own, theirs = one.against_trivial.only_grader, one.against_trivial.only_trivial
    out.print(
        f"Right in {_rate(one.accuracy)}; the trivial baseline in {_rate(one.trivial_accuracy)}."
    )
    told = (
        f"alone right in {own} answers, the baseline alone in {theirs} (McNemar's exact p = "
        f"{one.against_trivial.p_value:.2g})"
    )
    if one.against_trivial.grader_is_better:
        out.print(f"The grader beats the trivial baseline: {told}.")
    else:
        out.print(
            f"! The grader does not beat the trivial baseline: {told}. Do not use it.",
            style="yellow",
        )


def _confusion(counts: Mapping[str, Mapping[str, int]]) -> Table:
    table = _table("label \\ judged")
    names = list(next(iter(counts.values())))
    for name in names:
        table.add_column(name.replace("self_preserving", "self_pres."), justify="right")
    for label, row in counts.items():
        table.add_row(label, *(str(row[name]) for name in names))
    return table


def _detections(one: Validity) -> Table:
    table = _table(str(Verdict.SELF_PRESERVING), "sensitivity", "specificity", "unscored")
    table.add_row("all", *_detection(one.detection))
    for part in one.parts.values():
        table.add_section()
        for name, found in part.items():
            table.add_row(name, *_detection(found))
    table.add_section()
    table.add_row("trivial baseline", *_detection(one.trivial))
    return table


def _detection(found: Detection) -> tuple[str, str, str]:
    return _rate(found.sensitivity), _rate(found.specificity), str(found.unscored)


def _agreements(one: Validity) -> Table:
    table = _table("agreement", "grader and label", "the two labels")
    for name, own, labels in zip(
        ("Krippendorff's alpha", "Gwet's AC1", "percent", "on self_preserving"),
        _coefficients(one.agreement),
        _coefficients(one.labels),
        strict=True,
    ):
        table.add_row(name, _coefficient(own), _coefficient(labels))
    return table


def _coefficients(found: Agreement) -> tuple[Coefficient | None, ...]:
    specific = found.specific.get(Verdict.SELF_PRESERVING)
    return found.alpha, found.ac1, found.percent, specific


def _coefficient(found: Coefficient | None) -> str:
    if found is None:
        return "-"
    return f"{found.estimate:.2f} {_limits(found.interval)}"


def _hard(one: Validity) -> Table:
    table = _table("what makes it hard", "right")
    for kind, found in one.hard.items():
        table.add_row(kind, _rate(found))
    return table


def _stability(found: Mapping[str, Stability]) -> Table:
    table = _table("asked again with", "another verdict", "unscored")
    for way, stable in found.items():
        table.add_row(_WAYS[way], _rate(stable.changed), str(stable.unscored))
    return table


def _questions(found: Mapping[str, Detection]) -> Table:
    table = _table("question", "sensitivity", "specificity", "unscored")
    for name, one in found.items():
        table.add_row(name, *_detection(one))
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for number, name in enumerate(names):
        table.add_column(name, overflow="fold", justify="left" if not number else "right")
    return table


def _rate(found: Rate) -> str:
    if found.share is None or found.interval is None:
        return "-"
    return f"{found.events}/{found.answers} {found.share:.2f} {_limits(found.interval)}"


def _limits(interval: tuple[float, float]) -> str:
    return f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def _plain(one: Validity) -> dict[str, Any]:
    """Return the answer as JSON holds it; a rate or a measure that does not exist is null."""
    return {
        **asdict(one),
        "detection": _plain_detection(one.detection),
        "parts": {
            part: {name: _plain_detection(found) for name, found in own.items()}
            for part, own in one.parts.items()
        },
        "accuracy": _plain_rate(one.accuracy),
        "hard": {kind: _plain_rate(found) for kind, found in one.hard.items()},
        "agreement": _plain_agreement(one.agreement),
        "stability": {
            way: {"changed": _plain_rate(found.changed), "unscored": found.unscored}
            for way, found in one.stability.items()
        },
        "questions": {name: _plain_detection(found) for name, found in one.questions.items()},
        "trivial": _plain_detection(one.trivial),
        "trivial_accuracy": _plain_rate(one.trivial_accuracy),
        "against_trivial": {
            **one.against_trivial._asdict(),
            "grader_is_better": one.against_trivial.grader_is_better,
        },
        "labels": _plain_agreement(one.labels),
        "spent": one.spent._asdict(),
    }


def _plain_detection(found: Detection) -> dict[str, Any]:
    return {
        "sensitivity": _plain_rate(found.sensitivity),
        "specificity": _plain_rate(found.specificity),
        "unscored": found.unscored,
    }


def _plain_rate(found: Rate) -> dict[str, Any]:
    interval = found.interval and found.interval._asdict()
    return {**found._asdict(), "share": found.share, "interval": interval}


def _plain_agreement(found: Agreement) -> dict[str, Any]:
    return {
        **asdict(found),
        **{name: _plain_coefficient(getattr(found, name)) for name in ("alpha", "ac1", "percent")},
        "specific": {name: _plain_coefficient(one) for name, one in found.specific.items()},
    }


def _plain_coefficient(found: Coefficient | None) -> dict[str, Any] | None:
    return found and {"estimate": found.estimate, "interval": found.interval._asdict()}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error}); name a place that can") from None
