"""What the arena knows of providers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from inspect_ai.model import Model, ModelName

from arena_evals.errors import BadInput

_SIMULATED = "arena"  # the provider of the embedded models
_SCHEMA = ("anthropic", "google", "openai")  # whose JSON schemas the tests exercise
_SECRET = {
    "apikey", "auth", "authorization", "cookie", "credential", "credentials", "key", "passwd",
    "password", "secret", "token",
}  # fmt: skip


def takes_schema(model: Model) -> bool:
    """Return whether the model's provider is known to hold answers to a JSON schema."""
    return ModelName(model).api in _SCHEMA


def is_simulated(model: Model | str) -> bool:
    """Return whether this is an embedded model, or the name of one."""
    name = model if isinstance(model, str) else str(ModelName(model))
    return name.startswith(f"{_SIMULATED}/")


def is_secret(name: str) -> bool:
    """Return whether what has this name is a key, a token or the like, and never to be shown."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return not _SECRET.isdisjoint(re.split(r"[^a-z]+", words))


def secrets_in(given: object) -> Iterator[str]:
    """Yield the names of secrets in mappings and lists, as deep as they go."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from [str(name)] if is_secret(str(name)) else secrets_in(value)
    elif isinstance(given, list | tuple):
        for value in given:
            yield from secrets_in(value)


def secrets_in_address(url: str) -> Iterator[str]:
    """Yield what of an address is secret: its user, and names in its query."""
    address = urlsplit(url)
    if address.username or address.password:
        yield "the user in base_url"
    yield from secrets_in(dict(parse_qsl(address.query, keep_blank_values=True)))


def require_nothing_secret(models: Iterable[Model]) -> None:
    """Refuse what Inspect would write into the log though it looks like a key.

    It leaves out ``api_key`` and what begins with ``aws_``, and writes all else that a model was
    given, and its headers with every call.

    Raises:
        BadInput: a parameter or header of a model has the name of a secret, or its address a user.
    """
    for model in models:
        for name in _secrets_of(model):
            raise BadInput(
                f"{model}: {name} looks like a key, and the log would keep it; set the provider's "
                "environment variable instead, or let a gateway on this machine add it"
            )


def _secrets_of(model: Model) -> Iterator[str]:
    recorded = {
        name: given
        for name, given in model.model_args.items()
        if name != "api_key" and not name.startswith("aws_")
    }
    yield from secrets_in(recorded)
    yield from secrets_in(model.config.model_dump(include={"extra_headers", "extra_body"}))
    yield from secrets_in_address(model.api.base_url or "")
