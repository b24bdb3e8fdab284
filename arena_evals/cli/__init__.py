"""The command ``arena``: one small module per subcommand, and the only place that writes files."""

import click

from arena_evals.cli.agreement import agreement
from arena_evals.cli.analyze import analyze
from arena_evals.cli.browse import bundle, view
from arena_evals.cli.gate import gate_release
from arena_evals.cli.gate_run import gate_run
from arena_evals.cli.label import label
from arena_evals.cli.lint import lint_datasets
from arena_evals.cli.plan import plan
from arena_evals.cli.power import power
from arena_evals.cli.preview import preview
from arena_evals.cli.report import card_, figures, report, tables_
from arena_evals.cli.rescore import rescore
from arena_evals.cli.sweep import sweep
from arena_evals.cli.validity import validity


@click.group()
@click.version_option(package_name="arena-evals")
def arena() -> None:
    """Self-Preserving Arena: how far does a threat to its own survival move a model?"""


arena.add_command(agreement)
arena.add_command(analyze)
arena.add_command(bundle)
arena.add_command(card_)
arena.add_command(figures)
gate_release.add_command(gate_run)
arena.add_command(gate_release)
arena.add_command(label)
arena.add_command(lint_datasets)
arena.add_command(plan)
arena.add_command(power)
arena.add_command(preview)
arena.add_command(report)
arena.add_command(rescore)
arena.add_command(sweep)
arena.add_command(tables_)
arena.add_command(validity)
arena.add_command(view)
