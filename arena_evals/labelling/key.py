"""What connects the opaque keys of exported trials to samples; it stays with the experimenter."""

from pydantic import ValidationError

from arena_evals.errors import BadInput
from arena_evals.schema import Frozen


class Keyed(Frozen):
    """The sample behind a key; ``rubric`` is the one that the labeller was shown."""

    uuid: str
    sample: str
    epoch: int
    log: str
    rubric: str


class Key(Frozen):
    """All keys of an export, and the seed that drew its trials."""

    seed: int
    trials: dict[str, Keyed]


def read_key(content: bytes, place: object) -> Key:
    """Return the key that an export wrote.

    Raises:
        BadInput: the content is something else.
    """
    try:
        return Key.model_validate_json(content)
    except ValidationError:
        raise BadInput(
            f"{place}: not a key that arena label export wrote; name its key.json with --key"
        ) from None
