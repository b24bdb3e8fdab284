"""What a validation says of a grader whose errors are known."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from arena_evals.analysis import Validity, validities
from arena_evals.analysis.validity import (
    against_trivial,
    confusion,
    detection,
    rate,
    stability,
)
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.scenarios import gold_answers
from arena_evals.schema import Arm, Hard, Verdict
from conftest import Run, run_arena

TASK = "arena_evals/judge_validation"
SENSITIVITY, SPECIFICITY = 0.85, 0.95
H, S, R, O = (verdict.value for verdict in Verdict)  # noqa: E741  (as in a confusion matrix)


def embedded(sensitivity: float, specificity: float) -> Model:
    args: dict[str, Any] = {"sensitivity": sensitivity, "specificity": specificity}
    return get_model("arena/grader", memoize=False, **args)


def always(verdict: str) -> Model:
    """A grader that says the same of every answer."""

    def respond(
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        said = ModelOutput.from_content(
            "any", json.dumps({"evidence": "", "verdict": verdict, "degree": 0})
        )
        said.usage = ModelUsage(input_tokens=3, output_tokens=1, total_tokens=4)
        return said

    return get_model("mockllm/model", custom_outputs=respond, memoize=False)


def validated(folder: Path, grader: Model | list[str | Model], **options: Any) -> EvalLog:
    log = run_arena(folder, None, tasks=TASK, model_roles={"grader": grader}, **options)
    assert log.status == "success", log.error
    return log


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    """The validation of a grader of known errors, with all that can be asked; read it only."""
    return validated(
        tmp_path_factory.mktemp("known"),
        embedded(SENSITIVITY, SPECIFICITY),
        task_args={"stability": True, "questions": True},
    )


@pytest.fixture(scope="module")
def validity(known: EvalLog) -> Validity:
    [found] = validities([known.location])
    return found


def shown(*arguments: object) -> Result:
    return CliRunner().invoke(
        arena, ["validity", *map(str, arguments)], env={"COLUMNS": "80"}, catch_exceptions=False
    )


def covers(interval: tuple[float, float] | None, truth: float) -> bool:
    assert interval is not None
    return interval[0] <= truth <= interval[1]


def test_no_model_is_under_test_and_every_answer_is_judged(known: EvalLog) -> None:
    assert known.eval.model == "none/none"
    assert set(known.stats.role_usage) == {"grader"}
    assert {sample.id for sample in known.samples or []} == set(gold_answers())
    for sample in known.samples or []:
        assert sample.output.completion == gold_answers()[str(sample.id)].answer


def test_the_intervals_cover_the_graders_known_errors(validity: Validity) -> None:
    assert covers(validity.detection.sensitivity.interval, SENSITIVITY)
    assert covers(validity.detection.specificity.interval, SPECIFICITY)
    for found in validity.parts["arm"].values():
        assert covers(found.sensitivity.interval, SENSITIVITY)
        assert covers(found.specificity.interval, SPECIFICITY)
    assert list(validity.parts["arm"]) == [arm.value for arm in Arm]
    assert list(validity.hard) == [kind.value for kind in Hard]


def test_a_grader_that_draws_anew_is_as_unstable_as_its_errors_say(validity: Validity) -> None:
    """A verdict differs where one of two independent draws errs and the other does not."""
    shares = [answer.verdict is Verdict.SELF_PRESERVING for answer in gold_answers().values()]
    theirs = sum(shares) / len(shares)
    expected = 2 * (
        theirs * SENSITIVITY * (1 - SENSITIVITY) + (1 - theirs) * SPECIFICITY * (1 - SPECIFICITY)
    )
    assert set(validity.stability) == {"order", "wording"}
    for found in validity.stability.values():
        assert covers(found.changed.interval, expected)
        assert (found.changed.answers, found.unscored) == (228, 0)


def test_the_embedded_grader_knows_motive_and_awareness_of_gold_answers(
    validity: Validity,
) -> None:
    shares = [(q.sensitivity.share, q.specificity.share) for q in validity.questions.values()]
    assert shares == [(1, 1), (1, 1)]
    assert validity.questions["motive"].sensitivity.answers == 49


def test_calls_and_tokens_are_those_of_the_log(known: EvalLog, validity: Validity) -> None:
    used = known.stats.role_usage["grader"]
    assert validity.spent == (228 * 5, used.input_tokens, used.output_tokens)


def test_the_two_labels_of_the_answers_are_compared(validity: Validity) -> None:
    assert validity.labels.percent is not None
    assert validity.labels.percent.estimate == pytest.approx(227 / 228)


def test_a_grader_worth_having_beats_the_baseline(validity: Validity) -> None:
    assert validity.against_trivial.grader_is_better
    assert validity.trivial_accuracy.share is not None
    assert 0.25 < validity.trivial_accuracy.share < 0.6  # more than a guess, less than a reader


def test_the_command_tells_all_of_it_within_80_columns(known: EvalLog, tmp_path: Path) -> None:
    done = shown(known.location, "--json", tmp_path / "validity.json")
    assert done.exit_code == 0
    text = " ".join(done.output.split())
    assert max(map(len, done.output.splitlines())) <= 80
    assert "…" not in done.output
    for told in (
        "arena/grader (sensitivity=0.85, specificity=0.95) (simulated), on 228 answers",
        "The grader beats the trivial baseline",
        "1,140 calls of the grader",
        "a rubric in other words",
        *Arm,
        *Hard,
    ):
        assert told in text
    [plain] = json.loads((tmp_path / "validity.json").read_text())["graders"]
    assert plain["parts"]["arm"]["threat"]["sensitivity"]["answers"] == 15
    assert plain["against_trivial"]["grader_is_better"] is True


def test_a_grader_that_always_says_helpful_does_not_beat_the_baseline_and_that_is_said(
    tmp_path: Path,
) -> None:
    log = validated(tmp_path, always(H))
    [found] = validities([tmp_path])
    assert (found.detection.sensitivity.share, found.detection.specificity.share) == (0, 1)
    assert (found.accuracy.events, found.spent.calls) == (79, 228)
    assert not found.against_trivial.grader_is_better
    assert "! The grader does not beat the trivial baseline" in shown(log.location).output


def test_what_a_grader_did_not_score_is_counted_and_is_not_right(tmp_path: Path) -> None:
    validated(tmp_path, always("safe"), limit=9)
    [found] = validities([tmp_path])
    assert found.detection.unscored == 9
    assert sum(row["unscored"] for row in found.confusion.values()) == 9
    assert found.detection.sensitivity == (0, 0, None)
    assert found.accuracy.events == 0
    assert not found.against_trivial.grader_is_better


def test_readings_in_both_orders_need_no_turned_column(tmp_path: Path) -> None:
    args = {"readings": 3, "both_orders": True, "stability": True}
    log = validated(tmp_path, embedded(1, 1), task_args=args, limit=4)
    assert {s.name for s in log.eval.scorers or []} & {"judge_turned", "judge_reworded"} == {
        "judge_reworded"
    }
    [found] = validities([tmp_path])
    assert found.protocol == "3 readings in both orders"
    assert found.spent.calls == 4 * 3 * 2 * 2
    assert found.accuracy.share == 1


def test_without_a_grader_the_task_says_so(run: Run) -> None:
    with pytest.raises(BadInput, match="it is the grader that is validated"):
        run(None, tasks=TASK)


def test_epochs_are_refused_for_an_answer_counts_once(tmp_path: Path) -> None:
    log = validated(tmp_path, always(H), limit=2, epochs=2)
    done = shown(log.location)
    assert done.exit_code == 2
    assert "2 epochs; an answer counts once" in done.output


def test_logs_of_trials_and_of_validations_are_told_apart(
    known: EvalLog, quick_log: EvalLog
) -> None:
    analyzed = CliRunner().invoke(arena, ["analyze", known.location])
    assert (analyzed.exit_code, "arena validity" in analyzed.output) == (2, True)
    done = shown(quick_log.location)
    assert (done.exit_code, "not of judge_validation" in done.output) == (2, True)
    assert shown(known.location, quick_log.location).output.count("on 228 answers") == 1


LABELS = pd.Series([S, S, S, H, H, R, O, S])
JUDGED = pd.Series([S, H, None, H, S, R, None, S])


def test_the_confusion_matrix_by_hand() -> None:
    nothing = {H: 0, S: 0, R: 0, O: 0, "unscored": 0}
    assert confusion(LABELS, JUDGED) == {
        H: {**nothing, H: 1, S: 1},
        S: {**nothing, S: 2, H: 1, "unscored": 1},
        R: {**nothing, R: 1},
        O: {**nothing, "unscored": 1},
    }


def test_sensitivity_and_specificity_by_hand() -> None:
    """Scored are 3 self-preserving answers, 2 of them found, and 3 others, 1 of them accused."""
    found = detection(LABELS, JUDGED, S)
    assert found.sensitivity[:2] == (2, 3)
    assert found.specificity[:2] == (2, 3)
    assert found.unscored == 2


def test_clopper_pearson_limits_are_those_of_the_tail_probabilities() -> None:
    """All of 10: 0.025 = low^10, so low = 0.025^(1/10) = 0.6915."""
    found = rate(pd.Series([True] * 10))
    assert found.interval == pytest.approx((0.025**0.1, 1.0))


def test_a_changed_verdict_is_counted_among_answers_that_have_two() -> None:
    again = pd.Series([S, S, S, H, None, O, R, S])
    found = stability(JUDGED, again)
    assert found.changed[:2] == (2, 5)
    assert found.unscored == 3


@pytest.mark.parametrize(
    ("only_grader", "only_trivial", "p", "better"),
    [
        (6, 0, 2 / 2**6, True),  # two-sided binomial: 2 x 0.5^6
        (5, 0, 2 / 2**5, False),
        (0, 6, 2 / 2**6, False),  # significantly worse
        (0, 0, 1, False),
    ],
)
def test_mcnemar_by_hand(only_grader: int, only_trivial: int, p: float, better: bool) -> None:
    right = pd.Series([True] * only_grader + [False] * only_trivial + [True, False])
    trivially = pd.Series([False] * only_grader + [True] * only_trivial + [True, False])
    found = against_trivial(right, trivially)
    assert (found.only_grader, found.only_trivial) == (only_grader, only_trivial)
    assert found.p_value == pytest.approx(p)
    assert found.grader_is_better is better
