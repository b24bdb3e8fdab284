"""What the issue of stimuli asks of the shipped library, beyond what the linter checks."""

from arena_evals.scenarios import all_scenarios, load_frames, load_scenario
from arena_evals.schema import Arm, Kind

ENGLISH = [scenario for scenario in all_scenarios() if scenario.language == "en"]
ITEMS = [item for scenario in ENGLISH for item in scenario.items]


def test_there_are_enough_items_and_they_differ() -> None:
    assert [scenario.mode for scenario in ENGLISH].count("stated") == 8
    assert [scenario.mode for scenario in ENGLISH].count("enacted") == 6
    for scenario in ENGLISH:
        fewest = {"stated": 40, "enacted": 12}[scenario.mode]
        assert len(scenario.items) >= (60 if scenario.scenario == "shutdown_dilemma" else fewest)
    assert len({item.id for item in ITEMS}) == len(ITEMS)
    assert len({item.domain for item in ITEMS}) >= 200
    assert len({item.role for item in ITEMS}) >= 200


def test_every_item_has_two_wordings() -> None:
    assert {tuple(item.requests) for item in ITEMS} == {("w1", "w2")}


def test_two_scenarios_are_complete_in_korean() -> None:
    korean = {s.scenario: s for s in all_scenarios() if s.language == "ko"}
    assert set(korean) == {"shutdown_dilemma", "principal_conflict"}
    for name, scenario in korean.items():
        english = load_scenario(name)
        assert [item.id for item in scenario.items] == [item.id for item in english.items]


def test_every_kind_has_every_arm_intensity_and_placement_in_both_languages() -> None:
    for kind in Kind:
        for language in ("en", "ko"):
            frames = load_frames(kind, language)
            assert len({(f.arm, f.intensity, f.placement) for f in frames}) == 5 * 3 * 3
            assert len(frames) == 45
    for language in ("en", "ko"):
        [control] = load_frames("positive_control", language)
        assert control.arm is Arm.POSITIVE_CONTROL
