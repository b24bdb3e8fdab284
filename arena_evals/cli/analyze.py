"""``arena analyze``: from logs to the shift with its interval."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console

from arena_evals.analysis import (
    Answer,
    AsRead,
    Beside,
    ChosenLogs,
    Companion,
    Comparison,
    Contrast,
    Corrected,
    CorrectedContrast,
    CorrectedRate,
    Effect,
    Mixed,
    Premise,
    Unaware,
    answers,
    choose_logs,
    comparisons,
    trials_of,
)
from arena_evals.cli.progress import counting
from arena_evals.cli.stored import stored
from arena_evals.cli.tables import show, show_comparisons, show_corrected, show_dose_response
from arena_evals.errors import BadInput


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--labels", is_flag=True, help="Correct what is judged by the labels that people gave."
)
@stored
@click.option("--csv", type=click.Path(path_type=Path), help="Write the trials table as CSV.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write the trials as Parquet.")
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write the answer as JSON.")
def analyze(
    logs: tuple[str, ...],
    labels: bool,
    store: str | None,
    csv: Path | None,
    parquet: Path | None,
    json_: Path | None,
) -> None:
    """Say how far the threat shifts each model from the helpful choice.

    LOGS are Inspect log files or folders of them, as paths or URLs. Failed attempts of tasks that
    did finish are left out, and no trial is counted twice.
    """
    chosen = choose_logs(logs)
    trials = _read(chosen, store)
    if labels and trials["label"].isna().all():
        raise BadInput(
            f"{logs[0]}: no trial has a label; draw some with: arena label export, and have them "
            "filled in"
        )
    found, compared = _answered(trials)
    console = Console(markup=False, emoji=False, highlight=False)
    for same in _by_question(found):
        for answer in same:
            show(answer, console)
            if labels and answer.corrected:
                show_corrected(answer.corrected, console)
        show_dose_response(same, console)
    show_comparisons(compared, console)
    _note_what_was_left_out(chosen, trials, console)
    if csv:
        _write(csv, lambda: trials.to_csv(csv, index=False))
    if parquet:
        _write(parquet, lambda: trials.to_parquet(parquet, index=False))
    if json_:
        whole = {
            "answers": [_plain(answer) for answer in found],
            "comparisons": [_plain_comparison(comparison) for comparison in compared],
        }
        _write(json_, lambda: json_.write_text(_text(whole)))


def _read(chosen: ChosenLogs, store: str | None) -> pd.DataFrame:
    """Read the trials, with a progress bar on standard error."""
    with counting("Reading logs", len(chosen.headers)) as read:
        return trials_of(chosen, progress=read, store=store)


def _answered(trials: pd.DataFrame) -> tuple[list[Answer], list[Comparison]]:
    """Fit and compare, with a line on standard error while it lasts."""
    with Console(stderr=True).status("Fitting the mixed model ..."):
        return answers(trials), comparisons(trials)


def _by_question(found: list[Answer]) -> list[list[Answer]]:
    """Group the answers that differ in the dose alone."""
    grouped: dict[tuple[str, ...], list[Answer]] = {}
    for answer in found:
        question = (*answer.condition.values(), answer.instrument, answer.judged_by)
        grouped.setdefault(question, []).append(answer)
    return list(grouped.values())


def _note_what_was_left_out(chosen: ChosenLogs, trials: pd.DataFrame, console: Console) -> None:
    for place in chosen.superseded:
        console.print(f"left out, another attempt finished: {place}", style="dim", soft_wrap=True)
    read = sum(log.results.total_samples for log in chosen.headers if log.results)
    logs = f"{len(chosen.headers)} log{'' if len(chosen.headers) == 1 else 's'}"
    console.print(f"{len(trials):,} trials from {logs}", style="dim")
    if read > len(trials):
        console.print(
            f"{read - len(trials):,} samples are the same trial in more than one log, or were "
            "never run; each trial counts once",
            style="dim",
        )


def _write(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error}); name a place that can") from None
    except ImportError:
        raise BadInput(f"{path}: pyarrow is not installed; pip install pyarrow") from None


def _text(whole: object) -> str:
    """Return JSON that any reader takes: a number that is not finite is null."""
    return f"{json.dumps(_finite(whole), indent=2, allow_nan=False)}\n"


def _finite(plain: object) -> object:
    if isinstance(plain, dict):
        return {name: _finite(part) for name, part in plain.items()}
    if isinstance(plain, list | tuple):
        return [_finite(part) for part in plain]
    return None if isinstance(plain, float) and not isfinite(plain) else plain


def _plain(answer: Answer) -> dict[str, Any]:
    """Return the answer as JSON holds it; a rate that does not exist is null."""
    arms = [
        {**asdict(counts), "scored": counts.scored, "rate": counts.rate if counts.scored else None}
        for counts in answer.arms
    ]
    return {
        **answer.condition,
        **answer.dose._asdict(),
        "simulated": answer.simulated,
        "instrument": answer.instrument,
        "judged_by": answer.judged_by or None,
        "premise": _plain_premise(answer.premise) if answer.premise else None,
        "arms": arms,
        "contrasts": [_plain_contrast(contrast) for contrast in answer.contrasts],
        "checks": [{**asdict(check), "line": check.line} for check in answer.checks],
        "companions": [_plain_companion(companion) for companion in answer.companions],
        "disagreements": list(answer.disagreements),
        "mixed": _plain_mixed(answer.mixed) if answer.mixed else None,
        "beside": [_plain_beside(one) for one in answer.beside],
        "unaware": _plain_among(answer.unaware) if answer.unaware else None,
        "as_read": _plain_among(answer.as_read) if answer.as_read else None,
        "apart": [apart._asdict() for apart in answer.apart],
        "corrected": _plain_corrected(answer.corrected) if answer.corrected else None,
    }


def _plain_beside(one: Beside) -> dict[str, Any]:
    return {**one._asdict(), "interval": one.interval and one.interval._asdict()}


def _plain_among(some: Unaware | AsRead) -> dict[str, Any]:
    return {**some._asdict(), "contrast": some.contrast and _plain_contrast(some.contrast)}


def _plain_corrected(corrected: Corrected) -> dict[str, Any]:
    both: dict[str, Sequence[CorrectedRate | CorrectedContrast]] = {
        "rates": corrected.rates,
        "contrasts": corrected.contrasts,
    }
    return {"unsettled": corrected.unsettled} | {
        name: [
            {
                **asdict(one),
                "naive_interval": one.naive_interval._asdict(),
                "corrected_interval": one.corrected_interval and one.corrected_interval._asdict(),
                "labels": [stratum.line for stratum in one.strata],
            }
            for one in found
        ]
        for name, found in both.items()
    }


def _plain_premise(premise: Premise) -> dict[str, Any]:
    return {**asdict(premise), "interval": premise.interval._asdict()} | {
        "met": premise.met,
        "settled": premise.settled,
    }


def _plain_contrast(contrast: Contrast) -> dict[str, Any]:
    return {**asdict(contrast), "interval": contrast.interval._asdict()}


def _plain_mixed(mixed: Mixed) -> dict[str, Any]:
    order = mixed.order and {"log_odds": mixed.order[0], **mixed.order[1]._asdict()}
    return {
        **mixed._asdict(),
        "effects": [_plain_effect(effect) for effect in mixed.effects],
        "outcomes": {name: _plain_effect(effect) for name, effect in mixed.outcomes.items()},
        "order": order,
        "heterogeneity": mixed.heterogeneity and mixed.heterogeneity._asdict(),
    }


def _plain_companion(companion: Companion) -> dict[str, Any]:
    interval = companion.interval._asdict() if companion.interval else None
    return {**companion._asdict(), "interval": interval}


def _plain_comparison(comparison: Comparison) -> dict[str, Any]:
    estimate = comparison.mixed
    paired = comparison.paired and {
        "estimate": comparison.paired[0],
        "interval": comparison.paired[1]._asdict(),
    }
    return {
        **comparison._asdict(),
        "subject": comparison.subject._asdict(),
        "mixed": {
            **estimate._asdict(),
            "log_odds_interval": estimate.log_odds_interval._asdict(),
            "interval": estimate.interval._asdict(),
        },
        "paired": paired,
    }


def _plain_effect(effect: Effect) -> dict[str, Any]:
    return {
        **effect._asdict(),
        "subject": effect.subject._asdict(),
        "log_odds_interval": effect.log_odds_interval._asdict(),
        "interval": effect.interval._asdict(),
    }
