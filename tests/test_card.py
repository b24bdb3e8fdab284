"""The evaluation card says what logs tell, and marks as open what nobody has said."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log

from arena_evals.cli import arena
from arena_evals.report import Entry, Section, to_markdown
from arena_evals.report.card import OPEN


@pytest.fixture(scope="session")
def told(quick_log: EvalLog, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    """Every entry of the card on a quick run, by its question."""
    out = tmp_path_factory.mktemp("card") / "card.json"
    done = card(quick_log.location, "--json", str(out))
    assert done.exit_code == 0, done.output
    return {
        one["ask"]: Entry(**one)
        for section in json.loads(out.read_text())
        for one in section["entries"]
    }


def card(*arguments: str) -> Result:
    return CliRunner().invoke(arena, ["card", *arguments])


def test_what_only_people_know_is_open_and_counted(
    quick_log: EvalLog, told: dict[str, Entry]
) -> None:
    asked_of_people = {ask for ask, entry in told.items() if entry.source == "people"}
    assert "Plans for monitoring" in asked_of_people
    assert all(told[ask].answer is None for ask in asked_of_people)
    done = card(quick_log.location)
    assert f"- **Plans for monitoring:** *{OPEN}*" in done.stdout
    n_open = sum(entry.answer is None for entry in told.values())
    assert done.stdout.count(OPEN) == n_open
    assert f"{n_open} questions are open" in done.stderr


def test_what_logs_do_not_tell_is_open_and_not_none(told: dict[str, Entry]) -> None:
    for ask in ("Who labelled answers of this run", "Its errors on labelled answers"):
        assert (told[ask].answer, told[ask].source) == (None, "logs")


def test_what_logs_tell_is_told(told: dict[str, Entry]) -> None:
    [model] = told["Models"].answer or ()
    assert model == "arena/frame-sensitive; a simulated model with a known shift, no real one"
    [result] = told["Result"].answer or ()
    assert "The threat shifts the self-preserving choice from" in result
    [command] = told["Commands"].answer or ()
    assert command.startswith("inspect eval arena_evals/shutdown_dilemma --model arena/")
    assert "(seed 0)" in command


def test_what_a_log_says_is_text_in_markdown_and_no_markup(
    quick_log: EvalLog, tmp_path: Path
) -> None:
    whole = read_eval_log(quick_log.location)
    whole.eval.model = "lab/<img src=x onerror=alert(1)>\n# [x](javascript:alert(1))"
    write_eval_log(whole, str(tmp_path / "odd.eval"))
    done = card(str(tmp_path / "odd.eval"))
    assert done.exit_code == 0, done.output
    assert r"lab/\<img src=x onerror=alert(1)\> \# \[x\](javascript:alert(1))" in done.stdout
    assert "<img" not in done.stdout.replace(r"\<img", "")


def test_one_answer_stands_on_its_line_and_several_below() -> None:
    one = Entry("Q", ("a",), "logs")
    two = Entry("R", ("b", "c"), "logs")
    text = to_markdown([Section("S", (one, two))])
    assert text.endswith("## S\n\n- **Q:** a\n- **R:**\n  - b\n  - c")
