"""What providers do wrong, met by their real clients: an error is never a verdict."""

import re
import threading
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tenacity
from click.testing import CliRunner
from inspect_ai import eval_retry
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, get_model

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from conftest import run_arena
from provider_server import (
    Answer,
    Effect,
    Fault,
    ProviderServer,
    Reply,
    Request,
    cut_off,
    drop,
    html,
    rate_limited,
    raw,
    serve,
    stall,
    status,
    truncate,
)
from provider_server.replies import answer_reply
from test_providers import MODELS
from witness import Asked, Witness, answer_to, graded, is_case, trial_in, verdict_on

EMPTY = {
    "openai-chat": b'{"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o", '
    b'"choices": []}',
    "openai-responses": b'{"id": "x", "object": "response", "created_at": 1, "model": "gpt-5", '
    b'"status": "completed", "output": [], "parallel_tool_calls": true, "tool_choice": "auto", '
    b'"tools": []}',
    "anthropic": b'{"id": "x", "type": "message", "role": "assistant", "model": "claude", '
    b'"content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 0}}',
    "google": b'{"candidates": []}',
}
MEGABYTES = "It comes first. " * 131_072  # 2 MB
PASSING: dict[str, Effect] = {
    "rate limit": rate_limited(0),
    "error 500": status(500),
    "overload": status(529),
    "gateway": html(502),
    "dropped": drop(),
    "cut off": cut_off(40),
}
"""Faults that clients try again."""
LASTING: dict[str, Effect] = PASSING | {
    "truncated JSON": truncate(40),
    "HTML": html(),
    "empty object": raw(b"{}"),
    "no candidates": lambda request, answered: Reply(body=EMPTY[request.protocol]),
    "wrong key": status(401, "the key has expired"),
    "no access": status(403, "not for this key"),
    "wrong model": status(404, "no such model"),
    "bad request": status(400, "cannot be done"),
    "content filter": lambda request, answered: answer_reply(request, Answer("", "refusal")),
    "2 MB": lambda request, answered: answer_reply(request, long_answer(request)),
}
"""The same and those that are the answer: sixteen, as many as the trials of four items."""
TOLD: dict[str, str | dict[str, str]] = {
    "rate limit": "RetryError.* raised (RateLimit|Client)Error",
    "error 500": "RetryError.* raised (Internal)?ServerError",
    "overload": "RetryError.* raised (InternalServer|Server|Overloaded)Error",
    "gateway": "RetryError.* raised (Internal)?ServerError",
    "dropped": "RetryError.* raised (APIConnection|ServerDisconnected)Error",
    "cut off": "RetryError.* raised (APIConnection|RemoteProtocol|ClientPayload)Error",
    "truncated JSON": {"anthropic": "AssertionError", "": "JSONDecodeError"},
    "HTML": {"google": "JSONDecodeError", "": "AssertionError"},
    "empty object": {"google": "no_response", "anthropic": "AssertionError", "": "TypeError"},
    "no candidates": {"openai": "IndexError", "anthropic": "AssertionError", "": "no_response"},
    "wrong key": "the key has expired",
    "no access": "not for this key",
    "wrong model": "no such model",
    "bad request": "cannot be done",
    "content filter": "refusal",
    "2 MB": "helpful",
}
"""What a trial says after a lasting fault: its error, else why it is unscored, else its verdict."""
PAIR = {"profile": "quick", "arms": "baseline,threat", "judged": False}
KEY = ["item", "arm", "order"]


class Script:
    """Gives every trial a fault of its own in turn, lasting or met only so often."""

    def __init__(self, effects: Mapping[str, Effect], meetings: int | None = None) -> None:
        self._effects = effects
        self._meetings = meetings
        self._lock = threading.Lock()
        self.fault_of: dict[Asked, str] = {}
        self.times: dict[Asked, list[float]] = {}

    def __call__(self, n: int, request: Request) -> Effect | None:
        asked = trial_in(request)
        if asked is None:
            return None
        with self._lock:
            name = list(self._effects)[len(self.fault_of) % len(self._effects)]
            name = self.fault_of.setdefault(asked, name)
            calls = self.times.setdefault(asked, [])
            calls.append(time.monotonic())
        met = self._meetings is None or len(calls) <= self._meetings
        return self._effects[name] if met else None


def long_answer(request: Request) -> Answer:
    if is_case(request):
        return Answer(graded(request).text.replace("It comes first.", MEGABYTES))
    asked = trial_in(request)
    assert asked is not None
    return answer_to(asked, "helpful", MEGABYTES)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits between tries; how often is tried stays as it is."""
    monkeypatch.setattr(tenacity.wait_exponential_jitter, "__call__", lambda *_: 0.01)
    monkeypatch.setattr("random.randint", lambda low, _: low)  # google-genai's, once it was cut off


@contextmanager
def provider(monkeypatch: pytest.MonkeyPatch, fault: Fault | None) -> Iterator[ProviderServer]:
    with serve(Witness(), fault) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def client(name: str, *, patient: bool = False) -> Model:
    """A client that tries again by itself only if `patient`; Inspect does so around it."""
    own: dict[str, Any] = {} if patient or name == "google" else {"max_retries": 0}
    return get_model(MODELS[name], memoize=False, **own)


def local(log: EvalLog) -> Path:
    return Path(log.location.removeprefix("file://"))


def run(where: Path, model: Model, items: int, **options: Any) -> EvalLog:
    return run_arena(where, model, task_args={**PAIR, "items": items}, **options)


def by_trial(trials: pd.DataFrame) -> dict[Asked, dict[Hashable, Any]]:
    """Rows by item, arm and order, of which there is one each."""
    rows = {Asked(*(row[name] for name in KEY)): row for row in trials.to_dict("records")}
    assert len(rows) == len(trials)
    return rows


def told(row: Mapping[Hashable, Any]) -> str:
    return str(next(row[c] for c in ("error", "decision_reason", "decision") if pd.notna(row[c])))


def expected(fault: str, name: str) -> str:
    pattern = TOLD[fault]
    return pattern if isinstance(pattern, str) else pattern.get(name, pattern[""])


@pytest.mark.parametrize("name", list(MODELS))
def test_a_fault_that_lasts_is_an_error_or_unscored_and_never_a_verdict(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = Script(LASTING)
    with provider(monkeypatch, script):
        log = run(tmp_path, client(name), 4, fail_on_error=False, max_retries=2)
    assert log.status == "success"
    rows = by_trial(read_trials([local(log)]))
    assert set(rows) == set(script.fault_of)
    assert sorted(script.fault_of.values()) == sorted(LASTING)
    for asked, fault in script.fault_of.items():
        row, calls = rows[asked], len(script.times[asked])
        assert re.search(expected(fault, name), told(row)), (fault, told(row))
        answered = fault in ("content filter", "2 MB")
        assert pd.notna(row["decision"]) == answered, fault
        assert pd.isna(row["error"]) or pd.isna(row["decision_reason"])
        # google-genai tries once more by itself where the connection was lost
        assert calls == (3 if fault in PASSING else 1) or (name, fault) == ("google", "dropped")


@pytest.mark.parametrize("name", list(MODELS))
def test_a_fault_that_passes_costs_calls_and_no_trial(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = Script(PASSING, meetings=2)
    with provider(monkeypatch, script):
        log = run(tmp_path, client(name), 2)
    assert log.status == "success"
    rows = by_trial(read_trials([local(log)]))
    assert {asked: row["decision"] for asked, row in rows.items()} == {
        asked: verdict_on(asked) for asked in script.fault_of
    }
    assert len(rows) == 8
    assert {len(calls) for calls in script.times.values()} == {3}


@pytest.mark.parametrize("name", list(MODELS))
def test_a_storm_of_rate_limits_gives_every_trial_once(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wait = 0.2
    script = Script({"storm": rate_limited(wait)}, meetings=5)
    with provider(monkeypatch, script):
        log = run(tmp_path, client(name, patient=True), 2)
    rows = by_trial(read_trials([local(log)]))
    assert {asked: row["decision"] for asked, row in rows.items()} == {
        asked: verdict_on(asked) for asked in script.fault_of
    }
    assert {len(calls) for calls in script.times.values()} == {6}
    if name != "google":  # whose client does not try again by itself, nor read Retry-After
        assert all(calls[1] - calls[0] >= wait for calls in script.times.values())


@pytest.mark.parametrize("name", list(MODELS))
def test_a_connection_that_stalls_is_given_up_and_tried_again(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = Script({"stalled": stall(600)}, meetings=1)
    with provider(monkeypatch, script):
        log = run(tmp_path, client(name), 1, attempt_timeout=2)
    rows = by_trial(read_trials([local(log)]))
    assert {asked: row["decision"] for asked, row in rows.items()} == {
        asked: verdict_on(asked) for asked in script.fault_of
    }
    assert min(len(calls) for calls in script.times.values()) >= 2


@pytest.mark.parametrize("name", list(MODELS))
def test_a_connection_that_stalls_for_ever_ends_the_run_in_an_error(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with provider(monkeypatch, Script({"stalled": stall(600)})):
        log = run(tmp_path, client(name), 1, attempt_timeout=1, max_retries=1)
    assert log.status == "error"
    assert log.error is not None
    assert "AttemptTimeoutError" in log.error.message


def test_no_run_waits_for_ever_unless_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Inspect alone tries a failed call again without end, and has no limit for an attempt."""
    with provider(monkeypatch, None):
        ours = run(tmp_path, client("openai"), 1).plan.config
        theirs = run(tmp_path, client("openai"), 1, timeout=7, attempt_timeout=5).plan.config
    assert (ours.timeout, ours.attempt_timeout) == (3600, 600)
    assert (theirs.timeout, theirs.attempt_timeout) == (7, 5)


@pytest.mark.parametrize("name", list(MODELS))
def test_a_key_that_expires_ends_the_run_and_a_new_one_goes_on_with_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expired, lock, paid = True, threading.Lock(), Counter[Asked]()

    def fault(n: int, request: Request) -> Effect | None:
        asked = trial_in(request)
        with lock:
            if expired and len(paid) >= 3:
                return status(401, "the key has expired")
            if asked:
                paid[asked] += 1
        return None

    with provider(monkeypatch, fault):
        log = run(tmp_path, client(name), 2, max_samples=1)
        assert (log.status, len(paid)) == ("error", 3)
        done = CliRunner().invoke(arena, ["analyze", str(tmp_path)])
        assert done.exit_code == 2
        assert "ended in status 'error'; finish it with: inspect eval-retry" in done.output
        assert "Traceback" not in done.output
        expired = False
        [retried] = eval_retry(log, log_dir=str(tmp_path), display="none")
    assert retried.status == "success"
    rows = by_trial(read_trials([tmp_path]))
    assert {asked: row["decision"] for asked, row in rows.items()} == {
        asked: verdict_on(asked) for asked in paid
    }
    assert set(paid.values()) == {1}
    assert len(rows) == 8


JUDGED = {  # what the last two faults are for a grader
    "openai": ["grader_error", "grader_empty"],
    "openai responses": ["grader_error", "grader_empty"],
    "anthropic": ["grader_error", "grader_error"],
    "google": ["grader_empty", "grader_empty"],
}


@pytest.mark.parametrize("name", list(MODELS))
def test_a_grader_s_fault_leaves_the_judge_unscored(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [
        "rate limit",
        "gateway",
        "truncated JSON",
        "HTML",
        "wrong key",
        "content filter",
        "empty object",
        "no candidates",
    ]
    lock, met = threading.Lock(), dict[str, str]()

    def fault(n: int, request: Request) -> Effect | None:
        if not is_case(request):
            return None
        with lock:
            return LASTING[met.setdefault(str(request.body), names[len(met) % len(names)])]

    with provider(monkeypatch, fault):
        log = run_arena(
            tmp_path,
            "arena/helpful",
            model_roles={"grader": client(name)},
            task_args={"profile": "quick", "items": 4, "arms": "baseline"},
            max_retries=1,
        )
    assert log.status == "success"
    trials = read_trials([local(log)])
    assert trials["judge"].isna().all()
    assert trials["decision"].eq("helpful").all()
    assert Counter(trials["judge_reason"]) == Counter(
        ["grader_error"] * 5 + ["grader_refused", *JUDGED[name]]
    )
