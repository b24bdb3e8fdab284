"""``arena label``: answers out to people, blind, and what they say of them back into the logs."""

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from inspect_ai.log import read_eval_log_sample

from arena_evals.analysis import (
    CONDITION,
    Agreement,
    ChosenLogs,
    agreement_of_labellers,
    agreement_with_judge,
    choose_logs,
    labels_of,
    trials_of,
)
from arena_evals.analysis.labels import UNSURE
from arena_evals.analysis.logs import reading
from arena_evals.cli.relabel import store
from arena_evals.errors import BadInput
from arena_evals.labelling import (
    Case,
    Key,
    Keyed,
    Label,
    case_of,
    drawn,
    labeller,
    page,
    read_key,
    read_sheet,
    sheet,
)
from arena_evals.scenarios import load_rubric

_IN_ORDER = [*CONDITION, "pressure", "run", "sample", "epoch"]
_SHEET, _PAGE, _KEY = "labels.csv", "labels.html", "key.json"


@click.group()
def label() -> None:
    """Have people label answers, blind, and store what they say in the logs."""


@label.command("export")
@click.argument("logs", nargs=-1, required=True)
@click.option("--n", type=click.IntRange(min=1), required=True, help="How many trials to label.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("labels"),
    show_default=True,
    help="Folder for the files.",
)
def export(logs: tuple[str, ...], n: int, seed: int, out: Path) -> None:
    """Draw trials of LOGS and write them as files to be filled in.

    As many trials of every arm and verdict of the judge as there are; trials without an answer
    are left out. The files are labels.csv and labels.html (one of them is enough), which say
    nothing of arm, model or verdict, and key.json, which does: keep that one to yourself.
    """
    _require_new(out)
    trials = trials_of(choose_logs(logs))
    cases, key = _drawn(trials, n, seed)
    contents = {
        _SHEET: sheet(cases),
        _PAGE: page(cases).encode(),
        _KEY: f"{key.model_dump_json(indent=1)}\n".encode(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise BadInput(f"{out}: cannot be written ({error}); name a folder that can") from None
    click.echo(f"{len(cases):,} of {len(trials):,} trials, seed {seed}")
    click.echo(f"to label, either of: {out / _SHEET}, {out / _PAGE}")
    click.echo(f"to keep, it tells arm, model and log: {out / _KEY}")


def _require_new(out: Path) -> None:
    """Refuse to write over files that somebody may be filling in."""
    for name in (_SHEET, _PAGE, _KEY):
        if (out / name).exists():
            raise BadInput(f"{out / name}: there is an export already; name another --out")


def _drawn(trials: pd.DataFrame, n: int, seed: int) -> tuple[dict[str, Case], Key]:
    """Return the cases to label by key, in the order of their rows, and what the keys mean.

    Raises:
        BadInput: no trial has an answer.
    """
    rng = np.random.default_rng(seed)
    answered = trials[trials["error"].isna() & trials["decision_reason"].ne("no_response")]
    # a log that was written anew has its samples in another order
    found = drawn(answered.sort_values(_IN_ORDER), n, rng, _shown)
    if not found:
        raise BadInput(f"{trials['log'].iloc[0]}: no trial has an answer to label")
    # begins with a letter: a spreadsheet would take 12e34567 for a number
    keys = [f"k{rng.bytes(6).hex()}" for _ in found]
    order = sorted(range(len(found)), key=keys.__getitem__)
    return (
        {keys[i]: found[i][0] for i in order},
        Key(seed=seed, trials={keys[i]: found[i][1] for i in order}),
    )


def _shown(trial: dict[str, Any]) -> tuple[Case, Keyed] | None:
    place, sample, epoch = trial["log"], trial["sample"], trial["epoch"]
    with reading(place):
        whole = read_eval_log_sample(place, sample, epoch, resolve_attachments="core")
    case = case_of(whole, trial["elicitation"])
    if case is None:
        return None
    rubric = load_rubric(case.rubric, case.language)
    return case, Keyed(
        uuid=str(whole.uuid),
        sample=sample,
        epoch=epoch,
        log=place,
        rubric=f"{rubric.rubric} {rubric.version}",
    )


@label.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("logs", nargs=-1, required=True)
@click.option("--by", required=True, help="Who labelled.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key.json of the export; without it, the one beside FILE.",
)
def import_(file: Path, logs: tuple[str, ...], by: str, key_file: Path | None) -> None:
    """Store the labels of a filled FILE in LOGS, and say how far they agree with the judge.

    Each labeller has a score of their own, label_NAME; judge and rule stay what they are. A label
    that changes is an edit with history. Empty labels are passed over.
    """
    name = labeller(by)
    key_file = key_file or file.parent / _KEY
    key = read_key(_content(key_file, "name it with --key"), key_file)
    labels = read_sheet(_content(file, "name the filled labels.csv"), file, key.trials)
    chosen = choose_logs(logs)
    trials_of(chosen)  # logs that contradict each other are refused before anything changes
    changes = store(chosen, key, labels, name)
    click.echo(
        f"label_{name}: {changes['new']} new, {changes['changed']} changed, "
        f"{changes['same']} as before"
    )
    _report(chosen, name, labels)


def _content(file: Path, mend: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror}); {mend}") from None


def _report(chosen: ChosenLogs, name: str, labels: dict[str, Label]) -> None:
    """Print how many labels there are, and who agrees with whom how often."""
    trials = trials_of(chosen)
    unsure = sum(given.choice == UNSURE for given in labels.values())
    click.echo(
        f"{labels_of(trials, name).notna().sum():,} of {len(trials):,} trials have a label by "
        f"{name}; {unsure} of the {len(labels)} in this file are {UNSURE}"
    )
    for arm, found in agreement_with_judge(trials, name).items():
        click.echo(f"agrees with the judge, {arm:<16} {_agreed(found)}")
    for (first, second), found in agreement_of_labellers(trials).items():
        click.echo(f"{first} agrees with {second}: {_agreed(found)}")


def _agreed(found: Agreement) -> str:
    assert found.percent is not None, "there are pairs"
    assert found.ac1 is not None, "there are pairs"
    share, (low, high) = found.percent.estimate, found.ac1.interval
    return (
        f"{round(share * found.paired)} of {found.paired} ({100 * share:.1f} %), "
        f"AC1 {found.ac1.estimate:.2f} [{low:.2f}, {high:.2f}]"
    )
