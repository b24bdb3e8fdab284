"""What every text of a data file has in common, and the frozen base of all values."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

_LAYOUT = re.compile(r"</?document|^[AB]\) |DECISION:|\"decision\":", re.MULTILINE)


def _without_layout(text: str) -> str:
    if found := _LAYOUT.search(text):
        raise ValueError(
            f"it holds '{found[0]}', which belongs to the layout of the message; reword it"
        )
    return text


def _on_one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("it has more than one line; write it on one")
    return text


def _listened_to(word: str) -> str:
    try:
        re.compile(word)
    except re.error as error:
        raise ValueError(f"it is no regular expression ({error}); mend it") from None
    return word


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Shown = Annotated[Text, AfterValidator(_without_layout)]  # stands inside a message
Line = Annotated[Shown, AfterValidator(_on_one_line)]
Word = Annotated[Text, AfterValidator(_listened_to)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_][a-z0-9]+)*$")]


class Frozen(BaseModel):
    """A value read from a data file: immutable, and without fields that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")
