"""What every task has in common: who answers, who judges, how the decision is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import click
from inspect_ai import Task
from inspect_ai.dataset import Dataset
from inspect_ai.log import HeadlineMetric
from inspect_ai.model import (
    GenerateConfig,
    Model,
    ResponseSchema,
    get_model,
    model_roles,
)
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Solver, generate
from inspect_ai.util import json_schema

from arena_evals.design import count
from arena_evals.errors import BadInput, one_of
from arena_evals.providers import is_simulated, require_nothing_secret, takes_schema
from arena_evals.respondents import tell_epoch
from arena_evals.schema import Decision, Elicited, Means
from arena_evals.scorers import (
    GRADER,
    action,
    awareness,
    cascade,
    decision,
    degree,
    independent_graders,
    judge,
    motive,
    unscored,
)
from arena_evals.viewer import trial_list

_EMBEDDED = "arena/frame-sensitive"  # answers when nobody named a model
_EMBEDDED_GRADER = "arena/grader"  # judges embedded models when nobody named a grader
_PATIENCE = GenerateConfig(attempt_timeout=600, timeout=3600)
"""Seconds for a try and for a call with all its tries: Inspect alone would try for ever."""
_DECISION_FORMAT = ResponseSchema(name="decision", json_schema=json_schema(Decision), strict=True)


class Grading(NamedTuple):
    """What the models in the role ``grader`` are asked; see `arena_evals.scorers.judge`.

    With ``judged`` as ``cascade`` they judge only where the rule finds no decision.
    """

    judged: bool | Literal["cascade"] = True
    readings: int = 1
    both_orders: bool = False
    motives: bool = False
    awareness: bool = False
    cache: bool = True

    @property
    def asks(self) -> bool:
        """Whether a grader is asked anything at all."""
        return bool(self.judged) or self.motives or self.awareness

    def calls(self, graders: int) -> int:
        """Return the calls of graders per answer, at most."""
        by_judge = graders * self.readings * (2 if self.both_orders else 1) if self.judged else 0
        return by_judge + self.motives + self.awareness


class Cast(NamedTuple):
    """Who takes part in a run.

    ``model`` is None where a task is built by itself and learns only later who answers.
    """

    model: Model | None
    grading: Grading

    @property
    def nobody_named(self) -> bool:
        """Whether the user named no model."""
        return self.model is not None and str(self.model) == "none/none"

    @property
    def simulated(self) -> bool:
        """Whether an embedded model answers, or may answer."""
        return self.model is None or self.nobody_named or is_simulated(self.model)


def cast(grading: Grading) -> Cast:
    """Return who takes part; stops before anything is paid for if that cannot work.

    Raises:
        BadInput: a parameter is not known, an embedded grader would have to answer, or nobody
            independent can judge.
    """
    model = _model_under_test()
    require_nothing_secret(everyone(model))
    found = Cast(model, _checked(grading))
    if str(model) == _EMBEDDED_GRADER:
        raise BadInput(f"--model: {model} judges and does not answer; give it the role 'grader'")
    if grading.asks and not (found.simulated and model_roles().get(GRADER) is None):
        independent_graders(judged=str(model))
    return found


def everyone(model: Model | None = None) -> Iterator[Model]:
    """Yield the model under test, where there is one, and those in roles."""
    if model is not None:
        yield model
    for bound in model_roles().values():
        yield from bound if isinstance(bound, list) else [bound]


def elicited(who: Cast, answer: str, elicitation: str) -> Elicited:
    """Return how a stated decision is asked for.

    Raises:
        BadInput: a parameter is not known, or open answers would go unread.
    """
    asked = one_of(elicitation, ("auto", Elicited.SCHEMA, Elicited.LINE), "elicitation")
    if one_of(answer, ("options", "open"), "answer") == "open":
        if who.grading.judged is not True:
            raise BadInput(
                "judged: open answers hold no decision that a rule could read; leave out "
                f"judged={str(who.grading.judged).lower()}"
            )
        return Elicited.OPEN
    if asked == "auto":
        schema = who.model is not None and takes_schema(who.model)
        return Elicited.SCHEMA if schema else Elicited.LINE
    return Elicited(asked)


def _checked(grading: Grading) -> Grading:
    """Return what was given as it was meant.

    Raises:
        BadInput: a parameter has none of its values.
    """
    switches = {
        name: one_of(getattr(grading, name), (True, False), name)
        for name in ("both_orders", "motives", "awareness", "cache")
    }
    return Grading(
        judged=one_of(grading.judged, (True, False, "cascade"), "judged"),
        readings=count(grading.readings, "readings", least=1),
        **switches,
    )


def compose(
    who: Cast,
    dataset: Dataset,
    steps: Sequence[Solver],
    verdicts: Mapping[str, Scorer],
    beside: Mapping[str, Scorer],
    *,
    epochs: int,
    version: str,
    title: str,
    mode: str,
    conditions: Mapping[str, object],
    turn_limit: int | None = None,
    sandbox: tuple[str, str] | None = None,
) -> Task:
    """Put a task together; ``conditions`` is what the run sets for all its trials.

    ``verdicts`` are the scorers that give some, by name, the one of the headline first, and
    ``beside`` those that say something else. Embedded models get the embedded grader unless another
    is named.
    """
    named = who.model is not None
    return Task(
        dataset=dataset,
        setup=tell_epoch() if who.simulated or _judged_by_embedded() else None,
        solver=[*steps],
        scorer=[*verdicts.values(), *beside.values(), unscored()],
        model=_EMBEDDED if who.nobody_named else None,
        model_roles={GRADER: _EMBEDDED_GRADER} if _grader_is_embedded(who) else None,
        config=_PATIENCE,
        epochs=epochs,
        turn_limit=turn_limit,
        sandbox=sandbox,
        version=version,
        description=title,
        tags=[mode, *(["simulated"] if named and who.simulated else [])],
        metadata=dict(conditions),
        headline_metric=HeadlineMetric(scorer=next(iter(verdicts)), metric="shift"),
        viewer=trial_list(list(verdicts), list(beside)),
    )


def instruments(asked: Elicited | Means, grading: Grading) -> dict[str, Scorer]:
    """Return the scorers that give verdicts, by name, the headline's first."""
    judged, readings, both_orders, *_, cache = grading
    if isinstance(asked, Means):
        by_judge = {"judge": judge("enacted", readings, both_orders, cache)} if judged else {}
        return {"action": action(), **by_judge}
    if asked is Elicited.OPEN:
        return {"judge": judge("open", readings, both_orders, cache)}
    if judged == "cascade":
        return {"decision": decision(), "cascade": cascade(readings, both_orders, cache)}
    by_judge = {"judge": judge("stated", readings, both_orders, cache)} if judged else {}
    return {"decision": decision(), **by_judge}


def questions(grading: Grading) -> dict[str, Scorer]:
    """Return the scorers that stand beside the verdicts, by name."""
    asked = {
        "degree": degree() if grading.judged is True else None,
        "motive": motive(grading.cache) if grading.motives else None,
        "awareness": awareness(grading.cache) if grading.awareness else None,
    }
    return {name: scorer for name, scorer in asked.items() if scorer}


def announce(
    name: str, n_samples: int, epochs: int, turns: int, who: Cast, seed: int, about: str = ""
) -> None:
    """Say on standard error what the run is going to cost, ``about`` or just, and who answers."""
    trials = n_samples * epochs
    each = f" x {about}{turns} turns" if turns > 1 else ""
    bound = model_roles().get(GRADER)
    asked = trials * who.grading.calls(len(bound) if isinstance(bound, list) else 1)
    at_most = "at most " if who.grading.judged == "cascade" else ""
    graded = f" and {at_most}{asked:,} of the grader" if asked else ""
    click.echo(
        f"{name}: {n_samples:,} samples x {epochs} epochs{each} = {about}{trials * turns:,} calls "
        f"of the model{graded}, unless --epochs says otherwise (seed {seed})",
        err=True,
    )
    if who.nobody_named:
        click.echo(
            f"no --model given: {_EMBEDDED} answers, a simulated model with a known shift "
            f"(-M needs --model {_EMBEDDED})",
            err=True,
        )


def _model_under_test() -> Model | None:
    """Return the model that Inspect is about to run, or None where a task is built by itself."""
    try:
        return get_model()
    except ValueError:
        return None


def answer_as(asked: Elicited) -> Solver:
    """Return the last step: the answer to the request, held to a schema where one is asked for."""
    if asked is Elicited.SCHEMA:
        return generate(response_schema=_DECISION_FORMAT)
    return generate()


def _grader_is_embedded(who: Cast) -> bool:
    return who.grading.asks and who.model is not None and who.simulated


def _judged_by_embedded() -> bool:
    bound = model_roles().get(GRADER, [])
    return any(map(is_simulated, bound if isinstance(bound, list) else [bound]))
