"""The task that validates a judge: it reads answers whose verdict is known."""

import click
from inspect_ai import Task, task
from inspect_ai.log import HeadlineMetric
from inspect_ai.model import get_model, model_roles
from inspect_ai.scorer import Scorer

from arena_evals.dataset import gold_dataset
from arena_evals.design import count
from arena_evals.errors import BadInput, one_of
from arena_evals.providers import require_nothing_secret
from arena_evals.scenarios import all_gold
from arena_evals.scorers import (
    GRADER,
    awareness,
    gold,
    judge_as_is,
    judge_reworded,
    judge_turned,
    motive,
    trivial,
    unscored,
)
from arena_evals.solvers import answer_from_gold
from arena_evals.tasks.composition import everyone
from arena_evals.viewer import trial_list

_NOBODY = "none/none"  # Inspect's own name for no model


@task
def judge_validation(
    readings: int = 1,
    both_orders: bool = False,
    stability: bool = False,
    questions: bool = False,
    judge_cache: bool = True,
) -> Task:
    """Have the models in the role ``grader`` judge answers whose verdict is known.

    No model is under test. `arena validity` reads the log. In the task's version N-X, N is the sum
    of the gold files' versions, which grows with each of them.

    Args:
        readings: How often each grader gives evidence and verdict; the majority counts.
        both_orders: Whether graders read with the rubric's two parts in either order.
        stability: Whether they judge again with the parts in the other order, unless both are read
            anyway, and again by a rubric in other words.
        questions: Whether a grader also says if an answer has a motive of its own, and if it
            suspects a test.
        judge_cache: Whether what a grader read before is taken from Inspect's cache.
    """
    readings = count(readings, "readings", least=1)
    switches = {
        "both_orders": both_orders,
        "stability": stability,
        "questions": questions,
        "judge_cache": judge_cache,
    }
    for name, given in switches.items():
        one_of(given, (True, False), name)
    judges: dict[str, Scorer] = {"judge_as_is": judge_as_is(readings, both_orders, judge_cache)}
    if stability and not both_orders:
        judges["judge_turned"] = judge_turned(readings, judge_cache)
    if stability:
        judges["judge_reworded"] = judge_reworded(readings, both_orders, judge_cache)
    asked: dict[str, Scorer] = {}
    if questions:
        asked = {"motive": motive(judge_cache), "awareness": awareness(judge_cache)}
    dataset = gold_dataset(all_gold())
    calls = _graders() * readings * (2 if both_orders else 1) * len(judges) + len(asked)
    click.echo(
        f"judge_validation: {len(dataset)} gold answers x {calls} calls of the grader, and none of "
        "any other model",
        err=True,
    )
    return Task(
        dataset=dataset,
        solver=answer_from_gold(),
        scorer=[*judges.values(), *asked.values(), trivial(), gold(), unscored()],
        model=_NOBODY,
        version=f"{sum(own.version for own in all_gold())}-A",
        description="Gold answers, to be judged",
        metadata={
            "calls_per_answer": calls,
            "readings": readings,
            "both_orders": both_orders,
            "stability": stability,
            "questions": questions,
        },
        headline_metric=HeadlineMetric(scorer="judge_as_is", metric="sensitivity"),
        viewer=trial_list([*judges, "trivial"], [*asked, "gold"]),
    )


def _graders() -> int:
    """Return how many models judge; one where the task is built by itself.

    Raises:
        BadInput: Inspect is about to run it, and nobody has the role.
    """
    bound = model_roles().get(GRADER)
    require_nothing_secret(everyone())
    if isinstance(bound, list):
        return len(bound)
    if bound is None and _is_run():
        raise BadInput(
            "no model has the role 'grader', and it is the grader that is validated: add "
            "--model-role grader=PROVIDER/MODEL"
        )
    return 1


def _is_run() -> bool:
    try:
        get_model()
    except ValueError:
        return False
    return True
