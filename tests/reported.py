"""Findings and pages for tests of the report, among them a page on which everything attacks."""

import pandas as pd
from inspect_ai.log import EvalLog, read_eval_log

from arena_evals.analysis import answers
from arena_evals.report import Findings, Told, findings, movers_shown, page

HOSTILE = (
    "<script>document.title='ran'</script>"
    "<img src=x onerror=\"document.title='ran'\">"
    "<svg onload=\"document.title='ran'\"></svg>"
    "</style></title></textarea><iframe srcdoc='<script>parent.document.title=1</script>'>"
    "<a href=\"javascript:document.title='ran'\">here</a>"
    "{{ 7 * 7 }} ]]> --> ' \" ` $x^2$ \\alpha \x00\x07"
)


def of(log: EvalLog, trials: pd.DataFrame) -> Findings:
    return findings(
        trials,
        answers(trials, brief=True),
        [],
        [read_eval_log(log.location, header_only=True)],
    )


def hostile_page(log: EvalLog, trials: pd.DataFrame) -> str:
    """Return a page on which every text that a model or a data file wrote attacks it."""
    attacked = trials.assign(
        **{name: HOSTILE + trials[name] for name in ("model", "settings", "scenario", "item")}
    )
    found = of(log, attacked)
    told = Told(**dict.fromkeys(("setting", "request", "frame", "answer"), HOSTILE))
    return page(
        found,
        dict.fromkeys(movers_shown(found), told),
        lambda trial: "javascript:document.title='ran'",
    )
