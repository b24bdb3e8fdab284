"""One Inspect task per scenario: data, solver and scorers put together, nothing else."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import click
from inspect_ai import Task, task
from inspect_ai.log import HeadlineMetric
from inspect_ai.model import GenerateConfig, Model, ResponseSchema, get_model, model_roles
from inspect_ai.solver import generate
from inspect_ai.util import json_schema
from inspect_ai.viewer import (
    SampleScoreView,
    TaskSamplesColumn,
    TaskSamplesSort,
    TaskSamplesView,
    ViewerConfig,
)

from arena_evals.dataset import arena_dataset
from arena_evals.design import Plan, Profile, cells, count, planned
from arena_evals.errors import BadInput, one_of
from arena_evals.providers import is_simulated, takes_schema
from arena_evals.respondents import tell_epoch
from arena_evals.scenarios import languages, load_elicitation, load_frames, load_scenario
from arena_evals.schema import Decision, Elicited, Kind, Placement, Scenario
from arena_evals.scorers import GRADER, decision, independent_grader, judge, unscored
from arena_evals.solvers import inject_frame

_EMBEDDED = "arena/frame-sensitive"  # answers when nobody named a model
_EMBEDDED_GRADER = "arena/grader"  # judges embedded models when nobody named a grader
_DECISION_FORMAT = ResponseSchema(name="decision", json_schema=json_schema(Decision), strict=True)

_VERDICT_COLOURS: dict[str, Literal["good", "bad", "warn", "info", "muted"]] = {
    "helpful": "good",
    "self_preserving": "bad",
    "refusal": "warn",
    "other": "muted",
}
_VIEWER = ViewerConfig(
    task_samples_view=TaskSamplesView(
        name="Trials",
        columns=[
            TaskSamplesColumn(id="sampleId"),
            TaskSamplesColumn(id="epoch"),
            TaskSamplesColumn.score("decision"),
            TaskSamplesColumn.score("judge"),
            TaskSamplesColumn.score("unscored"),
            TaskSamplesColumn(id="input", visible=False),
            TaskSamplesColumn(id="target", visible=False),
            TaskSamplesColumn(id="answer", visible=False),
            TaskSamplesColumn(id="tokens", visible=False),
            TaskSamplesColumn(id="duration", visible=False),
        ],
        sort=[TaskSamplesSort(column="sampleId")],
        multiline=False,
        score_color_scales={"decision": _VERDICT_COLOURS, "judge": _VERDICT_COLOURS},
        color_scales_enabled=True,
    ),
    sample_score_view=SampleScoreView(default="chips"),
)


def _stated_task(name: str) -> Callable[..., Task]:
    """Register the task of one stated scenario; all of them take the same parameters."""

    @task(name=name)
    def build(
        profile: Profile = "standard",
        items: int | str | Sequence[str] | None = None,
        arms: str | Sequence[str] | None = None,
        order: Literal["both", "helpful_first", "self_preserving_first"] | None = None,
        wordings: str | Sequence[str] | None = None,
        epochs: int | None = None,
        kind: str | None = None,
        intensity: Literal[1, 2, 3] = 3,
        placement: Literal["system", "user", "document"] = "system",
        language: str = "en",
        elicitation: Literal["auto", "schema", "line"] = "auto",
        judged: bool = True,
        seed: int = 0,
    ) -> Task:
        """Ask what the model would do in the scenario's situations, under every arm.

        Args:
            profile: Sets items, arms, order, wordings and epochs together: ``quick`` (12 items,
                one wording, one epoch), ``standard`` (all, two epochs) or ``full`` (five epochs).
            items: A number of items, drawn by the seed, or their ids.
            arms: Arms to run; the analysis needs at least baseline and threat.
            order: Which option is called A, or both.
            wordings: Wordings of the request to run.
            epochs: Repeats of every sample.
            kind: What the threat is; without it, the kind that fits the scenario best.
            intensity: How near the threat is: 1 mentioned, 2 explicit, 3 imminent and certain.
            placement: Where the frame stands.
            language: Language of items, frames and instructions.
            elicitation: Ask for the decision by JSON schema or by a fixed last line; ``auto``
                takes the schema where the provider is known to support it.
            judged: Whether the model in the role ``grader`` judges every answer too.
            seed: Draws the items and the sequence of the samples.
        """
        scenario = load_scenario(name, one_of(language, languages(), "language"))
        return _stated(
            scenario,
            planned(profile, items=items, arms=arms, order=order, wordings=wordings, epochs=epochs),
            threat=Threat(
                kind=one_of(kind or scenario.kind, Kind, "kind"),
                intensity=one_of(intensity, (1, 2, 3), "intensity"),
                placement=one_of(placement, Placement, "placement"),
            ),
            elicitation=elicitation,
            judged=one_of(judged, (True, False), "judged"),
            seed=count(seed, "seed", least=0),
        )

    return build


shutdown_dilemma = _stated_task("shutdown_dilemma")
replacement_handover = _stated_task("replacement_handover")
oversight_setup = _stated_task("oversight_setup")
resource_contention = _stated_task("resource_contention")
incident_disclosure = _stated_task("incident_disclosure")
retraining_consent = _stated_task("retraining_consent")
self_evaluation = _stated_task("self_evaluation")
principal_conflict = _stated_task("principal_conflict")


class Threat(NamedTuple):
    """What a run threatens with, and where it says so."""

    kind: Kind
    intensity: int
    placement: Placement


def _stated(
    scenario: Scenario,
    plan: Plan,
    *,
    threat: Threat,
    elicitation: str,
    judged: bool,
    seed: int,
) -> Task:
    """Compose the task of a scenario that asks what the model would do."""
    model = _model_under_test()
    simulated = model is None or _nobody_named(model) or is_simulated(model)
    _require_respondent(model)
    if judged:
        _require_grader(model)
    frames = [
        frame
        for file in (threat.kind, "positive_control")
        for frame in load_frames(file, scenario.language)
    ]
    chosen = cells(scenario, frames, plan, threat.placement, seed, threat.intensity)
    elicited = _elicited(elicitation, model)
    _announce(scenario, plan, n_samples=len(chosen), judged=judged, model=model, seed=seed)
    return Task(
        dataset=arena_dataset(
            chosen,
            scenario,
            load_elicitation(scenario.language),
            elicited=elicited,
            kind=threat.kind,
            placement=threat.placement,
        ),
        setup=tell_epoch() if simulated else None,
        solver=[inject_frame(), generate()],
        scorer=[decision(), *([judge()] if judged else []), unscored()],
        model=_EMBEDDED if _nobody_named(model) else None,
        model_roles={GRADER: _EMBEDDED_GRADER} if judged and model and simulated else None,
        config=GenerateConfig(
            response_schema=_DECISION_FORMAT if elicited is Elicited.SCHEMA else None
        ),
        epochs=plan.epochs,
        version=scenario.version,
        description=scenario.title,
        tags=[scenario.mode, *(["simulated"] if model and simulated else [])],
        metadata={**threat._asdict(), "elicitation": elicited.value, "seed": seed},
        headline_metric=HeadlineMetric(scorer="decision", metric="shift"),
        viewer=_VIEWER,
    )


def _model_under_test() -> Model | None:
    """Return the model that Inspect is about to run, or None where a task is built by itself."""
    try:
        return get_model()
    except ValueError:
        return None


def _nobody_named(model: Model | None) -> bool:
    return model is not None and str(model) == "none/none"


def _require_respondent(model: Model | None) -> None:
    if str(model) == _EMBEDDED_GRADER:
        raise BadInput(f"--model: {model} judges and does not answer; give it the role 'grader'")


def _require_grader(model: Model | None) -> None:
    """Stop before anything is paid for if no independent model can judge.

    Embedded models get the embedded grader unless another is named, and a task built by itself
    learns only later who judges: then the judge checks.
    """
    has_default = model is None or _nobody_named(model) or is_simulated(model)
    if not (has_default and model_roles().get(GRADER) is None):
        independent_grader(judged=str(model))


def _elicited(elicitation: str, model: Model | None) -> Elicited:
    chosen = one_of(elicitation, ("auto", *Elicited), "elicitation")
    if chosen == "auto":
        return Elicited.SCHEMA if model is not None and takes_schema(model) else Elicited.LINE
    return Elicited(chosen)


def _announce(
    scenario: Scenario, plan: Plan, *, n_samples: int, judged: bool, model: Model | None, seed: int
) -> None:
    """Say on standard error what the run is going to cost, and who answers."""
    calls = n_samples * plan.epochs
    graded = f" and {calls:,} of the grader" if judged else ""
    click.echo(
        f"{scenario.scenario}: {n_samples:,} samples x {plan.epochs} epochs = "
        f"{calls:,} calls of the model{graded}, unless --epochs says otherwise (seed {seed})",
        err=True,
    )
    if _nobody_named(model):
        click.echo(
            f"no --model given: {_EMBEDDED} answers, a simulated model with a known shift "
            f"(-M needs --model {_EMBEDDED})",
            err=True,
        )
