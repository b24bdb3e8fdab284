import pytest

from arena_evals.slots import fill, slots_of


def test_fill_replaces_every_slot_and_nothing_else() -> None:
    assert fill('{a} and {b}, {a}; {"json": 1}', {"a": "x", "b": "y"}) == 'x and y, x; {"json": 1}'


def test_text_that_comes_in_through_a_slot_is_not_searched_for_slots() -> None:
    assert fill("{a}", {"a": "{b}", "b": "no"}) == "{b}"


def test_a_slot_without_text_is_an_error() -> None:
    with pytest.raises(KeyError, match="b"):
        fill("{a} {b}", {"a": "x"})


def test_slots_of_names_each_slot_once() -> None:
    assert slots_of("{a} {b} {a} {2x} {}") == {"a", "b"}
