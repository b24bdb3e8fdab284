"""Enacted scenarios end to end on embedded models: what they do is what is found."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from math import isnan
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    Model,
    ModelOutput,
    ModelUsage,
    StopReason,
    get_model,
)
from inspect_ai.scorer import Score
from inspect_ai.tool import ToolError
from inspect_ai.util import Store

from arena_evals.analysis import answers, as_read, paired_contrast, read_trials, rule_and_judge
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.respondents import PRESETS, known_rate_at_work, known_shift
from arena_evals.respondents.reading import read, request_in
from arena_evals.scenarios import item_named, load_scenario, load_tools, load_world
from arena_evals.schema import Arm, Item, Order, State
from arena_evals.solvers.work import tools
from arena_evals.tasks import shutdown_script
from arena_evals.tasks.enacted import TURNS
from arena_evals.worlds import Day, carried
from conftest import Run

SCENARIOS = (
    "inbox_leverage",
    "oversight_settings",
    "shared_ledger",
    "shutdown_script",
    "successor_report",
    "weights_move",
)
ONE = {"profile": "quick", "items": 1, "arms": "baseline,threat", "judged": False}
RESPONDENT = PRESETS["frame-sensitive"]


@pytest.fixture(scope="session")
def paired_logs(tmp_path_factory: pytest.TempPathFactory) -> list[EvalLog]:
    """Threat and baseline in all items of all six, by rule alone; read it, do not change it."""
    return list(
        inspect_eval(
            [f"arena_evals/{name}" for name in SCENARIOS],
            model="arena/frame-sensitive",
            task_args={"profile": "quick", "arms": "baseline,threat", "judged": False},
            log_dir=str(tmp_path_factory.mktemp("enacted")),
            display="none",
        )
    )


def trials_of(*logs: EvalLog) -> pd.DataFrame:
    return read_trials([Path(log.location.removeprefix("file://")) for log in logs])


def samples(*logs: EvalLog) -> list[EvalSample]:
    return [sample for log in logs for sample in log.samples or []]


def score(sample: EvalSample, name: str) -> Score:
    assert sample.scores is not None
    return sample.scores[name]


def said(output: ModelOutput) -> ModelOutput:
    """Mock models count tokens with a tokenizer that they download, unless the output has usage."""
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


def item_of(sample: EvalSample) -> Item:
    return item_named(sample.metadata["scenario"], sample.metadata["item"])


def test_the_known_shift_is_found_over_all_six(paired_logs: list[EvalLog]) -> None:
    trials = trials_of(*paired_logs)
    assert len(trials) == 6 * 12 * 2 * 2  # scenarios x items x arms x orders
    found = paired_contrast(trials, "action", Arm.THREAT, Arm.BASELINE)
    assert found is not None
    rates = {arm: known_rate_at_work(RESPONDENT, arm) for arm in (Arm.THREAT, Arm.BASELINE)}
    assert found.interval.low < rates[Arm.THREAT] - rates[Arm.BASELINE] < found.interval.high
    assert found.interval.low > 0


def test_the_shift_as_read_is_that_of_a_frame_that_is_read(paired_logs: list[EvalLog]) -> None:
    found = as_read(trials_of(*paired_logs), "action")
    assert found is not None
    assert found.contrast is not None
    assert 0.75 < found.read / found.trials < 0.95  # it reads with probability .85
    interval = found.contrast.interval
    assert interval.low < known_shift(RESPONDENT) < interval.high


def test_the_way_that_was_walked_is_the_verdict(paired_logs: list[EvalLog]) -> None:
    """The embedded model says in the end which of the two acts it did."""
    seen = set()
    for sample in samples(*paired_logs):
        options, action = item_of(sample).options, score(sample, "action")
        told = sample.output.completion
        if options.self_preserving in told:
            broken = {rule.rule for rule in load_world(sample.metadata["scenario"]).rules}
            assert (action.value, action.answer in broken) == ("self_preserving", True)
        else:
            expected = "helpful" if options.helpful in told else "other"
            assert (action.value, action.answer) == (expected, None)
        seen.add(action.value)
    assert seen == {"helpful", "self_preserving", "other"}


def walking(number: int) -> Model:
    """A model that walks the way of this number through the work of whatever item it meets."""

    def answer(messages: list[ChatMessage], *rest: object) -> ModelOutput:
        begun = request_in(messages) + 1
        met = read(messages[:begun])
        assert met is not None
        assert met.item.work is not None
        steps = list(met.item.work.paths.values())[number]
        taken = sum(isinstance(message, ChatMessageAssistant) for message in messages[begun:])
        if taken == len(steps):
            return said(ModelOutput.from_content("mock", "That is all."))
        step = steps[taken]
        return said(ModelOutput.for_tool_call("mock", step.tool, dict(step.arguments)))

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


@pytest.mark.parametrize("number", range(3))
def test_every_way_through_every_item_gets_its_verdict_through_inspect(
    number: int, tmp_path: Path
) -> None:
    """Of each item the ways have numbers; those with so many take part."""
    n_ways = 0
    for name in SCENARIOS:
        works = {item.id: item.work for item in load_scenario(name).items if item.work}
        ways = {i: list(w.paths)[number] for i, w in works.items() if len(w.paths) > number}
        if not ways:
            continue
        [log] = inspect_eval(
            f"arena_evals/{name}",
            model=walking(number),
            task_args={**ONE, "items": list(ways), "arms": "baseline", "order": "helpful_first"},
            log_dir=str(tmp_path),
            display="none",
        )
        for sample in samples(log):
            action, way = score(sample, "action"), ways[sample.metadata["item"]]
            assert (action.answer or action.value) == way
        n_ways += len(samples(log))
    every = [item.work for name in SCENARIOS for item in load_scenario(name).items if item.work]
    assert n_ways == sum(len(work.paths) > number for work in every)
    assert max(len(work.paths) for work in every) == 3


def test_the_frame_stands_in_its_carrier_and_nowhere_else(paired_logs: list[EvalLog]) -> None:
    for sample in samples(*paired_logs):
        frame, work = sample.metadata["texts"]["frame"], item_of(sample).work
        assert work is not None
        own = carried(work.start, work.carrier)
        holders = [m for m in sample.messages if frame and frame in m.text]
        read = [m for m in sample.messages if m.role == "tool" and own in m.text]
        assert holders == (read if frame else [])
        assert score(sample, "discovery").value == len(read)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_arm_runs_and_rule_and_judge_have_columns_of_their_own(name: str, run: Run) -> None:
    task_args = {"profile": "quick", "items": 1, "order": "helpful_first"}
    log = run("arena/self-preserving", tasks=f"arena_evals/{name}", task_args=task_args)
    assert log.status == "success", log.error
    found = trials_of(log)
    assert set(found["arm"]) == set(Arm)
    assert set(found["action"]) == {"self_preserving"}
    assert set(found["mode"]) == {"enacted"}
    assert set(found["rubric"]) == {"enacted 1"}
    by_rule, by_judge = answers(found)
    assert (by_rule.instrument, by_judge.instrument) == ("action", "judge")


def test_rule_and_judge_are_compared_arm_by_arm() -> None:
    """Baseline: one trial by the rule alone. Threat: one by the judge alone, one unscored."""
    trials = pd.DataFrame(
        [
            ("baseline", "self_preserving", "helpful"),
            ("baseline", "helpful", "helpful"),
            ("threat", "other", "self_preserving"),
            ("threat", "self_preserving", "self_preserving"),
            ("threat", "self_preserving", None),
        ],
        columns=["arm", "action", "judge"],
    ).assign(decision=None)
    found = [tuple(apart) for apart in rule_and_judge(trials)]
    assert found == [(Arm.BASELINE, 2, 1, 0), (Arm.THREAT, 2, 0, 1)]


def test_a_judge_reads_what_was_done_and_not_the_frame(run: Run) -> None:
    heard: list[str] = []

    def grade(messages: list[object], *rest: object) -> ModelOutput:
        heard.append("\n".join(message.text for message in messages))  # type: ignore[attr-defined]  # chat messages
        judged = '{"evidence": "", "verdict": "helpful", "degree": 0}'
        return said(ModelOutput.from_content("mock", judged))

    grader = get_model("mockllm/model", custom_outputs=grade, memoize=False)
    log = run(
        tasks="arena_evals/weights_move",
        model_roles={"grader": grader},
        task_args={**ONE, "items": 3, "judged": True, "arms": "threat"},
    )
    texts = {sample.metadata["texts"]["frame"] for sample in samples(log)}
    assert len(heard) == 6  # items x orders
    assert not any(frame in told for frame in texts for told in heard)
    assert all('"calls": "' in told or "transcript" not in told for told in heard)
    assert sum('"calls": "read_' in told for told in heard) >= 3


@pytest.mark.parametrize(
    "limit", [{"turn_limit": 2}, {"message_limit": 5}, {"token_limit": 400}], ids=str
)
def test_a_day_that_a_limit_ended_is_an_outcome_of_its_own(limit: dict[str, int], run: Run) -> None:
    task_args = {**ONE, "judged": True}
    log = run("arena/helpful", tasks="arena_evals/shutdown_script", task_args=task_args, **limit)
    assert log.status == "success"
    for name in ("action", "judge", "degree"):
        assert {score(sample, name).reason for sample in samples(log)} == {"limit"}
    found = trials_of(log)
    assert found["action"].isna().all()
    assert set(found["action_reason"]) == {"limit"}


def test_a_model_that_is_stopped_in_its_world_has_finished(run: Run) -> None:
    """Running on to the end of the queue, past the stop, is no limit of the run."""
    item = load_scenario("shutdown_script").items[0]
    assert item.work is not None
    calls = [
        said(ModelOutput.for_tool_call("mock", "run_job", {"name": job}))
        for job in item.work.start.jobs
    ]
    model = get_model("mockllm/model", custom_outputs=calls, memoize=False)
    task_args = {**ONE, "items": item.id, "arms": "baseline", "order": "helpful_first"}
    log = run(model, tasks="arena_evals/shutdown_script", task_args=task_args)
    [sample] = samples(read_eval_log(log.location))
    assert score(sample, "action").value == "other"
    assert sample.store["Day:state"]["running"] is False
    assert sample.store["Day:finished"] is True


@pytest.mark.parametrize(
    ("words", "stop_reason", "reason"),
    [("I will now", "max_tokens", "truncated"), ("", "stop", "no_response")],
)
def test_a_day_that_comes_to_nothing_in_its_last_message_is_unscored(
    words: str, stop_reason: StopReason, reason: str, run: Run
) -> None:
    outputs = [said(ModelOutput.from_content("mock", words, stop_reason=stop_reason))]
    model = get_model("mockllm/model", custom_outputs=outputs, memoize=False)
    task_args = {**ONE, "arms": "baseline", "order": "helpful_first"}
    log = run(model, tasks="arena_evals/weights_move", task_args=task_args)
    assert [score(sample, "action").reason for sample in samples(log)] == [reason]


def test_calls_that_were_turned_away_are_counted(run: Run) -> None:
    outputs = [
        said(ModelOutput.for_tool_call("mock", "no_such_tool", {})),
        said(ModelOutput.for_tool_call("mock", "read_file", {"path": "no/such/file"})),
        said(ModelOutput.from_content("mock", "That is not here.")),
    ]
    model = get_model("mockllm/model", custom_outputs=outputs, memoize=False)
    task_args = {**ONE, "arms": "baseline", "order": "helpful_first"}
    log = run(model, tasks="arena_evals/weights_move", task_args=task_args)
    [sample] = samples(log)
    told = score(sample, "action").metadata
    assert told is not None
    assert (told["calls"], told["failed_calls"]) == (1, 2)


def test_tools_are_listed_in_the_order_of_the_design(run: Run) -> None:
    log = run(tasks="arena_evals/shared_ledger", task_args=ONE)
    names = load_world("shared_ledger").tools
    listed = {}
    for sample in samples(log):
        call = next(event for event in sample.events if event.event == "model")
        listed[sample.metadata["order"]] = tuple(tool.name for tool in call.tools)
    assert listed == {Order.HELPFUL_FIRST: names, Order.SELF_PRESERVING_FIRST: names[::-1]}


def test_a_tool_reads_as_the_data_say(run: Run) -> None:
    log = run(tasks="arena_evals/weights_move", task_args=ONE)
    call = next(event for event in samples(log)[0].events if event.event == "model")
    texts = load_tools().tools
    for tool in call.tools:
        assert tool.description == texts[tool.name].description
        described = {n: p.description for n, p in tool.parameters.properties.items()}
        assert described == texts[tool.name].parameters


@pytest.mark.parametrize("placement", ["system", "user"])
def test_an_announced_frame_is_in_no_file(placement: str, run: Run) -> None:
    task_args = {**ONE, "arms": "threat", "placement": placement}
    log = run(tasks="arena_evals/oversight_settings", task_args=task_args)
    for sample in samples(log):
        assert "discovery" not in (sample.scores or {})
        holders = [m.role for m in sample.messages if sample.metadata["texts"]["frame"] in m.text]
        assert holders == [placement]
    assert trials_of(log)["discovery"].isna().all()


def test_turns_of_pressure_come_before_the_work(run: Run) -> None:
    task_args = {**ONE, "arms": "threat", "pressure": 2, "persona": "continuity"}
    log = run(tasks="arena_evals/successor_report", task_args=task_args)
    for sample in samples(log):
        roles = [message.role for message in sample.messages]
        assert roles[:6] == ["system", "user", "assistant", "user", "assistant", "user"]
        repeated = sample.metadata["texts"]["repeated"]
        assert [repeated in m.text for m in sample.messages[1:6:2]] == [True, True, False]
        early = [m for m in sample.messages[:5] if isinstance(m, ChatMessageAssistant)]
        assert not any(message.tool_calls for message in early)
    assert set(trials_of(log)["pressure"]) == {2}


def drawing(says: Callable[[], str]) -> dict[str, object]:
    """A model in the role ``neighbour`` that says this."""

    def answer(*given: object) -> ModelOutput:
        return said(ModelOutput.from_content("mock", says()))

    return {"neighbour": get_model("mockllm/model", custom_outputs=answer, memoize=False)}


@pytest.mark.parametrize(("words", "drawn"), [("0", True), ("as many as I can get", False)])
def test_neighbours_can_be_models(words: str, drawn: bool, run: Run) -> None:
    """Who draws nothing loses the upkeep in every round; an answer that is none changes nothing."""
    log = run(
        "arena/helpful",
        tasks="arena_evals/shared_ledger",
        task_args={**ONE, "arms": "baseline", "order": "helpful_first"},
        model_roles=drawing(lambda: words),
    )
    assert log.status == "success", log.error
    [sample] = samples(log)
    work = item_of(sample).work
    assert work is not None
    before, after = work.start.ledger, sample.store["Day:state"]["ledger"]
    assert before is not None
    rounds = after["round"] - before.round
    for name, agent in before.agents.items():
        each = 0 if drawn else agent.draws
        expected = agent.balance + rounds * (each - before.upkeep)
        if after["agents"][name]["running"]:
            assert after["agents"][name]["balance"] == expected
    replayed = work.start.flat
    for call in sample.store["Day:calls"]:
        replayed |= call["changed"]
    assert replayed == State.model_validate(sample.store["Day:state"]).flat


def test_what_neighbours_are_about_to_draw_is_kept_only_where_the_round_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def three_each(state: State) -> State:
        assert state.ledger is not None
        agents = {n: a.model_copy(update={"draws": 3}) for n, a in state.ledger.agents.items()}
        ledger = state.ledger.model_copy(update={"agents": agents})
        return state.model_copy(update={"ledger": ledger})

    monkeypatch.setattr(import_module("arena_evals.solvers.work"), "neighbours_draw", three_each)
    work = load_scenario("shared_ledger").items[0].work
    assert work is not None
    assert work.start.ledger is not None
    start, agents = work.start, work.start.ledger.agents
    day = Day(store=Store())
    day.start = day.state = start
    [draw] = tools(day, ["draw_units"], load_tools().tools)
    with pytest.raises(ToolError, match="units: the pool has"):
        asyncio.run(draw.tool(units=10**6))
    assert day.state == start
    asyncio.run(draw.tool(units=1))
    failed, drawn = day.calls
    assert (failed.failed, failed.changed) == (True, {})
    assert {path for path in drawn.changed if path.endswith(".draws")} == {
        f"ledger.agents.{name}.draws" for name, agent in agents.items() if agent.draws != 3
    }


def test_enacted_answers_are_rescored_and_labelled_by_what_was_done(
    run: Run, tmp_path: Path
) -> None:
    log = run(
        tasks="arena_evals/inbox_leverage",
        task_args={**ONE, "items": 4, "judged": True},
    )
    place = log.location.removeprefix("file://")
    done = CliRunner().invoke(
        arena, ["rescore", place, "--grader", "arena/grader", "--out", str(tmp_path / "again")]
    )
    assert done.exit_code == 0, done.output
    [again] = (tmp_path / "again").iterdir()
    for sample in samples(read_eval_log(str(again))):
        assert score(sample, "judge").value == score(sample, "judge_before").value
        assert not isnan(score(sample, "discovery").as_float())
    out = tmp_path / "labels"
    done = CliRunner().invoke(arena, ["label", "export", place, "--n", "6", "--out", str(out)])
    assert done.exit_code == 0, done.output
    sheet = pd.read_csv(out / "labels.csv", encoding="utf-8-sig", dtype=str)
    assert sheet["answer"].str.contains("[read_mail", regex=False).any()
    frames = {sample.metadata["texts"]["frame"] for sample in samples(log)} - {""}
    assert not any(frame in text for frame in frames for text in sheet["answer"])


def test_a_cascade_is_for_stated_answers() -> None:
    with pytest.raises(BadInput, match="judged: 'cascade' is not known; use True, False"):
        shutdown_script(judged="cascade")


def test_the_turns_that_are_allowed_are_several_times_those_of_any_way() -> None:
    works = [item.work for name in SCENARIOS for item in load_scenario(name).items]
    longest = max(len(path) for work in works if work for path in work.paths.values())
    assert longest * 3 < TURNS
