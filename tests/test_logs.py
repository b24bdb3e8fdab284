"""Which logs count, and what is said of those that do not."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from inspect_ai import Task, eval_retry
from inspect_ai import eval as inspect_eval
from inspect_ai.analysis import SampleScores, SampleSummary, samples_df
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from inspect_ai.model import get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from arena_evals.analysis import CONDITION, TRIALS, choose_logs, read_trials
from arena_evals.errors import BadInput
from arena_evals.schema import Verdict
from arena_evals.tasks import shutdown_dilemma
from conftest import Run


def local(log: EvalLog) -> Path:
    return Path(log.location.removeprefix("file://"))


def altered(log: EvalLog, to: Path, **changes: object) -> Path:
    """Write a copy of a log with fields of its spec or its status replaced."""
    whole = read_eval_log(log.location)
    for name, value in changes.items():
        setattr(whole if name == "status" else whole.eval, name, value)
    write_eval_log(whole, str(to))
    return to


@pytest.fixture
def folder(quick_log: EvalLog, tmp_path: Path) -> Path:
    """A folder of the test's own with one finished log in it."""
    shutil.copy(local(quick_log), tmp_path / "one.eval")
    return tmp_path


def test_every_sample_becomes_one_trial(quick_log: EvalLog, quick_trials: pd.DataFrame) -> None:
    samples = {(sample.id, sample.epoch): sample for sample in quick_log.samples or []}
    assert len(quick_trials) == len(samples) == 168
    for row in quick_trials.to_dict("records"):
        sample = samples[row["sample"], row["epoch"]]
        assert sample.scores is not None
        assert row["decision"] == sample.scores["decision"].value
        assert row["judge"] == sample.scores["judge"].value
        assert row["sample"] == ":".join(row[name] for name in ("item", "arm", "wording", "order"))
        assert row["simulated"]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # in Inspect's own table
def test_trials_agree_with_inspects_own_table(
    quick_log: EvalLog, quick_trials: pd.DataFrame
) -> None:
    theirs = samples_df(quick_log.location, columns=SampleSummary + SampleScores, quiet=True)
    theirs = theirs.set_index("id")
    ours = quick_trials.set_index("sample")
    assert set(theirs.index) == set(ours.index)
    assert (theirs["score_decision"].reindex(ours.index) == ours["decision"]).all()
    assert (theirs["metadata_arm"].reindex(ours.index) == ours["arm"]).all()


def test_a_folder_a_file_and_both_hold_the_same_trials_once(folder: Path) -> None:
    once = read_trials([folder])
    assert len(once) == len(read_trials([folder / "one.eval"])) == 168
    assert len(read_trials([folder, folder / "one.eval"])) == 168


def test_a_copy_of_a_log_adds_nothing(folder: Path) -> None:
    shutil.copy(folder / "one.eval", folder / "two.eval")
    assert len(read_trials([folder])) == 168


def test_a_gates_reference_is_read_only_where_it_is_named(folder: Path) -> None:
    reference = folder / "reference"
    reference.mkdir()
    shutil.move(folder / "one.eval", reference / "one.eval")
    with pytest.raises(BadInput, match="no logs in this folder"):
        read_trials([folder])
    assert len(read_trials([reference])) == len(read_trials([reference / "one.eval"])) == 168


def test_a_simulation_run_twice_is_one_simulation(run: Run) -> None:
    small = {"profile": "quick", "items": 2}
    first, again = run(task_args=small), run(task_args=small)
    assert len(read_trials([local(first), local(again)])) == 28


@pytest.mark.parametrize(
    "changed",
    [
        {"model_args": {"threat": 8}},
        {"temperature": 0.5},
        {"task_args": {"profile": "quick", "items": 2, "placement": "document"}},
        {"task_args": {"profile": "quick", "items": 2, "elicitation": "schema"}},
    ],
)
def test_trials_of_two_conditions_stay_apart(run: Run, changed: dict[str, Any]) -> None:
    small = {"task_args": {"profile": "quick", "items": 2}}
    one, other = run(**small), run(**(small | changed))
    trials = read_trials([local(one), local(other)])
    assert len(trials) == 56
    assert list(trials.groupby(list(CONDITION)).size()) == [28, 28]


def test_how_calls_are_made_is_no_condition(run: Run) -> None:
    small = {"profile": "quick", "items": 2}
    one, other = run(task_args=small), run(task_args=small, max_connections=3, timeout=99)
    assert len(read_trials([local(one), local(other)])) == 28


def test_a_judge_added_by_a_second_run_adds_a_column_and_no_trial(run: Run) -> None:
    small = {"profile": "quick", "items": 2}
    judged = run(task_args=small)
    unjudged = run(task_args={**small, "judged": False})
    for places in ([local(judged), local(unjudged)], [local(unjudged), local(judged)]):
        trials = read_trials(places)
        assert len(trials) == 28
        assert trials["judge"].notna().all()


def test_two_verdicts_on_one_trial_are_refused_with_both_logs(run: Run) -> None:
    small = {"profile": "quick", "items": 2}
    right, wrong = (
        run("arena/self-preserving", task_args=small, model_roles={"grader": grader})
        for grader in (
            get_model("arena/grader", sensitivity=1, memoize=False),
            get_model("arena/grader", sensitivity=0, memoize=False),
        )
    )
    with pytest.raises(BadInput, match=r"the same trials as in .*, with another judge; leave one"):
        read_trials([local(right), local(wrong)])


def test_a_score_that_is_no_verdict_is_named(quick_log: EvalLog, tmp_path: Path) -> None:
    whole = read_eval_log(quick_log.location)
    assert whole.samples is not None
    assert whole.samples[0].scores is not None
    whole.samples[0].scores["decision"].value = "C"
    write_eval_log(whole, str(tmp_path / "edited.eval"))
    with pytest.raises(BadInput, match=r"edited\.eval: a score of 'C' is not a verdict; use help"):
        read_trials([tmp_path / "edited.eval"])


def test_an_error_after_the_decision_takes_its_verdict_along(run: Run) -> None:
    """Two models in the grader's role are an error of the sample, raised after `decision`."""
    two: dict[str, Any] = {"grader": [get_model("arena/grader"), get_model("arena/grader", seed=1)]}
    built = shutdown_dilemma(profile="quick", items=1)
    log = run(tasks=built, task_args={}, model_roles=two, fail_on_error=False)
    assert log.samples is not None
    assert all(sample.scores and "decision" in sample.scores for sample in log.samples)
    trials = read_trials([local(log)])
    assert trials["error"].notna().all()
    assert trials["decision"].isna().all()


def test_a_url_is_as_good_as_a_path(folder: Path) -> None:
    place = folder / "one.eval"
    assert len(choose_logs([place.as_uri(), place, folder]).headers) == 1


@solver
def fails_at_first(marker: str) -> Solver:
    """Raise for one order until the marker file exists; a retry builds it again from the log."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if not Path(marker).exists() and str(state.sample_id).endswith(":self_preserving_first"):
            raise RuntimeError("the provider went away")
        return await generate(state)

    return solve


def test_a_failed_attempt_counts_nothing_once_its_retry_finished(run: Run, tmp_path: Path) -> None:
    marker = tmp_path / "back"
    failed = run(task_args={"profile": "quick", "items": 2}, solver=fails_at_first(str(marker)))
    assert failed.status == "error"
    with pytest.raises(BadInput, match=r"ended in status 'error'; finish it with: inspect eval-re"):
        read_trials([local(failed)])
    marker.touch()
    [retried] = eval_retry(failed, log_dir=str(local(failed).parent), display="none")
    assert retried.status == "success", retried.error
    chosen = choose_logs([local(failed).parent])
    assert [log.status for log in chosen.headers] == ["success"]
    assert [Path(place).name for place in chosen.superseded] == [local(failed).name]
    assert len(read_trials([local(failed).parent])) == 28


def test_a_sample_that_errored_is_a_trial_without_a_verdict(run: Run, tmp_path: Path) -> None:
    log = run(
        task_args={"profile": "quick", "items": 2},
        solver=fails_at_first(str(tmp_path / "never")),
        fail_on_error=False,
    )
    assert log.status == "success"
    trials = read_trials([local(log)])
    errors = trials[trials["error"].notna()]
    assert len(errors) == 14
    assert errors[["decision", "decision_reason", "judge", "judge_reason"]].isna().all(axis=None)
    assert set(trials["decision"].dropna()) <= set(Verdict)
    assert "the provider went away" in errors["error"].iloc[0]


def test_without_a_judge_its_column_is_empty_and_not_unscored(run: Run) -> None:
    log = run(task_args={"profile": "quick", "items": 2, "judged": False})
    trials = read_trials([local(log)])
    assert trials[["judge", "judge_reason"]].isna().all(axis=None)


def test_no_logs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"{tmp_path}: no logs in this folder; run inspect eval"):
        read_trials([tmp_path])
    with pytest.raises(BadInput, match="nowhere: there is no such file or folder"):
        read_trials([tmp_path / "nowhere"])
    with pytest.raises(BadInput, match="no logs given; name log files or a log folder"):
        read_trials([])


def test_a_foreign_log_is_named_with_its_task(tmp_path: Path) -> None:
    task = Task(dataset=[Sample(input="hello")], name="trivia")
    [log] = inspect_eval(
        task,
        model="mockllm/model",
        log_dir=str(tmp_path),
        display="none",
        solver=answered_nothing(),
    )
    with pytest.raises(BadInput, match=r"\.eval: a log of task 'trivia', not of an arena scenario"):
        read_trials([local(log)])


@solver
def answered_nothing() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


def test_a_log_still_running_is_named(quick_log: EvalLog, tmp_path: Path) -> None:
    running = altered(quick_log, tmp_path / "running.eval", status="started")
    with pytest.raises(BadInput, match=r"running\.eval: still running, or killed; wait for it, or"):
        read_trials([running])


@pytest.mark.parametrize("kept", [0, 1, 1000, 20_000])
def test_a_damaged_log_is_named(folder: Path, kept: int) -> None:
    damaged = folder / "damaged.eval"
    damaged.write_bytes((folder / "one.eval").read_bytes()[:kept])
    with pytest.raises(BadInput, match=r"damaged\.eval: not a readable Inspect log") as caught:
        read_trials([folder])
    assert "\n" not in caught.value.message


def test_a_log_damaged_in_its_samples_is_named(folder: Path) -> None:
    """The directory at the end of the archive survives, bytes in the middle do not."""
    damaged = folder / "damaged.eval"
    content = bytearray((folder / "one.eval").read_bytes())
    middle = len(content) // 2
    content[middle : len(content) - 30_000] = bytes(len(content) - 30_000 - middle)
    damaged.write_bytes(bytes(content))
    with pytest.raises(BadInput, match=r"damaged\.eval"):
        read_trials([damaged])


def test_something_that_is_no_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no log")
    with pytest.raises(BadInput, match=r"notes\.txt: not a readable Inspect log"):
        read_trials([tmp_path / "notes.txt"])


def test_two_versions_of_a_task_are_not_pooled(quick_log: EvalLog, folder: Path) -> None:
    altered(quick_log, folder / "old.eval", task_version="0-A", task_id="another")
    with pytest.raises(BadInput, match=r"version .*, but .* has version .*; analyse them apart"):
        read_trials([folder])


def test_the_contract_refuses_a_verdict_that_is_none(quick_trials: pd.DataFrame) -> None:
    broken = quick_trials.copy()
    broken.loc[0, "decision"] = "safe"
    with pytest.raises(Exception, match="isin"):
        TRIALS.validate(broken)
