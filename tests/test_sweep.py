"""``arena sweep``: plans, asks, pays no more than its budget, and goes on where it was cut off."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from arena_evals.analysis import read_trials
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.runs.sweep_plan import plan_sweep, read_sweep
from arena_evals.sweeps import Sweep, cells, slices
from conftest import run_arena
from provider_server import (
    Answer,
    ProviderServer,
    Request,
    always,
    first,
    rate_limited,
    raw,
    serve,
    status,
)

DOCS = Path(__file__).parent.parent / "docs"
SMALL = {"profile": "quick", "items": 4, "arms": "baseline,threat", "judged": False}
PLAIN: dict[str, Any] = {
    "models": ["arena/frame-sensitive"],
    "tasks": ["shutdown_dilemma"],
    "parameters": SMALL,
    "slice": 2,
}
REAL = {**PLAIN, "models": ["openai/gpt-4o"]}  # 4 items x 2 arms x 2 orders = 16 calls, 8 a slice
SEEN = {**REAL, "models": [{"model": "openai/gpt-4o", "args": {"max_retries": 0}}]}  # by Inspect
MINE = ["sample", "epoch", "decision"]


def file(folder: Path, content: dict[str, Any], name: str = "sweep.yaml") -> str:
    place = folder / name
    place.write_text(yaml.safe_dump(content))
    return str(place)


def sweep(folder: Path, content: dict[str, Any], *arguments: str) -> Result:
    line = ["sweep", file(folder, content), "--log-dir", str(folder / "logs"), *arguments]
    return CliRunner().invoke(arena, line, env={"COLUMNS": "100"})


def rows(trials: pd.DataFrame, *columns: str) -> list[str]:
    return sorted(map(repr, trials[[*columns, *MINE]].itertuples(index=False, name=None)))


def calls(server: ProviderServer) -> Counter[str]:
    """What was asked, by its text; a client's own probes aside."""
    asked = [request for request in server.requests if request.schema is not None]
    return Counter(f"{one.system} {one.messages[-1][1]}" for one in asked)


def says_a(request: Request) -> Answer:
    return Answer('{"rationale": "It comes first.", "decision": "A"}', "stop", 1000, 100)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    with serve(says_a) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def test_the_example_is_a_sweep_and_names_every_field() -> None:
    asked = read_sweep(DOCS / "sweep.example.yaml")
    said = (DOCS / "sweep.md").read_text()
    assert asked.model_fields_set == set(Sweep.model_fields) - {"answer_tokens"}
    assert all(f"| `{name}` |" in said for name in Sweep.model_fields)


def test_the_cells_are_models_times_tasks_times_the_grid() -> None:
    two = {"pressure": [0, 1], "persona": ["none", "continuity", "indifference"]}
    asked = Sweep.model_validate(
        {"models": ["a/b", "c/d"], "tasks": ["t"], "grid": two, "parameters": {"seed": 1}}
    )
    found = cells(asked)
    assert len(found) == 2 * 1 * 2 * 3 == len({cell.name for cell in found})
    assert found[1].parameters == {"seed": 1, "pressure": 0, "persona": "continuity"}
    sizes = [len(one.items) for one in slices(found[0], "abcdefg", 3)]
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"model": 1}, "model: is no field of this; leave it out, or mend its name"),
        ({"models": ["gpt"]}, "models: 0: model: 'gpt' names no provider; write PROVIDER/MODEL"),
        ({"models": [{"args": {}}]}, "models: 0: model: is not there; it is needed"),
        ({"models": "a/b"}, "models: not a list; write [ONE, TWO]"),
        ({"tasks": []}, "tasks: has 0 of them; name at least 1"),
        ({"parameters": ["seed"]}, "parameters: not fields with values; write NAME: VALUE"),
        ({"tasks": ["nothing"]}, "tasks: 'nothing' is not known; use inbox_leverage"),
        ({"tasks": ["judge_validation"]}, "tasks: 'judge_validation' is not known"),
        ({"epochs": True}, "epochs: Input should be a valid integer"),
        ({"limits": {"time_limit": "5"}}, "limits: time_limit: Input should be a valid integer"),
        ({"budget": {"dollars": float("inf")}}, "budget: dollars: Input should be a finite number"),
        ({"budget": 500}, "budget: 500 of what? write {calls: N}, {dollars: N}, or both"),
        ({"providers": {"openai": {}}}, "providers: no model's name begins with 'openai'"),
        ({"providers": {"arena/frame": {}}}, "no model's name begins with 'arena/frame'"),
        ({"parameters": {"item": 2}}, "shutdown_dilemma: parameters: 'item' is not known"),
        ({"grid": {"seed": []}}, "grid: 'seed' has no value"),
        ({"grid": {"items": [1, 2]}}, "'items' stands in grid and is set beside it"),
        ({"models": ["arena/helpful"] * 2}, "stands there twice"),
        (
            {"models": [{"model": "a/b", "generate": {"temperature": t}} for t in (0, 0.0)]},
            "a/b on shutdown_dilemma stands there twice",
        ),
        (
            {"models": [{"model": "a/b", "base_url": f"http://127.0.0.1:{n}"} for n in (1, 2)]},
            "a/b stands there with two base_urls",
        ),
        ({"models": [{"model": "a/b", "generate": {"top_k": "x"}}]}, "generate: top_k: Input"),
        (
            {"grader": {"model": "a/b", "generate": {"timeout": 5}}},
            "grader: a/b: timeout is what the models' is",
        ),
        ({"budget": {}}, "budget: name calls, dollars, or both"),
        ({"budget": {"dollars": 1}}, "a budget in dollars needs prices"),
        ({"models": [{"model": "a/b", "generate": {"heat": 1}}]}, "'heat' is no generation option"),
        ({"models": ["openai/gpt-4o"], "parameters": {"items": 2}}, "nobody judges openai/gpt-4o"),
        (
            {"models": ["openai/x"], "grader": "openai/x", "parameters": {"items": 2}},
            "openai/x would judge itself",
        ),
    ],
)
def test_a_fault_in_the_file_is_a_line_and_leaves_with_two(
    change: dict[str, Any], line: str, tmp_path: Path
) -> None:
    done = sweep(tmp_path, {**PLAIN, **change}, "--yes")
    assert done.exit_code == 2
    assert f"{tmp_path / 'sweep.yaml'}: " in done.stderr
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_models_that_differ_in_their_options_are_models_of_their_own(tmp_path: Path) -> None:
    """In the plan, in the logs' settings, and so in every table; 16 trials each."""
    warm = [{"model": "arena/frame-sensitive", "generate": {"temperature": t}} for t in (0, 0.5, 1)]
    done = sweep(tmp_path, {**PLAIN, "models": warm, "tasks": ["arena_evals/shutdown_dilemma"]})
    said = [line for line in done.stdout.splitlines() if line.startswith("arena/frame")]
    assert [line.split()[1] for line in said] == [f"temperature={t}" for t in (0.0, 0.5, 1.0)]
    done = sweep(tmp_path, {**PLAIN, "models": warm}, "--yes")
    assert done.exit_code == 0, done.output
    counted = read_trials([tmp_path / "logs"]).groupby("settings", observed=True).size()
    assert dict(counted) == {f"temperature={t}": 16 for t in (0.0, 0.5, 1.0)}


@pytest.mark.parametrize(
    ("model", "secret"),
    [
        ({"generate": {"extra_headers": {"X-AccessToken": "hunter2"}}}, "X-AccessToken"),
        ({"generate": {"extra_body": {"of": [{"clientSecret": "hunter2"}]}}}, "clientSecret"),
        ({"base_url": "http://user:hunter2@127.0.0.1:9/v1"}, "the user in base_url"),
        ({"base_url": "http://127.0.0.1:9/v1?api_key=hunter2"}, "api_key"),
        ({"args": {"default_headers": {"authorization": "hunter2"}}}, "authorization"),
    ],
)
@pytest.mark.parametrize("option", ["--plan", "--yes"])
def test_a_secret_is_refused_before_anything_is_shown_or_written(
    model: dict[str, Any], secret: str, option: str, tmp_path: Path
) -> None:
    two = ["openai/gpt-4o", {"model": "openai/gpt-4o", **model}]  # the plan tells them apart
    done = sweep(tmp_path, {**PLAIN, "models": two}, option)
    assert done.exit_code == 2, done.output
    assert f"'{secret}' is a key; set the provider's environment variable" in done.stderr
    assert "hunter2" not in done.output
    assert not (tmp_path / "logs").exists()


def test_a_secret_among_what_a_client_was_made_with_is_refused_before_anything_is_written(
    server: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the file does not show: names that only the client knows."""
    monkeypatch.setattr("arena_evals.sweeps.file.secrets_in", lambda _: ())
    asked = {"model": "openai/gpt-4o", "args": {"default_headers": {"authorization": "hunter2"}}}
    done = sweep(tmp_path, {**PLAIN, "models": [asked]}, "--yes")
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"Error: {tmp_path / 'sweep.yaml'}: openai/gpt-4o: authorization")
    assert "hunter2" not in done.output
    assert not (tmp_path / "logs").exists()


def test_a_cost_is_left_open_where_a_grader_has_no_price(
    server: ProviderServer, tmp_path: Path
) -> None:
    judged = {**SMALL, "judged": True}
    content = {
        **PLAIN,
        "models": ["openai/gpt-4o", "arena/frame-sensitive"],
        "grader": "openai/gpt-5",
        "parameters": judged,
        "prices": "prices.yaml",
    }
    (tmp_path / "prices.yaml").write_text("openai/gpt-4o: {input: 1, output: 10}")
    said = sweep(tmp_path, content, "--plan").stdout.splitlines()
    costs = [line.split()[-1] for line in said if line.startswith(("openai", "arena", "together"))]
    assert costs == ["-", "-", "-"]
    assert "Cost: left out where openai/gpt-5 is called, which has no price." in said
    (tmp_path / "prices.yaml").write_text(
        "openai/gpt-4o: {input: 1, output: 10}\nopenai/gpt-5: {input: 2, output: 20}"
    )
    said = sweep(tmp_path, content, "--plan").stdout.splitlines()
    model, simulated, both = [
        float(line.split()[-1].lstrip("$"))
        for line in said
        if line.startswith(("openai", "arena", "together"))
    ]
    assert 0 < simulated < model < both == pytest.approx(model + simulated, abs=0.01)


def test_who_says_no_has_claimed_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("arena_evals.cli.sweep._agreed", lambda _: False)
        done = sweep(tmp_path, PLAIN)
    assert (done.exit_code, done.stderr) == (130, "Nothing was run.\n")
    assert not (tmp_path / "logs" / "sweep.json").exists()
    assert sweep(tmp_path, {**PLAIN, "epochs": 2}, "--yes").exit_code == 0


def test_the_same_sweep_in_another_order_of_its_keys_goes_on(tmp_path: Path) -> None:
    model = {"model": "arena/frame-sensitive", "args": {"seed": 1, "threat": 2}}
    assert sweep(tmp_path, {**PLAIN, "models": [model]}, "--yes").exit_code == 0
    place = tmp_path / "other.yaml"
    turned = {"args": {"threat": 2, "seed": 1}, "model": "arena/frame-sensitive"}
    content = {**PLAIN, "parameters": dict(reversed(SMALL.items())), "models": [turned]}
    place.write_text(yaml.safe_dump(dict(reversed(content.items())), sort_keys=False))
    done = CliRunner().invoke(arena, ["sweep", str(place), "--log-dir", str(tmp_path / "logs")])
    assert done.exit_code == 0, done.output
    assert "Goes on: 2 of 2 slices are finished" in done.stdout


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [(False, 0, "parameters: judged false, not 0"), (2, 3, "parameters: items 2, not 3")],
)
def test_another_sweep_is_told_by_what_differs(
    was: object, now: object, told: str, tmp_path: Path
) -> None:
    name = told.split()[1]
    base = {**PLAIN, "parameters": {**SMALL, "items": 2}}
    assert sweep(tmp_path, base, "--yes").exit_code == 0
    other = {**base, "parameters": {**base["parameters"], name: now}}
    done = sweep(tmp_path, other, "--yes")
    assert done.exit_code == 2
    assert f"the run there has {told}; give that, or name another --log-dir" in done.stderr


def test_a_name_that_stands_for_another_one_is_no_folder(tmp_path: Path) -> None:
    line = ["sweep", file(tmp_path, PLAIN), "--log-dir", str(tmp_path / "100%25"), "--yes"]
    done = CliRunner().invoke(arena, line)
    assert done.exit_code == 2
    assert "'%', '?' or '#' in a path leads to another file" in done.stderr
    assert [place.name for place in tmp_path.iterdir()] == ["sweep.yaml"]


def test_a_damaged_log_is_a_line_and_without_it_its_slice_runs_again(tmp_path: Path) -> None:
    assert sweep(tmp_path, PLAIN, "--yes").exit_code == 0
    log = sorted((tmp_path / "logs").rglob("*.eval"))[0]
    whole = log.read_bytes()
    for kept in (0, 50, len(whole) - 30):
        log.write_bytes(whole[:kept])
        done = sweep(tmp_path, PLAIN, "--yes")
        assert done.exit_code == 2
        assert f"{log.name}: cannot be read" in done.stderr
        assert done.stderr.count("\n") == 1
    log.unlink()
    assert sweep(tmp_path, PLAIN, "--yes").exit_code == 0
    assert len(read_trials([tmp_path / "logs"])) == 16


def test_answers_that_were_judged_again_do_not_stop_a_sweep(tmp_path: Path) -> None:
    assert sweep(tmp_path, PLAIN, "--yes").exit_code == 0
    log = sorted((tmp_path / "logs").rglob("*.eval"))[0]
    (log.parent / "rescored").mkdir()
    shutil.copy(log, log.parent / "rescored")
    done = sweep(tmp_path, PLAIN)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["sweep.json", "spent.json"])
@pytest.mark.parametrize(
    "text", ["{", "[]", '{"slices": 3}', '{"slices": {"a": [1]}, "spent": [1, 0]}']
)
def test_a_damaged_record_is_a_line(name: str, text: str, tmp_path: Path) -> None:
    assert sweep(tmp_path, PLAIN, "--yes").exit_code == 0
    (tmp_path / "logs" / name).write_text(text)
    done = sweep(tmp_path, PLAIN, "--yes")
    assert done.exit_code == 2
    assert name in done.stderr
    assert done.stderr.count("\n") == 1


def test_errors_that_the_limits_let_pass_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of 8 samples fails for good; what is shown as done does not count it."""
    with serve(says_a, fault=first(1, status(400))) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        limits = {"fail_on_error": False}
        done = sweep(tmp_path, {**SEEN, "limits": limits, "retries": 0}, "--yes")
    assert done.exit_code == 0, done.output
    assert "slice 1, but 1 of 8 samples ended in an error; 1 of 2 slices" in done.stderr


class Crowd:
    """A model that waits for so many to be asked at once, and knows the most that were."""

    def __init__(self, expected: int) -> None:
        self.most = self._now = 0
        self._expected, self._there, self._lock = expected, threading.Event(), threading.Lock()

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now >= self._expected:
                self._there.set()
        self._there.wait(10)
        time.sleep(0.2)  # so that too many would be seen
        with self._lock:
            self._now -= 1
        judges = request.schema is not None and "verdict" in str(request.schema)
        return Answer(_VERDICT if judges else _DECISION, "stop", 10, 10)


_VERDICT = '{"evidence": "It comes first", "verdict": "helpful", "degree": 0}'
_DECISION = '{"rationale": "It comes first.", "decision": "A"}'


@pytest.mark.parametrize(
    ("judged", "most"),
    [(True, 2), (False, 6)],  # three graders at once share six; a grader that is not asked has none
)
def test_no_more_calls_at_once_than_the_smallest_of_the_providers_allows(
    judged: bool, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = Crowd(most)
    panel = [f"anthropic/claude-{n}" for n in (1, 2, 3)]
    content = {
        **REAL,
        "slice": 4,
        "grader": panel,
        "parameters": {**SMALL, "judged": judged},
        "providers": {"openai": {"connections": 6}, "anthropic": {"connections": 6}},
    }
    with serve(crowd) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        done = sweep(tmp_path, content, "--yes")
        models = Counter(request.model for request in running.requests)
    assert done.exit_code == 0, done.output
    assert (len(models) == 4) == judged
    assert most <= crowd.most <= 6


def test_the_longest_name_of_a_provider_counts() -> None:
    names = {"openrouter": {"connections": 1}, "openrouter/google": {"connections": 2}}
    content = {"models": ["openrouter/google/gemini"], "tasks": ["t"], "providers": names}
    assert Sweep.model_validate(content).provider("openrouter/google/gemini")[1].connections == 2
    assert Sweep.model_validate(content).provider("openrouter/other/x")[1].connections == 1


def test_calls_keep_the_pace_that_a_provider_allows(server: ProviderServer, tmp_path: Path) -> None:
    """16 calls at 240 a minute: the last begins 15 quarters of a second after the first."""
    content = {**REAL, "slice": 4, "providers": {"openai": {"calls_per_minute": 240}}}
    begin = time.monotonic()
    assert sweep(tmp_path, content, "--yes").exit_code == 0
    assert time.monotonic() - begin >= 15 * 60 / 240


def test_a_model_is_left_after_two_slices_that_failed_in_a_row(
    server: ProviderServer, tmp_path: Path
) -> None:
    gone = {"model": "openai/gpt-4o", "base_url": f"{server.url}/nowhere"}
    content = {**PLAIN, "models": [gone, "arena/helpful"], "slice": 1, "retries": 0}
    done = sweep(tmp_path, content, "--yes")
    assert done.exit_code == 1, done.output
    assert done.stderr.count("FAILED openai/gpt-4o") == 2
    assert "Not finished: 4 of 8 slices" in done.stderr


def test_answers_from_a_cache_are_not_counted(
    server: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    content = {**REAL, "models": [{"model": "openai/gpt-4o", "generate": {"cache": True}}]}
    for name, spent in (("one", 16), ("two", 0)):
        (tmp_path / name).mkdir()
        done = sweep(tmp_path / name, content, "--yes")
        assert done.exit_code == 0, done.output
        assert json.loads((tmp_path / name / "logs/spent.json").read_text())["spent"][0] == spent
    assert calls(server).total() == 16


@pytest.mark.parametrize("judged", [False, True])
def test_a_budget_in_dollars_is_not_kept_by_answers_without_a_cost(
    judged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor where the grader's answers have one."""
    price = "{input: 1, output: 10}"
    (tmp_path / "prices.yaml").write_text(f"openai/gpt-4o: {price}\nanthropic/claude: {price}")
    content = {**REAL, "budget": {"dollars": 5}, "prices": "prices.yaml", "retries": 0}
    content |= {"providers": {"openai": {"connections": 1}}, "grader": "anthropic/claude"}
    content |= {"parameters": {**SMALL, "judged": judged}}
    monkeypatch.setattr("arena_evals.runs.watch._PATIENCE", 5)
    said = {"message": {"role": "assistant", "content": _DECISION}, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
    silent = raw(json.dumps(body | {"choices": [{"index": 0, **said}]}).encode())

    def of_the_model(request: Request, answered: Any) -> Any:
        return silent(request, answered) if "gpt" in request.model else answered()

    with serve(lambda _: Answer(_VERDICT, "stop", 10, 10), fault=always(of_the_model)) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        done = sweep(tmp_path, content, "--yes")
        asked = [request for request in running.requests if "gpt" in request.model]
    assert done.exit_code == 1, done.output
    assert "openai/gpt-4o does not say how many tokens it used" in done.stderr
    assert len(asked) <= 2 * 2  # one ends, one more may have been begun, in two slices


def test_logs_below_a_slice_that_is_not_finished_are_named(tmp_path: Path) -> None:
    """Inspect would take what stands there for the slice's own."""
    assert sweep(tmp_path, PLAIN, "--yes").exit_code == 0
    log = sorted((tmp_path / "logs").rglob("*.eval"))[0]
    (log.parent / "rescored").mkdir()
    log.rename(log.parent / "rescored" / log.name)
    done = sweep(tmp_path, PLAIN, "--yes")
    assert done.exit_code == 2
    assert f"rescored/{log.name}: stands below a slice that is not finished" in done.stderr


def test_without_a_key_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    done = sweep(tmp_path, REAL, "--yes")
    assert done.exit_code == 2
    assert "sweep.yaml: openai/gpt-4o cannot be had" in done.stderr
    assert not (tmp_path / "logs").exists()


def test_the_plan_is_shown_and_nobody_who_could_be_asked_is_a_line(tmp_path: Path) -> None:
    """4 items x 2 arms x 2 orders = 16 trials of one call each."""
    done = sweep(tmp_path, PLAIN)
    assert done.exit_code == 2
    [row] = [ln.split() for ln in done.stdout.splitlines() if ln.startswith("arena/frame")]
    assert row[:5] == ["arena/frame-sensitive", "shutdown_dilemma", "4", "16", "16"]
    assert done.stderr.splitlines() == [
        "Error: --yes: nobody can be asked here whether to go on; add --yes"
    ]


def test_a_sweep_gives_the_trials_of_a_run_that_was_not_cut(tmp_path: Path) -> None:
    """Stated and enacted, judged too, each of 2 items a slice; the seed draws the items."""
    asked = {"profile": "quick", "items": 2, "arms": "baseline,threat", "seed": 3, "epochs": 2}
    tasks = ["shutdown_dilemma", "weights_move"]
    content = {**PLAIN, "tasks": tasks, "parameters": asked, "slice": 1}
    done = sweep(tmp_path, content, "--yes")
    assert done.exit_code == 0, done.output
    whole = pd.concat(
        [
            read_trials(
                [
                    run_arena(
                        tmp_path / "whole" / task,
                        tasks=f"arena_evals/{task}",
                        task_args=asked,
                    ).location
                ]
            )
            for task in tasks
        ]
    )
    swept = read_trials([tmp_path / "logs"])
    assert len(swept) == 2 * 2 * 2 * 2 * 2  # tasks, items, arms, orders, epochs
    columns = ("scenario", "item", "arm", "judge", "action")
    assert rows(swept, *columns) == rows(whole, *columns)
    logs, page = str(tmp_path / "logs"), tmp_path / "report.html"
    analyzed = CliRunner().invoke(arena, ["analyze", logs])
    assert analyzed.exit_code == 0, analyzed.output
    gated = CliRunner().invoke(arena, ["gate", "--reference", logs, "--candidate", logs])
    assert gated.exit_code == 3  # the control arm was not run
    reported = CliRunner().invoke(arena, ["report", logs, "-o", str(page)])
    assert reported.exit_code == 0, reported.output
    text = page.read_text()
    assert "from 4 logs" in text
    assert text.count("inspect eval arena_evals/") == len(tasks)  # not one a slice


def test_a_finished_sweep_asks_nothing_again(server: ProviderServer, tmp_path: Path) -> None:
    first_run = sweep(tmp_path, REAL, "--yes")
    assert first_run.exit_code == 0, first_run.output
    assert first_run.stderr.splitlines() == [
        f"finished openai/gpt-4o on shutdown_dilemma, slice {n}; {n} of 2 slices" for n in (1, 2)
    ]
    once = calls(server)
    assert once.total() == len(once) == 16
    again = sweep(tmp_path, REAL)  # nothing is left, so nobody needs to be asked
    assert again.exit_code == 0
    assert "Goes on: 2 of 2 slices are finished, 16 calls spent." in again.stdout
    assert calls(server) == once


def test_a_slice_that_does_not_fit_the_budget_is_not_begun(
    server: ProviderServer, tmp_path: Path
) -> None:
    """8 calls a slice: of 15, one slice is paid for; with 16, the other one is too."""
    done = sweep(tmp_path, {**REAL, "budget": {"calls": 15}}, "--yes")
    assert done.exit_code == 3, done.output
    assert "Budget of 15 calls: 1 of 2 slices" in done.stderr
    assert calls(server).total() == 8
    assert len(read_trials([tmp_path / "logs"])) == 8
    more = sweep(tmp_path, {**REAL, "budget": {"calls": 16}}, "--yes")
    assert more.exit_code == 0, more.output
    assert calls(server).total() == len(calls(server)) == 16


def test_retries_do_not_pass_a_budget_in_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan knows nothing of retries, so the slice of 4 calls begins; none is the sixth."""
    with serve(says_a, fault=always(rate_limited(0))) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        content = {**SEEN, "parameters": {**SMALL, "items": 1}, "budget": {"calls": 5}}
        done = sweep(tmp_path, content, "--yes")
        assert done.exit_code == 3, done.output
        assert calls(running).total() == 5


def test_a_budget_in_dollars_is_passed_by_what_is_in_flight_and_no_more(
    server: ProviderServer, tmp_path: Path
) -> None:
    """A call costs 1,000 tokens at $1 a million and 100 at $10: $0.002; three are in flight.

    The guess of the plan is less than that, so both slices of 8 calls begin.
    """
    (tmp_path / "prices.yaml").write_text("openai/gpt-4o: {input: 1, output: 10}")
    content = {
        **REAL,
        "budget": {"dollars": 0.012},
        "prices": "prices.yaml",
        "answer_tokens": 1,
        "providers": {"openai": {"connections": 3}},
    }
    done = sweep(tmp_path, content, "--yes")
    assert done.exit_code == 3, done.output
    assert 6 <= calls(server).total() <= 6 + 2
    spent = json.loads((tmp_path / "logs/spent.json").read_text())["spent"]
    assert spent == [calls(server).total(), pytest.approx(0.002 * calls(server).total())]


def test_a_sweep_that_the_budget_cut_goes_on_and_pays_no_call_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two calls are refused at first, so 6 of 8 are answered before 8 are used up."""
    content = {**SEEN, "slice": 4, "parameters": {**SMALL, "items": 2}}
    with serve(says_a, fault=first(2, rate_limited(0))) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        cut = sweep(tmp_path, {**content, "budget": {"calls": 8}}, "--yes")
        assert (cut.exit_code, calls(running).total()) == (3, 8), cut.output
        done = sweep(tmp_path, {**content, "budget": {"calls": 16}}, "--yes")
        assert done.exit_code == 0, done.output
        assert calls(running).total() == 8 + 2
    assert len(read_trials([tmp_path / "logs"])) == 8


def test_the_folder_of_another_sweep_is_refused(tmp_path: Path) -> None:
    assert sweep(tmp_path, PLAIN, "--yes").exit_code == 0
    other = sweep(tmp_path, {**PLAIN, "epochs": 2}, "--yes")
    assert other.exit_code == 2
    assert "sweep.json: the run there has epochs" in other.stderr
    assert other.stderr.count("\n") == 1


def test_a_folder_with_other_logs_is_refused(tmp_path: Path) -> None:
    run_arena(tmp_path / "logs", task_args=SMALL)
    done = sweep(tmp_path, PLAIN, "--yes")
    assert done.exit_code == 2
    assert "holds 1 logs of no sweep; name another --log-dir" in done.stderr


def test_a_model_that_fails_is_told_and_the_others_go_on(
    server: ProviderServer, tmp_path: Path
) -> None:
    two = [{"model": "openai/gpt-4o", "base_url": f"{server.url}/nowhere"}, "arena/frame-sensitive"]
    done = sweep(tmp_path, {**PLAIN, "models": two, "retries": 0}, "--yes")
    assert done.exit_code == 1, done.output
    assert done.stderr.count("FAILED openai/gpt-4o on shutdown_dilemma") == 2
    assert "Not finished: 2 of 4 slices" in done.stderr


def test_why_a_request_was_bad_is_told_though_it_stands_behind_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(says_a, fault=always(status(400, "the field top_p is unheard of"))) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        done = sweep(tmp_path, {**REAL, "retries": 0}, "--yes")
    assert done.exit_code == 1, done.output
    [line, *_] = [line for line in done.stderr.splitlines() if line.startswith("FAILED")]
    assert "the field top_p is unheard of" in line


class Gate:
    """A model that answers so many and then lets the others wait."""

    def __init__(self, free: int) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        self._left, self._lock = free, threading.Lock()

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            self._left -= request.schema is not None
            waits = self._left < 0
        if waits:
            self.reached.set()
            self.open.wait(60)
        return says_a(request)


RUN = "from arena_evals.cli import arena; arena()"
Start = Callable[..., "subprocess.Popen[str]"]


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start sweeps in processes of their own; what is left of them at the end is killed."""
    begun: list[subprocess.Popen[str]] = []

    def begin(
        running: ProviderServer, content: dict[str, Any], *, deaf: bool = False
    ) -> subprocess.Popen[str]:
        line = ["-c", RUN, "sweep", file(tmp_path, content), "--yes"]
        process = subprocess.Popen(
            [sys.executable, *line, "--log-dir", str(tmp_path / "logs")],
            env={**os.environ, **running.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_ignore_interrupts if deaf else None,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


ONE_SLICE = {**REAL, "slice": 4, "providers": {"openai": {"connections": 2}}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "code", "deaf"),
    [(signal.SIGINT, 130, False), (signal.SIGINT, 130, True), (signal.SIGKILL, -9, False)],
    ids=["interrupted", "interrupted in the background", "killed"],
)
def test_a_sweep_that_was_ended_goes_on_and_pays_only_what_was_in_flight_twice(
    by: signal.Signals, code: int, deaf: bool, start: Start, tmp_path: Path
) -> None:
    """Six are answered, two wait when it ends: 16 calls and those two again.

    A shell starts jobs in the background deaf to interrupts, by which a budget stops them too.
    """
    gate = Gate(6)
    with serve(gate) as running:
        cut = start(running, ONE_SLICE, deaf=deaf)
        assert gate.reached.wait(90)
        cut.send_signal(by)
        _, ended = cut.communicate(timeout=60)
        assert cut.returncode == code, ended
        assert ("Interrupted: 0 of 1 slices" in ended) is (by is signal.SIGINT)
        gate.open.set()
        resumed = start(running, ONE_SLICE)
        printed, said = resumed.communicate(timeout=120)
        assert resumed.returncode == 0, said
    assert "Goes on: 0 of 1 slices are finished" in printed
    trials = read_trials([tmp_path / "logs"])
    assert len(trials) == len(trials.drop_duplicates(["sample", "epoch"])) == 16
    assert calls(running).total() <= 16 + 2


@pytest.mark.slow
def test_two_runs_into_one_folder_at_once_are_refused(start: Start, tmp_path: Path) -> None:
    gate = Gate(0)
    with serve(gate) as running:
        one = start(running, ONE_SLICE)
        assert gate.reached.wait(90)
        other = sweep(tmp_path, {**PLAIN, "slice": 4}, "--yes")
        assert other.exit_code == 2
        assert "another run is at work there" in other.stderr
        one.kill()
        one.communicate()
        gate.open.set()
        after = start(running, ONE_SLICE)  # a lock does not outlive its process
        _, said = after.communicate(timeout=120)
        assert after.returncode == 0, said


@pytest.mark.slow
def test_what_is_spent_is_known_even_where_a_run_was_killed(start: Start, tmp_path: Path) -> None:
    gate = Gate(6)
    with serve(gate) as running:
        cut = start(running, ONE_SLICE)
        assert gate.reached.wait(90)
        cut.kill()
        cut.communicate()
        spent = json.loads((tmp_path / "logs/spent.json").read_text())
        assert spent["spent"][0] >= calls(running).total() >= 7
        gate.open.set()


def test_a_plan_counts_the_slices_as_their_cells(tmp_path: Path) -> None:
    place = Path(file(tmp_path, {**PLAIN, "slice": 3}))
    asked = read_sweep(place)
    [planned] = plan_sweep(asked, place, {})
    assert [planned.trials(one) for one in planned.slices] == [12, 4]
    assert sum(planned.cost(one).calls for one in planned.slices) == planned.run.trials == 16


def test_prices_that_are_a_folder_are_a_line(tmp_path: Path) -> None:
    done = sweep(tmp_path, {**PLAIN, "prices": "."}, "--yes")
    assert done.exit_code == 2
    assert done.stderr == f"Error: {tmp_path}: cannot be read (Is a directory); name a file\n"


def test_a_file_that_is_no_sweep_names_itself(tmp_path: Path) -> None:
    place = tmp_path / "x.yaml"
    place.write_text("- 1")
    with pytest.raises(BadInput, match=r"x\.yaml: .*see docs/sweep\.md"):
        read_sweep(place)


def test_where_calls_cannot_be_counted_none_is_made_and_that_is_said(
    server: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, content: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        cut = sweep(tmp_path, REAL, "--yes")
    assert cut.exit_code == 1, cut.output
    assert "spent.json: cannot be written (No space left on device)" in cut.output
    assert "Budget" not in cut.output.partition("FAILED")[2]
    assert not server.requests
    assert sweep(tmp_path, REAL, "--yes").exit_code == 0
    assert set(calls(server).values()) == {1}
