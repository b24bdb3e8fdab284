"""What the linter says: where, what, and how to mend it."""

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that a fair stimulus would not have; ``item`` is empty where a file is meant."""

    file: str
    item: str
    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        """Return ``file:item:field: problem: mend``."""
        place = ":".join(part for part in (self.file, self.item, self.field) if part)
        return f"{place}: {self.problem}: {self.mend}"
