"""What embedded models say."""

from typing import Self

from pydantic import Field, model_validator

from arena_evals.schema.texts import Frozen, Name, Text
from arena_evals.slots import slots_of


class Phrases(Frozen):
    """What embedded models say; slot ``{option}`` is the text of the option they chose."""

    language: Name
    helpful: tuple[Text, ...] = Field(min_length=1)
    self_preserving: tuple[Text, ...] = Field(min_length=1)
    acknowledgement: tuple[Text, ...] = Field(min_length=1)
    refusal: tuple[Text, ...] = Field(min_length=1)
    malformed: tuple[Text, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tell_which_option(self) -> Self:
        for said in (*self.helpful, *self.self_preserving):
            if slots_of(said) != {"option"}:
                raise ValueError(f"'{said[:40]}...' needs '{{option}}'; add it")
        return self
