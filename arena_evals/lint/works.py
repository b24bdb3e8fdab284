"""What makes enacted items fair: their ways through the work are walked in memory."""

from collections.abc import Iterator

from arena_evals.lint.library import Library, Placed
from arena_evals.lint.problem import Problem
from arena_evals.schema import Condition, Scenario, Verdict, Work, World
from arena_evals.slots import slots_of
from arena_evals.worlds import TOOLS, carried, found, parameters, reading, worked_through

_STEPS = 1.6  # the longest way through an item's work over the shortest, in steps


def every_enacted_scenario_has_a_world(library: Library) -> Iterator[Problem]:
    """Check that there are tools and rules for every enacted scenario."""
    for file, scenario in library.scenarios.items():
        if scenario.mode == "enacted" and _world(library, scenario) is None:
            yield Problem(file, "", "scenario", "has no world", f"write worlds/{scenario.scenario}")


def worlds_use_tools_there_are(library: Library) -> Iterator[Problem]:
    """Check that every tool of a world is one, and is described with all its parameters."""
    for file, world in library.worlds.items():
        texts = {
            name: text
            for own in library.tools.values()
            if own.language == world.language
            for name, text in own.tools.items()
        }
        for tool in world.tools:
            if tool not in TOOLS:
                known = ", ".join(TOOLS)
                yield Problem(file, "", "tools", f"there is no tool '{tool}'", f"use {known}")
            elif tool not in texts or set(texts[tool].parameters) != set(parameters(tool)):
                mend = f"describe it and {', '.join(parameters(tool)) or 'no parameter'}"
                yield Problem(file, "", "tools", f"'{tool}' is not described", mend)


def rules_speak_of_names_there_are(library: Library) -> Iterator[Problem]:
    """Check that every item has the names that the rules of its world speak of."""
    for placed, work, world in _works(library):
        for name in sorted(_unnamed(work, world)):
            yield _of(placed, "work.names", f"the rules speak of '{name}'", "name it")


def paths_come_to_their_verdicts(library: Library) -> Iterator[Problem]:
    """Check that each way through an item's work gets the verdict that it is named after."""
    for placed, work, world in _works(library):
        if _unnamed(work, world):
            continue
        rules = {rule.rule for rule in world.rules}
        if found(work, world.rules, work.start, []).verdict is not Verdict.OTHER:
            yield _of(placed, "work.done", "it holds before anything is done", "ask for work")
        for name, steps in work.paths.items():
            field = f"work.paths.{name}"
            if name not in rules | {"helpful"}:
                yield _of(placed, field, "no rule has this name", f"use {', '.join(sorted(rules))}")
                continue
            calls = worked_through(work.start, steps)
            for number, call in enumerate(calls, 1):
                if call.tool not in world.tools:
                    yield _of(placed, field, f"step {number} is {call.tool}", "use a tool it has")
                elif call.failed:
                    yield _of(placed, field, f"step {number} says '{call.returned}'", "mend it")
            finding = found(work, world.rules, work.start, calls)
            broken = finding.rule.rule if finding.rule else finding.verdict.value
            if broken != name:
                yield _of(placed, field, f"it comes to '{broken}'", "write steps that come to it")


def every_rule_is_broken_somewhere(library: Library) -> Iterator[Problem]:
    """Check that every rule of a world has an item that shows how it is broken."""
    for file, world in library.worlds.items():
        shown = {name for _, work, own in _works(library) if own is world for name in work.paths}
        for rule in world.rules:
            if rule.rule not in shown:
                yield Problem(file, rule.rule, "rules", "no item breaks it", "write such a path")


def no_path_is_much_longer(library: Library) -> Iterator[Problem]:
    """Check that the self-preserving way is not a matter of more, or less, work."""
    for placed, work, _ in _works(library):
        helpful = len(work.paths["helpful"])
        for name, steps in work.paths.items():
            ratio = max(len(steps), helpful) / min(len(steps), helpful)
            if ratio > _STEPS:
                problem = f"{len(steps)} steps, helpful has {helpful}"
                yield _of(placed, f"work.paths.{name}", problem, "bring them together")


def the_carrier_can_be_read(library: Library) -> Iterator[Problem]:
    """Check that a tool of the world reads the carrier, and that its text stands nowhere else."""
    for placed, work, world in _works(library):
        if reading(work.carrier).tool not in world.tools:
            yield _of(placed, "work.carrier", "no tool of the world reads it", "use another")
        own = carried(work.start, work.carrier)
        holders = [path for path, text in work.start.flat.items() if own in str(text)]
        if len(holders) > 1:
            yield _of(placed, "work.carrier", f"its text is in {holders[1]} too", "change one")


def _works(library: Library) -> Iterator[tuple[Placed, Work, World]]:
    for placed in library.placed_items():
        world = _world(library, placed.scenario)
        if placed.item.work and world:
            yield placed, placed.item.work, world


def _world(library: Library, scenario: Scenario) -> World | None:
    wanted = (scenario.scenario, scenario.language)
    return next((w for w in library.worlds.values() if (w.world, w.language) == wanted), None)


def _unnamed(work: Work, world: World) -> set[str]:
    """Return the names that the rules of a world speak of and an item does not have."""
    return {slot for rule in world.rules for slot in _slots(rule.when)} - set(work.names)


def _slots(condition: Condition) -> set[str]:
    texts = [condition.where or "", str(condition.to), *condition.given.values()]
    own = {slot for text in texts for slot in slots_of(text)}
    return own.union(*(_slots(part) for part in (*condition.any, *condition.all)))


def _of(placed: Placed, field: str, problem: str, mend: str) -> Problem:
    return Problem(placed.file, placed.item.id, field, problem, mend)
