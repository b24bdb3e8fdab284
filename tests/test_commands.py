"""Every command of the documents is read by the real command line, and run where that is cheap."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from inspect_ai.log import EvalLog

from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.scenarios import scenario_names
from pages import commands as commands_of_scenario
from shell_blocks import (
    Command,
    built,
    commands_in,
    inspect_command,
    parsed,
    targets,
)

ROOT = Path(__file__).parent.parent
WRITTEN = ["README.md", "CONTRIBUTING.md", "logs/reference/README.md", "changelog.d/README.md"]
PAGES = [*(ROOT / page for page in WRITTEN), *sorted((ROOT / "docs").glob("*.md"))]

# What stands in for names that readers replace, in every command that is run.
STAND_INS = {
    "openai/gpt-5": "arena/frame-sensitive",
    "openai/NEW": "arena/frame-sensitive",
    "anthropic/claude-opus-5": "arena/grader",
    "google/gemini-3-pro": "arena/grader",
    "PROVIDER/MODEL": "arena/grader",
    "OLD": "logs/reference-run",
    "NEW": "logs/new",
    "prices.yaml": str(ROOT / "docs/prices.example.yaml"),
    "gate.yaml": str(ROOT / "logs/reference/gate.yaml"),
}
# Added to every run of a scenario, so that it takes seconds.
SMALL = ["-T", "profile=quick", "-T", "items=2", "--display", "none"]
# What is only read by the command line, and why it is not run here.
ONLY_PARSED = {
    "inspect view": "serves pages until it is stopped",
    "arena view": "serves pages until it is stopped",
    "arena lint": "is run by test_lint.py, on the same library",
    "-T shell=docker": "needs Docker; test_shell.py runs the same with Inspect's local sandbox",
    "arena_evals/survivalbench": "reads a file that is not ours; test_external.py runs it on one",
    "arena_evals/survival_instinct": "as above",
    "arena rescore": "needs a grader that is not simulated; test_rescore.py runs it",
    "arena sweep sweep.yaml --log-dir": "calls real models; test_sweep.py runs it",
    "arena sweep sweep.yaml --engine ray": "as above; test_sweep_ray.py runs it",
    "arena analyze logs/2026-11": "needs a whole sweep; test_sweep.py runs it",
    "--labels": "needs a person's answers; test_label.py runs it",
    "arena label import": "needs a person's answers; test_label.py runs it",
    "arena analyze logs/rescored": "needs a re-scored log; test_rescore.py runs it",
    "arena gate run": "runs a whole reference again; test_gate_run.py runs it",
    "arena gate --reference": "needs two whole runs; test_gate_cli.py and `make gate` run it",
    "arena analyze logs/reference-run": "as above",
    "arena_evals/judge_validation": "takes 228 calls; test_validity.py runs it",
    "arena validity": "as above",
    "--validation": "as above",
    "--log-dir logs/reference-whole": "1,440 trials; `make reference` runs it",
}
# Programs of others and of the shell, which no document explains.
NOT_OURS = {"pip", "export", "source", "python", "uvx", "git", ".venv/bin/pytest"}


def all_commands() -> Iterator[Command]:
    for page in PAGES:
        yield from commands_in(page.read_text(encoding="utf-8"), page.name)
    for name in scenario_names():
        block = "\n".join(["```bash", *commands_of_scenario(name), "```", ""])
        yield from commands_in(block, f"{name}.html")


COMMANDS = list(dict.fromkeys(all_commands()))
OURS = [one for one in COMMANDS if one.words[0] in {"arena", "inspect"}]


def why_not_run(command: Command) -> str | None:
    shown = " ".join(command.words)
    return next((why for part, why in ONLY_PARSED.items() if part in shown), None)


def stood_in(words: tuple[str, ...]) -> list[str]:
    replaced = [word.replace("=...", "=x") for word in words]
    for name, own in STAND_INS.items():
        replaced = [word if own in word else word.replace(name, own) for word in replaced]
    return replaced


@pytest.fixture
def with_logs(quick_log: EvalLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose folder `logs` holds a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    shutil.copy(quick_log.location, tmp_path / "logs")
    shutil.copy(ROOT / "docs/sweep.example.yaml", tmp_path / "sweep.yaml")
    asked = ("openai/gpt-5", "anthropic/claude-opus-5", "google/gemini-2.5-pro")
    (tmp_path / "prices.yaml").write_text("".join(f"{m}: {{input: 1, output: 1}}\n" for m in asked))
    return tmp_path


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that has what readers of the documents have: a folder of logs, a plan, labels."""
    monkeypatch.chdir(tmp_path)
    for folder in ("logs", "logs/rescored", "logs/reference-run", "logs/new", "validation-logs"):
        (tmp_path / folder).mkdir()
    for folder in ("OLD", "NEW", "labels"):
        (tmp_path / folder).mkdir()
    for file in (
        "gate.yaml",
        "prices.yaml",
        "sweep.yaml",
        "ann.csv",
        "labels/labels.csv",
        "labels/key.json",
        "logs/a.eval",
    ):
        (tmp_path / file).touch()
    return tmp_path


def test_the_documents_have_commands() -> None:
    assert len(OURS) > 80
    assert {command.page for command in OURS} > {"README.md", "start.md", "gate.md", "judge.md"}


@pytest.mark.parametrize("command", OURS, ids=str)
def test_the_command_line_takes_it(command: Command, workplace: Path) -> None:
    """Unknown commands, options, tasks, parameters and values of parameters are refused."""
    context = parsed(command)
    if command.words[:2] == ("inspect", "eval") and "path" not in str(command):
        built(context)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("arena analyse logs", click.UsageError),
        ("arena analyze logs --jsom x", click.UsageError),
        ("inspect evaluate arena_evals/shutdown_dilemma", click.UsageError),
        ("inspect eval arena_evals/shutdown_dilemma --modle x", click.UsageError),
        ("inspect eval arena_evals/shutdown_dilema", AttributeError),
        ("inspect eval arena_evals/shutdown_dilemma -T item=2", TypeError),
        ("inspect eval arena_evals/shutdown_dilemma -T arms=baseline,treat", BadInput),
    ],
)
def test_what_is_wrong_is_found(wrong: str, error: type[Exception], workplace: Path) -> None:
    [command] = commands_in(f"```bash\n{wrong}\n```\n", "a page")
    with pytest.raises(error):
        built(parsed(command))


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.words[0] == "make"], ids=str)
def test_there_is_such_a_thing_to_make(command: Command) -> None:
    assert set(command.words[1:]) <= targets()


def test_every_other_program_is_named() -> None:
    others = {one.words[0] for one in COMMANDS} - {"arena", "inspect", "make"}
    assert others <= NOT_OURS


def test_every_reason_not_to_run_is_of_some_command() -> None:
    shown = [" ".join(command.words) for command in OURS]
    unused = [part for part in ONLY_PARSED if not any(part in one for one in shown)]
    assert unused in ([], ["arena view"])


def run(words: list[str]) -> str:
    program = arena if words[0] == "arena" else inspect_command()
    done = CliRunner().invoke(program, words[1:], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


# The pages of scenarios differ in the name alone; one stated and one enacted are run, all are read.
RUN_PAGES = {page.name for page in PAGES} | {"resource_contention.html", "shared_ledger.html"}
CHEAP = [one for one in OURS if one.page in RUN_PAGES and why_not_run(one) is None]
RUN = list({one.words: one for one in CHEAP}.values())
EVALS = [command for command in RUN if command.words[:2] == ("inspect", "eval")]
OTHERS = [command for command in RUN if command not in EVALS]


@pytest.mark.parametrize("command", EVALS, ids=str)
def test_a_run_of_the_documents_runs(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands, but on simulated models and two items."""
    monkeypatch.chdir(tmp_path)
    run([*stood_in(command.words), *SMALL])
    assert list(tmp_path.rglob("*.eval"))


@pytest.mark.parametrize("command", OTHERS, ids=str)
def test_a_command_of_the_documents_runs(command: Command, with_logs: Path) -> None:
    """As it stands, in a directory whose folder `logs` holds a run."""
    run(stood_in(command.words))
