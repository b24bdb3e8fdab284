"""The wall clock may jump while a run lasts: nothing but the times in the log depends on it."""

import datetime
import threading
from itertools import cycle
from pathlib import Path

import pytest
import tenacity
import time_machine
from inspect_ai import eval_retry
from inspect_ai.model import get_model

from arena_evals.analysis import choose_logs, read_trials
from conftest import run_arena
from provider_server import Effect, Request, serve, status
from witness import Witness

PAIR = {"profile": "quick", "arms": "baseline,threat", "judged": False, "items": 2}
TODAY = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenacity.wait_exponential_jitter, "__call__", lambda *_: 0.01)


def test_steps_of_the_clock_change_no_trial_and_end_no_wait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A day on and two back with every call, half of which fail: limits count what passed."""
    witness, steps, lock = Witness(), cycle([86_400, -2 * 86_400]), threading.Lock()
    with time_machine.travel(TODAY, tick=True) as clock:

        def stepping(n: int, request: Request) -> Effect | None:
            with lock:
                clock.shift(next(steps))
            return status(500) if n % 2 else None

        with serve(witness, stepping) as server:
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            model = get_model("openai/gpt-4o", memoize=False, max_retries=0)
            log = run_arena(
                tmp_path, model, task_args=PAIR, timeout=3600, attempt_timeout=600, time_limit=3600
            )
    assert log.status == "success"
    trials = read_trials([tmp_path])
    columns = trials[["item", "arm", "order", "decision"]]
    assert sorted(columns.itertuples(index=False, name=None)) == sorted(witness.said.elements())
    assert len(trials) == 8


def test_a_retry_counts_though_its_clock_stands_before_the_first_try(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = True

    def failing(n: int, request: Request) -> Effect | None:
        return status(401) if broken and n > 3 else None

    with serve(Witness(), failing) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        model = get_model("openai/gpt-4o", memoize=False, max_retries=0)
        with time_machine.travel(TODAY, tick=True):
            log = run_arena(tmp_path, model, task_args=PAIR)
        broken = False
        with time_machine.travel(TODAY - datetime.timedelta(days=400), tick=True):
            [again] = eval_retry(log, log_dir=str(tmp_path), display="none")
    assert (log.status, again.status) == ("error", "success")
    assert again.eval.created < log.eval.created
    chosen = choose_logs([tmp_path])
    assert [one.status for one in chosen.headers] == ["success"]
    assert len(read_trials([tmp_path])) == 8
