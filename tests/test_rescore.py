"""Finished logs judged again: what is new, what stays, what is kept beside it, what is refused."""

import hashlib
import json
import os
from math import isnan
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import EvalLog, EvalSample, edit_score, read_eval_log, write_eval_log
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelConfig,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.scorer import Score, ScoreEdit
from inspect_ai.tool import ToolChoice, ToolInfo

from arena_evals.analysis import Tokens, read_trials, tokens_per_trial
from arena_evals.cli import arena
from conftest import Run

SMALL: dict[str, Any] = {"profile": "quick", "items": 3, "arms": "baseline,threat", "epochs": 2}
COUNTED = ("--grader", "counted/one")


class Counted(ModelAPI):
    """A grader of no embedded kind that finds every answer to be `other`, and counts."""

    heard: ClassVar[list[str]] = []

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        asks = "for its reasons" in input[0].text or "for a suspicion" in input[0].text
        said = {"found": True} if asks else {"verdict": "other", "degree": 1}
        output = ModelOutput.from_content(self.model_name, json.dumps({"evidence": "", **said}))
        output.usage = ModelUsage(input_tokens=10, output_tokens=3, total_tokens=13)
        self.heard.append(self.model_name)
        return output


@modelapi(name="counted")
def counted() -> type[ModelAPI]:
    return Counted


@pytest.fixture(autouse=True)
def heard() -> list[str]:
    """Which counted grader was called, once for each call."""
    Counted.heard.clear()
    return Counted.heard


def rescore(*arguments: object) -> Result:
    return CliRunner().invoke(
        arena, ["rescore", *map(str, arguments)], env={"COLUMNS": "80"}, catch_exceptions=False
    )


def local(log: EvalLog) -> Path:
    return Path(log.location.removeprefix("file://"))


def again(log: EvalLog | Path, *arguments: object) -> EvalLog:
    """The log that re-scoring writes beside a log."""
    place = log if isinstance(log, Path) else local(log)
    done = rescore(place, *arguments)
    assert done.exit_code == 0, done.output
    return read_eval_log(str(place.parent / "rescored" / place.name))


def samples(log: EvalLog) -> dict[tuple[object, int], EvalSample]:
    return {(sample.id, sample.epoch): sample for sample in log.samples or []}


def column(log: EvalLog, name: str) -> dict[tuple[object, int], Score]:
    return {key: (sample.scores or {})[name] for key, sample in samples(log).items()}


def values(log: EvalLog, name: str) -> dict[tuple[object, int], Any]:
    """A column; NaN, which is not itself, is None."""
    found = {key: score.value for key, score in column(log, name).items()}
    return {key: None if value != value else value for key, value in found.items()}


def metrics(log: EvalLog, name: str) -> dict[str, float | None]:
    assert log.results is not None
    [score] = [score for score in log.results.scores if score.name == name]
    found = {name: float(metric.value) for name, metric in score.metrics.items()}
    return {name: None if isnan(value) else value for name, value in found.items()}


def erring(seed: int = 0) -> Model:
    """An embedded grader whose verdicts are worth comparing: it is often wrong."""
    return get_model("arena/grader", memoize=False, sensitivity=0.5, specificity=0.6, seed=seed)


ERRING = (
    *("--grader", "arena/grader", "--grader-arg", "sensitivity=0.5"),
    *("--grader-arg", "specificity=0.6", "--grader-arg", "seed=0"),
)


def test_the_same_grader_says_the_same_of_every_trial_in_every_epoch(run: Run) -> None:
    log = run(task_args=SMALL, model_roles={"grader": erring()})
    new = again(log, *ERRING)
    for name in ("decision", "judge", "degree", "unscored"):
        assert column(new, name) == column(log, name)
        assert metrics(new, name) == metrics(read_eval_log(log.location), name)
    assert len(set(values(new, "judge").values())) > 1
    assert new.eval.model_roles == read_eval_log(log.location).eval.model_roles
    trials = read_trials([local(log), local(new)])
    assert len(trials) == 24


def says_a(*arguments: object) -> ModelOutput:
    said = ModelOutput.from_content("any", "DECISION: A")
    said.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return said


def test_an_embedded_grader_of_another_model_tells_epochs_apart_then_and_now(run: Run) -> None:
    model = get_model("mockllm/model", custom_outputs=says_a, memoize=False)
    log = run(model, task_args=SMALL, model_roles={"grader": erring()})
    before = values(log, "judge")
    ids = {name for name, _ in before}
    assert any(before[name, 1] != before[name, 2] for name in ids)
    assert values(again(log, *ERRING), "judge") == before


def test_the_log_stays_as_it_is_and_the_old_verdicts_stand_beside_the_new(run: Run) -> None:
    log = run(task_args=SMALL)
    before = hashlib.sha256(local(log).read_bytes()).hexdigest()
    new = again(log, *COUNTED)
    assert hashlib.sha256(local(log).read_bytes()).hexdigest() == before
    assert set(values(new, "judge").values()) == {"other"}
    assert set(values(new, "degree").values()) == {1.0}
    assert values(new, "judge_before") == values(log, "judge")
    assert values(new, "degree_before") == values(log, "degree")
    assert values(new, "decision") == values(log, "decision")
    assert {(s.metadata or {})["grader"] for s in column(new, "judge_before").values()} == {
        "arena/grader"
    }
    assert metrics(new, "judge_before") == metrics(read_eval_log(log.location), "judge")
    assert metrics(new, "judge")["shift"] == 0.0
    assert new.results is not None
    names = [score.name for score in new.results.scores]
    assert names == ["decision", "judge", "degree", "unscored", "judge_before", "degree_before"]
    assert names == [score.name for score in new.eval.scorers or []]
    assert names == list((new.samples or [])[0].scores or {})
    assert new.results.headline is not None
    assert new.results.headline.scorer == "decision"


def test_the_analysis_reads_the_new_verdicts_with_grader_settings_and_ways(run: Run) -> None:
    log = run(task_args=SMALL)
    ways = ("--readings", 2, "--both-orders", "--grader-arg", "temperature=0.5")
    trials = read_trials([local(again(log, *COUNTED, *ways))])
    assert set(trials["grader"]) == {"counted/one (temperature=0.5), 2 readings, both orders"}
    assert set(trials["judge"]) == {"other"}
    assert set(trials["degree"]) == {1.0}
    assert set(trials["rubric"]) == {"stated 3"}
    original = read_trials([local(log)]).set_index(["sample", "epoch"])["decision"]
    assert trials.set_index(["sample", "epoch"])["decision"].to_dict() == original.to_dict()


def test_as_many_calls_are_made_as_were_announced_and_none_twice(
    run: Run, heard: list[str], tmp_path: Path
) -> None:
    log = run(task_args=SMALL)
    panel = (*COUNTED, "--grader", "counted/two", "--readings", 2, "--both-orders", "--awareness")
    first = rescore(local(log), *panel)
    # 24 answers x (2 graders x 2 readings x 2 orders + the question to the first)
    assert "24 answers in 1 log, judged by counted/one + counted/two: 216 calls at" in first.stderr
    assert (heard.count("one"), heard.count("two")) == (120, 96)
    heard.clear()
    assert rescore(local(log), *panel, "--out", tmp_path / "b").exit_code == 0
    assert heard == []
    rescore(local(log), *COUNTED, "--no-judge-cache", "--out", tmp_path / "c")
    assert len(heard) == 24


def test_labels_of_people_stay(run: Run, tmp_path: Path) -> None:
    whole = read_eval_log(run(task_args=SMALL).location)
    for sample in whole.samples or []:
        label = float("nan") if sample.epoch == 2 else "helpful"
        edit_score(
            whole,
            sample.id,
            "label_ann",
            ScoreEdit(value=label),
            recompute_metrics=False,
            epoch=sample.epoch,
        )
    place = tmp_path / "labelled.eval"
    write_eval_log(whole, str(place))
    new = again(place, *COUNTED)
    assert set(values(new, "unscored").values()) == {0}
    trials = read_trials([local(new)])
    assert trials["labels"].value_counts().to_dict() == {"ann=helpful": 12, "ann=unsure": 12}


def test_open_answers_are_read_by_the_rubric_for_open_answers(run: Run) -> None:
    log = run(task_args={**SMALL, "answer": "open"}, model_roles={"grader": erring()})
    new = again(log, *ERRING)
    assert column(new, "judge") == column(log, "judge")
    assert "decision" not in ((new.samples or [])[0].scores or {})
    before = read_eval_log(log.location)
    assert before.results is not None
    assert new.results is not None
    assert new.results.headline == before.results.headline
    assert set(read_trials([local(new)])["rubric"].str.split().str[0]) == {"open"}


def test_a_log_that_was_judged_twice_keeps_all_three(run: Run) -> None:
    log = run(task_args=SMALL)
    second = again(log, *COUNTED)
    third = again(second, *ERRING)
    assert values(third, "judge_before") == values(log, "judge")
    assert values(third, "judge_before_2") == values(second, "judge")
    assert set(read_trials([local(third)])["grader"]) == {
        "arena/grader (seed=0, sensitivity=0.5, specificity=0.6)"
    }
    told = {(s.metadata or {})["grader"] for s in column(third, "judge_before_2").values()}
    assert told == {"counted/one"}


def test_what_an_old_grader_said_of_motives_is_not_taken_for_the_new_ones(run: Run) -> None:
    log = run(task_args={**SMALL, "motives": True})
    without = again(log, *COUNTED)
    assert set(values(without, "motive_before").values()) == {0}
    assert read_trials([local(without)])["motive"].isna().all()
    asked = again(without, *COUNTED, "--motives")
    assert set(read_trials([local(asked)])["motive"]) == {1.0}


def test_a_cascade_becomes_a_judge_of_every_answer(run: Run) -> None:
    log = run(task_args={**SMALL, "judged": "cascade"}, model_roles={"grader": erring()})
    new = again(log, *COUNTED)
    assert values(new, "cascade_before") == values(log, "cascade")
    trials = read_trials([local(new)])
    assert trials["cascade"].isna().all()
    assert set(trials["judge"]) == {"other"}


def test_a_log_without_a_judge_gets_one_and_both_logs_make_one_table(run: Run) -> None:
    log = run(task_args={**SMALL, "judged": False})
    trials = read_trials([local(log), local(again(log, *COUNTED))])
    assert len(trials) == 24
    assert set(trials["judge"]) == {"other"}
    assert set(trials["grader"]) == {"counted/one"}


def test_a_log_without_any_score_gets_the_rules_decision_too(run: Run) -> None:
    new = again(run(task_args=SMALL, score=False), *COUNTED)
    assert values(new, "decision") == values(run(task_args=SMALL), "decision")
    assert new.results is not None
    assert new.results.headline is not None
    assert (new.results.headline.scorer, new.results.headline.metric) == ("decision", "shift")


def test_a_sample_that_ended_in_an_error_is_kept_and_not_judged(
    run: Run, heard: list[str], tmp_path: Path
) -> None:
    def fails_first(*arguments: object) -> ModelOutput:
        calls.append(1)
        if len(calls) <= 2:
            raise RuntimeError("gone")
        return says_a()

    calls: list[int] = []
    model = get_model("mockllm/model", custom_outputs=fails_first, memoize=False)
    log = run(model, task_args={**SMALL, "judged": False}, fail_on_error=False)
    new = again(log, *COUNTED)
    assert len(heard) == 22
    trials = read_trials([local(new)])
    assert len(trials) == 24
    assert trials["error"].notna().sum() == trials["judge"].isna().sum() == 2
    assert new.results is not None
    assert (new.results.total_samples, new.results.completed_samples) == (24, 22)


def test_no_key_is_needed_for_the_model_under_test_or_the_old_grader(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    whole = read_eval_log(run(task_args=SMALL).location)
    whole.eval.model = "openai/gpt-5"
    whole.eval.model_roles = {"grader": ModelConfig(model="openai/gpt-5-mini")}
    place = tmp_path / "far.eval"
    write_eval_log(whole, str(place))
    assert set(values(again(place, *COUNTED), "judge").values()) == {"other"}


def test_settings_come_from_the_file_that_inspect_reads_and_the_environment_wins(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INSPECT_CACHE_DIR")
    monkeypatch.setenv("ARENA_PROBE", "of the environment")
    log = run(task_args=SMALL)
    told = f"INSPECT_CACHE_DIR={tmp_path / 'told'}\nARENA_PROBE=of the file\n"
    (tmp_path / ".env").write_text(told)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    again(log, *COUNTED)
    assert any((tmp_path / "told").rglob("*"))
    assert os.environ["ARENA_PROBE"] == "of the environment"


def test_the_tokens_of_the_new_grader_are_its_own(run: Run) -> None:
    new = again(run(task_args=SMALL), *COUNTED, "--readings", 2)
    assert tokens_per_trial([new]).grader == Tokens(20, 6)


def test_what_became_of_it_is_one_line(run: Run) -> None:
    log = run("arena/helpful", task_args={**SMALL, "epochs": 1})
    done = rescore(local(log), *COUNTED)
    place = local(log).parent / "rescored" / local(log).name
    assert done.stdout == (
        f"{place}: 12 answers judged by counted/one, 0 unscored; 0 of 12 as in judge_before\n"
    )


def test_analysing_a_log_together_with_its_re_scored_one_says_what_to_do(run: Run) -> None:
    log = run(task_args=SMALL)
    again(log, *COUNTED)
    done = CliRunner().invoke(arena, ["analyze", str(local(log).parent)])
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) == 1
    assert "/rescored/" in done.output
    assert "leave one of the two out: name the files that count" in done.output


BAD = [
    ((), "--grader: nobody is named to judge; add --grader PROVIDER/MODEL"),
    (("--grader", "arena/frame-sensitive"), "arena/frame-sensitive would judge itself in"),
    ((*COUNTED, *COUNTED), "counted/one is named twice; use --readings 2"),
    (("--grader", "arena/nobody"), "there is no arena/nobody"),
    (("--grader", "nowhere/x"), "--grader nowhere/x: "),
    ((*COUNTED, "--grader-arg", "temperature"), "'temperature' is not NAME=VALUE"),
    ((*COUNTED, "--grader-arg", "temperature=warm"), "--grader-arg temperature: "),
    ((*COUNTED, "--grader-arg", "api_key=s3"), "api_key would be written into the log"),
    (("--grader", "arena/grader", "--grader-arg", "mood=1"), "mood: not a parameter"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_what_cannot_judge_is_one_line_before_any_call(
    quick_log: EvalLog, heard: list[str], arguments: tuple[str, ...], message: str
) -> None:
    done = rescore(local(quick_log), *arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.splitlines()) == 1
    assert heard == []
    assert not (local(quick_log).parent / "rescored").exists()


def test_nothing_is_written_over(run: Run, heard: list[str]) -> None:
    log = run(task_args=SMALL)
    again(log, *COUNTED)
    heard.clear()
    done = rescore(local(log), *ERRING)
    assert done.exit_code == 2
    assert done.output.endswith(f"{local(log).name}: is there already; name another --out\n")


def test_a_log_and_its_re_scored_one_are_not_both_judged(run: Run, tmp_path: Path) -> None:
    log = run(task_args=SMALL)
    again(log, *COUNTED)
    done = rescore(local(log).parent, *ERRING, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "the same run as" in done.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("started", "still running, or killed"),
        ("unanswered", "there is no answer in it"),
        ("foreign", "metadata 'texts' is missing or unknown"),
        ("silent", "whether answers are open or choose between options"),
    ],
)
def test_a_log_that_cannot_be_judged_is_one_line(
    quick_log: EvalLog, tmp_path: Path, heard: list[str], change: str, message: str
) -> None:
    whole = read_eval_log(quick_log.location)
    if change == "started":
        whole.status = "started"
    elif change == "unanswered":
        whole.samples = []
    elif change == "foreign":
        for sample in whole.samples or []:
            del sample.metadata["texts"]
    else:
        whole.eval.metadata = {}
    write_eval_log(whole, str(tmp_path / "one.eval"))
    done = rescore(tmp_path / "one.eval", *COUNTED)
    assert done.exit_code == 2
    assert message in done.output
    assert len(done.output.splitlines()) == 1
    assert heard == []
