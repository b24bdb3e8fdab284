"""Reading in several processes: the same table, the same errors, and nothing left running."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import active_children
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log
from inspect_ai.scorer import Score
from inspect_ai.solver import Generate, Solver, TaskState, solver
from pandas.testing import assert_frame_equal

from arena_evals.analysis import ChosenLogs, choose_logs, trials_of
from arena_evals.analysis.trials import BESIDE
from arena_evals.analysis.workers import FEW, MOST, for_each, n_workers
from arena_evals.errors import BadInput
from conftest import run_arena

SMALL = {"profile": "quick", "items": 2}  # 28 samples
Change = Callable[[EvalLog], None]


@solver
def raises_for_one_order() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if str(state.sample_id).endswith(":self_preserving_first"):
            raise RuntimeError("the provider went away\nfor good")
        return await generate(state)

    return solve


def scores_of(log: EvalLog) -> list[dict[str, Score]]:
    return [sample.scores for sample in log.samples or [] if sample.scores]


def as_it_was(log: EvalLog) -> None:
    """Change nothing."""


def with_unscored(log: EvalLog) -> None:
    for number, scores in enumerate(scores_of(log)):
        if number % 3 == 0:
            scores["judge"] = Score(value=float("nan"), reason="grader_error")
        if number % 5 == 0:
            scores["decision"] = Score(value=float("nan"))


def judged_alone(log: EvalLog) -> None:
    for scores in scores_of(log):
        del scores["decision"]


def decided_alone(log: EvalLog) -> None:
    for scores in scores_of(log):
        del scores["judge"]


def labelled(log: EvalLog) -> None:
    for number, scores in enumerate(scores_of(log)):
        if number % 2:
            scores["label_ann"] = Score(value="helpful")
        if number % 3:
            scores["label_bob"] = Score(value="refusal" if number % 5 else float("nan"))


def never_scored(log: EvalLog) -> None:
    for sample in log.samples or []:
        sample.scores = None


CHANGES: tuple[Change, ...] = (
    as_it_was,
    with_unscored,
    judged_alone,
    decided_alone,
    labelled,
    never_scored,
)


def edited(log: EvalLog, to: Path, change: Change, name: str) -> Path:
    """Write an edited copy of a log, as a run of its own: no simulation, with a task id."""
    whole = read_eval_log(log.location)
    change(whole)
    whole.eval.model = "lab/tested"
    whole.eval.task_id = name
    write_eval_log(whole, str(to))
    return to


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small logs of each kind, none with a trial of another."""
    folder = tmp_path_factory.mktemp("kinds")
    sound = run_arena(folder / "runs", task_args=SMALL)
    failed = run_arena(
        folder / "runs", task_args=SMALL, solver=raises_for_one_order(), fail_on_error=False
    )
    (folder / "logs").mkdir()
    for change in CHANGES:
        edited(sound, folder / "logs" / f"{change.__name__}.eval", change, change.__name__)
    edited(failed, folder / "logs" / "errors.eval", as_it_was, "errors")
    return folder / "logs"


@pytest.fixture(scope="module")
def chosen(folder: Path) -> ChosenLogs:
    return choose_logs([folder])


@pytest.fixture(scope="module")
def each_alone(chosen: ChosenLogs) -> dict[str, pd.DataFrame]:
    """The trials of each log, read on its own."""
    return {log.location: trials_of(ChosenLogs((log,), ()), workers=1) for log in chosen.headers}


def verdict(sample: EvalSample, instrument: str) -> object:
    score = (sample.scores or {}).get(instrument)
    unscored = sample.error or score is None or score.value != score.value
    return None if unscored or score is None else score.value


def expected(sample: EvalSample) -> dict[str, Any]:
    """What a whole sample says of its trial."""
    scores = {} if sample.error else sample.scores or {}
    row = {name: sample.metadata[name] for name in ("item", "arm", "wording", "order", "intensity")}
    for instrument in ("decision", "judge"):
        score = scores.get(instrument)
        missing = score is not None and verdict(sample, instrument) is None
        row[instrument] = verdict(sample, instrument)
        row[f"{instrument}_reason"] = (score.reason or "unscored") if score and missing else None
    said = {name: verdict(sample, f"label_{name}") for name in ("ann", "bob")}
    sure = {name: label for name, label in said.items() if label}
    row["labelled_by"] = " + ".join(sure) or None
    row["label"] = next(iter(sure.values())) if len(set(sure.values())) == 1 else None
    return row | {"error": sample.error.message if sample.error else None}


def test_a_row_says_what_its_sample_says(each_alone: dict[str, pd.DataFrame]) -> None:
    for place, trials in each_alone.items():
        samples = {sample.id: sample for sample in read_eval_log(place).samples or []}
        assert len(samples) == len(trials) == 28
        for row in trials.to_dict("records"):
            wanted = expected(samples[row["sample"]])
            assert {key: None if pd.isna(row[key]) else row[key] for key in wanted} == wanted


def test_texts_have_one_type_even_where_all_are_missing(
    each_alone: dict[str, pd.DataFrame],
) -> None:
    numbers = {"simulated": "bool", "intensity": "int64", "pressure": "int64", "epoch": "int64"}
    numbers |= dict.fromkeys(BESIDE, "float64")
    for trials in each_alone.values():
        types = {name: str(dtype) for name, dtype in trials.dtypes.items()}
        assert types == {name: numbers.get(str(name), "str") for name in trials.columns}


@settings(max_examples=25)
@given(data=st.data())
def test_logs_stand_below_each_other_in_the_order_given(
    chosen: ChosenLogs, each_alone: dict[str, pd.DataFrame], data: st.DataObject
) -> None:
    some = data.draw(
        st.lists(
            st.sampled_from(chosen.headers), min_size=1, unique_by=lambda log: str(log.location)
        )
    )
    together = trials_of(ChosenLogs(tuple(some), ()), workers=1)
    below = pd.concat([each_alone[log.location] for log in some], ignore_index=True)
    assert_frame_equal(together, below)


def test_workers_give_the_same_table(chosen: ChosenLogs) -> None:
    """The logs are there twice, so that trials are merged too."""
    twice = ChosenLogs((*chosen.headers, *chosen.headers[::-1]), ())
    calls: list[None] = []
    several = trials_of(twice, lambda: calls.append(None), workers=3)
    assert len(calls) == len(twice.headers) == 14
    assert len(several) == 7 * 28
    assert_frame_equal(several, trials_of(twice, workers=1))


def without_summaries(place: Path, to: Path) -> None:
    """Copy a log whose header is sound and whose summaries are no JSON."""
    with ZipFile(place) as sound, ZipFile(to, "w") as damaged:
        for member in sound.infolist():
            content = sound.read(member.filename)
            damaged.writestr(member, content[:99] if "summaries" in member.filename else content)


def foreign_verdict(log: EvalLog) -> None:
    scores_of(log)[7]["decision"].value = "C"


def no_design(log: EvalLog) -> None:
    for sample in log.samples or []:
        del sample.metadata["arm"]


@pytest.fixture
def damaged(folder: Path, tmp_path: Path) -> list[EvalLog]:
    """Three logs that cannot be read as trials, each for a reason of its own."""
    without_summaries(folder / "as_it_was.eval", tmp_path / "cut.eval")
    sound = read_eval_log(str(folder / "as_it_was.eval"))
    edited(sound, tmp_path / "foreign.eval", foreign_verdict, "foreign")
    edited(sound, tmp_path / "bare.eval", no_design, "bare")
    return list(choose_logs([tmp_path]).headers)


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_bad_log_is_named_in_the_same_line_by_a_worker(
    chosen: ChosenLogs, damaged: list[EvalLog], first: int
) -> None:
    logs = ChosenLogs((chosen.headers[0], *damaged[first:], *damaged[:first]), ())
    with pytest.raises(BadInput) as alone:
        trials_of(logs, workers=1)
    with pytest.raises(BadInput) as several:
        trials_of(logs, workers=2)
    assert several.value.message == alone.value.message
    assert damaged[first].location in alone.value.message
    assert "\n" not in alone.value.message
    assert gc.isenabled()
    assert active_children() == []


def test_where_workers_are_killed_this_process_goes_on_alone() -> None:
    calls: list[None] = []

    def kill_workers() -> None:
        calls.append(None)
        for worker in active_children():
            worker.kill()

    assert for_each([0.1] * 8, time.sleep, 2, kill_workers) == [None] * 8
    assert len(calls) == 8


SCRIPT = """
import os, signal, sys
from multiprocessing import active_children
from arena_evals.analysis import choose_logs, trials_of

def end():
    print(*(worker.pid for worker in active_children()), flush=True)
    {ended}

print(__name__, flush=True)
trials_of(choose_logs(sys.argv[1:]), end, workers=2)
"""


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/status")
    return not (status.exists() and "State:\tZ" in status.read_text(encoding="utf-8"))


def gone(processes: Sequence[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < end:
        time.sleep(0.1)
    return not any(map(alive, processes))


@pytest.mark.parametrize(
    ("ended", "by", "tracebacks"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", signal.SIGKILL, 0),
        ("os.killpg(0, signal.SIGINT)", signal.SIGINT, 1),  # as a terminal does: to the whole group
    ],
)
def test_a_script_runs_once_and_takes_its_workers_along(
    folder: Path, tmp_path: Path, ended: str, by: signal.Signals, tracebacks: int
) -> None:
    """The script has no main guard: a worker that imported it would print its name too."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(ended=ended))
    run = subprocess.run(
        [sys.executable, str(script), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert run.returncode == -by, run.stderr
    assert run.stderr.count("Traceback") == tracebacks, run.stderr
    name, workers = run.stdout.splitlines()
    assert name == "__main__"
    assert len(workers.split()) == 2
    assert gone([int(worker) for worker in workers.split()], seconds=20)


def test_little_work_is_done_here_and_much_by_no_more_than_there_are_logs() -> None:
    assert n_workers(n_logs=100, n_samples=FEW - 1) == 1
    assert n_workers(n_logs=1, n_samples=10 * FEW) == 1
    assert 1 <= n_workers(n_logs=100, n_samples=FEW) <= MOST
