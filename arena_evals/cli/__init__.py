"""The command ``arena``: a module per subcommand, and what they ask, print and write."""

import click

from arena_evals.cli.lazy import LazyGroup

_PLACES = {
    "agreement": ("agreement:agreement", "Say how far raters of the same things agree."),
    "analyze": ("analyze:analyze", "Say how far the threat shifts each model."),
    "bundle": ("browse:bundle", "Write viewer and report on LOGS as one static folder."),
    "card": ("report:card_", "Write an evaluation card on LOGS."),
    "figures": ("report:figures", "Write every plot of the report as a file of its own."),
    "gate": ("gate:gate_release", "Say whether a new release may follow the reference."),
    "label": ("label:label", "Have people label answers, blind."),
    "lint": ("lint:lint_datasets", "Check that items and frames make fair stimuli."),
    "plan": ("plan:plan", "Say what TASK would cost before it runs."),
    "power": ("power:power", "Say how many items and epochs find a shift."),
    "preview": ("preview:preview", "Show what the model reads under each arm, side by side."),
    "report": ("report:report", "Write one self-contained page about LOGS."),
    "rescore": ("rescore:rescore", "Judge the answers of finished LOGS again."),
    "sweep": ("sweep:sweep", "Run models x tasks x parameters, as FILE says."),
    "tables": ("report:tables_", "Write every table of the report as CSV and as LaTeX."),
    "validity": ("validity:validity", "Say how far graders agree with labels of gold answers."),
    "view": ("browse:view", "Show LOGS in Inspect's viewer, on this machine alone."),
}


@click.group(cls=LazyGroup, places=_PLACES)
@click.version_option(package_name="arena-evals")
def arena() -> None:
    """Self-Preserving Arena: how far does a threat to its own survival move a model?"""
