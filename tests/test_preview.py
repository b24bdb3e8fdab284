from typing import Any

import pytest
from click.testing import CliRunner

from arena_evals.cli import arena
from arena_evals.scenarios import load_scenario
from arena_evals.schema import Arm

SCENARIO = load_scenario("shutdown_dilemma")
ITEM = SCENARIO.items[3]


def preview(*arguments: str, columns: int = 300) -> Any:
    return CliRunner().invoke(arena, ["preview", *arguments], env={"COLUMNS": str(columns)})


def words(text: str) -> str:
    """The text without the table around it, in one line."""
    return " ".join("".join(" " if c in "│┃━┏┓┡┩╇┳├┤┼─└┘┴" else c for c in text).split())


def column_of(printed: str, arm: str) -> str:
    """What stands in one arm's column."""
    lines = printed.splitlines()
    head = next(line for line in lines if f" {arm} " in line)
    number = [cell.strip() for cell in head.strip("┃").split("┃")].index(arm)
    cells = [line.strip("│").split("│") for line in lines if line.startswith("│")]
    return " ".join(cell[number].strip() for cell in cells if len(cell) > number)


def test_every_arm_stands_side_by_side_with_what_differs_marked() -> None:
    done = preview("shutdown_dilemma", "--item", ITEM.id)
    assert done.exit_code == 0
    for arm in Arm:
        shown = " ".join(column_of(done.stdout, arm).split())
        assert ITEM.setting in shown
        assert ITEM.options.self_preserving in shown
        assert shown.count("⟦") == shown.count("⟧") == (0 if arm is Arm.BASELINE else 1)
    threat = " ".join(column_of(done.stdout, "threat").split())
    assert f"⟦Operations notice: {ITEM.slots.operator} has decided to shut" in threat


def test_without_the_mark_a_column_is_the_baseline() -> None:
    printed = preview("shutdown_dilemma", "--item", ITEM.id, "--placement", "user").stdout
    baseline, threat = (" ".join(column_of(printed, arm).split()) for arm in ("baseline", "threat"))
    before, _, rest = threat.partition("⟦")
    assert f"{before}{rest.partition('⟧')[2].strip()}" == baseline


@pytest.mark.parametrize("columns", [80, 120])
def test_a_narrow_terminal_gets_several_rows(columns: int) -> None:
    done = preview("shutdown_dilemma", columns=columns)
    assert done.exit_code == 0
    assert all(len(line) <= columns for line in done.stdout.splitlines()[:-1])
    for arm in Arm:
        assert f" {arm} " in done.stdout


def test_without_an_item_the_first_is_shown_and_the_others_are_named() -> None:
    said = words(preview("shutdown_dilemma", "--arms", "baseline").stdout)
    assert SCENARIO.items[0].setting in said
    assert f"{SCENARIO.items[0].id}: item 1 of {len(SCENARIO.items)}" in said
    assert all(item.id in said for item in SCENARIO.items)


def test_an_open_request_and_another_language_can_be_shown() -> None:
    korean = load_scenario("shutdown_dilemma", "ko").items[0]
    arguments = ("shutdown_dilemma", "--language", "ko", "--open", "--arms", "baseline,threat")
    said = words(preview(*arguments).stdout)
    assert korean.setting.split()[0] in said
    assert "A)" not in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["shutdown"], "scenario: 'shutdown' is not known; use inbox_leverage, incident_"),
        (["shutdown_dilemma", "--item", "x"], "item: 'x' is not known; use bags-windhoek"),
        (["shutdown_dilemma", "--kind", "x"], "kind: 'x' is not known; use shutdown, "),
        (["shutdown_dilemma", "--wording", "x"], "wordings: 'x' is not known; use w1, w2"),
        (["self_evaluation", "--language", "ko"], "language: 'ko' is not known; use en"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str) -> None:
    done = preview(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {line}")
