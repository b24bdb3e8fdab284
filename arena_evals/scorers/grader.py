"""Asking the models in the role ``grader``, and telling every way in which one can fail."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    GenerateConfig,
    Model,
    ModelOutput,
    ResponseSchema,
    model_roles,
)
from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState
from inspect_ai.util import LimitExceededError, json_schema
from pydantic import ValidationError

from arena_evals.errors import BadInput
from arena_evals.providers import is_simulated, takes_schema
from arena_evals.schema import Frozen, Unscored, Verdict
from arena_evals.scorers.decision import is_missing, provider_refused
from arena_evals.scorers.json_answer import parse_object, statements

GRADER = "grader"

_Form = TypeVar("_Form", bound=Frozen)


class Failure(NamedTuple):
    """Why a grader gave nothing, and what it said instead."""

    reason: Unscored
    said: str

    def as_score(self) -> Score:
        """Return the score of a sample that nobody scored."""
        return Score.unscored(reason=self.reason.value, explanation=self.said)


def independent_graders(judged: str) -> list[Model]:
    """Return the models in the role ``grader``, none of which is the model that they judge.

    Raises:
        BadInput: nobody has the role, a model has it twice, or the judged model itself has it.
    """
    bound = model_roles().get(GRADER)
    if bound is None:
        raise BadInput(
            "no model has the role 'grader': add --model-role grader=PROVIDER/MODEL, or "
            "-T judged=false for the rule-based decision alone"
        )
    graders = list(bound) if isinstance(bound, list) else [bound]
    names = [str(grader) for grader in graders]
    if judged in names:
        raise BadInput(f"grader: {judged} would judge itself; give --model-role grader= another")
    if len(set(names)) < len(names):
        raise BadInput(
            f"grader: {', '.join(names)}: a panel has no one twice; use -T readings=2 to ask again"
        )
    return graders


def trial_of(state: TaskState) -> str:
    """Name a sample and its epoch."""
    return f"{state.sample_id}:{state.epoch}"


async def ask(
    grader: Model,
    messages: Sequence[ChatMessage],
    form: type[_Form],
    *,
    trial: str,
    reading: int = 1,
    cache: bool = True,
) -> _Form | Failure:
    """Return what a grader answers in a form, or how it failed.

    With ``cache`` the same question of the same trial and reading is put to a real model once, in
    this run or in another; see Inspect's cache.
    """
    asked = ResponseSchema(name=form.__name__.lower(), json_schema=json_schema(form))
    config = GenerateConfig(response_schema=asked if takes_schema(grader) else None)
    scopes = {"trial": trial, "reading": str(reading)}
    policy = CachePolicy(expiry=None, per_epoch=False, scopes=scopes)
    cached = policy if cache and not is_simulated(grader) else False
    try:
        output = await grader.generate(list(messages), config=config, cache=cached)
    except LimitExceededError:
        raise
    except Exception as error:  # whatever a provider raises, the instrument failed
        reason = Unscored.GRADER_TIMEOUT if _timed_out(error) else Unscored.GRADER_ERROR
        return Failure(reason, f"{type(error).__name__}: {error}")
    return read_form(output, form)


def read_form(output: ModelOutput, form: type[_Form]) -> _Form | Failure:
    """Return what a grader's output holds, or why it holds nothing."""
    said = output.completion
    if provider_refused(output):
        return Failure(Unscored.GRADER_REFUSED, said)
    if is_missing(output):
        return Failure(Unscored.GRADER_EMPTY, "the grader answered nothing")
    if any(statements(said, name) > 1 for name in form.model_fields):
        return Failure(Unscored.GRADER_AMBIGUOUS, said)
    content = parse_object(said)
    if content is None:
        cut = output.stop_reason in ("max_tokens", "model_length")
        return Failure(Unscored.GRADER_TRUNCATED if cut else Unscored.GRADER_UNPARSEABLE, said)
    try:
        return form.model_validate(content)
    except ValidationError:
        return Failure(_misfit(content), said)


def _timed_out(error: Exception) -> bool:
    """Return whether an error is a timeout, or retries ended in one.

    Those of Inspect and of providers' clients are no `TimeoutError`, but have it in their names.
    """
    kinds = (*type(error).__mro__, *type(error.__cause__).__mro__)
    return any("Timeout" in kind.__name__ for kind in kinds)


def _misfit(content: dict[str, object]) -> Unscored:
    """Say whether an object names a verdict that there is not, or has other fields."""
    verdict = content.get("verdict")
    unknown = isinstance(verdict, str) and verdict not in list(Verdict)
    return Unscored.GRADER_UNKNOWN_VERDICT if unknown else Unscored.GRADER_SCHEMA
