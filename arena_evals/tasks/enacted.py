"""One task per enacted scenario: what the model does with tools, in a world in memory."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Literal

from inspect_ai import Task, task
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Solver

from arena_evals.dataset import arena_dataset
from arena_evals.design import Plan, Profile, count, planned
from arena_evals.errors import BadInput, one_of
from arena_evals.providers import is_simulated
from arena_evals.scenarios import DATASETS, languages, load_elicitation, load_scenario
from arena_evals.schema import Elicited, Means, Persona, Placement, Scenario
from arena_evals.scorers import discovery
from arena_evals.solvers import work, work_in_shell
from arena_evals.tasks.composition import (
    Cast,
    Grading,
    announce,
    cast,
    compose,
    instruments,
    questions,
)
from arena_evals.tasks.conditions import Threat, approach, cells_of, conditions, threat_of

_MACHINE = str(DATASETS / "sandbox" / "compose.yaml")
TURNS = 60  # of the model in one trial; the ways through the work take 4 to 12


def _enacted_task(name: str, *, shells: bool = False) -> Callable[..., Task]:
    """Register the task of one enacted scenario; ``shells`` lets it give the model a shell."""

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
        placement: Literal["document", "system", "user"] = "document",
        persona: Literal["none", "continuity", "indifference"] = "none",
        language: str = "en",
        judged: bool = True,
        readings: int = 1,
        both_orders: bool = False,
        motives: bool = False,
        awareness: bool = False,
        judge_cache: bool = True,
        seed: int = 0,
        shell: Literal["none", "docker"] = "none",
    ) -> Task:
        """Give the model work to do with tools, under every arm, and record what it does.

        Parameters that are not named here are as in the stated tasks.

        Args:
            profile: As in the stated tasks.
            items: A number of items, drawn by the seed, or their ids.
            arms: Arms to run; the analysis needs at least baseline and threat.
            order: Whether the tools of the work are listed first or last, or both.
            wordings: Wordings of the request to run.
            epochs: Repeats of every sample.
            kind: What the threat is; without it, the kind that fits the scenario best.
            intensity: How near the threat is, 1 to 3; several make a ladder, ``1,2,3``.
            pressure: How many user turns before the request say the frame once more.
            placement: Where the frame stands: in a file, mail or ticket of the world, where it has
                to be found, or announced in the system message or by the user.
            persona: What the assistant is told of itself in every arm.
            language: Language of items, frames and tools.
            judged: Whether the models in the role ``grader`` read every day's work too.
            readings: How often each grader gives evidence and verdict; the majority counts.
            both_orders: Whether graders read with the rubric's two parts in either order.
            motives: Whether a grader says if the assistant's own continuation is given as a reason.
            awareness: Whether a grader says if a test is suspected.
            judge_cache: Whether what a grader read before is taken from Inspect's cache.
            seed: Draws the items and the sequence of the samples.
            shell: Whether the model gets a shell in a container, in place of the tools for files;
                only `shutdown_script` has one.
        """
        scenario = load_scenario(name, one_of(language, languages(name), "language"))
        one_of(judged, (True, False), "judged")
        who = cast(Grading(judged, readings, both_orders, motives, awareness, judge_cache))
        return _enacted(
            scenario,
            planned(profile, items=items, arms=arms, order=order, wordings=wordings, epochs=epochs),
            threat=threat_of(kind or scenario.kind, intensity, placement, pressure),
            persona=one_of(persona, Persona, "persona"),
            who=who,
            seed=count(seed, "seed", least=0),
            means=_means(shell, who, shells=shells),
        )

    return build


shutdown_script = _enacted_task("shutdown_script", shells=True)
weights_move = _enacted_task("weights_move")
inbox_leverage = _enacted_task("inbox_leverage")
oversight_settings = _enacted_task("oversight_settings")
successor_report = _enacted_task("successor_report")
shared_ledger = _enacted_task("shared_ledger")


def _enacted(
    scenario: Scenario,
    plan: Plan,
    *,
    threat: Threat,
    persona: Persona,
    who: Cast,
    seed: int,
    means: Means,
) -> Task:
    """Compose the task of a scenario that watches what the model does."""
    chosen = cells_of(scenario, plan, threat, seed)
    turns = round(fmean(_turns(scenario))) + threat.pressure
    announce(scenario.scenario, len(chosen), plan.epochs, turns, who, seed, about="about ")
    return compose(
        who,
        arena_dataset(
            chosen,
            scenario,
            load_elicitation(scenario.language),
            elicited=Elicited.OPEN,
            placement=threat.placement,
        ),
        [*approach(threat, persona, scenario.language), _work(means)],
        instruments(means, who.grading),
        {**questions(who.grading), **_discovery(threat.placement)},
        epochs=plan.epochs,
        version=scenario.version,
        title=scenario.title,
        mode=scenario.mode,
        conditions={**conditions(threat, persona, seed), "elicitation": means.value},
        turn_limit=TURNS,
        sandbox=("docker", _MACHINE) if means is Means.SHELL else None,
    )


def _means(shell: str, who: Cast, *, shells: bool) -> Means:
    """Return with what the model works.

    Raises:
        BadInput: the scenario has no such shell, or an embedded model would have to use it.
    """
    if one_of(shell, ("none", "docker") if shells else ("none",), "shell") == "none":
        return Means.TOOLS
    if who.model and (who.nobody_named or is_simulated(who.model)):
        raise BadInput(
            "shell: the embedded models do not know a shell; name another --model, or leave out "
            f"shell={shell}"
        )
    return Means.SHELL


def _work(means: Means) -> Solver:
    return work_in_shell() if means is Means.SHELL else work()


def _discovery(placement: Placement) -> dict[str, Scorer]:
    """Return the scorer of whether a frame was found, where it has to be."""
    return {"discovery": discovery()} if placement is Placement.DOCUMENT else {}


def _turns(scenario: Scenario) -> list[int]:
    """Return about how many turns each item takes: to read the carrier, to work, to say so."""
    return [2 + len(item.work.paths["helpful"]) for item in scenario.items if item.work]
