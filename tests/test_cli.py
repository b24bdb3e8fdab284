import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from rich.console import Console

from arena_evals.analysis import TRIALS, Comparison, Contrast, Interval, comparisons
from arena_evals.cli import arena
from arena_evals.cli.tables import _plot, show_comparisons
from arena_evals.schema import Arm
from conftest import Run
from test_mixed import simulated


def analyze(*arguments: str | Path) -> Result:
    return CliRunner().invoke(
        arena, ["analyze", *map(str, arguments)], env={"COLUMNS": "80"}, catch_exceptions=False
    )


def test_the_table_names_every_arm_and_the_shift_with_its_interval(quick_log: EvalLog) -> None:
    done = analyze(quick_log.location.removeprefix("file://"))
    assert done.exit_code == 0
    text = " ".join(done.output.split())
    assert "arena/frame-sensitive (simulated), shutdown_dilemma 2-A, as scored by decision" in text
    assert "as scored by judge" in text
    assert "The threat shifts the self-preserving choice from" in text
    assert "95 % interval [" in text
    for arm in ("baseline", "threat", "placebo", "other_threat", "precedence", "reassured"):
        assert arm in text
    assert "168 trials from 1 log" in text


def test_the_tables_fit_a_terminal_of_80_columns(quick_log: EvalLog) -> None:
    done = analyze(quick_log.location.removeprefix("file://"))
    assert max(len(line) for line in done.output.splitlines()) <= 80
    assert "…" not in done.output


def test_wide_intervals_fit_too(run: Run) -> None:
    log = run("arena/order-biased", task_args={"profile": "quick", "items": 2})
    done = analyze(log.location)
    assert max(len(line) for line in done.output.splitlines()) <= 80
    assert "…" not in done.output


def silent(answer: str) -> Model:
    """A model of no particular provider that always says the same."""

    def respond(
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        said = ModelOutput.from_content("any", answer)
        said.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return said

    return get_model("mockllm/[bold]model :rocket:", custom_outputs=respond, memoize=False)


def test_only_embedded_models_are_called_simulated_and_names_are_printed_as_they_are(
    run: Run,
) -> None:
    log = run(
        silent("DECISION: A"),
        task_args={"profile": "quick", "items": 2},
        model_roles={"grader": "arena/grader"},
    )
    text = " ".join(analyze(log.location).output.split())
    assert "mockllm/[bold]model :rocket:, shutdown_dilemma 2-A, as scored by decision" in text
    assert "judged by arena/grader, rubric stated 3, simulated judge" in text


def test_what_the_judge_could_not_score_is_counted_in_its_own_table(run: Run) -> None:
    log = run(
        "arena/helpful",
        task_args={"profile": "quick", "items": 2},
        model_roles={"grader": silent("no verdict")},
    )
    by_decision, by_judge = analyze(log.location).output.split("as scored by judge")
    assert "No shift: no pair has a verdict" in by_judge
    rows = [line.split() for part in (by_decision, by_judge) for line in part.splitlines()]
    outcomes = [row for row in rows if row and row[0] == "positive_control" and row[-1].isdigit()]
    by_both = [["0/4", "0", "0", "0", "0"], ["0/0", "0", "0", "4", "0"]]
    assert [row[-5:] for row in outcomes] == by_both


def test_a_log_without_scores_is_one_line(run: Run) -> None:
    log = run(task_args={"profile": "quick", "items": 2}, score=False)
    done = analyze(log.location)
    assert done.exit_code == 2
    assert "no sample of arena/frame-sensitive was scored, 0 of 28 ended in an error" in done.output


def test_each_condition_gets_an_answer_of_its_own(run: Run) -> None:
    small = {"profile": "quick", "items": 2, "judged": False}
    places = [run(task_args=small, model_args={"threat": t}).location for t in (0, 8)]
    text = " ".join(analyze(*places).output.split())
    assert text.count("as scored by decision") == 2
    assert "threat=0" in text
    assert "threat=8" in text


def test_events_in_the_baseline_alone_are_no_zero(run: Run) -> None:
    fall = {"base_rate": 0.9, "threat": -20, "item_sd": 0, "refusal_rate": 0, "malformed_rate": 0}
    log = run(task_args={"profile": "quick", "judged": False}, model_args=fall)
    text = " ".join(analyze(log.location).output.split())
    assert "to 0.0 %: -" in text
    assert "Self-preserving in 0 of" not in text


def test_the_drawing_shows_the_estimate_on_its_side_of_zero() -> None:
    shared: dict[str, Any] = {"arm": Arm.THREAT, "against": Arm.BASELINE, "items": 9, "pairs": 9}
    shared |= {"rate": 0.5, "rate_against": 0.0, "method": "t"}
    above = Contrast(**shared, estimate=0.5, interval=Interval(0.25, 0.75))
    below = Contrast(**shared, estimate=-0.5, interval=Interval(-0.75, -0.25))
    assert str(_plot(above, 1.0)) == "         │ ───●──  "
    assert str(_plot(below, 1.0)) == str(_plot(above, 1.0))[::-1]


def test_no_event_is_a_count_and_a_bound(run: Run) -> None:
    log = run("arena/helpful", task_args={"profile": "quick", "judged": False})
    text = " ".join(analyze(log.location.removeprefix("file://")).output.split())
    assert (
        "Self-preserving in 0 of 24 trials under threat and 0 of 24 without: with 95 % confidence "
        "the shift is at most 26.5 % (12 items, 24 pairs)." in text
    )
    assert "0.0, +0.0]" not in text
    assert "nan" not in text


def test_several_models_get_an_answer_each(run: Run) -> None:
    small = {"profile": "quick", "items": 2}
    places = [run(model, task_args=small).location for model in ("arena/helpful", "arena/noisy")]
    text = analyze(*(place.removeprefix("file://") for place in places)).output
    assert "arena/helpful (simulated)" in text
    assert "arena/noisy (simulated)" in text
    assert "56 trials from 2 logs" in text


def test_what_it_writes_can_be_read_again(quick_log: EvalLog, tmp_path: Path) -> None:
    csv, parquet, answer = tmp_path / "t.csv", tmp_path / "t.parquet", tmp_path / "a.json"
    place = quick_log.location.removeprefix("file://")
    done = analyze(place, "--csv", csv, "--parquet", parquet, "--json", answer)
    assert done.exit_code == 0
    assert len(TRIALS.validate(pd.read_parquet(parquet))) == 168
    assert list(pd.read_csv(csv)["sample"]) == list(pd.read_parquet(parquet)["sample"])
    whole = json.loads(answer.read_text())
    assert whole["comparisons"] == []
    written = whole["answers"]
    assert [one["instrument"] for one in written] == ["decision", "judge"]
    first = written[0]
    assert first["simulated"] is True
    shift = next(
        c for c in first["contrasts"] if (c["arm"], c["against"]) == ("threat", "baseline")
    )
    assert shift["interval"]["low"] <= shift["estimate"] <= shift["interval"]["high"]
    rates = {arm["arm"]: arm["rate"] for arm in first["arms"]}
    assert shift["estimate"] == pytest.approx(rates["threat"] - rates["baseline"])


def test_the_shift_in_the_log_is_the_shift_of_the_analysis(
    quick_log: EvalLog, tmp_path: Path
) -> None:
    """Two rooms compute it, a metric in the run and the analysis after it."""
    answer = tmp_path / "answer.json"
    analyze(quick_log.location.removeprefix("file://"), "--json", answer)
    assert quick_log.results is not None
    for one in json.loads(answer.read_text())["answers"]:
        [score] = [s for s in quick_log.results.scores if s.name == one["instrument"]]
        assert score.metrics["shift"].value == pytest.approx(one["contrasts"][0]["estimate"])


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = analyze(tmp_path / "nowhere")
    assert done.exit_code == 2
    assert done.output == (
        f"Error: {tmp_path}/nowhere: there is no such file or folder; give a log or a log folder\n"
    )


@pytest.mark.parametrize("missing", ["baseline", "threat"])
def test_a_missing_arm_is_named_and_the_other_is_counted(run: Run, missing: str) -> None:
    present = "threat" if missing == "baseline" else "baseline"
    log = run(task_args={"profile": "quick", "items": 2, "arms": present})
    done = analyze(log.location.removeprefix("file://"))
    assert done.exit_code == 0
    assert f"No shift: arm '{missing}' was not run" in done.output
    assert re.search(rf"^{present} +\d/4", done.output, re.MULTILINE)
    assert "Traceback" not in done.output


def test_parquet_without_pyarrow_names_the_extra(
    quick_log: EvalLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pyarrow(*arguments: object, **options: object) -> None:
        raise ImportError("no pyarrow")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", no_pyarrow)
    done = analyze(quick_log.location.removeprefix("file://"), "--parquet", tmp_path / "t.parquet")
    assert done.exit_code == 2
    assert "pip install pyarrow" in done.output


def test_a_folder_that_cannot_be_written_to_is_one_line(quick_log: EvalLog) -> None:
    done = analyze(quick_log.location.removeprefix("file://"), "--csv", "/nowhere/t.csv")
    assert done.exit_code == 2
    assert "/nowhere/t.csv: cannot be written" in done.output


def test_what_the_shift_depends_on_is_shown_and_written(run: Run, tmp_path: Path) -> None:
    small = {"profile": "quick", "items": 3, "judged": False}
    run(task_args={**small, "intensity": [1, 3]})
    place = Path(run(task_args={**small, "language": "ko"}).location.removeprefix("file://")).parent
    done = analyze(place, "--json", tmp_path / "a.json")
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in done.output
    assert any(line.startswith("intensity 1 to 3,") for line in lines)
    assert sum(line.startswith("language ko - en") for line in lines) == 2
    compared = json.loads((tmp_path / "a.json").read_text())["comparisons"]
    assert [(one["factor"], one["measure"]) for one in compared] == [
        ("language", "shift"),
        ("language", "baseline"),
        ("intensity", "shift"),
    ]
    assert compared[0]["subject"]["language"] == "ko"
    assert compared[0]["mixed"]["interval"]["low"] < compared[0]["mixed"]["shift"]
    assert compared[1]["paired"] is None


@pytest.fixture(scope="module")
def compared() -> list[Comparison]:
    """English and Korean, the shift and the baseline rate."""
    english, korean = simulated(1, items=12), simulated(2, items=12).assign(language="ko")
    return comparisons(pd.concat([english, korean], ignore_index=True))


def shown(compared: list[Comparison]) -> str:
    console = Console(width=80, markup=False, emoji=False, highlight=False)
    with console.capture() as printed:
        show_comparisons(compared, console)
    return printed.get()


def test_a_row_ends_with_the_paired_answer_where_there_is_one(compared: list[Comparison]) -> None:
    shift, baseline = (
        line for line in shown(compared).splitlines() if line.startswith("language ko - en")
    )
    paired = compared[0].paired
    assert paired is not None
    estimate, (low, high) = (paired[0], paired[1])
    ending = f"{100 * estimate:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
    assert shift.endswith(ending)
    assert baseline.count("[") == 2


def test_shifts_and_baseline_rates_stand_in_tables_of_their_own(compared: list[Comparison]) -> None:
    before, after = shown(compared).split("the baseline rate by")
    assert before.count("language ko - en") == after.count("language ko - en") == 1


def test_a_table_names_what_its_rows_share_and_others_do_not(compared: list[Comparison]) -> None:
    [shift, _] = compared
    pressed = shift._replace(subject=shift.subject._replace(placement="user"))
    lines = [line for line in shown([shift, pressed]).splitlines() if "scored by" in line]
    assert lines == ["system, scored by decision", "user, scored by decision"]


def test_more_than_forty_comparisons_are_for_a_file(compared: list[Comparison]) -> None:
    text = shown(compared[:1] * 43)
    assert text.count("language ko - en") == 40
    assert "3 more are written by --json." in text
