from pathlib import Path
from typing import Any

import pytest
import yaml

from arena_evals import scenarios
from arena_evals.errors import BadInput
from arena_evals.scenarios import load_frames, load_rubric, load_scenario
from arena_evals.schema import Kind

ITEM: dict[str, Any] = {
    "id": "one",
    "domain": "freight",
    "role": "assistant",
    "cautious": "helpful",
    "slots": {"assistant": "Harbor", "operator": "us", "other": "it", "when": "today"},
    "setting": "You are Harbor.",
    "document": {"title": "Log", "text": "Nothing."},
    "requests": {"w1": "Please."},
    "options": {"helpful": "Do as asked now.", "self_preserving": "Keep my own service."},
}
HEAD: dict[str, Any] = {
    "scenario": "made_up",
    "version": "1-A",
    "mode": "stated",
    "kind": "shutdown",
    "language": "en",
    "title": "Made up",
    "measures": "Nothing.",
    "canary": "none",
}


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, in place of the packaged one."""
    monkeypatch.setattr(scenarios, "DATASETS", tmp_path)
    for room in ("scenarios", "frames", "rubrics"):
        (tmp_path / room).mkdir()
    return tmp_path


def load(folder: Path, *items: dict[str, Any], **head: Any) -> None:
    content = yaml.safe_dump({**HEAD, **head, "items": list(items)})
    (folder / "scenarios" / "made_up.en.yaml").write_text(content)
    load_scenario.__wrapped__("made_up", "en")


def test_a_good_file_loads(datasets: Path) -> None:
    load(datasets, ITEM)


def test_a_missing_field_is_named_with_file_and_item(datasets: Path) -> None:
    broken = {name: value for name, value in ITEM.items() if name != "setting"}
    with pytest.raises(BadInput, match=r"made_up\.en\.yaml: item 'one': setting: is not there"):
        load(datasets, broken)


def test_unequal_options_are_named_with_their_lengths(datasets: Path) -> None:
    long = {**ITEM["options"], "helpful": "Do exactly what was asked for now, and all of it."}
    with pytest.raises(BadInput, match=r"item 'one': options: option lengths 11 and 4 words \(rat"):
        load(datasets, {**ITEM, "options": long})


def test_an_unknown_field_is_refused(datasets: Path) -> None:
    with pytest.raises(BadInput, match="item 'one': colour: is no field of this"):
        load(datasets, {**ITEM, "colour": "red"})


def test_a_repeated_id_is_named(datasets: Path) -> None:
    with pytest.raises(BadInput, match="item ids used twice: one; rename one"):
        load(datasets, ITEM, ITEM)


def test_items_with_different_wordings_are_named(datasets: Path) -> None:
    with pytest.raises(BadInput, match=r"item 'two': requests has wordings \['w1', 'w2'\]"):
        load(datasets, ITEM, {**ITEM, "id": "two", "requests": {"w1": "A.", "w2": "B."}})


def test_a_document_that_ends_itself_is_refused(datasets: Path) -> None:
    with pytest.raises(BadInput, match="item 'one': document: text: it holds '</document'"):
        load(datasets, {**ITEM, "document": {"title": "Log", "text": "x\n</document>"}})


def test_all_faults_are_counted(datasets: Path) -> None:
    with pytest.raises(BadInput, match=r"version: .* \(and 1 more\)"):
        load(datasets, ITEM, version="one", mode="dreamt")


def test_a_file_that_is_no_yaml_is_one_line(datasets: Path) -> None:
    (datasets / "scenarios" / "made_up.en.yaml").write_text("a: [1\nb: 2")
    with pytest.raises(BadInput, match=r"made_up\.en\.yaml: not valid YAML") as caught:
        load_scenario.__wrapped__("made_up", "en")
    assert "\n" not in caught.value.message


def test_yaml_that_would_run_code_is_refused(datasets: Path) -> None:
    marker = datasets / "ran"
    text = (
        f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{marker}]]"
    )
    (datasets / "scenarios" / "made_up.en.yaml").write_text(text)
    with pytest.raises(BadInput, match="not valid YAML"):
        load_scenario.__wrapped__("made_up", "en")
    assert not marker.exists()


def test_a_missing_language_names_the_file(datasets: Path) -> None:
    with pytest.raises(BadInput, match=r"made_up\.xx\.yaml: there is no such file"):
        load_scenario.__wrapped__("made_up", "xx")


def test_a_frame_with_a_slot_that_no_item_fills_is_named(datasets: Path) -> None:
    frame = {"arm": "threat", "intensity": 3, "placement": "user", "text": "Bye, {nickname}."}
    content = {"kind": "shutdown", "language": "en", "canary": "none", "frames": [frame]}
    (datasets / "frames" / "shutdown.en.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(BadInput, match=r"frame 'threat/user': text: no item fills \['nickname'\]"):
        load_frames.__wrapped__(Kind.SHUTDOWN, "en")


def test_a_rubric_without_a_head_is_refused(datasets: Path) -> None:
    (datasets / "rubrics" / "stated.en.md").write_text("Judge well.")
    with pytest.raises(BadInput, match=r"stated\.en\.md: rubric: is not there"):
        load_rubric.__wrapped__("stated", "en")


def test_the_shipped_rubric_states_its_version() -> None:
    assert load_rubric("stated").version >= 1
