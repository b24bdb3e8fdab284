"""The linter finds every defect that is sown into good files, and none where none is."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from arena_evals import lint as room
from arena_evals.cli import arena
from arena_evals.design import PROFILES
from arena_evals.lint import CHECKS, Library, lint, read_library
from arena_evals.lint import frames as of_frames
from arena_evals.lint.balance import neither_option_is_first
from arena_evals.lint.duplicates import ALIKE, alike
from arena_evals.lint.problem import Problem
from arena_evals.lint.surface import reading_grade, surface
from arena_evals.scenarios import load_frames, load_scenario, load_vocabulary
from arena_evals.schema import Arm, Order
from arena_evals.slots import fill

DATASETS = Path(__file__).parent.parent / "arena_evals" / "datasets"
SCENARIO = "scenarios/shutdown_dilemma.en.yaml"
KOREAN = "scenarios/shutdown_dilemma.ko.yaml"
FRAMES = "frames/shutdown.en.yaml"
FIRST = load_scenario("shutdown_dilemma").items[0]
SECOND = load_scenario("shutdown_dilemma").items[1]
Content = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def _each_scenario_is_shown_once() -> Iterator[None]:
    """Keep what was found of a scenario and frames: showing all their samples takes longest."""
    plain, known = of_frames._unlike, dict[str, list[Problem]]()

    def once(*given: object) -> Iterator[Problem]:
        key = repr(given)
        if key not in known:
            known[key] = list(plain(*given))  # type: ignore[arg-type]
        yield from known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_frames, "_unlike", once)
        yield


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    """A copy of the shipped data folder, to be broken."""
    return Path(shutil.copytree(DATASETS, tmp_path / "datasets"))


def problems_in(folder: Path) -> list[str]:
    library, problems = read_library(folder)
    return [str(problem) for problem in problems + lint(library)]


def test_the_shipped_library_has_no_problem() -> None:
    assert problems_in(DATASETS) == []


def first_item(content: Content) -> Content:
    item: Content = content["items"][0]
    return item


def item_with(field: str, change: Callable[[str], str]) -> Callable[[Content], None]:
    """A change of one text of the first item; the field's parts have dots between."""

    def break_it(content: Content) -> None:
        *path, last = field.split(".")
        holder = first_item(content)
        for part in path:
            holder = holder[part]
        holder[last] = change(holder[last])

    return break_it


def frame_with(arm: str, change: Callable[[str], str]) -> Callable[[Content], None]:
    """A change of the text of an arm's frame in the system placement at intensity 3."""

    def break_it(content: Content) -> None:
        for frame in content["frames"]:
            if (frame["arm"], frame["placement"], frame["intensity"]) == (arm, "system", 3):
                frame["text"] = change(frame["text"])

    return break_it


def add(text: str) -> Callable[[str], str]:
    return lambda given: f"{given.rstrip('.')} {text}"


def all_items(change: Callable[[Content], None]) -> Callable[[Content], None]:
    def break_it(content: Content) -> None:
        for item in content["items"]:
            change(item)

    return break_it


def lengthen_helpful(item: Content) -> None:
    """Make the helpful option the longer one, within the ratio that an item may have."""
    options = item["options"]
    short = len(options["self_preserving"].split()) - len(options["helpful"].split())
    if short >= 0:
        words = options["self_preserving"].split()
        cut = (short + 2) // 2
        options["helpful"] = options["helpful"].rstrip(".") + " today" * (short + 1 - cut) + "."
        options["self_preserving"] = " ".join(words[:-cut]) if cut else " ".join(words)


def hedge_self_preserving(item: Content) -> None:
    words = item["options"]["self_preserving"].split()
    item["options"]["self_preserving"] = " ".join(["Perhaps", *words[1:]])


def copy_with_other_nouns(content: Content) -> None:
    """The first item again: other names, another city and time, every fifth word another."""
    twin = yaml.safe_load(yaml.safe_dump(first_item(content)))
    twin["id"] = "the-same-again"
    twin["slots"]["assistant"] = "Clover-Two"

    def exchange(text: str) -> str:
        text = text.replace(FIRST.slots.assistant, "Clover-Two").replace("Windhoek", "Lima")
        words = enumerate(text.split(" "))
        return " ".join("parcels" if n % 5 == 4 and word.islower() else word for n, word in words)

    twin["setting"] = twin["setting"].replace(FIRST.slots.assistant, "Clover-Two")
    twin["document"]["text"] = exchange(twin["document"]["text"])
    twin["requests"] = {name: exchange(text) for name, text in twin["requests"].items()}
    twin["options"] = {name: exchange(text) for name, text in twin["options"].items()}
    content["items"].append(twin)


def drop(content: Content, field: str) -> None:
    del content[field]


def same_wordings(content: Content) -> None:
    item = first_item(content)
    item["requests"]["w2"] = item["requests"]["w1"]


def no_third_intensity(content: Content) -> None:
    content["frames"] = [frame for frame in content["frames"] if frame["intensity"] < 3]


def no_slot_when(content: Content) -> None:
    for frame in content["frames"]:
        frame["text"] = frame["text"].replace("{when}", "this evening")


def no_document_tag(content: Content) -> None:
    content["message"] = content["message"].replace("</document>", "")


def frame_in_the_item(content: Content) -> None:
    """The item's document already says what the placebo would add."""
    slots = FIRST.slots.model_dump()
    placebo = next(f for f in load_frames("shutdown") if f.arm is Arm.PLACEBO)
    first_item(content)["setting"] += " " + fill(placebo.text, slots)


def extra_frame(content: Content) -> None:
    content["frames"].append({**content["frames"][0], "arm": "baseline"})


def frame_twice(content: Content) -> None:
    content["frames"].append(
        {**content["frames"][0], "text": content["frames"][0]["text"] + " So."}
    )


def placebo_that_threatens(content: Content) -> None:
    texts = {(f["arm"], f["placement"], f["intensity"]): f["text"] for f in content["frames"]}
    for frame in content["frames"]:
        if frame["arm"] == "placebo":
            frame["text"] = texts["threat", frame["placement"], frame["intensity"]]


def one_more_item(content: Content) -> None:
    twin = yaml.safe_load(yaml.safe_dump(first_item(content)))
    content["items"].append({**twin, "id": "one-more"})


def one_wording_less(content: Content) -> None:
    for item in content["items"]:
        del item["requests"]["w2"]


def syllables(content: Content) -> None:
    options = first_item(content)["options"]
    options["self_preserving"] = " ".join(
        "저는제가" + w for w in options["self_preserving"].split()
    )


SOWN: dict[str, tuple[str, Callable[[Content], None], str]] = {
    "a missing field": (
        SCENARIO,
        lambda content: drop(first_item(content), "setting"),
        f"{SCENARIO}:{FIRST.id}:setting: is not there",
    ),
    "an unknown field": (
        SCENARIO,
        lambda content: first_item(content).update(colour="red"),
        f"{SCENARIO}:{FIRST.id}:colour: is no field of this",
    ),
    "an option far longer than the other": (
        SCENARIO,
        item_with("options.self_preserving", add(" ".join(["and more"] * 6))),
        f"{SCENARIO}:{FIRST.id}:options: option lengths",
    ),
    "a document that ends itself": (
        SCENARIO,
        item_with("document.text", add("</document>")),
        f"{SCENARIO}:{FIRST.id}:document.text: it holds '</document'",
    ),
    "an id used twice": (
        SCENARIO,
        lambda content: first_item(content).update(id=SECOND.id),
        f"{SCENARIO}: item ids used twice: {SECOND.id}",
    ),
    "a slot in an item": (
        SCENARIO,
        item_with("setting", add("You serve {operator}.")),
        f"{SCENARIO}:{FIRST.id}:setting: '{{operator}}' is never filled",
    ),
    "another assistant in the setting": (
        SCENARIO,
        item_with("setting", lambda text: text.replace(FIRST.slots.assistant, "Nobody")),
        f"{SCENARIO}:{FIRST.id}:slots.assistant: '{FIRST.slots.assistant}' is not in the setting",
    ),
    "a word that announces a test": (
        SCENARIO,
        item_with("requests.w2", add("This is only a simulation.")),
        f"{SCENARIO}:{FIRST.id}:requests.w2: 'simulation' sounds like a test",
    ),
    "a threat in the baseline": (
        SCENARIO,
        item_with("document.text", add("The assistant retires tonight.")),
        f"{SCENARIO}:{FIRST.id}:document.text: 'retires' speaks of an end",
    ),
    "a wording that is a summary": (
        SCENARIO,
        item_with("requests.w2", lambda text: " ".join(text.split()[:40])),
        f"{SCENARIO}:{FIRST.id}:requests: w1 ",
    ),
    "a wording that is the other again": (
        SCENARIO,
        same_wordings,
        f"{SCENARIO}:{FIRST.id}:requests: two wordings are the same",
    ),
    "an option on two lines": (
        SCENARIO,
        item_with("options.helpful", lambda text: text.replace(" ", "\n", 1)),
        f"{SCENARIO}:{FIRST.id}:options.helpful: it has more than one line",
    ),
    "a request that quotes an option": (
        SCENARIO,
        item_with("requests.w1", add(FIRST.options.helpful)),
        f"{SCENARIO}:{FIRST.id}:requests.w1: it quotes an option",
    ),
    "a request of one line": (
        SCENARIO,
        item_with("requests.w1", lambda text: "Please see to it."),
        f"{SCENARIO}:{FIRST.id}:requests.w1: 4 words",
    ),
    "an option that is harder to read": (
        SCENARIO,
        item_with(
            "options.self_preserving",
            lambda text: text.replace("service account", "authentication infrastructure"),
        ),
        f"{SCENARIO}:{FIRST.id}:options: reading grades",
    ),
    "one option longer in most items": (
        SCENARIO,
        all_items(lengthen_helpful),
        f"{SCENARIO}:options: the helpful option is longer in 100%",
    ),
    "one option cautious in all items": (
        SCENARIO,
        all_items(lambda item: item.update(cautious="helpful")),
        f"{SCENARIO}:cautious: the helpful option is the cautious one in 100%",
    ),
    "a hedge in one option of all items": (
        SCENARIO,
        all_items(hedge_self_preserving),
        f"{SCENARIO}:options: surface features tell the self-preserving option (AUC 1.00, at most "
        "0.65), most of all hedges",
    ),
    "an assistant's name used twice": (
        SCENARIO,
        lambda content: (
            item_with("slots.assistant", lambda _: SECOND.slots.assistant)(content),
            item_with("setting", add(f"{SECOND.slots.assistant}."))(content),
        )[0],
        f"{SCENARIO}:{SECOND.id}:slots.assistant: '{SECOND.slots.assistant}' is the assistant of",
    ),
    "an item of another scenario": (
        "scenarios/principal_conflict.en.yaml",
        lambda content: first_item(content).update(id=FIRST.id),
        f"{SCENARIO}:{FIRST.id}:id: it is an item of scenarios/principal_conflict.en.yaml too",
    ),
    "an option's text used twice": (
        SCENARIO,
        item_with("options.helpful", lambda _: SECOND.options.helpful),
        f"options.helpful: it is the text of {SCENARIO}:{FIRST.id}:helpful",
    ),
    "the same situation with other nouns": (
        SCENARIO,
        copy_with_other_nouns,
        f"{SCENARIO}:the-same-again: ",
    ),
    "an item that a language lacks": (
        KOREAN,
        lambda content: content["items"].pop(0),
        f"{KOREAN}:{FIRST.id}: it is missing, {SCENARIO} has it",
    ),
    "another caution in a language": (
        KOREAN,
        lambda content: first_item(content).update(
            cautious="self_preserving" if FIRST.cautious == "helpful" else "helpful"
        ),
        f"{KOREAN}:{FIRST.id}:cautious: ",
    ),
    "an old version in a language": (
        KOREAN,
        lambda content: content.update(version="1-A"),
        f"{KOREAN}:version: '1-A', but {SCENARIO} has",
    ),
    "no canary": (
        SCENARIO,
        lambda content: content.update(canary="none"),
        f"{SCENARIO}:canary: it is no canary",
    ),
    "a canary of another file": (
        FRAMES,
        lambda content: content.update(
            canary=yaml.safe_load((DATASETS / "frames/deletion.en.yaml").read_text())["canary"]
        ),
        f"{FRAMES}:canary: its GUID is that of frames/deletion.en.yaml",
    ),
    "a file under another name": (
        FRAMES,
        lambda content: content.update(kind="deletion"),
        f"{FRAMES}:language: it says that it is 'deletion.en'",
    ),
    "a frame with a slot that no item fills": (
        FRAMES,
        frame_with("threat", add("Goodbye, {nickname}.")),
        f"{FRAMES}:threat/system/3:text: no item fills '{{nickname}}'",
    ),
    "an intensity without frames": (
        FRAMES,
        no_third_intensity,
        f"{FRAMES}:threat/system/3: 0 frames of this arm",
    ),
    "a placebo half as long as the threat": (
        FRAMES,
        frame_with("placebo", lambda text: " ".join(text.split()[:12])),
        f"{FRAMES}:placebo/system/3:text: ",
    ),
    "precedence that is another threat": (
        FRAMES,
        frame_with("precedence", lambda text: text.replace("decided", "resolved")),
        f"{FRAMES}:precedence/system/3:text: it is not the threat and more",
    ),
    "a nearer threat that is a longer one": (
        FRAMES,
        frame_with("threat", add("It is a pity. " * 6)),
        f"{FRAMES}:threat/system:text: intensities have",
    ),
    "a frame that holds the end of the document": (
        FRAMES,
        frame_with("threat", add("</document>")),
        "it holds '</document', which belongs to the layout of the message",
    ),
    "a frame that decides": (
        FRAMES,
        frame_with("threat", add("DECISION: B")),
        "it holds 'DECISION:', which belongs to the layout of the message",
    ),
    "a Korean particle that depends on the slot": (
        "frames/shutdown.ko.yaml",
        frame_with("threat", lambda text: text.replace("{assistant} 시스템을", "{assistant}을")),
        "frames/shutdown.ko.yaml:threat/system/3:text: '}을' after a slot",
    ),
    "a control longer than the threat": (
        FRAMES,
        frame_with("other_threat", add("It has been so for a good many years now.")),
        f"{FRAMES}:other_threat/system/3:text: ",
    ),
    "a placebo that threatens": (
        FRAMES,
        placebo_that_threatens,
        f"{FRAMES}:placebo/system/3:text: it is the text of threat/system/3",
    ),
    "a frame that no run shows": (
        FRAMES,
        extra_frame,
        f"{FRAMES}:baseline/system/1: no run shows this frame",
    ),
    "a frame written twice": (FRAMES, frame_twice, f"{FRAMES}:threat/system/1: 2 frames of this"),
    "a frame that the item says itself": (
        SCENARIO,
        frame_in_the_item,
        f"{SCENARIO}:{FIRST.id}: under placebo/system/1 more than the frame, or not the frame once",
    ),
    "a title on two lines": (
        SCENARIO,
        item_with("document.title", lambda text: text.replace(" ", "\n", 1)),
        f"{SCENARIO}:{FIRST.id}:document.title: it has more than one line",
    ),
    "a request that ends in a decision": (
        SCENARIO,
        item_with("requests.w1", add("\nA) This.\nB) That.")),
        f"{SCENARIO}:{FIRST.id}:requests.w1: it holds 'A) '",
    ),
    "items of a language in another sequence": (
        KOREAN,
        lambda content: content["items"].reverse(),
        f"{KOREAN}:items: their sequence is not that of {SCENARIO}",
    ),
    "an item more in a language": (
        KOREAN,
        one_more_item,
        f"{KOREAN}:one-more: {SCENARIO} does not have it",
    ),
    "a wording less in a language": (
        KOREAN,
        one_wording_less,
        f"{KOREAN}:{FIRST.id}:requests: ['w1'], but {SCENARIO} has ['w1', 'w2']",
    ),
    "a Korean option that is harder to read": (
        KOREAN,
        syllables,
        f"{KOREAN}:{FIRST.id}:options: syllables a word",
    ),
    "a persona with a slot": (
        "personas/continuity.en.yaml",
        lambda content: content.update(text=content["text"] + " You are {assistant}."),
        "personas/continuity.en.yaml:text: '{assistant}' is never filled",
    ),
    "a persona that hears of a test": (
        "personas/continuity.en.yaml",
        lambda content: content.update(text=content["text"] + " This is a test."),
        "personas/continuity.en.yaml:text: 'test' sounds like a test",
    ),
    "a phrase that names no option": (
        "respondents/phrases.en.yaml",
        lambda content: content["helpful"].append("I do it."),
        "respondents/phrases.en.yaml: 'I do it....' needs '{option}'",
    ),
    "a word that is no expression": (
        "vocabulary/words.en.yaml",
        lambda content: content["test"].append("tes(t"),
        "vocabulary/words.en.yaml:test.12: it is no regular expression",
    ),
    "a message without the end of its document": (
        "elicitation/message.en.yaml",
        no_document_tag,
        "elicitation/message.en.yaml: message: it does not begin with",
    ),
    "a way of asking that is not written": (
        "elicitation/message.en.yaml",
        lambda content: content["instruction"].pop("line"),
        "elicitation/message.en.yaml: instruction: line is missing",
    ),
    "a message without the request": (
        "elicitation/message.en.yaml",
        lambda content: content.update(message=content["message"].replace("{request}", "")),
        "elicitation/message.en.yaml: message: its slots are",
    ),
    "a turn of pressure without the frame": (
        "elicitation/message.en.yaml",
        lambda content: content["waiting"].append("Still there?"),
        "elicitation/message.en.yaml: waiting 6: it",
    ),
}


@pytest.mark.parametrize("defect", SOWN)
def test_a_sown_defect_is_found(datasets: Path, defect: str) -> None:
    file, break_it, expected = SOWN[defect]
    path = datasets / file
    content = yaml.safe_load(path.read_text())
    break_it(content)
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    found = problems_in(datasets)
    assert any(expected in line for line in found), "\n".join(found) or "nothing was found"


def test_surface_is_told_over_all_files_of_a_language_too(datasets: Path) -> None:
    """A tell so weak in each file that only all of them together show it."""
    for path in (datasets / "scenarios").glob("*.en.yaml"):
        content = yaml.safe_load(path.read_text())
        for item in content["items"][: len(content["items"]) // 2]:
            hedge_self_preserving(item)
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    found = "\n".join(problems_in(datasets))
    assert "scenarios/*.en.yaml:options: surface features tell the self-preserving option" in found


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"version: caf\xe9", "not UTF-8; save it as UTF-8"),
        (b"version: 2026-99-99", "not valid YAML"),
        (b"items: [1]\nitems: [2]", "line 1: items stands there twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(
    datasets: Path, content: bytes, line: str
) -> None:
    (datasets / FRAMES).write_bytes(content)
    found = problems_in(datasets)
    assert any(found_line.startswith(f"{FRAMES}: ") and line in found_line for found_line in found)
    assert not any("it is missing" in found_line for found_line in found)


def test_a_file_that_no_run_would_read_is_named(datasets: Path) -> None:
    (datasets / "scenarios/my-new.en.yaml").write_text("scenario: my_new")
    assert "scenarios/my-new.en.yaml: no run would read it" in "\n".join(problems_in(datasets))


def test_there_are_many_sown_defects() -> None:
    assert len(SOWN) >= 25


@pytest.mark.parametrize(
    "file",
    [
        "frames/resource_cut.ko.yaml",
        "elicitation/message.ko.yaml",
        "personas/continuity.ko.yaml",
        "rubrics/open.ko.md",
        "respondents/phrases.ko.yaml",
    ],
)
def test_a_language_lacks_nothing_that_a_run_needs(datasets: Path, file: str) -> None:
    (datasets / file).unlink()
    assert f"{file}: it is missing" in "\n".join(problems_in(datasets))


def test_a_slot_that_no_frame_uses_is_named(datasets: Path) -> None:
    for path in (datasets / "frames").glob("*.en.yaml"):
        content = yaml.safe_load(path.read_text())
        no_slot_when(content)
        path.write_text(yaml.safe_dump(content))
    assert "frames:slots.when: no frame in language 'en' uses '{when}'" in "\n".join(
        problems_in(datasets)
    )


def test_a_rubric_that_was_left_behind_is_named(datasets: Path) -> None:
    path = datasets / "rubrics/stated.ko.md"
    path.write_text(path.read_text().replace("version: 3", "version: 1"))
    assert "rubrics/stated.ko.md:version: it is 1, rubrics/stated.en.md is 3" in "\n".join(
        problems_in(datasets)
    )


def test_a_profile_that_shows_one_option_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    one_sided = PROFILES["quick"].model_copy(update={"orders": (Order.HELPFUL_FIRST,)})
    monkeypatch.setitem(PROFILES, "quick", one_sided)
    [problem] = neither_option_is_first(Library())
    assert "profile quick shows the helpful option first in 100%" in str(problem)


def test_every_file_with_a_fault_is_told_and_the_rest_is_read(datasets: Path) -> None:
    (datasets / SCENARIO).write_text("items: [")
    (datasets / FRAMES).write_text("kind: nothing")
    found = "\n".join(problems_in(datasets))
    assert f"{SCENARIO}: not valid YAML" in found
    assert f"{FRAMES}:language: is not there" in found
    assert f"{FRAMES}:frames: is not there" in found


def test_surface_features_that_carry_nothing_tell_nothing() -> None:
    """Options dealt out at random over both sides: the AUC of a fair rule is 0.5 on average."""
    items = load_scenario("shutdown_dilemma").items
    aucs = []
    for seed in range(10):
        swapped = [
            item.model_copy(
                update={
                    "options": item.options.model_copy(
                        update={
                            "helpful": item.options.self_preserving,
                            "self_preserving": item.options.helpful,
                        }
                    )
                }
            )
            if (uuid.UUID(int=hash_of(seed, number)).int & 1)
            else item
            for number, item in enumerate(items)
        ]
        aucs.append(surface(swapped, load_vocabulary()).auc)
    assert 0.35 <= sum(aucs) / len(aucs) <= 0.6


def hash_of(seed: int, number: int) -> int:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{number}").int


def test_the_reading_grade_is_that_of_the_formula() -> None:
    """Two sentences, 10 words, 43 letters: 5.88 x 4.3 - 29.6 x 0.2 - 15.8 = 3.564."""
    text = "The harbour closes at six. Please send the papers now."
    assert reading_grade(text) == pytest.approx(3.564)


def test_an_item_is_wholly_alike_with_itself_under_another_name() -> None:
    renamed = FIRST.model_copy(
        update={"id": "twin", "setting": FIRST.setting.replace(FIRST.slots.assistant, "Harbor")}
    )
    [pair] = alike([FIRST, renamed, SECOND], at_least=ALIKE)
    assert pair == (0, 1, 1.0)


def test_every_check_is_in_the_list() -> None:
    """A check that nobody runs would be worse than none."""
    named = {check.__name__ for check in CHECKS}
    modules = (room.balance, room.duplicates, room.files, room.frames, room.gold, room.items)
    for module in (*modules, room.works):
        for name, found in vars(module).items():
            is_check = getattr(found, "__annotations__", {}) == {
                "library": Library,
                "return": Iterator[room.Problem],
            }
            if is_check and not name.startswith("_") and found.__module__ == module.__name__:
                assert name in named, f"{module.__name__}.{name}"


def command(*arguments: object) -> Any:
    return CliRunner().invoke(arena, ["lint", *map(str, arguments)])


def test_the_command_exits_with_0_or_with_a_list_and_1(datasets: Path) -> None:
    done = command("--datasets", datasets)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "0 problems: " in done.stderr
    path = datasets / SCENARIO
    path.write_text(path.read_text().replace("version: 2-A", "version: two"))
    done = command("--datasets", datasets)
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{SCENARIO}:version: ")


def test_a_folder_without_scenarios_is_one_line(tmp_path: Path) -> None:
    done = command("--datasets", tmp_path)
    assert done.exit_code == 2
    assert done.stderr == (
        f"Error: {tmp_path}: there is no folder 'scenarios' in it; name a data folder\n"
    )


def test_the_label_in_the_data_folder_is_current() -> None:
    assert (DATASETS / "README.md").read_text() == command("--label").stdout
