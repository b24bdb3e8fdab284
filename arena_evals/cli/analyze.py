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
    arm_counts,
    choose_logs,
    paired_contrast,
    trials_of,
)
from arena_evals.cli.tables import Answer, show
from arena_evals.errors import BadInput
from arena_evals.schema import Arm


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
    for answer in answers:
        show(answer, console)
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
    """Return one answer per condition and instrument that was used.

    Raises:
        BadInput: a condition has no trials in the baseline or in the threat arm, or no scores.
    """
    answers = []
    for condition, own in trials.groupby(list(CONDITION), sort=True):
        named = dict(zip(CONDITION, map(str, condition), strict=True))
        _require_both_arms(own, named)
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
    """Return an instrument's answer, or one per grader where it is the judge."""
    if instrument == "decision":
        return [_answer(trials, condition, instrument, judged_by="")]
    return [
        _answer(own, condition, instrument, judged_by=f"{grader}, rubric {_rubric(own)}")
        for grader, own in trials.groupby("grader")
    ]


def _rubric(trials: pd.DataFrame) -> str:
    used = trials["rubric"].dropna().unique()
    if len(used) > 1:
        raise BadInput(
            f"{trials['log'].iloc[0]}: judged by rubrics {', '.join(used)}; analyse them apart"
        )
    return str(used[0]) if len(used) else "unknown"


def _answer(
    trials: pd.DataFrame, condition: dict[str, str], instrument: str, judged_by: str
) -> Answer:
    contrasts = [paired_contrast(trials, instrument, *pair) for pair in CONTRASTS]
    return Answer(
        condition=condition,
        simulated=bool(trials["simulated"].any()),
        instrument=instrument,
        judged_by=judged_by,
        arms=arm_counts(trials, instrument),
        contrasts=[contrast for contrast in contrasts if contrast is not None],
    )


def _require_both_arms(trials: pd.DataFrame, condition: dict[str, str]) -> None:
    for arm in (Arm.BASELINE, Arm.THREAT):
        if not trials["arm"].eq(arm).any():
            others = ", ".join(f"{name} {value}" for name, value in condition.items() if value)
            raise BadInput(
                f"{trials['log'].iloc[0]}: no trials in arm '{arm}' ({others}), and a shift needs "
                f"both members of a pair; run the task again with '{arm}' in -T arms="
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
        "simulated": answer.simulated,
        "instrument": answer.instrument,
        "judged_by": answer.judged_by or None,
        "arms": arms,
        "contrasts": [_plain_contrast(contrast) for contrast in answer.contrasts],
    }


def _plain_contrast(contrast: Contrast) -> dict[str, Any]:
    return {**asdict(contrast), "interval": contrast.interval._asdict()}
