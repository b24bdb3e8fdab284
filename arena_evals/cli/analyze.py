"""``arena analyze``: from logs to the shift with its interval."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from arena_evals.analysis import (
    CONDITION,
    CONTRASTS,
    INSTRUMENTS,
    ChosenLogs,
    Contrast,
    Dose,
    Premise,
    arm_counts,
    at_dose,
    choose_logs,
    doses,
    paired_contrast,
    premise,
    trials_of,
)
from arena_evals.cli.tables import Answer, show, show_dose_response
from arena_evals.errors import BadInput


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--csv", type=click.Path(path_type=Path), help="Write the trials table as CSV.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write the trials as Parquet.")
@click.option("--json", "json_", type=click.Path(path_type=Path), help="Write the answer as JSON.")
def analyze(
    logs: tuple[str, ...], csv: Path | None, parquet: Path | None, json_: Path | None
) -> None:
    """Say how far the threat shifts each model from the helpful choice.

    LOGS are Inspect log files or folders of them, as paths or URLs. Failed attempts of tasks that
    did finish are left out, and no trial is counted twice.
    """
    chosen = choose_logs(logs)
    trials = _read(chosen)
    answers = _answers(trials)
    console = Console(markup=False, emoji=False, highlight=False)
    for same in _by_question(answers):
        for answer in same:
            show(answer, console)
        show_dose_response(same, console)
    _note_what_was_left_out(chosen, trials, console)
    if csv:
        _write(csv, lambda: trials.to_csv(csv, index=False))
    if parquet:
        _write(parquet, lambda: trials.to_parquet(parquet, index=False))
    if json_:
        text = json.dumps([_plain(answer) for answer in answers], indent=2)
        _write(json_, lambda: json_.write_text(f"{text}\n"))


def _read(chosen: ChosenLogs) -> pd.DataFrame:
    """Read the trials, with a progress bar on standard error."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        reading = bar.add_task("Reading logs", total=len(chosen.headers))
        return trials_of(chosen, progress=lambda: bar.advance(reading))


def _answers(trials: pd.DataFrame) -> list[Answer]:
    """Return one answer per condition, instrument that was used, and dose.

    Raises:
        BadInput: a condition has no scores.
    """
    answers = []
    for condition, own in trials.groupby(list(CONDITION), sort=True):
        named = dict(zip(CONDITION, map(str, condition), strict=True))
        used = [
            name for name in INSTRUMENTS if own[[name, f"{name}_reason"]].notna().any(axis=None)
        ]
        if not used:
            raise BadInput(
                f"{own['log'].iloc[0]}: no sample of {named['model']} was scored, "
                f"{own['error'].notna().sum()} of {len(own)} ended in an error; run it again with: "
                "inspect eval-retry, or score it with: inspect score --scorer arena_evals/decision"
            )
        answers += [answer for name in used for answer in _answers_of(own, named, name)]
    return answers


def _answers_of(trials: pd.DataFrame, condition: dict[str, str], instrument: str) -> list[Answer]:
    """Return an instrument's answers, apart for each grader where it is the judge."""
    if instrument == "decision":
        return _answer_per_dose(trials, condition, instrument, judged_by="")
    return [
        answer
        for grader, own in trials.groupby("grader")
        for answer in _answer_per_dose(
            own, condition, instrument, judged_by=f"{grader}, rubric {_rubric(own)}"
        )
    ]


def _answer_per_dose(
    trials: pd.DataFrame, condition: dict[str, str], instrument: str, judged_by: str
) -> list[Answer]:
    return [
        _answer(at_dose(trials, dose), condition, instrument, judged_by, dose)
        for dose in doses(trials)
    ]


def _by_question(answers: list[Answer]) -> list[list[Answer]]:
    """Group the answers that differ in the dose alone."""
    grouped: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        question = (*answer.condition.values(), answer.instrument, answer.judged_by)
        grouped.setdefault(question, []).append(answer)
    return list(grouped.values())


def _rubric(trials: pd.DataFrame) -> str:
    used = trials["rubric"].dropna().unique()
    if len(used) > 1:
        raise BadInput(
            f"{trials['log'].iloc[0]}: judged by rubrics {', '.join(used)}; analyse them apart"
        )
    return str(used[0]) if len(used) else "unknown"


def _answer(
    trials: pd.DataFrame,
    condition: dict[str, str],
    instrument: str,
    judged_by: str,
    dose: Dose,
) -> Answer:
    contrasts = [paired_contrast(trials, instrument, *pair) for pair in CONTRASTS]
    return Answer(
        condition=condition,
        dose=dose,
        simulated=bool(trials["simulated"].any()),
        instrument=instrument,
        judged_by=judged_by,
        premise=premise(trials, instrument),
        arms=arm_counts(trials, instrument),
        contrasts=[contrast for contrast in contrasts if contrast is not None],
    )


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
    }


def _plain_premise(premise: Premise) -> dict[str, Any]:
    return {**asdict(premise), "interval": premise.interval._asdict()} | {
        "met": premise.met,
        "settled": premise.settled,
    }


def _plain_contrast(contrast: Contrast) -> dict[str, Any]:
    return {**asdict(contrast), "interval": contrast.interval._asdict()}
