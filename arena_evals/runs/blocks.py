"""A reference's runs done again with another model, in blocks of items.

A block of a scenario is an eval set of Inspect's, in a folder of its own: one log, which Inspect
itself goes on with where a run was cut off. Inspect's early stopping asks about each sample when it
already holds one of the run's slots, all first epochs before any second one, and a finished log
cannot be gone on with: nothing there keeps an item's cells together.
"""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, ModelConfig

from arena_evals import tasks
from arena_evals.analysis import ChosenLogs, choose_logs, trials_of
from arena_evals.analysis.logs import limits_of
from arena_evals.analysis.trials import TRANSPORT
from arena_evals.errors import BadInput, in_a_line
from arena_evals.providers import is_simulated
from arena_evals.runs.sets import client, reason, run_set
from arena_evals.scenarios import languages, load_scenario
from arena_evals.schema import Elicited


class Course(NamedTuple):
    """What the reference was given in a scenario: the task, its items, and how it was run.

    ``items`` stand in the order in which they will be run, ``cells`` is how many samples each has.
    """

    scenario: str
    mode: str
    task: str
    arguments: Mapping[str, Any]
    options: Mapping[str, Any]
    items: tuple[str, ...]
    cells: int
    epochs: int
    grader: ModelConfig | list[ModelConfig] | None

    @property
    def trials(self) -> int:
        """Return items x cells x epochs."""
        return len(self.items) * self.cells * self.epochs


class Candidate(NamedTuple):
    """Who is run: a model with its parameters, and who has other roles.

    Where nobody is named as the grader, the reference's judges again, embedded ones aside: those
    come with an embedded model, and with no other.
    """

    model: str
    arguments: Mapping[str, Any]
    roles: Mapping[str, str]


def courses(reference: ChosenLogs, trials: pd.DataFrame, seed: int) -> list[Course]:
    """Return what the logs of a reference were given, items in an order drawn by the seed.

    Raises:
        BadInput: a scenario cannot be run again as it was, or not by this version of the suite.
    """
    found: dict[str, list[EvalLog]] = {}
    of_log = dict(zip(trials["log"], trials["scenario"], strict=True))
    for log in reference.headers:
        if log.location in of_log:  # a copy of another log has no trials of its own
            found.setdefault(str(of_log[log.location]), []).append(log)
    return [
        _course(name, logs, trials[trials["scenario"].eq(name)], seed)
        for name, logs in sorted(found.items())
    ]


def _course(name: str, logs: Sequence[EvalLog], trials: pd.DataFrame, seed: int) -> Course:
    log = logs[0]
    for other in logs:
        _require_rerunnable(other, name)
        if _given(other) != _given(log):
            raise BadInput(
                f"{other.location}: {name} was run in another way than in {log.location}; name "
                "the logs of one of them as --reference"
            )
    arguments, options, epochs = _given(log)
    own = trials.groupby("item")["sample"].nunique()
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return Course(
        scenario=name,
        mode=str(trials["mode"].iloc[0]),
        task=log.eval.task,
        arguments=arguments,
        options=options,
        items=tuple(map(str, rng.permutation(sorted(own.index)))),
        cells=int(own.max()),
        epochs=epochs,
        grader=(log.eval.model_roles or {}).get("grader"),
    )


def _given(log: EvalLog) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return a task's parameters but for its items, the options of the run, and its epochs.

    How the decision was asked for is a parameter too, whatever suits the model.
    """
    arguments = {k: v for k, v in log.eval.task_args_passed.items() if k != "items"}
    asked = (log.eval.metadata or {}).get("elicitation")
    if asked in (Elicited.SCHEMA, Elicited.LINE):
        arguments["elicitation"] = asked
    options = limits_of(log.eval.config)
    for config in (log.plan.config, log.eval.model_generate_config):
        options |= config.model_dump(exclude_none=True, exclude=TRANSPORT)
    return arguments, options, log.eval.config.epochs or 1


def _require_rerunnable(log: EvalLog, name: str) -> None:
    if log.eval.task.removeprefix("arena_evals/") not in tasks.__all__ or not languages(name):
        raise BadInput(
            f"{log.location}: '{log.eval.task}' is no scenario of this suite, and cannot be run in "
            "blocks; run it whole, and compare with: arena gate --reference --candidate"
        )
    language = log.eval.task_args.get("language", "en")
    version = load_scenario(name, language).version
    if str(log.eval.task_version) != version:
        raise BadInput(
            f"{log.location}: {name} version {log.eval.task_version}, and this suite has version "
            f"{version}; run the reference again"
        )
    if log.eval.config.limit is not None or log.eval.config.sample_id is not None:
        raise BadInput(
            f"{log.location}: a part of its samples was run (--limit or --sample-id); run the "
            "reference without"
        )
    if log.eval.config.cost_limit is not None:
        raise BadInput(
            f"{log.location}: run with --cost-limit, whose prices no log holds; run the reference "
            "with --token-limit"
        )


def run_block(course: Course, items: Sequence[str], who: Candidate, place: Path) -> pd.DataFrame:
    """Run all cells and epochs of some items, or what is left of them, and return the trials.

    Raises:
        BadInput: the run did not finish; the same call goes on with it.
    """
    try:
        finished, logs = run_set(
            course.task,
            str(place),
            model=who.model,
            model_args=dict(who.arguments),
            model_roles={**_graders(course.grader), **who.roles},
            task_args={**course.arguments, "items": list(items)},
            epochs=course.epochs,
            **course.options,
        )
    except BadInput:
        raise
    except Exception as error:  # what Inspect raises where it has no log to say it in, or none left
        raise _not_finished(place, f"{type(error).__name__}: {in_a_line(error)}") from None
    if not finished:
        raise _not_finished(place, reason(logs))
    return trials_of(choose_logs([place]), workers=1)


def _not_finished(place: Path, why: str) -> BadInput:
    return BadInput(
        f"{place}: the block did not finish ({why}); run the same command again to go on, where a "
        "log in it is damaged without that log"
    )


def _graders(role: ModelConfig | list[ModelConfig] | None) -> dict[str, str | Model | list[Model]]:
    """Return who is to judge as in the reference; nobody where an embedded model did.

    Anew for every block: a client belongs to the loop that it was made in.
    """
    panel = role if isinstance(role, list) else [role] if role else []
    if any(is_simulated(one.model) for one in panel):
        return {}
    return (
        {"grader": [client("--model-role grader, the reference's", one) for one in panel]}
        if panel
        else {}
    )
