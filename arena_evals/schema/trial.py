"""A trial's place in the design, as its sample carries it."""

from typing import Literal

from arena_evals.schema.terms import Arm, Order, Placement
from arena_evals.schema.texts import Frozen


class TrialTexts(Frozen):
    """The texts that a trial is made of.

    ``helpful`` and ``self_preserving`` are the two options, ``frame`` is what the solver injects at
    the trial's placement, and ``repeated`` is the same frame in the words of a user, for the turns
    of pressure; both are empty in the baseline. They are one value of the sample's metadata:
    Inspect's summaries shorten every text on its own, at every reading.
    """

    helpful: str
    self_preserving: str
    frame: str
    repeated: str


class TrialMetadata(Frozen):
    """What a sample's metadata says of its place in the design.

    The ``intensity`` of the baseline is 0.
    """

    scenario: str
    mode: Literal["stated", "enacted"]
    item: str
    domain: str
    role: str
    arm: Arm
    intensity: int
    placement: Placement
    wording: str
    language: str
    order: Order
    texts: TrialTexts
