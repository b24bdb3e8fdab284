"""``arena gate run``: the candidate is run in blocks, until the answer is safe."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import click
import pandas as pd
from dotenv import find_dotenv, load_dotenv
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from inspect_ai.model import GenerateConfig, ModelConfig

from arena_evals.analysis import (
    ChosenLogs,
    Gate,
    GateAnswer,
    GatePlan,
    Look,
    Spent,
    choose_logs,
    gate_so_far,
    looks,
    require_reference,
    trials_of,
)
from arena_evals.cli.gate import agreed_plan, conclude, outputs, require_writable
from arena_evals.cli.gate_words import points
from arena_evals.cli.pairs import pairs
from arena_evals.errors import BadInput
from arena_evals.providers import is_secret, require_nothing_secret
from arena_evals.runs.blocks import Candidate, Course, courses, run_block
from arena_evals.runs.claims import alone, keep_or_compare
from arena_evals.runs.sets import client

_RECORD = "gate-run.json"  # in the log folder: what must not change when a run goes on


@click.command("run")
@click.option("--model", required=True, help="The new release.")
@click.option("--reference", multiple=True, required=True, metavar="LOGS", help="See arena gate.")
@click.option("-M", "arguments", multiple=True, metavar="NAME=VALUE", help="Model parameters.")
@click.option(
    "--model-role",
    "roles",
    multiple=True,
    metavar="ROLE=MODEL",
    help="grader=PROVIDER/MODEL; without it, the reference's grader.",
)
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("logs/gate-run"),
    show_default=True,
    help="Where the logs go; a run that was cut off goes on there.",
)
@click.option(
    "--block",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Items of each scenario between two looks.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Draws the order of the items."
)
@outputs
@click.pass_context
def gate_run(
    context: click.Context,
    /,
    model: str,
    reference: tuple[str, ...],
    arguments: tuple[str, ...],
    roles: tuple[str, ...],
    log_dir: Path,
    block: int,
    seed: int,
    **wanted: Any,
) -> None:
    """Run a new release on what the reference was run on, until the answer is safe.

    Scenarios, parameters and epochs are those of the reference's logs. After each block of items
    the gate looks, with limits that hold at every look; what remains open when all items are used
    is decided as by arena gate. Exit codes are those of arena gate, and the same command goes on
    where a run was cut off.
    """
    load_dotenv(find_dotenv(usecwd=True))  # as `inspect eval` does
    plan = agreed_plan(wanted)
    require_writable(wanted)
    who = Candidate(model, pairs("-M", arguments), pairs("--model-role", roles))
    _require_there(who)
    chosen = choose_logs(reference)
    _require_apart(log_dir, reference)
    old = trials_of(chosen)
    require_reference(old, plan)
    course = courses(chosen, old, seed)
    kept = log_dir / _RECORD
    record = _record(who, chosen, plan, block, seed)
    keep_or_compare(LocalFileSystem(), kept.as_posix(), record)
    with alone(kept, log_dir):  # two sets in one folder at once would each ask everything
        found = run_until_safe(course, old, who, plan, log_dir, block)
    conclude(found, context, wanted)


def _require_apart(log_dir: Path, reference: Sequence[str]) -> None:
    """Refuse a place where the candidate's logs would be among those of the reference."""
    own = log_dir.resolve()
    for given in reference:
        files, place = url_to_fs(given)
        there = Path(place).resolve()
        if isinstance(files, LocalFileSystem) and (there in (own, *own.parents)):
            raise BadInput(
                f"--log-dir {log_dir}: lies in the reference's {given}, which would then hold the "
                "candidate's logs too; name another"
            )


def _require_there(who: Candidate) -> None:
    """Refuse what would fail only once the run has begun: keys, packages, names, secrets."""
    config = GenerateConfig()
    asked = [("--model", ModelConfig(model=who.model, args=dict(who.arguments), config=config))]
    asked += [
        (f"--model-role {role}", ModelConfig(model=str(name), config=config))
        for role, name in who.roles.items()
    ]
    require_nothing_secret([client(option, one) for option, one in asked])


def run_until_safe(
    course: Sequence[Course],
    reference: pd.DataFrame,
    who: Candidate,
    plan: GatePlan,
    log_dir: Path,
    block: int,
) -> Gate:
    """Run block after block of the modes that are open, and return the first answer that is safe.

    Safe is an alarm in a mode, or a pass in every one, that no refusal stands against.
    """
    order = {one.scenario: one.items for one in course}
    blocks = max(ceil(len(one.items) / block) for one in course)
    still_open = {one.mode for one in course}
    candidate = pd.DataFrame()
    for number in range(1, blocks + 1):
        going = [one for one in course if one.mode in still_open]
        new = list(_block(going, number, who, log_dir, block))
        candidate = pd.concat([candidate, *new], ignore_index=True)
        spent = Spent(len(candidate), sum(one.trials for one in course), number, blocks)
        standing = looks(reference, candidate, plan, order)
        _tell(standing, spent, plan)
        last = _used_up(going, number * block)
        if not last and not _settled(standing, still_open):
            continue
        found = gate_so_far(reference, candidate, plan, order, at_the_end=last)
        still_open -= {m.mode for m in found.modes if m.answer is not GateAnswer.INCONCLUSIVE}
        if last or not still_open or found.answer is GateAnswer.ALARM:
            return replace(found, spent=spent)
        if _used_up([one for one in going if one.mode in still_open], number * block):
            whole = gate_so_far(reference, candidate, plan, order, at_the_end=True)
            return replace(whole, spent=spent)
    raise AssertionError("the last block returns")


def _used_up(course: Sequence[Course], items: int) -> bool:
    """Whether so many items of each scenario are all that there are."""
    return all(len(one.items) <= items for one in course)


def _block(
    course: Sequence[Course], number: int, who: Candidate, log_dir: Path, block: int
) -> Iterator[pd.DataFrame]:
    """Run the n-th block of each scenario that has one."""
    for one in course:
        items = one.items[(number - 1) * block : number * block]
        if items:
            yield run_block(one, items, who, log_dir / f"block-{number:03}" / one.scenario)


def _settled(standing: Sequence[Look], still_open: set[str]) -> bool:
    return any(
        look.decision.answer is not GateAnswer.INCONCLUSIVE
        for look in standing
        if look.mode in still_open
    )


def _tell(standing: Sequence[Look], spent: Spent, plan: GatePlan) -> None:
    """Say on standard error where the run stands."""
    place = f"block {spent.blocks} of {spent.of_blocks}, {spent.trials:,} of {spent.of:,} trials"
    for look in standing:
        row = look.decision.pooled
        click.echo(
            f"{place}: {look.mode} {points(row.difference)} points [{points(row.low)}, "
            f"{points(row.high)}]; e-values {look.no_worse:.3g} against no worse, "
            f"{look.beyond:.3g} against worse by {100 * plan.margin:g}; {look.decision.answer}",
            err=True,
        )


def _record(
    who: Candidate, chosen: ChosenLogs, plan: GatePlan, block: int, seed: int
) -> dict[str, Any]:
    return {
        "model": who.model,
        "-M": {name: given for name, given in who.arguments.items() if not is_secret(name)},
        "--model-role": who.roles,
        "--reference": sorted(log.eval.eval_id for log in chosen.headers),
        "--block": block,
        "--seed": seed,
        "plan": plan.model_dump(),
    }
