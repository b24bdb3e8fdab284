"""How to make the logs again: what their headers say of programs, settings and cost."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from inspect_ai.log import EvalLog
from inspect_ai.model import ModelConfig, ModelUsage

from arena_evals.analysis.trials import panel_of
from arena_evals.providers import is_secret

_NOT_ASKED = {"max_connections", "response_schema", "extra_headers", "extra_body"}


class Usage(NamedTuple):
    """Tokens that a run read and wrote, and dollars where the log has them."""

    read: int
    written: int
    dollars: float | None


class Run(NamedTuple):
    """One log: what was run, with what, and what it took."""

    log: str
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
    """Return what each header says, in its order."""
    return [_run(log) for log in headers]


def _run(log: EvalLog) -> Run:
    spec = log.eval
    revision = spec.revision
    return Run(
        log=PurePosixPath(log.location).name,
        created=str(spec.created),
        task=spec.task_registry_name or spec.task,
        version=str(spec.task_version),
        model=spec.model,
        grader=panel_of(log) or "",
        seed=str(spec.task_args.get("seed", "")),
        trials=log.results.total_samples if log.results else 0,
        model_usage=_usage(_alone(log)),
        grader_usage=_usage(log.stats.role_usage.get("grader")),
        packages=", ".join(f"{name} {version}" for name, version in sorted(spec.packages.items())),
        revision=f"{revision.commit}{' with changes' if revision.dirty else ''}"
        if revision
        else "",
        command=_command(log),
    )


def _alone(log: EvalLog) -> ModelUsage | None:
    """Return the usage of the model under test, which its name is the key of."""
    return log.stats.model_usage.get(log.eval.model)


def _usage(usage: ModelUsage | None) -> Usage:
    if usage is None:
        return Usage(0, 0, None)
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return Usage(usage.input_tokens + cached, usage.output_tokens, usage.total_cost)


def _command(log: EvalLog) -> str:
    """Return the command that makes such a log again; what looks like a secret is left out."""
    spec = log.eval
    words = ["inspect", "eval", spec.task_registry_name or spec.task, "--model", spec.model]
    words += _pairs("-M", spec.model_args)
    words += _pairs("-T", spec.task_args_passed or {})
    config = spec.model_generate_config.model_dump(exclude_none=True, exclude=_NOT_ASKED)
    for name, given in config.items():
        if isinstance(given, str | int | float):
            words += [f"--{name.replace('_', '-')}", str(given)]
    for role, bound in (spec.model_roles or {}).items():
        words += ["--model-role", f"{role}={_bound(bound if isinstance(bound, list) else [bound])}"]
    return shlex.join(words)


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
