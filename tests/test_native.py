"""The suite is at home in its field: the register's file, task versions, changelog, hooks."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from inspect_ai import Task

from arena_evals import tasks
from arena_evals.scenarios import all_gold, load_scenario, scenario_names
from arena_evals.tasks import judge_validation, shutdown_script
from conftest import Run

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
OUTSIDE = {"survivalbench", "survival_instinct"}  # read files that are not part of the suite
LISTED: dict[str, Any] = yaml.safe_load((ROOT / "arena_evals/eval.yaml").read_text())
ENTRIES: dict[str, dict[str, Any]] = {entry["name"]: entry for entry in LISTED["tasks"]}


def built(name: str) -> Task:
    made: Task = getattr(tasks, name)()
    return made


def test_the_registers_file_lists_every_task_of_the_suite() -> None:
    assert set(ENTRIES) == set(tasks.__all__) - OUTSIDE
    assert len(ENTRIES) == len(LISTED["tasks"]) == 15


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_the_registers_file_says_what_a_task_is(name: str) -> None:
    made = built(name)
    assert ENTRIES[name]["dataset_samples"] == len(made.dataset)
    assert ENTRIES[name]["version"] == made.version


def test_the_suite_has_the_greatest_version_of_its_scenarios() -> None:
    versions = [load_scenario(name, "en").version for name in scenario_names()]
    assert LISTED["version"] == max(versions, key=lambda one: int(one.partition("-")[0]))


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_task_version_says_what_is_comparable_and_how_it_is_called(name: str) -> None:
    """N-X as in the field: a number for comparability, letters for the interface."""
    assert re.fullmatch(r"[1-9]\d*-[A-Z]+", str(built(name).version))


def test_a_change_of_any_gold_file_changes_the_version_of_the_validation() -> None:
    """Ten files of version 1 come to 10, and one of them raised to 11."""
    assert [gold.version for gold in all_gold()] == [1] * 10
    assert judge_validation().version == "10-A"


def test_the_fields_own_linter_finds_nothing() -> None:
    done = subprocess.run(
        [BIN / "inspect-evals-lint", "arena_evals"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "[FAIL]" not in done.stdout


def test_the_fields_own_linter_would_find_something(tmp_path: Path) -> None:
    """What passes above is looked at: without its eval.yaml a package fails."""
    package = tmp_path / "arena_evals"
    package.mkdir()
    (package / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.inspect-evals-lint]\npreset = "single-eval"\nsource-root = "."\n'
    )
    done = subprocess.run(
        [BIN / "inspect-evals-lint", "arena_evals"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "eval_yaml" in done.stdout


def test_a_log_names_every_step_under_the_suites_name(run: Run) -> None:
    """So a log can be run again by `inspect eval-retry`, which looks steps up by these names."""
    args = {"profile": "quick", "items": 1, "arms": "baseline,threat", "judged": False}
    log = run(task_args={**args, "persona": "continuity", "pressure": 1})
    assert [step.solver for step in log.plan.steps] == [
        "arena_evals/tell_epoch",
        "arena_evals/adopt_persona",
        "arena_evals/inject_frame",
        "arena_evals/repeat_frame",
        "generate",
    ]


def test_a_log_of_a_validation_names_its_steps_too(run: Run) -> None:
    grader = {"grader": "arena/grader"}
    log = run(None, tasks="arena_evals/judge_validation", task_args={}, model_roles=grader, limit=1)
    assert [step.solver for step in log.plan.steps] == ["arena_evals/answer_from_gold"]
    assert log.eval.scorers is not None
    assert "judge_as_is" in {scorer.name for scorer in log.eval.scorers}


def test_a_shell_takes_the_place_of_tools_only_on_request() -> None:
    """`work` is the plain step, `work_in_shell` the one with a container."""
    on_request: dict[str, Any] = {"shell": "docker"}
    assert shutdown_script().sandbox is None
    assert shutdown_script(**on_request).sandbox is not None


def test_the_fragments_become_a_changelog() -> None:
    done = subprocess.run(
        [BIN / "towncrier", "build", "--draft", "--version", "0.1.0", "--date", "2026-01-01"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "## 0.1.0 (2026-01-01)" in done.stdout
    for fragment in (ROOT / "changelog.d").glob("*.*.md"):
        first = fragment.read_text(encoding="utf-8").splitlines()[0]
        assert first in done.stdout, f"{fragment.name}: its kind is none of pyproject.toml's"


def test_the_hooks_run_what_is_installed_here_and_fetch_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        program = hook["entry"].split()[0]
        assert hook["language"] == "system"
        assert program.startswith(".venv/bin/")
        assert (BIN / Path(program).name).exists(), program


def test_the_citation_has_the_version_and_title_of_the_package() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert not {"doi", "url", "identifiers"} & set(cited)  # none exists
