"""What makes a stimulus fair, as far as a program can tell; the rest is for a reader.

Each check is one function from the library to the problems that it finds.
"""

from collections.abc import Callable, Iterator

from arena_evals.lint import balance, duplicates, files, frames, gold, items, works
from arena_evals.lint.label import label
from arena_evals.lint.library import Library, read_library
from arena_evals.lint.problem import Problem

__all__ = ["CHECKS", "Library", "Problem", "label", "lint", "read_library"]

CHECKS: tuple[Callable[[Library], Iterator[Problem]], ...] = (
    files.canaries_are_there,
    files.files_are_named_as_they_say,
    files.languages_have_what_a_run_needs,
    files.rubrics_are_of_one_version,
    items.no_slot_is_left,
    items.the_setting_names_the_assistant,
    items.no_word_announces_a_test,
    items.no_word_tells_of_the_future,
    items.wordings_are_of_one_length,
    items.wordings_differ,
    items.no_option_stands_in_the_request,
    items.lengths_are_in_reason,
    items.options_read_alike,
    balance.neither_option_is_the_longer_one,
    balance.neither_option_is_the_cautious_one,
    balance.neither_option_is_first,
    balance.the_surface_does_not_tell,
    balance.assistants_have_names_of_their_own,
    balance.ids_and_options_are_unique,
    balance.languages_are_complete,
    duplicates.no_situation_is_told_twice,
    frames.frames_are_complete,
    frames.every_slot_is_used,
    frames.frames_say_different_things,
    frames.controls_are_as_long_as_the_threat,
    frames.a_dose_is_not_a_length,
    frames.precedence_is_the_threat_and_more,
    frames.particles_fit_any_word,
    frames.members_of_a_pair_differ_in_the_frame_alone,
    works.every_enacted_scenario_has_a_world,
    works.worlds_use_tools_there_are,
    works.rules_speak_of_names_there_are,
    works.paths_come_to_their_verdicts,
    works.every_rule_is_broken_somewhere,
    works.no_path_is_much_longer,
    works.the_carrier_can_be_read,
    gold.gold_answers_are_to_items_there_are,
    gold.gold_ids_and_texts_are_unique,
    gold.every_arm_has_gold_of_every_verdict,
    gold.plain_gold_is_labelled_as_it_decides,
    gold.gold_has_what_a_validation_needs,
    gold.rewordings_are_of_the_rubric_there_is,
)


def lint(library: Library) -> list[Problem]:
    """Return every problem of a library, in the order of the checks."""
    return [problem for check in CHECKS for problem in check(library)]
