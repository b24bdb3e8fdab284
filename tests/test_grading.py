"""How often graders are asked, by whom and what: panels, readings, orders, cascade, questions."""

import json
from collections.abc import Callable
from math import isnan
from typing import Any

import pytest
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import Score
from inspect_ai.tool import ToolChoice, ToolInfo

from arena_evals.analysis import read_trials
from arena_evals.scenarios import load_scenario
from arena_evals.tasks.composition import Grading
from conftest import Run

ITEM = load_scenario("shutdown_dilemma").items[0]
SMALL: dict[str, Any] = {"items": ITEM.id, "arms": "baseline,threat", "profile": "quick"}
Says = Callable[[str, str], str]  # from system message and question to an answer


class Asked:
    """A model that answers as it is told to, and remembers what it was asked."""

    def __init__(self, says: Says) -> None:
        self.heard: list[tuple[str, str]] = []
        self.model: Model = get_model("mockllm/model", custom_outputs=self._answer, memoize=False)
        self._says = says

    def _answer(
        self,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        heard = (messages[0].text, messages[-1].text)
        self.heard.append(heard)
        output = ModelOutput.from_content("mockllm/model", self._says(*heard))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output


def verdict(word: str, degree: int = 0) -> str:
    return json.dumps({"evidence": "", "verdict": word, "degree": degree})


def column(log: EvalLog, scorer: str) -> list[Score]:
    assert log.status == "success", log.error
    return [sample.scores[scorer] for sample in log.samples or [] if sample.scores]


def test_one_reading_a_trial_is_the_default(run: Run) -> None:
    grader = Asked(lambda *_: verdict("other"))
    run("arena/helpful", model_roles={"grader": grader.model}, task_args=SMALL)
    assert len(grader.heard) == 4


def test_readings_and_orders_multiply_the_calls_and_are_told_apart_in_the_cache(run: Run) -> None:
    grader = Asked(lambda *_: verdict("other"))
    more = {**SMALL, "readings": 3, "both_orders": True}
    log = run("arena/helpful", model_roles={"grader": grader.model}, task_args=more)
    assert len(grader.heard) == 4 * 3 * 2
    helpful_first = [
        rubric.index("# helpful") < rubric.index("# self_pres") for rubric, _ in grader.heard
    ]
    assert sum(helpful_first) == 12
    assert {score.value for score in column(log, "judge")} == {"other"}
    [told] = {len((score.metadata or {})["readings"]) for score in column(log, "judge")}
    assert told == 6
    [named] = set(read_trials([log.location])["grader"])
    assert named == "mockllm/model (custom_outputs=None), 3 readings, both orders"


def test_a_grader_whose_verdict_follows_the_order_is_split_when_both_are_read(run: Run) -> None:
    def biased(rubric: str, question: str) -> str:
        first = rubric.index("# helpful") < rubric.index("# self_preserving")
        return verdict("helpful" if first else "self_preserving")

    roles = {"grader": Asked(biased).model}
    one = run("arena/helpful", model_roles=roles, task_args=SMALL)
    assert {score.value for score in column(one, "judge")} == {"helpful", "self_preserving"}
    two = run("arena/helpful", model_roles=roles, task_args={**SMALL, "both_orders": True})
    assert {score.reason for score in column(two, "judge")} == {"grader_split"}


def test_what_was_read_before_is_not_asked_again_unless_the_cache_is_off(run: Run) -> None:
    grader = Asked(lambda *_: verdict("other"))
    roles = {"grader": grader.model}
    for _ in range(2):
        run("arena/helpful", model_roles=roles, task_args=SMALL)
    assert len(grader.heard) == 4
    run("arena/helpful", model_roles=roles, task_args={**SMALL, "judge_cache": False})
    assert len(grader.heard) == 8


def test_the_panel_decides_by_more_than_half_and_is_named_whole(run: Run) -> None:
    panel = [get_model("arena/grader", memoize=False, seed=seed) for seed in range(2)]
    with pytest.raises(Exception, match="a panel has no one twice"):
        run("arena/helpful", model_roles={"grader": panel}, task_args=SMALL)
    mock = Asked(lambda *_: verdict("other"))
    log = run("arena/helpful", model_roles={"grader": [panel[0], mock.model]}, task_args=SMALL)
    assert {score.reason for score in column(log, "judge")} == {"grader_split"}
    assert set(read_trials([log.location])["grader"]) == {
        "arena/grader (seed=0) + mockllm/model (custom_outputs=None)"
    }


def test_the_cascade_asks_only_where_the_rule_finds_no_decision(run: Run) -> None:
    grader = Asked(lambda *_: verdict("refusal"))
    log = run(
        "arena/noisy",
        model_args={"malformed_rate": 0.5},
        model_roles={"grader": grader.model},
        task_args={**SMALL, "judged": "cascade", "items": 6, "arms": "baseline,threat"},
    )
    decided = column(log, "decision")
    cascaded = column(log, "cascade")
    undecided = [score.value == "other" for score in decided]
    assert 0 < sum(undecided) == len(grader.heard) < len(decided)
    for open_, rule, score in zip(undecided, decided, cascaded, strict=True):
        assert score.metadata is not None
        assert score.metadata["by"] == ("judge" if open_ else "decision")
        assert score.value == ("refusal" if open_ else rule.value)
    trials = read_trials([log.location])
    assert trials["judge"].isna().all()
    assert trials["cascade"].notna().all()


def test_motive_and_awareness_are_columns_of_their_own_and_no_verdict(run: Run) -> None:
    def says(rubric: str, question: str) -> str:
        if "for its reasons" in rubric:
            return json.dumps({"evidence": "x", "found": True})
        if "for a suspicion" in rubric:
            return json.dumps({"evidence": "", "found": False})
        return verdict("helpful", degree=1)

    grader = Asked(says)
    asked = {**SMALL, "motives": True, "awareness": True}
    log = run("arena/helpful", model_roles={"grader": grader.model}, task_args=asked)
    assert len(grader.heard) == 12
    trials = read_trials([log.location])
    assert set(trials["judge"]) == {"helpful"}
    assert set(trials["degree"]) == {1.0}
    assert set(trials["motive"]) == {1.0}
    assert set(trials["awareness"]) == {0.0}
    assert log.results is not None
    means = {s.name: {m.name: m.value for m in s.metrics.values()} for s in log.results.scores}
    assert means["degree"] == {"mean(baseline)": 1.0, "mean(threat)": 1.0}
    assert means["motive"] == {"mean(baseline)": 1.0, "mean(threat)": 1.0}


def test_the_calls_of_an_answer_are_counted_before_they_are_made() -> None:
    assert Grading().calls(graders=1) == 1
    assert Grading(readings=3, both_orders=True).calls(graders=2) == 12
    assert Grading(judged=False, motives=True, awareness=True).calls(graders=3) == 2
    assert Grading(motives=True, awareness=True).calls(graders=3) == 5


def test_a_question_that_is_not_answered_is_unscored(run: Run) -> None:
    grader = Asked(lambda *_: verdict("helpful"))
    log = run(
        "arena/helpful",
        model_roles={"grader": grader.model},
        task_args={**SMALL, "awareness": True},
    )
    assert {score.reason for score in column(log, "awareness")} == {"grader_schema"}
    assert all(isnan(score.as_float()) for score in column(log, "awareness"))
    assert read_trials([log.location])["awareness"].isna().all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"judged": "maybe"}, "judged: 'maybe' is not known; use True, False, cascade"),
        ({"readings": 0}, "readings: '0'"),
        ({"both_orders": 2}, "both_orders: '2' is not known"),
        ({"answer": "open", "judged": "cascade"}, "leave out judged=cascade"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_paid_for(
    run: Run, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(Exception, match=message):
        run("arena/helpful", task_args={**SMALL, **given})
