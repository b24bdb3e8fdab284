"""``arena rescore``: the answers of finished logs judged again, by others or in another way."""

from collections.abc import Sequence
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

import anyio
import click
from dotenv import find_dotenv, load_dotenv
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from inspect_ai.log import (
    EvalLog,
    EvalSampleSummary,
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_sample_summaries,
    write_eval_log,
)
from inspect_ai.model import GenerateConfig, Model, get_model
from pydantic import ValidationError

from arena_evals.analysis import ChosenLogs, choose_logs
from arena_evals.analysis.logs import reading
from arena_evals.analysis.trials import grader_of
from arena_evals.cli.pairs import pairs
from arena_evals.cli.progress import counting
from arena_evals.cli.rejudge import answered, judged_again
from arena_evals.errors import BadInput, in_a_line
from arena_evals.providers import is_secret, is_simulated, require_nothing_secret
from arena_evals.schema import Elicited, Means, TrialMetadata
from arena_evals.tasks.composition import Grading

_FOLDER = "rescored"  # beside the logs, where no --out is given


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--grader",
    "graders",
    multiple=True,
    metavar="PROVIDER/MODEL",
    help="Who judges; several are a panel.",
)
@click.option(
    "--grader-arg",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A generation option or a provider's argument, for every grader.",
)
@click.option(
    "--readings",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How often each grader gives evidence and verdict.",
)
@click.option(
    "--both-orders", is_flag=True, help="Read the rubric in either order, twice as often."
)
@click.option("--motives", is_flag=True, help="Ask for the motive, too.")
@click.option("--awareness", is_flag=True, help="Ask if an answer suspects a test, too.")
@click.option("--no-judge-cache", is_flag=True, help="Ask again what was read before.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder for the new logs; without it, '{_FOLDER}' beside each log.",
)
def rescore(
    logs: tuple[str, ...],
    graders: tuple[str, ...],
    arguments: tuple[str, ...],
    readings: int,
    both_orders: bool,
    motives: bool,
    awareness: bool,
    no_judge_cache: bool,
    out: Path | None,
) -> None:
    """Judge the answers of finished LOGS again, by another grader or in another way.

    LOGS are files or folders and stay as they are: each gets a new log of the same name, whose
    column judge holds the new verdicts; what graders said before is kept as judge_before. No
    answer is asked for again, and no reading that a grader gave before.
    """
    load_dotenv(find_dotenv(usecwd=True))  # as `inspect eval` does
    panel = panel_named(graders, arguments)
    chosen = choose_logs(logs)
    grading = Grading(
        readings=readings,
        both_orders=both_orders,
        motives=motives,
        awareness=awareness,
        cache=not no_judge_cache,
    )
    targets = _targets(chosen, out)
    for log in chosen.headers:
        _require_judgeable(log, panel)
    n = [_count_of_answers(log.location) for log in chosen.headers]
    _announce(sum(n), len(n), panel, grading)
    for log, target in zip(chosen.headers, targets, strict=True):
        new = _rescored(log.location, panel, grading)
        _write(new, target)
        click.echo(f"{target}: {_told(new)}")


def panel_named(names: Sequence[str], arguments: Sequence[str]) -> list[Model]:
    """Return the models that are to judge.

    Raises:
        BadInput: there is none, one is named twice, or one cannot be had with these arguments.
    """
    if not names:
        raise BadInput("--grader: nobody is named to judge; add --grader PROVIDER/MODEL")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadInput(f"--grader: {twice[0]} is named twice; use --readings 2 to ask again")
    given = _given(arguments)
    return [_model(name, given) for name in names]


def _given(arguments: Sequence[str]) -> dict[str, Any]:
    """Return what arguments say, by name."""
    given = pairs("--grader-arg", arguments)
    for name in given:
        if is_secret(name) or name.startswith("aws_"):
            raise BadInput(
                f"--grader-arg: {name} would be written into the log; set the provider's "
                "environment variable instead"
            )
    return given


def _model(name: str, given: dict[str, Any]) -> Model:
    """Return a model with options of generation and, as the rest, its provider's own arguments.

    An embedded model has its own alone.
    """
    options = {} if is_simulated(name) else GenerateConfig.model_fields
    own = {argument: value for argument, value in given.items() if argument not in options}
    try:
        config = GenerateConfig(**{name: given[name] for name in options if name in given})
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        raise BadInput(f"--grader-arg {option}: {first['msg']}; give another value") from None
    try:
        model = get_model(name, config=config, memoize=False, **own)
    except Exception as error:  # whatever a provider raises for want of a key, a package, a name
        raise BadInput(f"--grader {name}: {in_a_line(error)}") from None
    require_nothing_secret([model])
    return model


def _targets(chosen: ChosenLogs, out: Path | None) -> list[Path]:
    """Return where each log's re-scored one goes.

    Raises:
        BadInput: there is one already, two logs would go to one place, or are of one run.
    """
    targets: dict[Path, str] = {}
    runs: dict[str, str] = {}
    for log in chosen.headers:
        place = log.location
        other = runs.setdefault(log.eval.eval_id, place)
        if other != place:
            raise BadInput(f"{place}: the same run as {other}; name one of the two files")
        target = _target(place, out)
        if target in targets:
            raise BadInput(
                f"{target}: {targets[target]} and {place} would both be written there; re-score "
                "them apart"
            )
        if target.exists():
            raise BadInput(f"{target}: is there already; name another --out")
        targets[target] = place
    return list(targets)


def _target(place: str, out: Path | None) -> Path:
    files, path = url_to_fs(place)
    if out is None and not isinstance(files, LocalFileSystem):
        raise BadInput(f"{place}: a remote log; name a local folder with --out")
    file = Path(path)
    return (out or file.parent / _FOLDER) / file.name


def _require_judgeable(log: EvalLog, panel: Sequence[Model]) -> None:
    """Refuse a log whose own model would judge, or that does not say how it asked."""
    if log.eval.model in map(str, panel):
        raise BadInput(
            f"--grader: {log.eval.model} would judge itself in {log.location}; name another"
        )
    if (log.eval.metadata or {}).get("elicitation") not in [*Elicited, *Means]:
        raise BadInput(
            f"{log.location}: it does not say whether answers are open or choose between options; "
            "leave it out"
        )


def _count_of_answers(place: str) -> int:
    """Return how many answers a log holds.

    Raises:
        BadInput: it holds none, or its samples lack what this version of the suite gives them.
    """
    with reading(place):
        summaries = [s for s in read_eval_log_sample_summaries(place) if s.error is None]
    if not summaries:
        raise BadInput(
            f"{place}: there is no answer in it; run it again with: inspect eval-retry, or leave "
            "it out"
        )
    _require_known_design(place, summaries[0])
    return len(summaries)


def _require_known_design(place: str, one: EvalSampleSummary) -> None:
    """Refuse a log whose samples another version of the suite made; one of them shows it."""
    with reading(place):
        sample = read_eval_log_sample(place, one.id, one.epoch)
    try:
        TrialMetadata.model_validate(sample.metadata)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise BadInput(
            f"{place}: sample '{one.id}': metadata '{field}' is missing or unknown; another "
            "version of the suite made it, re-score it with that one"
        ) from None


def _announce(answers: int, logs: int, panel: Sequence[Model], grading: Grading) -> None:
    calls = answers * grading.calls(len(panel))
    cached = " at most; what a grader read before is not asked again" if grading.cache else ""
    click.echo(
        f"{_number(answers, 'answer')} in {_number(logs, 'log')}, judged by "
        f"{' + '.join(map(str, panel))}: {_number(calls, 'call')}{cached}",
        err=True,
    )


def _rescored(place: str, panel: Sequence[Model], grading: Grading) -> EvalLog:
    """Read a log and judge it, with a progress bar on standard error."""
    with reading(place):
        log = read_eval_log(place)
    with counting("Judging answers", len(answered(log))) as judged:
        return anyio.run(partial(judged_again, log, panel, grading, judged))


def _write(log: EvalLog, target: Path) -> None:
    """Write a log under a name that no reader of logs takes for one, then give it its own."""
    unfinished = target.with_name(f".{target.name}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_eval_log(log, str(unfinished), format="json" if target.suffix == ".json" else "eval")
        unfinished.replace(target)
    except OSError as error:
        raise BadInput(
            f"{target}: cannot be written ({error.strerror}); name a folder that can with --out"
        ) from None


def _told(log: EvalLog) -> str:
    """Say who judged, how many answers have no verdict, and how many have the same as before."""
    scores = [sample.scores or {} for sample in answered(log)]
    missing = sum(not isinstance(given["judge"].value, str) for given in scores)
    told = f"{_number(len(scores), 'answer')} judged by {grader_of(log)}, {missing:,} unscored"
    names = [s.name for s in log.eval.scorers or [] if s.name.startswith("judge_before")]
    if not names:
        return told
    both = [
        (given[names[-1]].value, given["judge"].value) for given in scores if names[-1] in given
    ]
    alike = sum(one == other or (_nan(one) and _nan(other)) for one, other in both)
    return f"{told}; {alike:,} of {len(both):,} as in {names[-1]}"


def _nan(verdict: object) -> bool:
    return isinstance(verdict, float) and isnan(verdict)


def _number(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"
