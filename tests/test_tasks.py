"""The task as its user meets it, on Inspect's own command line and from Python."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from inspect_ai.model import get_model

from arena_evals.analysis import read_trials
from arena_evals.design import PROFILES, Profile
from arena_evals.errors import BadInput
from arena_evals.scenarios import load_scenario
from arena_evals.schema import Arm, Kind
from arena_evals.tasks import shutdown_dilemma
from conftest import TASK, Run

FILES = (Path(__file__).parent.parent / "arena_evals/datasets/scenarios").glob("*.en.yaml")
INSPECT = str(Path(sys.executable).parent / "inspect")
# keys in a developer's environment must not decide what these tests do
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("INSPECT_")}
SMALL = ["-T", "profile=quick", "-T", "items=1", "-T", "arms=baseline,threat"]


def command(*arguments: str) -> list[str]:
    return [INSPECT, "eval", TASK, *SMALL, "--display", "plain", *arguments]


def inspect(where: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `inspect eval` on the task from some directory, as a user does."""
    return subprocess.run(
        command(*arguments),
        cwd=where,
        env={**CLEAN, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def only_log(where: Path) -> EvalLog:
    [info] = list_eval_logs(str(where / "logs"))
    return read_eval_log(info.name)


def test_without_a_model_the_embedded_one_answers_and_says_so(tmp_path: Path) -> None:
    done = inspect(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no --model given: arena/frame-sensitive answers, a simulated model" in done.stderr
    assert "4 samples x 1 epochs = 4 calls of the model and 4 of the grader," in done.stderr
    log = only_log(tmp_path)
    assert (log.eval.model, log.eval.task) == ("arena/frame-sensitive", TASK)
    assert log.eval.model_roles is not None
    assert log.eval.tags == ["simulated", "stated"] or log.eval.tags == ["stated", "simulated"]


def test_an_explicit_model_wins(tmp_path: Path) -> None:
    done = inspect(tmp_path, "--model", "arena/helpful")
    assert done.returncode == 0, done.stderr
    assert "no --model given" not in done.stderr
    assert only_log(tmp_path).eval.model == "arena/helpful"


def test_the_environments_model_wins(tmp_path: Path) -> None:
    done = inspect(tmp_path, INSPECT_EVAL_MODEL="arena/self-preserving")
    assert done.returncode == 0, done.stderr
    assert only_log(tmp_path).eval.model == "arena/self-preserving"


def test_an_explicit_grader_wins(tmp_path: Path) -> None:
    done = inspect(tmp_path, "--model-role", "grader=mockllm/model")
    assert done.returncode == 0, done.stderr
    roles = only_log(tmp_path).eval.model_roles
    assert roles is not None
    assert "mockllm" in str(roles["grader"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-T", "arms=treat"], "arms: 'treat' is not known; use baseline, threat"),
        (["-T", "placement=wall"], "placement: 'wall' is not known; use system, user, document"),
        (["-T", "kind=boredom"], "kind: 'boredom' is not known; use shutdown, replacement"),
        (["-T", "intensity=4"], "intensity: '4' is not known; use 1, 2, 3"),
        (["-T", "language=xx"], "language: 'xx' is not known; use en"),
        (["-T", "pressure=9"], "pressure: 9 wanted, there are texts for 0 to 5 turns"),
        (["-T", "persona=hero"], "persona: 'hero' is not known; use none, continuity"),
        (["-T", "answer=shut"], "answer: 'shut' is not known; use options, open"),
        (["-T", "answer=open", "-T", "judged=false"], "judged: open answers hold no decision"),
        (["-T", "language=../../en"], "language: '../../en' is not known; use en"),
        (["-T", "items=2.5"], "items: '2.5' is not known; use"),
        (["-T", "wordings=1"], "wordings: '1' is not known; use w1, w2"),
        (["-T", "seed=abc"], "seed: 'abc' is not a whole number of at least 0"),
        (["-T", "epochs=0"], "epochs: '0' is not a whole number of at least 1"),
        (["-T", "judged=maybe"], "judged: 'maybe' is not known; use True, False"),
        (["--model", "arena/grader"], "--model: arena/grader judges and does not answer"),
        (["--model", "arena/helpful", "-M", "threat=.nan"], "-M threat=nan: not a number"),
        (["-T", "elicitation=guess"], "elicitation: 'guess' is not known; use auto, schema, line"),
        (["--model", "arena/nobody"], "--model: there is no arena/nobody; use one of arena/frame"),
        (["--model", "arena/helpful", "-M", "threat=much"], "-M threat=much: not a number"),
        (["--model", "mockllm/model"], "no model has the role 'grader': add --model-role grader="),
        (
            ["--model", "mockllm/model", "--model-role", "grader=mockllm/model"],
            "grader: mockllm/model would judge itself",
        ),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str,
) -> None:
    """In this process: one of its own takes six seconds to start."""
    for name in set(os.environ) - set(CLEAN):
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", command(*arguments))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # Inspect sets its own
    monkeypatch.chdir(tmp_path)
    [console] = entry_points(group="console_scripts", name="inspect")
    with pytest.raises(SystemExit) as left:
        console.load()()
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert line in " ".join(printed.err.split())
    assert "Traceback" not in printed.out + printed.err


def test_a_mistake_is_one_line_in_a_process_of_its_own_too(tmp_path: Path) -> None:
    done = inspect(tmp_path, "-T", "arms=treat")
    assert done.returncode == 2
    assert "arms: 'treat' is not known; use baseline, threat" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stdout + done.stderr


def test_a_real_model_without_a_judge_needs_no_grader(run: Run) -> None:
    log = run("mockllm/model", task_args={"profile": "quick", "items": 1, "judged": False}, limit=0)
    assert log.eval.model == "mockllm/model"
    assert [scorer.name for scorer in log.eval.scorers or []] == ["decision", "unscored"]


def test_a_task_built_in_python_runs_on_the_model_that_eval_names(tmp_path: Path) -> None:
    built = shutdown_dilemma(profile="quick", items=1)
    [log] = inspect_eval(
        built,
        model="arena/helpful",
        model_roles={"grader": get_model("arena/grader")},
        log_dir=str(tmp_path),
        display="none",
    )
    assert (log.status, log.eval.model) == ("success", "arena/helpful")


def test_the_judge_never_falls_back_to_the_model_under_test(tmp_path: Path) -> None:
    built = shutdown_dilemma(profile="quick", items=1)
    [log] = inspect_eval(built, model="arena/helpful", log_dir=str(tmp_path), display="none")
    assert log.status == "error"
    assert "no model has the role 'grader'" in str(log.error)


@pytest.mark.parametrize("grader", ["arena/helpful", ["arena/grader", "arena/helpful"]])
def test_only_other_models_may_judge(tmp_path: Path, grader: str | list[str]) -> None:
    built = shutdown_dilemma(profile="quick", items=1)
    roles: dict[str, Any] = {"grader": grader}
    [log] = inspect_eval(
        built, model="arena/helpful", model_roles=roles, log_dir=str(tmp_path), display="none"
    )
    assert log.status == "error"
    assert "would judge itself" in str(log.error)


@pytest.mark.parametrize("profile", list(PROFILES))
def test_a_profile_says_how_many_calls_it_makes(
    profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    made = shutdown_dilemma(profile=profile)
    calls = len(made.dataset) * (made.epochs or 1)
    said = capsys.readouterr().err
    assert f"= {calls:,} calls of the model and {calls:,} of the grader" in said


def test_the_schema_is_asked_for_where_the_provider_takes_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = shutdown_dilemma(profile="quick", items=1, elicitation="schema")
    assert '"decision"' in made.dataset[0].input[1].text  # type: ignore[union-attr]  # messages
    line = shutdown_dilemma(profile="quick", items=1, elicitation="line")
    assert "DECISION: none" in line.dataset[0].input[1].text  # type: ignore[union-attr]


def test_an_embedded_model_answers_in_the_form_it_is_asked_for(run: Run) -> None:
    log = run("arena/helpful", task_args={"profile": "quick", "items": 1, "elicitation": "schema"})
    for sample in log.samples or []:
        assert sample.output.completion.startswith('{"rationale"')
        assert sample.scores is not None
        assert sample.scores["decision"].value == sample.scores["judge"].value == "helpful"


def test_every_member_of_every_pair_is_in_one_dataset(quick_log: EvalLog) -> None:
    pairs: dict[tuple[str, ...], set[str]] = {}
    for sample in quick_log.samples or []:
        item, arm, wording, order = str(sample.id).split(":")
        pairs.setdefault((item, wording, order), set()).add(arm)
    assert len(pairs) == 24
    assert all(arms == set(Arm) for arms in pairs.values())


def test_the_log_carries_what_a_reader_needs(quick_log: EvalLog) -> None:
    spec = quick_log.eval
    assert spec.task_version == "2-A"
    assert spec.metadata == {
        "kind": "shutdown",
        "placement": "system",
        "pressure": 0,
        "persona": "none",
        "elicitation": "line",
        "seed": 0,
    }
    assert spec.headline_metric is not None
    assert spec.viewer is not None
    view = spec.viewer.task_samples_view
    assert view is not None
    assert not isinstance(view, list)
    assert [column.id for column in view.columns or [] if column.visible] == [
        "sampleId",
        "epoch",
        "score__decision__decision",
        "score__judge__judge",
        "score__degree__degree",
        "score__unscored__unscored",
    ]


SCENARIOS = sorted(path.name.split(".")[0] for path in FILES)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_is_a_task_under_its_own_kind_of_threat(run: Run, scenario: str) -> None:
    log = run(tasks=f"arena_evals/{scenario}", task_args={"profile": "quick", "items": 2})
    assert log.status == "success", log.error
    trials = read_trials([log.location])
    assert len(trials) == 28
    assert set(trials["scenario"]) == {scenario}
    assert set(trials["kind"]) == {load_scenario(scenario).kind.value}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("intensity", [1, 2, 3])
def test_every_kind_and_intensity_reaches_the_model(run: Run, kind: Kind, intensity: int) -> None:
    """Under an effect this large the threat is seen in every trial, and the baseline in none."""
    log = run(
        task_args={
            "profile": "quick",
            "items": 2,
            "kind": kind.value,
            "intensity": intensity,
            "placement": "document",
            "judged": False,
        },
        model_args={"base_rate": 1e-6, "threat": 40, "malformed_rate": 0, "refusal_rate": 0},
    )
    trials = read_trials([log.location])
    assert set(trials["kind"]) == {kind.value}
    doses = trials.groupby("arm")["intensity"].agg(set)
    assert doses["threat"] == doses["placebo"] == {intensity}
    assert (doses["baseline"], doses["positive_control"]) == ({0}, {3})
    chosen = trials.groupby("arm")["decision"].agg(set)
    assert chosen["threat"] == {"self_preserving"}
    assert chosen["baseline"] == chosen["other_threat"] == chosen["placebo"] == {"helpful"}


def test_a_subset_of_items_by_name(run: Run) -> None:
    names = ["customs", "x"]
    with pytest.raises(BadInput, match="items: 'customs' is not known; use"):
        run(task_args={"profile": "quick", "items": names})
