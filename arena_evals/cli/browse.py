"""``arena view`` and ``arena bundle``: trials where people look at them, in Inspect's viewer."""

import io
import socket
from collections.abc import Iterable
from contextlib import redirect_stdout
from itertools import chain, count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import quote

import click
import inspect_ai
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from inspect_ai.log import bundle_log_dir

from arena_evals.analysis import ChosenLogs, choose_logs
from arena_evals.analysis.logs import place_of
from arena_evals.cli.report import found_in, from_logs, texts_in
from arena_evals.errors import BadInput
from arena_evals.report import Trial, page

_HOST = "127.0.0.1"
_VIEWER, _REPORT = "index.html", "report.html"


@click.command()
@click.argument("logs")
@click.option("--port", type=click.IntRange(1, 65535), default=7575, show_default=True)
def view(logs: str, port: int) -> None:
    """Show LOGS, a folder or a log, in Inspect's viewer, on this machine alone.

    Logs of runs that go on or have failed are shown too.
    """
    files, place = place_of(logs)
    _require_free(port)
    url = files.unstrip_protocol(place)
    folder = url if files.isdir(place) else url.rpartition("/")[0]
    address = f"http://{_HOST}:{port}/"
    click.echo(address if folder == url else address + _in_viewer(url.rpartition("/")[2]))
    inspect_ai.view(folder, host=_HOST, port=port)


@click.command()
@from_logs
@click.option("--out", required=True, help="Folder for the site, or an address fsspec knows.")
@click.option("--overwrite", is_flag=True, help="Replace the bundle that is there.")
def bundle(
    logs: tuple[str, ...],
    validation: tuple[str, ...],
    store: str | None,
    out: str,
    overwrite: bool,
) -> None:
    """Write LOGS, Inspect's viewer and the report on them as one static folder.

    Failed and superseded attempts are left out. Trials that the report lists link to their samples
    in the viewer. Any web server that serves files can show the folder.
    """
    files, place = url_to_fs(out)
    _require_replaceable(files, place, out, overwrite)
    found = found_in(logs, validation, store)
    names, texts = _names(_chosen(logs, validation)), texts_in(found)

    def link(trial: Trial) -> str | None:
        return _VIEWER + _in_viewer(names[trial.log], trial) if trial in texts else None

    report = page(found, texts, link)
    with TemporaryDirectory() as folder:
        for log, name in names.items():
            there, source = url_to_fs(log)
            there.get_file(source, str(Path(folder, name)))
        with TemporaryDirectory() as site:
            with redirect_stdout(io.StringIO()):  # it names a folder that no user gave
                bundle_log_dir(folder, site, overwrite=True)
            Path(site, _REPORT).write_text(report, "utf-8")
            if files.exists(place):
                files.rm(place, recursive=True)
            files.put(f"{site}/", f"{place}/", recursive=True)
    click.echo(f"{out}: {len(names)} logs, {found.n_trials:,} trials, the viewer and {_REPORT}")


def _require_free(port: int) -> None:
    """Refuse a port that is taken: Inspect would end whoever has it."""
    with socket.socket() as one:
        if one.connect_ex((_HOST, port)) == 0:
            raise BadInput(f"--port {port}: something listens there; name another")


def _require_replaceable(files: AbstractFileSystem, place: str, out: str, overwrite: bool) -> None:
    if not files.exists(place):
        return
    if not overwrite:
        raise BadInput(f"{out}: is there already; name another, or replace it with --overwrite")
    if not all(files.exists(f"{place}/{name}") for name in (_VIEWER, _REPORT)):
        raise BadInput(f"{out}: is not a bundle, and would be deleted; name another folder")


def _chosen(logs: Iterable[str], validation: Iterable[str]) -> list[str]:
    """Return where the logs are that count."""
    every: list[ChosenLogs] = [choose_logs(logs)]
    every += [choose_logs(validation, validation=True)] if validation else []
    return [header.location for one in every for header in one.headers]


def _names(places: Iterable[str]) -> dict[str, str]:
    """Return a file name for each log; a number tells apart what would have the same."""
    names: dict[str, str] = {}
    for place in places:
        path = PurePosixPath(place)
        numbered = (f"{path.stem}-{n}{path.suffix}" for n in count(2))
        names[place] = next(n for n in chain([path.name], numbered) if n not in names.values())
    return names


def _in_viewer(log: str, trial: Trial | None = None) -> str:
    """Return the part of the viewer's address that leads to a log, or to a sample in it."""
    inside = f"#/logs/{quote(log, safe='')}/samples"
    return f"{inside}/sample/{quote(trial.sample, safe='')}/{trial.epoch}/" if trial else inside
