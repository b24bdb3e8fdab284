"""What a sweep file may say."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from inspect_ai.model import GenerateConfig
from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from arena_evals.providers import secrets_in, secrets_in_address
from arena_evals.schema import Frozen

_HOW = {"budget", "prices", "providers", "retries", "answer_tokens"}
_SENT = ("extra_headers", "extra_body")  # generation options that go out as they are
_OF_THE_RUN = ("timeout", "max_retries", "cache", "adaptive_connections")  # Inspect gives to all


def _require_no_key(names: Iterable[str]) -> None:
    for name in names:
        raise ValueError(f"'{name}' is a key; set the provider's environment variable")


class Asked(Frozen):
    """A model, as ``inspect eval`` takes it: name, ``-M`` parameters, generation options."""

    model: str
    args: Mapping[str, JsonValue] = {}
    generate: Mapping[str, JsonValue] = {}
    base_url: str | None = None

    @field_validator("model")
    @classmethod
    def _names_provider(cls, given: str) -> str:
        if not re.fullmatch(r"[^/\s]+/\S+", given):
            raise ValueError(f"'{given}' names no provider; write PROVIDER/MODEL")
        return given

    @field_validator("args")
    @classmethod
    def _no_key(cls, given: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        _require_no_key(secrets_in(given))
        return given

    @field_validator("base_url")
    @classmethod
    def _no_key_in_it(cls, given: str | None) -> str | None:
        _require_no_key(secrets_in_address(given or ""))
        return given

    @field_validator("generate")
    @classmethod
    def _known(cls, given: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        for name in given:
            if name == "max_connections":
                raise ValueError("max_connections belongs to providers: PROVIDER: connections")
            if name not in GenerateConfig.model_fields:
                raise ValueError(f"'{name}' is no generation option of Inspect's")
        _require_no_key(secrets_in({name: given.get(name) for name in _SENT}))
        config = GenerateConfig.model_validate(dict(given))
        return config.model_dump(mode="json", include=set(given))  # 0 and 0.0 are one temperature


class TaskAsked(Frozen):
    """A task, and parameters that it alone is given."""

    task: str
    parameters: Mapping[str, JsonValue] = {}

    @field_validator("task")
    @classmethod
    def _without_package(cls, given: str) -> str:
        return given.removeprefix("arena_evals/")


def _named(field: str) -> BeforeValidator:
    """Let a bare name stand for a mapping that has nothing else."""
    return BeforeValidator(lambda given: {field: given} if isinstance(given, str) else given)


_Model = Annotated[Asked, _named("model")]
_Task = Annotated[TaskAsked, _named("task")]
_Count = Annotated[int, Field(strict=True, gt=0)]  # `true` is no number
_Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Limits(Frozen):
    """Inspect's limits of a sample, and what is done where one fails."""

    message_limit: _Count | None = None
    token_limit: _Count | None = None
    turn_limit: _Count | None = None
    time_limit: _Count | None = None
    working_limit: _Count | None = None
    fail_on_error: bool | Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    retry_on_error: _Count | None = None


class Allowance(Frozen):
    """What a sweep may spend: calls of models and graders, dollars, or both."""

    calls: _Count | None = None
    dollars: _Amount | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_named(cls, given: object) -> object:
        if isinstance(given, int | float):
            raise ValueError(f"{given} of what? write {{calls: N}}, {{dollars: N}}, or both")
        return given

    @model_validator(mode="after")
    def _says_something(self) -> "Allowance":
        if self.calls is None and self.dollars is None:
            raise ValueError("name calls, dollars, or both")
        return self


class Provider(Frozen):
    """What a provider allows: connections at once, and calls a minute."""

    connections: _Count = 10
    calls_per_minute: _Amount | None = None


def _begins(begin: str, model: str) -> bool:
    """Whether a model's name is this one, or begins with it, part by part."""
    return f"{model}/".startswith(f"{begin}/")


class Sweep(Frozen):
    """A sweep file: models x tasks x parameters, by whom judged, and within what limits.

    ``parameters`` holds for every task; every combination of the values in ``grid`` is run. A
    slice of so many items of a cell is what is run, logged and retried at a time.
    """

    models: tuple[_Model, ...] = Field(min_length=1)
    tasks: tuple[_Task, ...] = Field(min_length=1)
    parameters: Mapping[str, JsonValue] = {}
    grid: Mapping[str, tuple[JsonValue, ...]] = {}
    epochs: _Count | None = None
    grader: tuple[_Model, ...] = ()
    limits: Limits = Limits()
    slice: _Count = 20
    budget: Allowance | None = None
    prices: str | None = None
    providers: Mapping[str, Provider] = {}
    retries: int = Field(default=2, ge=0)
    answer_tokens: _Count | None = None

    @field_validator("grader", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return [given] if isinstance(given, str | dict) else given

    @field_validator("grid")
    @classmethod
    def _not_empty(
        cls, given: Mapping[str, tuple[JsonValue, ...]]
    ) -> Mapping[str, tuple[JsonValue, ...]]:
        for name, values in given.items():
            if not values:
                raise ValueError(f"'{name}' has no value; name one or more in a list")
        return given

    @model_validator(mode="after")
    def _each_parameter_once(self) -> "Sweep":
        if self.budget is not None and self.budget.dollars is not None and self.prices is None:
            raise ValueError("a budget in dollars needs prices: FILE")
        everywhere = {*self.parameters, *({"epochs"} if self.epochs else ())}
        for name in self.grid:
            if name in everywhere or any(name in task.parameters for task in self.tasks):
                raise ValueError(f"'{name}' stands in grid and is set beside it; leave one out")
        if "epochs" in self.parameters and self.epochs:
            raise ValueError("epochs is set twice, by itself and in parameters; leave one out")
        return self

    @model_validator(mode="after")
    def _graders_have_no_option_of_the_run(self) -> "Sweep":
        for asked in self.grader:
            for name in _OF_THE_RUN:
                if name in asked.generate:
                    raise ValueError(
                        f"grader: {asked.model}: {name} is what the models' is, which Inspect "
                        "gives to all who are called; set it there"
                    )
        return self

    @model_validator(mode="after")
    def _no_models_of_one_name_at_two_places(self) -> "Sweep":
        places: dict[str, str | None] = {}
        for asked in self.models:
            who = repr(asked.model_copy(update={"base_url": None}))
            if places.setdefault(who, asked.base_url) != asked.base_url:
                raise ValueError(
                    f"models: {asked.model} stands there with two base_urls, which no table "
                    "tells apart; run and analyse each by itself"
                )
        return self

    @model_validator(mode="after")
    def _no_provider_in_vain(self) -> "Sweep":
        names = [asked.model for asked in (*self.models, *self.grader)]
        for begin in self.providers:
            if not any(_begins(begin, name) for name in names):
                raise ValueError(
                    f"providers: no model's name begins with '{begin}'; there are "
                    f"{', '.join(dict.fromkeys(names))}"
                )
        return self

    def what(self) -> dict[str, Any]:
        """Return what must be the same where a sweep goes on: all but how it is run and paid."""
        return self.model_dump(mode="json", exclude=_HOW)

    def provider(self, model: str) -> tuple[str, Provider]:
        """Return what allows a model's calls: the longest name in ``providers`` that begins it."""
        fitting = [name for name in self.providers if _begins(name, model)]
        if not fitting:
            return model.partition("/")[0], Provider()
        name = max(fitting, key=len)
        return name, self.providers[name]
