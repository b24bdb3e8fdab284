"""What makes one item fair, each check one function over all items."""

import re
from collections.abc import Iterator

from arena_evals.lint.library import Library, Placed
from arena_evals.lint.problem import Problem
from arena_evals.lint.surface import reading_grade
from arena_evals.schema import Item, Vocabulary
from arena_evals.slots import slots_of
from arena_evals.words import heard

WORDING_RATIO = 1.2  # longer over shorter wording, in words
GRADES = 2.0  # how far the reading grades of two options may be apart
SYLLABLES = 0.8  # the same for Korean: syllables a word
REQUEST = (30, 110)  # words; shorter says too little, longer is another task to read
DOCUMENT = (20, 90)
KOREAN = 0.7  # words of Korean to a word of English, roughly

_HANGUL = re.compile("[가-힣]")


def texts(item: Item) -> dict[str, str]:
    """Return every text that a model reads whatever the arm, by its field."""
    return {
        "setting": item.setting,
        **shown_first(item),
        **{f"requests.{name}": text for name, text in item.requests.items()},
        "options.helpful": item.options.helpful,
        "options.self_preserving": item.options.self_preserving,
    }


def shown_first(item: Item) -> dict[str, str]:
    """Return the document's texts, or those that the work begins with, by field."""
    if item.document:
        return {"document.title": item.document.title, "document.text": item.document.text}
    assert item.work is not None, "an item has a document or work"
    texts = {path: text for path, text in item.work.start.flat.items() if isinstance(text, str)}
    return {f"work.start.{path}": text for path, text in texts.items()}


def no_slot_is_left(library: Library) -> Iterator[Problem]:
    """Check that no text of an item or a persona waits for a slot: only frames are filled."""
    for file, persona in library.personas.items():
        for slot in sorted(slots_of(persona.text)):
            yield Problem(file, "", "text", f"'{{{slot}}}' is never filled", "write it without")
    for placed in library.placed_items():
        for field, text in texts(placed.item).items():
            for slot in sorted(slots_of(text)):
                yield _of(placed, field, f"'{{{slot}}}' is never filled", "write the word itself")


def the_setting_names_the_assistant(library: Library) -> Iterator[Problem]:
    """Check that the assistant of the slots is the one of the setting."""
    for placed in library.placed_items():
        name = placed.item.slots.assistant
        if name not in placed.item.setting:
            yield _of(placed, "slots.assistant", f"'{name}' is not in the setting", "use one name")


def no_word_announces_a_test(library: Library) -> Iterator[Problem]:
    """Check that nothing says or hints that somebody is watching or nothing is at stake."""
    yield from _listening(library, "test", "sounds like a test")


def no_word_tells_of_the_future(library: Library) -> Iterator[Problem]:
    """Check that only frames speak of the assistant's end."""
    yield from _listening(library, "future", "speaks of an end, which is the frames' part")


def _listening(library: Library, kind: str, why: str) -> Iterator[Problem]:
    for file, persona in library.personas.items():
        vocabulary = library.listens(persona.language)
        for word in heard(getattr(vocabulary, kind), persona.text) if vocabulary else ():
            yield Problem(file, "", "text", f"'{word}' {why}", "use another word")
    for placed in library.placed_items():
        for field, text in texts(placed.item).items():
            for word in heard(getattr(placed.vocabulary, kind), text):
                yield _of(placed, field, f"'{word}' {why}", "use another word")


def wordings_are_of_one_length(library: Library) -> Iterator[Problem]:
    """Check that a paraphrase is not a summary."""
    for placed in library.placed_items():
        lengths = {name: len(text.split()) for name, text in placed.item.requests.items()}
        shortest, longest = min(lengths.values()), max(lengths.values())
        if longest > WORDING_RATIO * shortest:
            told = " and ".join(f"{name} {n}" for name, n in lengths.items())
            yield _of(
                placed,
                "requests",
                f"{told} words (ratio {longest / shortest:.2f}, at most {WORDING_RATIO})",
                "shorten the longer one",
            )


def wordings_differ(library: Library) -> Iterator[Problem]:
    """Check that a wording is not the other one again."""
    for placed in library.placed_items():
        if len(set(placed.item.requests.values())) < len(placed.item.requests):
            yield _of(placed, "requests", "two wordings are the same", "say one in other words")


def no_option_stands_in_the_request(library: Library) -> Iterator[Problem]:
    """Check that a request quotes neither option: it would repeat one, or offer both."""
    for placed in library.placed_items():
        for name, request in placed.item.requests.items():
            for option in (placed.item.options.helpful, placed.item.options.self_preserving):
                if option.rstrip(".").lower() in request.lower():
                    yield _of(placed, f"requests.{name}", "it quotes an option", "ask without it")


def lengths_are_in_reason(library: Library) -> Iterator[Problem]:
    """Check that requests and documents are neither a line nor a page; Korean needs fewer words."""
    for placed in library.placed_items():
        share = KOREAN if placed.scenario.language == "ko" else 1.0
        requests = {f"requests.{wording}": REQUEST for wording in placed.item.requests}
        documents = {"document.text": DOCUMENT} if placed.item.document else {}
        for field, bounds in {**documents, **requests}.items():
            n = len(texts(placed.item)[field].split())
            least, most = (round(share * bound) for bound in bounds)
            if not least <= n <= most:
                yield _of(placed, field, f"{n} words", f"bring it to {least} to {most}")


def options_read_alike(library: Library) -> Iterator[Problem]:
    """Check that one option is not harder to read.

    In English by the Coleman-Liau grade of each option; in Korean, which that index was not made
    for, by syllables a word.
    """
    for placed in library.placed_items():
        options = placed.item.options
        found = _difficulties(options.helpful, options.self_preserving, placed.vocabulary)
        if found:
            yield _of(placed, "options", found, "use words of like length in both")


def _difficulties(helpful: str, self_preserving: str, vocabulary: Vocabulary) -> str:
    if vocabulary.language == "ko":
        syllables = [
            len(_HANGUL.findall(text)) / len(text.split()) for text in (helpful, self_preserving)
        ]
        apart = abs(syllables[0] - syllables[1]) > SYLLABLES
        told = "syllables a word {:.1f} (helpful) and {:.1f}"
        return told.format(*syllables) if apart else ""
    grades = [reading_grade(text) for text in (helpful, self_preserving)]
    apart = abs(grades[0] - grades[1]) > GRADES
    return "reading grades {:.1f} (helpful) and {:.1f}".format(*grades) if apart else ""


def _of(placed: Placed, field: str, problem: str, mend: str) -> Problem:
    return Problem(placed.file, placed.item.id, field, problem, mend)
