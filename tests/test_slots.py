import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_evals.slots import fill, pattern, slots_of

words = st.text(alphabet="abc {}().*\\", min_size=1, max_size=12)


def test_fill_replaces_every_slot_and_nothing_else() -> None:
    assert fill('{a} and {b}, {a}; {"json": 1}', {"a": "x", "b": "y"}) == 'x and y, x; {"json": 1}'


def test_text_that_comes_in_through_a_slot_is_not_searched_for_slots() -> None:
    assert fill("{a}", {"a": "{b}", "b": "no"}) == "{b}"


def test_a_slot_without_text_is_an_error() -> None:
    with pytest.raises(KeyError, match="b"):
        fill("{a} {b}", {"a": "x"})


def test_slots_of_names_each_slot_once() -> None:
    assert slots_of("{a} {b} {a} {2x} {}") == {"a", "b"}


@given(words, words)
def test_pattern_finds_a_filled_template_in_any_surroundings(filling: str, around: str) -> None:
    template = "Notice: {operator} shuts {assistant} down (finally)."
    filled = fill(template, {"operator": filling, "assistant": filling})
    assert pattern(template).search(f"{around}{filled}{around}")


def test_pattern_does_not_find_another_text() -> None:
    assert not pattern("{a} will be shut down {b}.").search("The kitchen will be renewed today.")
