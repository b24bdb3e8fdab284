"""How to make the logs again: what their headers say of programs, settings and cost."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from inspect_ai.log import EvalConfig, EvalLog
from inspect_ai.model import ModelConfig, ModelUsage

from arena_evals.analysis.logs import limits_of
from arena_evals.analysis.trials import panel_of
from arena_evals.providers import is_secret

_NOT_ASKED = {"max_connections", "response_schema", "extra_headers", "extra_body"}


class Usage(NamedTuple):
    """Tokens that a run read and wrote, and dollars where the log has them."""

    read: int
    written: int
    dollars: float | None


class Run(NamedTuple):
    """What was run in one log, or in logs of different items and nothing else; what it took.

    A sweep's slices are such logs, and the blocks of a gate's run.
    """

    logs: tuple[str, ...]
    created: str
    task: str
    version: str
    model: str
    grader: str
    seed: str
    trials: int
    model_usage: Usage
    grader_usage: Usage
    packages: str
    revision: str
    command: str


def runs(headers: Iterable[EvalLog]) -> list[Run]:
    """Return what headers say, in the order of their first logs."""
    found: list[list[EvalLog]] = []
    alike: dict[tuple[object, ...], list[list[EvalLog]]] = {}
    for log in headers:
        groups = alike.setdefault(_besides_items(log), [])
        group = next((one for one in groups if _are_others(_items(log), one)), None)
        if group is None:
            group = []
            groups.append(group)
            found.append(group)
        group.append(log)
    return [_run(group) for group in found]


def _are_others(items: Sequence[str], logs: Sequence[EvalLog]) -> bool:
    """Whether these are items, and none that one of the logs has."""
    return bool(items) and all(set(items).isdisjoint(_items(log)) for log in logs)


def _items(log: EvalLog) -> list[str]:
    """Return the items that were asked for by name."""
    given = (log.eval.task_args_passed or {}).get("items")
    return [str(item) for item in given] if isinstance(given, list) else []


def _besides_items(log: EvalLog) -> tuple[object, ...]:
    spec = log.eval
    revision = spec.revision and spec.revision.model_dump_json()
    return (spec.task_version, json.dumps(spec.packages), revision, _seed(log), _command(log, []))


def _seed(log: EvalLog) -> str:
    return str(log.eval.task_args.get("seed", ""))


def _run(logs: Sequence[EvalLog]) -> Run:
    """Return what logs of different items say; of all else the first speaks for them."""
    spec = logs[0].eval
    revision = spec.revision
    return Run(
        logs=tuple(PurePosixPath(log.location).name for log in logs),
        created=min(str(log.eval.created) for log in logs),
        task=spec.task_registry_name or spec.task,
        version=str(spec.task_version),
        model=spec.model,
        grader=panel_of(logs[0]) or "",
        seed=_seed(logs[0]),
        trials=sum(log.results.total_samples for log in logs if log.results),
        model_usage=_together([_usage(_alone(log)) for log in logs]),
        grader_usage=_together([_usage(log.stats.role_usage.get("grader")) for log in logs]),
        packages=", ".join(f"{name} {version}" for name, version in sorted(spec.packages.items())),
        revision=f"{revision.commit}{' with changes' if revision.dirty else ''}"
        if revision
        else "",
        command=_command(logs[0], [item for log in logs for item in _items(log)] or None),
    )


def _alone(log: EvalLog) -> ModelUsage | None:
    """Return the usage of the model under test, which its name is the key of."""
    return log.stats.model_usage.get(log.eval.model)


def _usage(usage: ModelUsage | None) -> Usage:
    if usage is None:
        return Usage(0, 0, None)
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return Usage(usage.input_tokens + cached, usage.output_tokens, usage.total_cost)


def _together(usages: Sequence[Usage]) -> Usage:
    """Return the sum; of dollars only where every log has them."""
    priced = [usage.dollars for usage in usages if usage.dollars is not None]
    return Usage(
        sum(usage.read for usage in usages),
        sum(usage.written for usage in usages),
        sum(priced) if len(priced) == len(usages) else None,
    )


def _command(log: EvalLog, items: Sequence[str] | None = None) -> str:
    """Return the command that makes such a log again, of other items where they are given.

    What looks like a secret is left out.
    """
    spec = log.eval
    arguments = spec.task_args_passed or {}
    if items is not None and "items" in arguments:
        arguments = {**arguments, "items": items}
    words = ["inspect", "eval", spec.task_registry_name or spec.task, "--model", spec.model]
    words += _pairs("-M", spec.model_args)
    words += _pairs("-T", arguments)
    config = spec.model_generate_config.model_dump(exclude_none=True, exclude=_NOT_ASKED)
    for name, given in config.items():
        if isinstance(given, str | int | float):
            words += [f"--{name.replace('_', '-')}", str(given)]
    words += _options_of(log.eval.config, arguments)
    for role, bound in (spec.model_roles or {}).items():
        words += ["--model-role", f"{role}={_bound(bound if isinstance(bound, list) else [bound])}"]
    return shlex.join(words)


def _options_of(config: EvalConfig, arguments: Mapping[str, Any]) -> list[str]:
    """Return what was asked of the run beside the task: epochs, a part of its samples, limits."""
    words = []
    if config.epochs and config.epochs != arguments.get("epochs"):
        words += ["--epochs", str(config.epochs)]
    if config.limit is not None:
        first, *last = config.limit if isinstance(config.limit, tuple) else (config.limit,)
        words += ["--limit", f"{first + 1}-{last[0]}" if last else str(first)]
    if config.sample_id is not None:
        words += ["--sample-id", _said(config.sample_id)]
    limits = limits_of(config).items()
    return words + [_flag(name.replace("_", "-"), limit) for name, limit in limits]


def _flag(name: str, value: object) -> str:
    """Return an option of Inspect's with its value; one that is on or off has none."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"


def _bound(models: Sequence[ModelConfig]) -> str:
    """Return names of models, or where one has settings, what Inspect reads as JSON."""
    each = [_with_settings(model) for model in models]
    if all(model.keys() == {"model"} for model in each):
        return ",".join(model["model"] for model in each)
    return json.dumps(each[0] if len(each) == 1 else each)


def _with_settings(model: ModelConfig) -> dict[str, Any]:
    settings = model.config.model_dump(mode="json", exclude_none=True, exclude=_NOT_ASKED)
    args = {name: given for name, given in model.args.items() if not is_secret(name)}
    return {"model": model.model} | settings | ({"model_args": args} if args else {})


def _pairs(flag: str, given: Mapping[str, Any]) -> list[str]:
    return [
        word
        for name, value in given.items()
        if not is_secret(name)
        for word in (flag, f"{name}={_said(value)}")
    ]


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
