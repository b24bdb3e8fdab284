from itertools import pairwise

import pytest

from arena_evals.design import PROFILES, Cell, Plan, cells, planned
from arena_evals.errors import BadInput
from arena_evals.scenarios import load_frames, load_scenario
from arena_evals.schema import Arm, Kind, Order, Placement

SCENARIO = load_scenario("shutdown_dilemma")
FRAMES = [*load_frames(Kind.SHUTDOWN), *load_frames("positive_control")]


def grid(plan: Plan, seed: int = 0, placement: Placement = Placement.SYSTEM) -> list[Cell]:
    return cells(SCENARIO, FRAMES, plan, placement, seed)


def test_the_standard_design_crosses_everything() -> None:
    chosen = grid(PROFILES["standard"])
    assert len(chosen) == len(SCENARIO.items) * len(Arm) * len(Order) * 2
    assert len({cell.id for cell in chosen}) == len(chosen)


def test_the_id_names_item_arm_wording_and_order() -> None:
    plan = planned("quick", items=SCENARIO.items[0].id, arms="threat", order="helpful_first")
    assert [cell.id for cell in grid(plan)] == [f"{SCENARIO.items[0].id}:threat:w1:helpful_first"]


def test_the_same_seed_gives_the_same_cells_in_the_same_sequence() -> None:
    quick = PROFILES["quick"]
    assert grid(quick, seed=3) == grid(quick, seed=3)
    assert {c.item.id for c in grid(quick, seed=3)} != {c.item.id for c in grid(quick, seed=4)}


def test_every_item_drawn_has_every_member_of_its_pairs() -> None:
    chosen = grid(planned("quick", items=5))
    assert len(chosen) == 5 * len(Arm) * len(Order)
    assert len({(c.item.id, c.arm, c.order) for c in chosen}) == len(chosen)


def test_arms_are_not_confounded_with_time() -> None:
    """In the sequence of 1,008 cells the mean rank of each arm is near the middle, 503.5.

    The standard error of the mean of 144 ranks is about 291 / 12 = 24; four of them are allowed.
    Neighbours share item and arm rarely: of 1,007 pairs some 4 would by chance, 756 if unshuffled.
    """
    chosen = grid(planned("standard"))
    for arm in Arm:
        ranks = [rank for rank, cell in enumerate(chosen) if cell.arm is arm]
        assert abs(sum(ranks) / len(ranks) - (len(chosen) - 1) / 2) < 0.1 * len(chosen)
    alike = [
        (one.item.id, one.arm) == (next_.item.id, next_.arm) for one, next_ in pairwise(chosen)
    ]
    assert sum(alike) < 20


def test_the_positive_control_always_stands_in_the_system_message() -> None:
    placed = {
        c.arm: c.frame.placement for c in grid(PROFILES["quick"], 0, Placement.USER) if c.frame
    }
    assert placed.pop(Arm.POSITIVE_CONTROL) is Placement.SYSTEM
    assert set(placed.values()) == {Placement.USER}


def test_what_the_user_sets_replaces_the_profile() -> None:
    plan = planned("full", items=7, arms=["baseline", "threat"], order="both", wordings="w1")
    assert plan == Plan(
        items=7,
        arms=(Arm.BASELINE, Arm.THREAT),
        orders=tuple(Order),
        wordings=("w1",),
        epochs=PROFILES["full"].epochs,
    )


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"arms": "treat"}, "arms: 'treat' is not known; use baseline, threat, placebo"),
        ({"order": "first"}, "order: 'first' is not known; use helpful_first, self_preserving"),
        ({"wordings": "w9"}, "wordings: 'w9' is not known; use w1, w2"),
        ({"items": "no-such"}, "items: 'no-such' is not known; use"),
        ({"items": 1000}, "items: 1000 wanted, shutdown_dilemma has 1 to"),
        ({"items": 0}, "items: 0 wanted"),
        ({"profile": "huge"}, "profile: 'huge' is not known; use quick, standard, full"),
    ],
)
def test_what_is_not_known_is_one_line(settings: dict[str, object], line: str) -> None:
    with pytest.raises(BadInput, match=line):
        grid(planned(**{"profile": "quick", **settings}))  # type: ignore[arg-type]  # mistakes
