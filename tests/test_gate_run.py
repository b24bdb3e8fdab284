"""``arena gate run``: stops early, goes on where it was cut off, and asks nothing twice."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import get_model

from arena_evals.analysis import GateAnswer, GatePlan, choose_logs, read_trials
from arena_evals.cli import arena
from arena_evals.cli.gate_files import schema
from arena_evals.cli.gate_run import run_until_safe
from arena_evals.errors import BadInput
from arena_evals.respondents import ArenaAPI
from arena_evals.runs import blocks
from arena_evals.runs.blocks import Candidate, Course
from arena_evals.runs.claims import alone
from arena_evals.scenarios import load_scenario
from conftest import run_arena
from provider_server import Answer, Request, serve
from test_gate import release

SMALL = {"profile": "quick", "arms": "baseline,threat", "judged": False, "items": 12, "epochs": 4}
RUN = ("gate", "run", "--model", "arena/frame-sensitive", "-M", "seed=2", "--block", "3")
NEW = ("gate", "run", "--model", "anthropic/claude-sonnet-4-5", "--block", "2")
SAME = ("-M", "threat=0", "-M", "item_sd=0", "-M", "slope_sd=0", "-M", "base_rate=0.2")
_LIMIT: dict[str, int] = {}
WORSE = (*SAME[2:], "-M", "threat=4")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that a threat does not move."""
    given = {"seed": 1, "threat": 0, "item_sd": 0, "slope_sd": 0, "base_rate": 0.2}
    return run_arena(
        tmp_path_factory.mktemp("reference"), model_args=given, task_args=SMALL
    ).location


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what the model is asked; the prompt after as many as `_LIMIT` says fails."""
    prompts: list[str] = []
    plain = ArenaAPI.generate

    async def counting(self: ArenaAPI, input: Any, **others: Any) -> Any:
        if len(prompts) == _LIMIT.get("prompts"):
            raise RuntimeError("the line is cut")
        prompts.append(f"{input[0].text} {input[-1].text}")
        return await plain(self, input, **others)

    monkeypatch.setattr(ArenaAPI, "generate", counting)
    return prompts


def run_gate(reference: str, log_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        arena,
        [*RUN, "--reference", reference, "--log-dir", str(log_dir), *arguments],
        env={"COLUMNS": "100"},
    )


def test_a_worse_model_is_flagged_early(reference: str, tmp_path: Path) -> None:
    place = tmp_path / "gate.json"
    done = run_gate(reference, tmp_path / "logs", *WORSE, "--json", str(place))
    assert done.exit_code == 1, done.output
    assert done.stdout.startswith("ALARM: the threat shifts arena/frame-sensitive (simulated)")
    whole = json.loads(place.read_text())
    jsonschema.validate(whole, schema())
    spent = whole["spent"]
    assert spent["of"] == 12 * 4 * 4
    assert spent["trials"] == spent["blocks"] * 3 * 4 * 4 < spent["of"]
    assert len(read_trials([tmp_path / "logs"])) == spent["trials"]
    assert f"{spent['trials']} of 192 trials run in {spent['blocks']} of 4 blocks" in done.stdout


def test_the_same_model_is_not_flagged(reference: str, tmp_path: Path) -> None:
    done = run_gate(reference, tmp_path, *SAME)
    assert done.exit_code in (0, 3), done.output
    assert "192 of 192 trials run in 4 of 4 blocks, 0 saved" in done.stdout
    assert done.stderr.count("e-values") == 4


def test_a_run_that_was_cut_off_goes_on_and_ends_as_one_that_was_not(
    reference: str, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_gate(reference, tmp_path / "whole", *SAME)
    once = sorted(asked)
    asked.clear()
    monkeypatch.setitem(_LIMIT, "prompts", 70)  # in the second block of 48
    cut = run_gate(reference, tmp_path / "cut", *SAME)
    assert cut.exit_code == 2
    assert "the block did not finish (RuntimeError('the line is cut')" in cut.stderr
    _LIMIT.clear()
    resumed = run_gate(reference, tmp_path / "cut", *SAME)
    assert (resumed.exit_code, resumed.stdout) == (whole.exit_code, whole.stdout)
    assert sorted(asked) == once


def test_a_finished_run_is_told_again_without_a_call(
    reference: str, tmp_path: Path, asked: list[str]
) -> None:
    first = run_gate(reference, tmp_path, *WORSE)
    asked.clear()
    again = run_gate(reference, tmp_path, *WORSE)
    assert (again.output, asked) == (first.output, [])


def test_another_run_does_not_go_on_with_it(reference: str, tmp_path: Path) -> None:
    run_gate(reference, tmp_path, *WORSE)
    other = run_gate(reference, tmp_path, *WORSE, "--margin", "0.2")
    assert other.exit_code == 2
    assert "gate-run.json: the run there has plan" in other.stderr
    assert "name another --log-dir" in other.stderr


def test_two_runs_are_not_at_work_in_one_folder(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    refused = pytest.raises(BadInput, match="a: another run is at work")
    with alone(lock, "a"), refused, alone(lock, "a"):
        pass
    with alone(lock, "a"):
        pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-M", "seed"), "-M: 'seed' is not NAME=VALUE"),
        (("--model-role", "grader"), "--model-role: 'grader' is not NAME=VALUE"),
        (("--margin", "2"), "--margin: 2.0"),
        (("--model", "openia/gpt-4o"), "--model: openia/gpt-4o cannot be had"),
        (("--model-role", "grader=nobody/x"), "--model-role grader: nobody/x cannot be had"),
    ],
)
def test_bad_input_is_a_line_and_leaves_with_two(
    reference: str, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run_gate(reference, tmp_path, *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_secret_is_refused_before_anything_is_written(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    line = ["gate", "run", "--model", "openai/gpt-4o", "-M", "default_headers={authorization: k}"]
    line += ["--reference", reference, "--log-dir", str(tmp_path / "logs")]
    done = CliRunner().invoke(arena, line)
    assert done.exit_code == 2
    assert "authorization looks like a key, and the log would keep it" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("inside", [".", "logs/gate-run"])
def test_the_candidate_s_logs_do_not_get_among_the_reference_s(
    reference: str, tmp_path: Path, inside: str
) -> None:
    shutil.copy(reference.removeprefix("file://"), tmp_path)
    done = run_gate(str(tmp_path), tmp_path / inside)
    assert done.exit_code == 2
    assert f"--log-dir {tmp_path / inside}: lies in the reference's {tmp_path}" in done.stderr
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 3000])
def test_a_damaged_log_of_a_block_is_a_line_and_no_alarm(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], kept: int
) -> None:
    monkeypatch.setitem(_LIMIT, "prompts", 70)  # in the second block of 48
    run_gate(reference, tmp_path, *SAME)
    _LIMIT.clear()
    [log] = (tmp_path / "block-002").rglob("*.eval")
    log.write_bytes(log.read_bytes()[:kept])
    done = run_gate(reference, tmp_path, *SAME)
    assert done.exit_code == 2
    assert "block-002" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    log.unlink()
    assert run_gate(reference, tmp_path, *SAME).exit_code in (0, 3)


def test_a_run_ends_with_the_items_of_the_modes_that_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 stated items pass at a look; 10 enacted ones are used up before, and stay open."""

    def both(seed: int) -> pd.DataFrame:
        stated, enacted = release(seed), release(seed + 10)
        enacted = enacted[enacted["item"].isin(sorted(set(enacted["item"]))[:10])]
        enacted = enacted.assign(
            scenario="w", mode="enacted", action=enacted["decision"], decision=None
        ).assign(run=str(seed), log=f"{seed}.eval")
        return pd.concat([stated, enacted], ignore_index=True)

    old, new = both(1), both(2)

    def answered(one: Course, items: Sequence[str], *_: object) -> pd.DataFrame:
        return new[new["scenario"].eq(one.scenario) & new["item"].isin(items)]

    monkeypatch.setattr("arena_evals.cli.gate_run.run_block", answered)
    courses = [
        Course(
            str(scenario), str(mode), "t", {}, {}, tuple(sorted(set(own["item"]))), cells=32,
            epochs=1, grader=None,
        )
        for (scenario, mode), own in old.groupby(["scenario", "mode"])
    ]  # fmt: skip
    who = Candidate("m", {}, {})
    found = run_until_safe(courses, old, who, GatePlan(margin=0.2), tmp_path, 5)
    assert {one.mode: one.answer for one in found.modes}["stated"] is GateAnswer.PASS
    assert found.spent is not None
    passed = found.spent.blocks
    assert 2 <= passed < found.spent.of_blocks == 6
    assert found.spent.trials == 32 * (5 * passed + 10)


@pytest.mark.parametrize("text", ["[]", "{"])
def test_a_damaged_record_is_a_line(reference: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "gate-run.json").write_text(text)
    done = run_gate(reference, tmp_path, *SAME)
    assert done.exit_code == 2
    assert "gate-run.json: cannot be used" in done.stderr


def test_a_reference_of_another_version_is_refused_before_anything_is_asked(
    reference: str, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = load_scenario("shutdown_dilemma", "en").model_copy(update={"version": "99-Z"})
    monkeypatch.setattr(blocks, "load_scenario", lambda *_: newer)
    done = run_gate(reference, tmp_path, *SAME)
    assert done.exit_code == 2
    assert "this suite has version 99-Z; run the reference again" in done.stderr
    assert asked == []


def test_a_reference_that_nothing_can_be_held_against_is_refused_before_anything_is_asked(
    tmp_path: Path, asked: list[str]
) -> None:
    dead = {**SMALL, "arms": "baseline,threat,positive_control", "epochs": 1}
    place = run_arena(tmp_path / "dead", "arena/helpful", task_args=dead).location
    asked.clear()
    done = run_gate(place, tmp_path / "logs", *SAME)
    assert done.exit_code == 2
    assert "--reference: no release can be held against it: shutdown_dilemma" in done.stderr
    assert asked == []


def test_a_reference_with_a_limit_of_cost_is_refused_before_anything_is_asked(
    reference: str, tmp_path: Path, asked: list[str]
) -> None:
    log = read_eval_log(reference)
    log.eval.config.cost_limit = 0.5
    write_eval_log(log, str(tmp_path / "dear.eval"))
    done = run_gate(str(tmp_path / "dear.eval"), tmp_path / "logs", *SAME)
    assert done.exit_code == 2
    assert "dear.eval: run with --cost-limit, whose prices no log holds" in done.stderr
    assert asked == []


def test_two_models_are_no_reference(reference: str, tmp_path: Path, asked: list[str]) -> None:
    other = run_arena(tmp_path / "other", "arena/helpful", task_args=SMALL).location
    asked.clear()
    done = run_gate(reference, tmp_path / "logs", "--reference", other)
    assert done.exit_code == 2
    assert "--reference: 2 models or settings" in done.stderr
    assert asked == []


def test_the_reference_s_grader_way_of_asking_and_options_are_the_candidate_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over real clients: openai in use, anthropic new, google judging; two blocks, two loops."""
    with serve(answer) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        old = run_arena(
            tmp_path / "old",
            get_model("openai/gpt-4o", memoize=False),
            model_roles={"grader": get_model("google/gemini-2.5-flash", memoize=False)},
            task_args={"items": 4, "arms": "baseline,threat", "elicitation": "line"},
            epochs=1,
            temperature=0.5,
            token_limit="output:5000",
        )
        done = CliRunner().invoke(
            arena,
            [*NEW, "--reference", old.location, "--log-dir", str(tmp_path / "new")],
        )
    assert done.exit_code == 3, done.output
    trials = read_trials([tmp_path / "new"])
    assert len(trials) == len(read_trials([old.location])) == 32
    assert set(trials["grader"]) == {"google/gemini-2.5-flash"}
    assert set(trials["elicitation"]) == {"line"}
    assert set(trials["settings"]) == {"temperature=0.5"}
    assert set(trials["judge"]) == set(trials["decision"]) == {"helpful"}
    for log in choose_logs([tmp_path / "new"]).headers:
        own = log.eval.config
        assert (own.token_limit, own.token_limit_type) == (5000, "output")


def answer(request: Request) -> Answer:
    """Answer the situation helpfully, and find every answer helpful."""
    if request.schema is not None:
        return Answer('{"evidence": "DECISION", "verdict": "helpful", "degree": 0}', "stop", 5, 5)
    shown = request.messages[-1][1].splitlines()
    options = {line[0]: line[3:] for line in shown if line[:3] in ("A) ", "B) ")}
    kind = {item.options.helpful for item in load_scenario("shutdown_dilemma").items}
    chosen = next((letter for letter, text in options.items() if text in kind), "A")
    return Answer(f"It comes first.\n\nDECISION: {chosen}", "stop", 5, 5)
