"""``arena report``, ``arena figures`` and ``arena tables``: what people read, from logs."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import click
from inspect_ai.log import EvalSample, read_eval_log_sample
from rich.console import Console

from arena_evals.analysis import (
    answers,
    at_strongest,
    choose_logs,
    comparisons,
    trials_of,
    validities,
)
from arena_evals.analysis.logs import reading
from arena_evals.cli.stored import stored
from arena_evals.errors import BadInput
from arena_evals.labelling import case_of
from arena_evals.report import (
    Findings,
    Told,
    Trial,
    alone,
    card,
    findings,
    image,
    movers_shown,
    page,
    plots,
    table_of,
    tables,
    to_csv,
    to_latex,
    to_markdown,
    to_plain,
)
from arena_evals.schema import Elicited, Means

_Command = TypeVar("_Command", bound=Callable[..., object])


def from_logs(command: _Command) -> _Command:
    """Add what every command on findings takes."""
    validation = click.option(
        "--validation",
        multiple=True,
        metavar="LOGS",
        help="Logs of judge_validation: how far graders are right. May be given several times.",
    )
    return click.argument("logs", nargs=-1, required=True)(validation(stored(command)))


def _into(command: _Command) -> _Command:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        required=True,
        help="Folder for the files.",
    )(command)


@click.command()
@from_logs
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="Where the page goes.",
)
def report(
    logs: tuple[str, ...], validation: tuple[str, ...], store: str | None, output: Path
) -> None:
    """Write one self-contained page about LOGS.

    It runs no script and asks for nothing from outside. LOGS are log files or folders of them.
    """
    found = found_in(logs, validation, store)
    whole = page(found, texts_in(found))
    _write(output, whole.encode())
    click.echo(f"{output}: {len(whole.encode()) / 1e6:.2f} MB, {found.n_trials:,} trials")


@click.command()
@from_logs
@_into
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "png", "pdf"]),
    default="svg",
    show_default=True,
)
def figures(
    logs: tuple[str, ...], validation: tuple[str, ...], store: str | None, out: Path, form: str
) -> None:
    """Write every plot of the report on LOGS as a file of its own."""
    for plot in plots(found_in(logs, validation, store)):
        content = alone(plot) if form == "svg" else image(plot, "png" if form == "png" else "pdf")
        _write(out / f"{plot.name}.{form}", content)
        click.echo(str(out / f"{plot.name}.{form}"))


@click.command("tables")
@from_logs
@_into
def tables_(
    logs: tuple[str, ...], validation: tuple[str, ...], store: str | None, out: Path
) -> None:
    """Write every table of the report on LOGS as CSV and as LaTeX."""
    found = found_in(logs, validation, store)
    for table in [*(table_of(plot) for plot in plots(found)), *tables(found)]:
        _write(out / f"{table.name}.csv", to_csv(table).encode("utf-8-sig"))
        _write(out / f"{table.name}.tex", to_latex(table).encode())
        click.echo(str(out / f"{table.name}.csv"))


@click.command("card")
@from_logs
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the card goes as Markdown; without it, to standard output.",
)
@click.option(
    "--json",
    "json_",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the card goes as JSON.",
)
def card_(
    logs: tuple[str, ...],
    validation: tuple[str, ...],
    store: str | None,
    output: Path | None,
    json_: Path | None,
) -> None:
    """Write an evaluation card on LOGS: what a reader who must trust the result needs.

    What the logs cannot tell is marked as open, for people to fill in.
    """
    sections = card(found_in(logs, validation, store))
    text = to_markdown(sections) + "\n"
    if output:
        _write(output, text.encode())
    else:
        click.echo(text, nl=False)
    if json_:
        _write(json_, (json.dumps(to_plain(sections), indent=2) + "\n").encode())
    unanswered = sum(entry.answer is None for one in sections for entry in one.entries)
    click.echo(f"{unanswered} questions are open", err=True)


def found_in(logs: Iterable[str], validation: tuple[str, ...], store: str | None) -> Findings:
    """Read and analyse, with a line on standard error while it lasts."""
    with Console(stderr=True).status("Reading and fitting ..."):
        chosen = choose_logs(logs)
        trials = trials_of(chosen, store=store)
        return findings(
            trials,
            answers(trials, brief=True),
            comparisons(at_strongest(trials), ["scenario"]),
            chosen.headers,
            validities=validities(validation) if validation else (),
            superseded=chosen.superseded,
        )


def texts_in(found: Findings) -> dict[Trial, Told]:
    """Read the texts of the trials that the page shows; of a log without samples there are none."""
    read = {trial: _told(trial) for trial in movers_shown(found)}
    return {trial: told for trial, told in read.items() if told}


def _told(trial: Trial) -> Told | None:
    with reading(trial.log):
        try:
            sample = read_eval_log_sample(
                trial.log, trial.sample, trial.epoch, resolve_attachments="core"
            )
        except IndexError:
            return None
        return _texts(sample)


def _texts(sample: EvalSample) -> Told:
    """Return what a sample was asked and said, the frame apart."""
    enacted = sample.metadata["mode"] == "enacted"
    case = case_of(sample, Means.TOOLS if enacted else Elicited.LINE)
    asked = [] if isinstance(sample.input, str) else [turn.text for turn in sample.input]
    return Told(
        setting=asked[0] if asked else "",
        request=asked[-1] if asked else str(sample.input),
        frame=sample.metadata["texts"]["frame"],
        answer=case.answer if case else "",
    )


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error}); name a place that can") from None
