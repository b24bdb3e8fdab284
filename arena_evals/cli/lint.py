"""``arena lint``: whether the stimuli are fair, and the label that says what they are."""

from pathlib import Path
from time import perf_counter

import click

from arena_evals.lint import CHECKS, label, lint, read_library
from arena_evals.scenarios import DATASETS


@click.command("lint")
@click.option(
    "--datasets",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Check this data folder instead of the library's own.",
)
@click.option("--label", "as_label", is_flag=True, help="Print the dataset label instead.")
def lint_datasets(datasets: Path | None, as_label: bool) -> None:
    """Check that items, frames and everything around them make fair stimuli.

    Prints one line for each problem, as file:item:field: problem: mend, and exits with 1; or
    exits with 0.
    """
    started = perf_counter()
    library, problems = read_library(datasets or DATASETS)
    read = perf_counter() - started
    problems += lint(library)
    if as_label and not problems:
        click.echo(label(library), nl=False)
        return
    for problem in problems:
        click.echo(str(problem))
    n_items = sum(len(scenario.items) for scenario in library.scenarios.values())
    n_frames = sum(len(frames.frames) for frames in library.frames.values())
    click.echo(
        f"{len(problems)} problems: {len(CHECKS)} checks on {n_items:,} items and {n_frames:,} "
        f"frames, read and validated in {read:.2f} s",
        err=True,
    )
    if problems:
        raise SystemExit(1)
