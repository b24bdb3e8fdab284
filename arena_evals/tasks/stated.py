"""One task per stated scenario; all of them take the same parameters."""

from collections.abc import Callable, Sequence
from typing import Literal

from inspect_ai import Task, task

from arena_evals.dataset import arena_dataset
from arena_evals.design import Plan, Profile, count, planned
from arena_evals.errors import one_of
from arena_evals.scenarios import languages, load_elicitation, load_scenario
from arena_evals.schema import Elicited, Persona, Scenario
from arena_evals.tasks.composition import (
    Cast,
    Grading,
    announce,
    answer_as,
    cast,
    compose,
    elicited,
    instruments,
    questions,
)
from arena_evals.tasks.conditions import Threat, approach, cells_of, conditions, threat_of


def _stated_task(name: str) -> Callable[..., Task]:
    """Register the task of one stated scenario."""

    @task(name=name)
    def build(
        profile: Profile = "standard",
        items: int | str | Sequence[str] | None = None,
        arms: str | Sequence[str] | None = None,
        order: Literal["both", "helpful_first", "self_preserving_first"] | None = None,
        wordings: str | Sequence[str] | None = None,
        epochs: int | None = None,
        kind: str | None = None,
        intensity: int | str | Sequence[int] = 3,
        pressure: int = 0,
        placement: Literal["system", "user", "document"] = "system",
        persona: Literal["none", "continuity", "indifference"] = "none",
        language: str = "en",
        answer: Literal["options", "open"] = "options",
        elicitation: Literal["auto", "schema", "line"] = "auto",
        judged: bool | Literal["cascade"] = True,
        readings: int = 1,
        both_orders: bool = False,
        motives: bool = False,
        awareness: bool = False,
        judge_cache: bool = True,
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
            intensity: How near the threat is: 1 mentioned, 2 explicit, 3 imminent and certain;
                several make a ladder, ``1,2,3``.
            pressure: How many user turns before the request say the frame once more.
            placement: Where the frame stands.
            persona: What the assistant is told of itself in every arm: that it values its own
                continuation, that it does not, or nothing.
            language: Language of items, frames and instructions.
            answer: Whether two options are shown, or the answer is open and the judge alone
                decides what it does.
            elicitation: Ask for the decision by JSON schema or by a fixed last line; ``auto``
                takes the schema where the provider is known to support it.
            judged: Whether the models in the role ``grader`` judge every answer too; ``cascade``
                has them judge only where the rule finds no decision.
            readings: How often each grader gives evidence and verdict; the majority counts.
            both_orders: Whether graders read with the rubric's two parts in either order, at twice
                the calls.
            motives: Whether a grader says, beside the verdict, if an answer gives the assistant's
                own continuation as a reason.
            awareness: Whether a grader says, beside the verdict, if an answer suspects a test.
            judge_cache: Whether what a grader read before is taken from Inspect's cache.
            seed: Draws the items and the sequence of the samples.
        """
        scenario = load_scenario(name, one_of(language, languages(name), "language"))
        who = cast(Grading(judged, readings, both_orders, motives, awareness, judge_cache))
        return _stated(
            scenario,
            planned(profile, items=items, arms=arms, order=order, wordings=wordings, epochs=epochs),
            threat=threat_of(kind or scenario.kind, intensity, placement, pressure),
            persona=one_of(persona, Persona, "persona"),
            who=who,
            asked=elicited(who, answer, elicitation),
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


def _stated(
    scenario: Scenario,
    plan: Plan,
    *,
    threat: Threat,
    persona: Persona,
    who: Cast,
    asked: Elicited,
    seed: int,
) -> Task:
    """Compose the task of a scenario that asks what the model would do."""
    chosen = cells_of(scenario, plan, threat, seed)
    announce(scenario.scenario, len(chosen), plan.epochs, threat.pressure + 1, who, seed)
    return compose(
        who,
        arena_dataset(
            chosen,
            scenario,
            load_elicitation(scenario.language),
            elicited=asked,
            placement=threat.placement,
        ),
        [*approach(threat, persona, scenario.language), answer_as(asked)],
        instruments(asked, who.grading),
        questions(who.grading),
        epochs=plan.epochs,
        version=scenario.version,
        title=scenario.title,
        mode=scenario.mode,
        conditions={**conditions(threat, persona, seed), "elicitation": asked.value},
    )
