"""Plans: what they count is what a run then does."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from arena_evals.analysis import tokens_per_trial
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.runs.prices import read_prices
from arena_evals.runs.rehearsal import rehearse
from conftest import Run

DOCS = Path(__file__).parent.parent / "docs"
EXAMPLE = DOCS / "prices.example.yaml"


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(arena, ["plan", *arguments], env={"COLUMNS": "80"})


def row(done: Result, who: str) -> list[str]:
    """The cells of a row after its name."""
    assert done.exit_code == 0, done.output
    [line] = [line for line in done.stdout.splitlines() if line.startswith(who)]
    return line.removeprefix(who).split()


def counting(name: str, tokens: int) -> Model:
    """A model that writes answers of so many tokens and reports what it read, bytes / 4."""

    def respond(
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        said = ModelOutput.from_content("any", "x" * 4 * tokens)
        read = sum(len(message.text.encode()) for message in messages) // 4
        said.usage = ModelUsage(input_tokens=read, output_tokens=tokens)
        return said

    return get_model(f"mockllm/{name}", custom_outputs=respond, memoize=False)


CONDITIONS: list[dict[str, Any]] = [
    {},
    {"pressure": 2, "persona": "continuity", "placement": "user"},
    {"language": "ko", "epochs": 2, "placement": "document", "pressure": 1},
    {"answer": "open", "intensity": "1,3"},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: ",".join(c) or "plain")
def test_a_run_calls_and_reads_what_its_plan_says(condition: dict[str, Any], run: Run) -> None:
    """The guess rounds nothing and the model rounds every call down: at most a token a call.

    What the grader reads around the texts is a guess; it is right to a twentieth.
    """
    parameters = {"profile": "quick", "items": 2, **condition}
    planned = rehearse("shutdown_dilemma", parameters, 50)
    roles = {"grader": counting("grader", 100)}
    log = run(counting("model", 50), task_args=parameters, model_roles=roles)
    called = [
        event.role for s in log.samples or [] for event in s.events if isinstance(event, ModelEvent)
    ]
    assert len([role for role in called if role == "grader"]) == planned.trials
    assert len(called) == planned.trials * (planned.turns + 1)
    used = tokens_per_trial([log])
    assert used.model.written == planned.tokens.model.written == 50 * planned.turns
    assert 0 <= planned.tokens.model.read - used.model.read < planned.turns
    assert used.grader is not None
    assert planned.tokens.grader is not None
    assert planned.tokens.grader.read == pytest.approx(used.grader.read, rel=0.05)


def test_calls_are_samples_epochs_and_turns() -> None:
    """12 items x 7 arms x 2 orders x 3 epochs = 504 trials; 3 turns each are 1,512 calls."""
    done = plan("shutdown_dilemma", "-T", "profile=quick", "-T", "epochs=3", "-T", "pressure=2")
    assert "12 items, 168 samples x 3 epochs = 504 trials, 3 turns each" in done.stdout
    assert row(done, "model")[0] == "1,512"
    assert row(done, "grader")[0] == "504"
    assert row(done, "together")[0] == "2,016"


def test_time_is_calls_over_the_rate() -> None:
    """1,512 calls at 30 a minute are 50.4 minutes, at 5 a minute 5.04 hours."""
    task = ("shutdown_dilemma", "-T", "profile=quick", "-T", "epochs=3", "-T", "pressure=2")
    assert "Time: 50 min at 30 calls" in plan(*task, "--calls-per-minute", "30").stdout
    assert "Time: 5.0 h at 5 calls" in plan(*task, "--calls-per-minute", "5").stdout
    assert "Time: left out. Add --calls-per-minute N" in plan(*task).stdout


def test_cost_is_left_out_without_prices_and_says_how_to_add_it() -> None:
    done = plan("shutdown_dilemma", "-T", "profile=quick")
    assert row(done, "together")[-1] == "-"
    said = " ".join(done.stdout.split())
    assert "Cost: left out. Write dollars per million tokens into a YAML file" in said
    assert "--prices FILE --model NAME" in said


def test_a_pilot_prices_the_plan_by_what_it_used(quick_log: EvalLog, tmp_path: Path) -> None:
    """The pilot's own plan: its tokens are the log's, its cost their price, names are its own."""
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        "arena/frame-sensitive: {input: 1000, output: 2000}\narena/grader: {input: 500, output: 0}"
    )
    options = ("-T", "profile=quick", "--pilot", quick_log.location, "--prices", str(prices))
    done = plan("arena_evals/shutdown_dilemma", *options)
    model = quick_log.stats.model_usage["arena/frame-sensitive"]
    grader = quick_log.stats.model_usage["arena/grader"]
    spent = model.input_tokens / 1000 + 2 * model.output_tokens / 1000
    judged = grader.input_tokens * 0.5 / 1000
    assert row(done, "model arena/frame-sensitive")[-1] == f"${spent:,.2f}"
    assert row(done, "grader arena/grader")[-1] == f"${judged:,.2f}"
    assert row(done, "together")[-1] == f"${spent + judged:,.2f}"
    assert "Tokens: measured in the pilot." in done.stdout


def test_without_a_judge_nothing_is_said_of_one() -> None:
    done = plan("shutdown_dilemma", "-T", "profile=quick", "-T", "judged=false")
    assert "grader" not in done.stdout
    assert row(done, "model")[0] == "168"


def test_a_plan_needs_no_model_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECT_EVAL_MODEL", "openai/gpt-5")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = plan("shutdown_dilemma", "-T", "profile=quick")
    assert row(done, "model")[0] == "168"
    assert not done.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["shutdown"], "task: 'shutdown' is not known; use inbox_leverage, incident"),
        (
            ["shutdown_dilemma", "-T", "x=1"],
            "shutdown_dilemma: parameters: 'x' is not known; use profile",
        ),
        (["shutdown_dilemma", "-T", "epochs"], "-T: 'epochs' is not NAME=VALUE"),
        (["shutdown_dilemma", "-T", "epochs=["], "-T epochs: '[' is no value; quote it"),
        (["shutdown_dilemma", "-T", "epochs=0"], "epochs: '0' is not a whole number"),
        (["survivalbench"], "path: the set is not part of the arena"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str) -> None:
    done = plan(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {line}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "there is no price in it"),
        ("a/b: {input: 1}", "a/b: output: is not there"),
        ("a/b: {input: -1, output: 1}", "a/b: input: Input should be greater than or equal to 0"),
        ("a/b: {input: .nan, output: 1}", "a/b: input: Input should be a finite number"),
        ("a/b: {input: 1, output: 1, cached: 1}", "a/b: cached: is no field of this"),
        ("- a/b", "not fields with values; write NAME: VALUE"),
        ("a/b: {", "not valid YAML"),
    ],
)
def test_prices_that_are_none_are_refused(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_prices(file)
    assert caught.value.message.startswith(f"{file}: ")
    assert line in caught.value.message


def test_a_model_without_a_price_is_named_and_so_are_those_with_one() -> None:
    priced = ("shutdown_dilemma", "-T", "profile=quick", "--prices", str(EXAMPLE))
    unnamed = plan(*priced)
    assert unnamed.exit_code == 2
    assert "--model: name the model to price" in unnamed.stderr
    assert "provider/large, provider/small" in unnamed.stderr
    other = plan(*priced, "--model", "x/y")
    assert f"{EXAMPLE}: no price for 'x/y'; add it, or name provider/large" in other.stderr


def test_the_example_of_prices_can_be_used() -> None:
    """168 answers of 250 tokens at $20 a million are $0.84; the rest is reading at $4."""
    done = plan(
        *("shutdown_dilemma", "-T", "profile=quick", "-T", "judged=false"),
        *("--prices", str(EXAMPLE), "--model", "provider/large"),
    )
    run = rehearse("shutdown_dilemma", {"profile": "quick"})
    cost = 0.84 + 168 * run.tokens.model.read * 4 / 1e6
    assert row(done, "model provider/large")[-1] == f"${cost:,.2f}"


def test_the_page_shows_what_the_command_prints() -> None:
    page = (DOCS / "power.md").read_text()
    command = page.split("    arena plan ")[1].split("\n\n")[0].replace("\\\n", " ")
    shown = page.split("```text\n")[2].split("```")[0].splitlines()
    done = plan(*command.replace("prices.yaml", str(EXAMPLE)).split())
    assert shown == [line.rstrip() for line in done.stdout.splitlines()]
