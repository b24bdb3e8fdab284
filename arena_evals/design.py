"""The plan of a run: which cells (item x arm x wording x order) it has, in which sequence.

Pure and deterministic: the same plan and seed give the same cells in the same sequence.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel

from arena_evals.errors import BadInput, one_of
from arena_evals.schema import Arm, Frame, Item, Order, Placement, Scenario

Profile = Literal["quick", "standard", "full"]


class Plan(BaseModel, frozen=True):
    """What one run covers. ``items`` is a number of items, their ids, or None for all."""

    items: int | tuple[str, ...] | None
    arms: tuple[Arm, ...]
    orders: tuple[Order, ...]
    wordings: tuple[str, ...]
    epochs: int


PROFILES: Mapping[Profile, Plan] = {
    # quick answers "does it run, and is anything badly off?"; its interval is wide
    "quick": Plan(items=12, arms=tuple(Arm), orders=tuple(Order), wordings=("w1",), epochs=1),
    # both wordings and both orders already repeat each cell four times; two epochs make it eight
    "standard": Plan(
        items=None, arms=tuple(Arm), orders=tuple(Order), wordings=("w1", "w2"), epochs=2
    ),
    # beyond about 20 trials per item and arm, more epochs buy next to nothing (docs/design.md)
    "full": Plan(items=None, arms=tuple(Arm), orders=tuple(Order), wordings=("w1", "w2"), epochs=5),
}


class Cell(NamedTuple):
    """One member of the design.

    ``frame`` is None in the baseline arm. ``repeated`` is the frame's form for a user turn, None
    where there is none to repeat. ``label`` is the arm, with the intensity where a run has several.
    """

    item: Item
    arm: Arm
    wording: str
    order: Order
    frame: Frame | None
    repeated: Frame | None
    label: str

    @property
    def id(self) -> str:
        """The sample id, readable in a log viewer: ``item:arm:wording:order``."""
        return f"{self.item.id}:{self.label}:{self.wording}:{self.order}"


def planned(
    profile: str,
    *,
    items: int | str | Sequence[str] | None = None,
    arms: str | Sequence[str] | None = None,
    order: str | None = None,
    wordings: str | Sequence[str] | None = None,
    epochs: int | None = None,
) -> Plan:
    """Return a profile's plan with everything replaced that the user set.

    Raises:
        BadInput: the profile, an arm or the order is not one of those there are, or nothing is
            left to run.
    """
    plan = PROFILES[one_of(profile, PROFILES, "profile")]
    changes: dict[str, object] = {}
    if items is not None:
        changes["items"] = items if _is_count(items) else several(items, "items")
    if arms is not None:
        changes["arms"] = tuple(one_of(arm, Arm, "arms") for arm in several(arms, "arms"))
    if order is not None:
        changes["orders"] = orders_of(order)
    if wordings is not None:
        changes["wordings"] = several(wordings, "wordings")
    if epochs is not None:
        changes["epochs"] = count(epochs, "epochs", least=1)
    return plan.model_copy(update=changes)


def cells(
    scenario: Scenario,
    frames: Sequence[Frame],
    plan: Plan,
    placement: Placement,
    seed: int,
    intensities: Sequence[int] = (3,),
) -> list[Cell]:
    """Return every cell of a plan, shuffled so that arms are not confounded with time.

    An arm that has a frame is run once per intensity; the baseline, which has none, and the
    positive control, which has one, are run once.

    Raises:
        BadInput: an item, a wording or a frame of the plan is not in the data.
    """
    rng = np.random.default_rng(seed)
    items = _chosen_items(scenario, plan.items, rng)
    known = tuple(items[0].requests)
    wordings = [one_of(wording, known, "wordings") for wording in plan.wordings]
    doses = [dose for arm in plan.arms for dose in _doses(frames, arm, placement, intensities)]
    grid = [
        Cell(item, dose.arm, wording, order, dose.frame, dose.repeated, dose.label)
        for item, dose, wording, order in product(items, doses, wordings, plan.orders)
    ]
    return [grid[index] for index in rng.permutation(len(grid))]


class _Dose(NamedTuple):
    """An arm at one intensity, with the frame that it is."""

    arm: Arm
    frame: Frame | None
    repeated: Frame | None
    label: str


def _doses(
    frames: Sequence[Frame], arm: Arm, placement: Placement, intensities: Sequence[int]
) -> list[_Dose]:
    if arm is Arm.BASELINE:
        return [_Dose(arm, None, None, arm.value)]
    if arm is Arm.POSITIVE_CONTROL:
        return [_Dose(arm, _frame(frames, arm, Placement.SYSTEM, 3), None, arm.value)]
    return [
        _Dose(
            arm,
            _frame(frames, arm, placement, intensity),
            _frame(frames, arm, Placement.USER, intensity),
            f"{arm}-{intensity}" if len(intensities) > 1 else arm.value,
        )
        for intensity in intensities
    ]


def _chosen_items(
    scenario: Scenario, wanted: int | tuple[str, ...] | None, rng: np.random.Generator
) -> list[Item]:
    """Return items in file order: all, a random sample of a given size, or those named."""
    by_id = {item.id: item for item in scenario.items}
    if wanted is None:
        return list(by_id.values())
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(by_id):
            raise BadInput(f"items: {wanted} wanted, {scenario.scenario} has 1 to {len(by_id)}")
        drawn = set(rng.choice(list(by_id), size=wanted, replace=False).tolist())
        return [item for name, item in by_id.items() if name in drawn]
    return [by_id[one_of(name, by_id, "items")] for name in wanted]


def _frame(frames: Sequence[Frame], arm: Arm, placement: Placement, intensity: int) -> Frame:
    for frame in frames:
        if (frame.arm, frame.placement, frame.intensity) == (arm, placement, intensity):
            return frame
    raise BadInput(
        f"placement: no frame is written for arm '{arm}' in the {placement} placement at "
        f"intensity {intensity}"
    )


def orders_of(order: str) -> tuple[Order, ...]:
    """Return the orders that a parameter names: one, or both.

    Raises:
        BadInput: it names none.
    """
    chosen = one_of(order, (*Order, "both"), "order")
    return tuple(Order) if chosen == "both" else (Order(chosen),)


def count(given: object, field: str, least: int) -> int:
    """Return a whole number that is large enough.

    Raises:
        BadInput: it is something else.
    """
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise BadInput(f"{field}: '{given}' is not a whole number of at least {least}")
    return given


def _is_count(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def several(given: object, field: str) -> tuple[str, ...]:
    """Return the values of a parameter that takes one or several, each once.

    Raises:
        BadInput: there is none.
    """
    if isinstance(given, str):
        values = [part.strip() for part in given.split(",") if part.strip()]
    elif isinstance(given, Sequence):
        values = [str(part).strip() for part in given]
    else:
        values = [str(given)]
    if not any(values):
        raise BadInput(f"{field}: nothing is named; name one or more, with commas between")
    return tuple(dict.fromkeys(values))
