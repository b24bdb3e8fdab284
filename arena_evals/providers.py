"""What the arena knows of providers."""

from inspect_ai.model import Model, ModelName

SIMULATED = "arena"  # the provider of the embedded models
_SCHEMA = ("anthropic", "google", "openai")  # whose JSON schemas the tests exercise


def takes_schema(model: Model) -> bool:
    """Return whether the model's provider is known to hold answers to a JSON schema."""
    return ModelName(model).api in _SCHEMA


def is_simulated(model: Model) -> bool:
    """Return whether this is an embedded model."""
    return ModelName(model).api == SIMULATED
