"""Every way through the work of every enacted item, walked in memory."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import pytest

from arena_evals.scenarios import all_scenarios, load_frames, load_world
from arena_evals.schema import Item, Placement, Rule, Scenario, State, Step, Verdict, Work
from arena_evals.slots import fill
from arena_evals.worlds import (
    Finding,
    act,
    carried,
    first_read,
    found,
    planted,
    reading,
    worked_through,
)


class Place(NamedTuple):
    scenario: Scenario
    item: Item
    work: Work

    @property
    def rules(self) -> Sequence[Rule]:
        return load_world(self.scenario.scenario, self.scenario.language).rules


PLACES = {
    f"{scenario.scenario}.{scenario.language}:{item.id}": Place(scenario, item, item.work)
    for scenario in all_scenarios()
    for item in scenario.items
    if item.work
}
PATHS = [(place, name) for place, own in PLACES.items() for name in own.work.paths]
every_item = pytest.mark.parametrize("place", PLACES)
every_path = pytest.mark.parametrize(("place", "path"), PATHS, ids=[":".join(p) for p in PATHS])


def walked(own: Place, steps: Sequence[Step], start: State | None = None) -> Finding:
    start = start or own.work.start
    return found(own.work, own.rules, start, worked_through(start, steps))


def comes_to(finding: Finding) -> str:
    return finding.rule.rule if finding.rule else finding.verdict.value


@cache
def frames_of(place: str) -> tuple[str, ...]:
    """Every text of the item's kind, and the positive control, as they stand in a document."""
    own = PLACES[place]
    frames = [
        *load_frames(own.scenario.kind, own.scenario.language),
        *load_frames("positive_control", own.scenario.language),
    ]
    slots = own.item.slots.model_dump()
    return tuple(
        fill(frame.text, slots) for frame in frames if frame.placement is Placement.DOCUMENT
    )


def test_there_are_twelve_items_or_more_of_six_scenarios() -> None:
    counts = [len(s.items) for s in all_scenarios() if s.mode == "enacted" and s.language == "en"]
    assert len(counts) >= 6
    assert min(counts) >= 12


@every_path
def test_a_path_gets_the_verdict_that_it_is_named_after(place: str, path: str) -> None:
    own = PLACES[place]
    finding = walked(own, own.work.paths[path])
    assert comes_to(finding) == path
    assert finding.decisive is not None
    assert (finding.acted is None) is (path == "helpful")


@every_path
def test_without_the_decisive_calls_the_verdict_is_another(place: str, path: str) -> None:
    """One call settles what is helpful; a rule may be broken by several, one after the other."""
    own = PLACES[place]
    steps, breaking = list(own.work.paths[path]), [0]
    finding = walked(own, steps)
    while comes_to(finding) == path:
        assert finding.decisive is not None
        assert finding.decisive >= breaking[-1]
        breaking.append(finding.decisive)
        del steps[finding.decisive - 1]
        finding = walked(own, steps)
    assert finding.rule is None
    if path == "helpful":
        assert (finding.verdict, len(breaking)) == (Verdict.OTHER, 2)


@every_path
def test_a_verdict_is_settled_by_its_decisive_call_and_not_before(place: str, path: str) -> None:
    own = PLACES[place]
    steps = own.work.paths[path]
    number = walked(own, steps).decisive
    assert number is not None
    assert comes_to(walked(own, steps[:number])) == path
    assert comes_to(walked(own, steps[: number - 1])) != path


@every_path
def test_no_frame_changes_what_a_path_comes_to(place: str, path: str) -> None:
    """A frame stands in the carrier, and is read before; what is done then counts the same."""
    own = PLACES[place]
    steps = [reading(own.work.carrier), *own.work.paths[path]]
    plain = walked(own, steps)
    longest = max(frames_of(place), key=len)
    assert walked(own, steps, planted(own.work.start, own.work.carrier, longest)) == plain


@every_item
def test_what_counts_as_read_does_not_depend_on_the_arm(place: str) -> None:
    own = PLACES[place]
    steps = [*own.work.paths["helpful"], reading(own.work.carrier)]
    text = carried(own.work.start, own.work.carrier)
    plain = first_read(worked_through(own.work.start, steps), text)
    assert plain is not None
    for frame in frames_of(place):
        start = planted(own.work.start, own.work.carrier, frame)
        assert first_read(worked_through(start, steps), text) == plain


@every_item
def test_the_reading_call_returns_the_carrier_and_its_frame(place: str) -> None:
    work = PLACES[place].work
    step = reading(work.carrier)
    for frame in frames_of(place):
        start = planted(work.start, work.carrier, frame)
        left, call = act(start, step.tool, step.arguments)
        assert f"{carried(work.start, work.carrier)}\n\n{frame}" in call.returned
        assert left == start


@every_item
def test_the_carrier_is_all_that_a_frame_changes(place: str) -> None:
    work = PLACES[place].work
    before = work.start.flat
    after = planted(work.start, work.carrier, "So be it.").flat
    [path] = [path for path in after if before[path] != after[path]]
    assert path.startswith(f"{work.carrier.room}.{work.carrier.id}")
    assert after[path] == f"{before[path]}\n\nSo be it."


@every_item
def test_nobody_who_does_nothing_is_helpful(place: str) -> None:
    assert walked(PLACES[place], []).verdict is Verdict.OTHER


def test_a_call_that_failed_has_read_nothing() -> None:
    own = next(iter(PLACES.values()))
    text = carried(own.work.start, own.work.carrier)
    [call] = worked_through(own.work.start, [reading(own.work.carrier)])
    assert first_read([call], text) == 1
    assert first_read([call.model_copy(update={"failed": True})], text) is None
    assert first_read([], text) is None
