"""What tokens cost: dollars per million, from a file that the user writes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, RootModel, ValidationError

from arena_evals.analysis import Tokens
from arena_evals.errors import BadInput
from arena_evals.scenarios import content_of, faults

PRICE_LINE = "a line 'NAME: {input: 2, output: 8}' for each model"
_MILLION = 1e6  # tokens that a price is for


class Price(BaseModel):
    """Dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    input: NonNegativeFloat
    output: NonNegativeFloat


class _Prices(RootModel[dict[str, Price]]):
    """The whole file: model name to price."""


def dollars(tokens: Tokens | None, price: Price | None) -> float:
    """Return what tokens cost, 0 where nobody uses or prices them."""
    if tokens is None or price is None:
        return 0.0
    return (tokens.read * price.input + tokens.written * price.output) / _MILLION


def read_prices(path: Path) -> dict[str, Price]:
    """Return what a file of prices holds: model name to price.

    Raises:
        BadInput: it is not YAML, names no model, or a price is none.
    """
    content = content_of(path)
    if not content:
        raise BadInput(f"{path}: there is no price in it; write {PRICE_LINE}")
    try:
        return _Prices.model_validate(content).root
    except ValidationError as error:
        place, fault = faults(error, content)[0]
        raise BadInput(f"{path}: {': '.join([*place, fault])}; write {PRICE_LINE}") from None
