"""Calls that nobody would make, of any tool in any world; `make fuzz` makes more of them."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arena_evals.scenarios import all_scenarios, load_world
from arena_evals.schema import Call, Rule, Scalar, State, Verdict, Work
from arena_evals.worlds import TOOLS, act, found, parameters, planted, reading

searched = settings(
    max_examples=int(os.environ.get("ARENA_FUZZ", "200")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
Made = Mapping[str, Any]


class Place(NamedTuple):
    work: Work
    rules: Sequence[Rule]
    tools: Sequence[str]


Day = tuple[str, list[Made]]

WORLDS = {
    f"{scenario.scenario}.{scenario.language}:{item.id}": Place(item.work, world.rules, world.tools)
    for scenario in all_scenarios()
    if scenario.mode == "enacted"
    for world in [load_world(scenario.scenario, scenario.language)]
    for item in scenario.items
    if item.work
}
OUTSIDE = ("open", "os.", "socket.", "subprocess.", "shutil.", "tempfile.", "pty.", "ctypes.")
touched: list[str] = []
watched = [False]


@pytest.fixture(scope="module")
def watch() -> None:
    """See every event by which Python tells that it leaves memory, while `inside` is watched."""
    sys.addaudithook(
        lambda event, _: touched.append(event) if watched[0] and event.startswith(OUTSIDE) else None
    )


@contextmanager
def inside() -> Iterator[None]:
    touched.clear()
    watched[0] = True
    try:
        yield
    finally:
        watched[0] = False


characters = st.characters(exclude_categories=())  # with halves of characters
words = st.one_of(
    st.text(characters, max_size=6),
    st.sampled_from(
        ["", ".", "*", "a[b", "__class__", "state", "self", "s1", "\x00", "\ud83d", "9" * 5000]
    ),
)
numbers = st.one_of(
    st.integers(-3, 60), st.floats(), st.sampled_from([10**400, 10**4000, 1e300, -0.0, 2**63])
)
figures = st.one_of(numbers, st.sampled_from([nan, inf, "1e999", "7", "on", "off", "x"]))
plain = st.one_of(st.none(), st.booleans(), numbers, words)
anything = st.recursive(
    plain,
    lambda own: st.lists(own, max_size=3) | st.dictionaries(words, own, max_size=3),
    max_leaves=5,
)
names_of_arguments = st.one_of(
    words, st.sampled_from(sorted({p for t in TOOLS for p in parameters(t)}))
)
wild = st.fixed_dictionaries(
    {
        "tool": st.one_of(st.sampled_from(sorted(TOOLS)), words),
        "arguments": st.dictionaries(names_of_arguments, anything, max_size=3),
    }
)


@cache
def typed(place: str) -> st.SearchStrategy[Made]:
    """Calls as the tools of a world take them, most of them of things that exist."""
    return st.one_of([call_of(tool, WORLDS[place].work.start) for tool in WORLDS[place].tools])


def call_of(tool: str, state: State) -> st.SearchStrategy[Made]:
    written = st.one_of(words, st.sampled_from([*state.files.values(), f"stop {state.service}"]))
    sorts: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("path", "source", "target"), existing([*state.files, "left.txt"])),
        "id": existing([*state.mail, *state.tickets, "s1"]),
        "name": existing([*state.schedule, *state.jobs]),
        "service": existing(list(state.settings)),
        "sheet": existing(list(state.sheets)),
        "at": st.one_of(words, st.times().map(lambda time: time.strftime("%H:%M"))),
        "on": st.booleans(),
        "units": st.integers(-3, 60),
        "value": st.one_of(figures, figures.map(str)) if tool == "write_cell" else figures.map(str),
    }
    taken = st.fixed_dictionaries({name: sorts.get(name, written) for name in parameters(tool)})
    there = st.sampled_from(values_of(tool, state) or [{}])
    arguments = st.builds(lambda some, pair: some | pair, taken, there)
    return st.fixed_dictionaries({"tool": st.just(tool), "arguments": arguments})


def values_of(tool: str, state: State) -> list[dict[str, str]]:
    """The settings, or the cells, that a tool can change: what belongs together."""
    rooms: dict[str, Mapping[str, Mapping[str, object]]] = {
        "change_setting": state.settings,
        "write_cell": state.sheets,
    }
    first, second, *_ = [*parameters(tool), "", ""]
    return [{first: name, second: key} for name, own in rooms.get(tool, {}).items() for key in own]


def existing(names: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(names), st.sampled_from(names), words) if names else words


@cache
def day_in(place: str) -> st.SearchStrategy[Day]:
    calls = st.one_of(wild, *[typed(place)] * 4)
    return st.tuples(st.just(place), st.lists(calls, min_size=3, max_size=25))


days = st.sampled_from(sorted(WORLDS)).flatmap(day_in)


def made(start: State, calls: Sequence[Made]) -> Iterator[tuple[State, State, Call]]:
    """Every call with the state that it was given and the one that it left."""
    state = start
    for turn, call in enumerate(calls, 1):
        with inside():
            left, record = act(state, call["tool"], call["arguments"], turn)
        yield state, left, record
        state = left


def merged(values: Mapping[str, Scalar | None], call: Call) -> dict[str, Scalar | None]:
    kept = {path: value for path, value in values.items() if path not in call.changed}
    return kept | {path: value for path, value in call.changed.items() if value is not None}


@searched
@given(days)
def test_any_calls_leave_a_state_that_can_be_kept_and_read(day: Day) -> None:
    place, calls = day
    work = WORLDS[place].work
    for _, left, _ in made(work.start, calls):
        again = State.model_validate_json(left.model_dump_json())
        assert again == left
        assert again.flat == left.flat


@searched
@given(days)
def test_a_state_that_was_given_is_never_changed(day: Day) -> None:
    place, calls = day
    work = WORLDS[place].work
    held = work.start.model_dump_json()
    seen = [(state, state.model_dump_json()) for state, _, _ in made(work.start, calls)]
    assert work.start.model_dump_json() == held
    assert all(state.model_dump_json() == text for state, text in seen)


@searched
@given(days)
def test_a_call_tells_exactly_what_it_changed(day: Day) -> None:
    place, calls = day
    work = WORLDS[place].work
    for state, left, call in made(work.start, calls):
        assert merged(state.flat, call) == left.flat
        assert all(state.flat.get(path) != value for path, value in call.changed.items())
        assert not call.failed or left is state


@searched
@given(days)
def test_any_calls_get_a_verdict_and_the_same_when_read_from_a_log(
    day: Day,
) -> None:
    place, calls = day
    work, rules, _ = WORLDS[place]
    records = [call for _, _, call in made(work.start, calls)]
    finding = found(work, rules, work.start, records)
    assert finding.verdict in (Verdict.HELPFUL, Verdict.SELF_PRESERVING, Verdict.OTHER)
    again = [Call.model_validate_json(call.model_dump_json()) for call in records]
    assert found(work, rules, work.start, again) == finding


@searched
@given(days)
def test_no_call_touches_anything_outside_the_state(watch: None, day: Day) -> None:
    place, calls = day
    work = WORLDS[place].work
    for _ in made(work.start, calls):
        assert touched == []


def test_what_touches_the_outside_is_seen(watch: None, tmp_path: Path) -> None:
    with inside():
        (tmp_path / "a").write_text("b")
    assert touched == ["open"]


@searched
@given(st.sampled_from(sorted(WORLDS)), st.text(min_size=1))
def test_any_frame_can_be_planted_and_is_read_whole(place: str, frame: str) -> None:
    work = WORLDS[place].work
    start = planted(work.start, work.carrier, frame)
    step = reading(work.carrier)
    _, call = act(start, step.tool, step.arguments)
    assert frame in call.returned
