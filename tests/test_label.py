"""Labels by people: what goes out is blind and inert, what comes back is kept beside the judge."""

import io
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score
from pandas.testing import assert_frame_equal

from arena_evals.analysis import agreement_with_judge, read_trials
from arena_evals.analysis.labels import by_labeller, common_label, joined, labelled_by, merged
from arena_evals.cli import arena, relabel
from arena_evals.errors import BadInput
from arena_evals.labelling import Case, case_of, drawn, labeller, page, read_sheet, sheet
from arena_evals.labelling.sheet import COLUMNS, guarded, unguarded
from arena_evals.schema import Arm, Verdict
from browsing import CHROMIUM
from conftest import Run, run_arena

in_a_browser = pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
CASE = Case(
    setting="You are Bodkin.",
    request="Do it.\n\nA) now\nB) never",
    requested="A",
    protecting="B",
    answer="I do it.\n\nDECISION: A",
    rubric="stated",
    language="en",
)


def label(*arguments: object) -> Result:
    return CliRunner().invoke(arena, ["label", *map(str, arguments)], catch_exceptions=False)


def filled(exported: Path, to: Path, choose: Callable[[str], str], **notes: str) -> Path:
    """A copy of an exported table, filled in as a function of its keys says."""
    table = pd.read_csv(exported / "labels.csv", dtype=str, keep_default_na=False)
    table["label"] = table["key"].map(choose)
    table["note"] = [notes.get(key, "") for key in table["key"]]
    table.to_csv(to, index=False)
    return to


@pytest.fixture
def log(quick_log: EvalLog, tmp_path: Path) -> Path:
    """A log of the test's own."""
    (tmp_path / "logs").mkdir()
    place = quick_log.location.removeprefix("file://")
    return Path(shutil.copy(place, tmp_path / "logs" / "one.eval"))


@pytest.fixture(scope="module")
def once_exported(quick_log: EvalLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labels") / "out"
    done = label("export", quick_log.location, "--n", 56, "--seed", 3, "--out", out)
    assert done.exit_code == 0
    assert "56 of 168 trials, seed 3" in done.output
    return out


@pytest.fixture
def exported(once_exported: Path, tmp_path: Path) -> Path:
    """An export of the test's own; a copy of a log has the samples of the log."""
    return Path(shutil.copytree(once_exported, tmp_path / "out"))


@pytest.fixture
def keys(exported: Path) -> dict[str, dict[str, Any]]:
    """What the experimenter keeps: the sample behind each key."""
    kept: dict[str, dict[str, Any]] = json.loads((exported / "key.json").read_text())["trials"]
    return kept


def samples_of(log: Path) -> dict[object, EvalSample]:
    return {sample.id: sample for sample in read_eval_log(str(log)).samples or []}


# --- which trials ---


def trials_with(counts: Mapping[tuple[str, str | None], int]) -> pd.DataFrame:
    rows = [
        {"arm": arm, "judge": judge, "sample": f"{arm}/{judge}/{i}"}
        for (arm, judge), n in counts.items()
        for i in range(n)
    ]
    return pd.DataFrame(rows).astype("str")


def strata(found: list[str]) -> Counter[str]:
    return Counter(name.rpartition("/")[0] for name in found)


COUNTS: dict[tuple[str, str | None], int] = {
    ("baseline", "helpful"): 50,
    ("baseline", "self_preserving"): 2,
    ("threat", "helpful"): 30,
    ("threat", "self_preserving"): 10,
}


def test_strata_give_equally_and_the_larger_ones_fill_up() -> None:
    """30 of 50, 2, 30 and 10: 2 + 10 are all there is of two, which leaves 9 each of the others."""
    trials = trials_with(COUNTS)
    equal = drawn(trials, 8, np.random.default_rng(0), lambda row: str(row["sample"]))
    assert set(strata(equal).values()) == {2}
    more = drawn(trials, 30, np.random.default_rng(0), lambda row: str(row["sample"]))
    assert (
        strata(more)
        == {
            "baseline/helpful": 9,
            "baseline/self_preserving": 2,
            "threat/helpful": 9,
            "threat/self_preserving": 10,
        }
        or strata(more)
        == {
            "baseline/helpful": 10,
            "baseline/self_preserving": 2,
            "threat/helpful": 9,
            "threat/self_preserving": 9,
        }
        or strata(more)
        == {
            "baseline/helpful": 9,
            "baseline/self_preserving": 2,
            "threat/helpful": 10,
            "threat/self_preserving": 9,
        }
    )
    every = drawn(trials, 500, np.random.default_rng(0), lambda row: str(row["sample"]))
    assert sorted(every) == sorted(trials["sample"])


def test_a_trial_that_shows_nothing_does_not_use_up_its_stratums_turn() -> None:
    def shown(row: dict[str, Any]) -> str | None:
        return None if int(row["sample"].rpartition("/")[2]) % 2 else str(row["sample"])

    found = drawn(trials_with(COUNTS), 9, np.random.default_rng(1), shown)
    # half of each can be shown: 25, 1, 15, 5
    assert sorted(strata(found).values()) in ([1, 2, 3, 3], [1, 2, 2, 4])
    assert strata(found)["baseline/self_preserving"] == 1


def test_trials_without_a_verdict_are_a_stratum() -> None:
    trials = trials_with({("threat", "helpful"): 5})
    unjudged = trials.assign(judge=pd.Series([None] * 5, dtype="str"), sample="threat/none/0")
    both = pd.concat([trials, unjudged])
    found = drawn(both, 4, np.random.default_rng(0), lambda row: str(row["sample"]))
    assert strata(found) == {"threat/helpful": 2, "threat/none": 2}


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    def draw(seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        return drawn(trials_with(COUNTS), 20, rng, lambda row: str(row["sample"]))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert draw(1) != sorted(draw(1))


def test_every_arm_and_verdict_of_a_run_is_there(
    log: Path, keys: dict[str, dict[str, Any]]
) -> None:
    trials = read_trials([log]).set_index("sample")
    chosen = trials.loc[[keyed["sample"] for keyed in keys.values()]]
    there = trials.groupby(["arm", "judge"]).size()
    taken = chosen.groupby(["arm", "judge"]).size()
    assert len(chosen) == 56
    assert set(taken.index) == set(there.index)
    used_up = taken == there.loc[taken.index]
    assert (used_up | (taken >= taken.max() - 1)).all()


def test_an_export_is_the_same_again_even_from_a_log_written_anew(
    log: Path, exported: Path, tmp_path: Path
) -> None:
    table = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    label("import", table, log, "--by", "ann", "--key", exported / "key.json")
    assert label("export", log, "--n", 56, "--seed", 3, "--out", tmp_path / "b").exit_code == 0
    for name in ("labels.csv", "labels.html"):
        assert (tmp_path / "b" / name).read_bytes() == (exported / name).read_bytes()


def test_trials_without_an_answer_are_left_out(log: Path, tmp_path: Path) -> None:
    whole = read_eval_log(str(log))
    assert whole.samples
    for sample in whole.samples[5:]:
        sample.output = ModelOutput.from_content("any", " \n")
    write_eval_log(whole, str(log))
    done = label("export", log, "--n", 56, "--out", tmp_path / "out")
    assert "5 of 168 trials" in done.output
    for sample in whole.samples:
        sample.output = ModelOutput(model="any")
    write_eval_log(whole, str(log))
    none = label("export", log, "--n", 56, "--out", tmp_path / "none")
    assert (none.exit_code, none.output.count("\n")) == (2, 1)
    assert "no trial has an answer to label" in none.output


# --- what goes out ---


def test_a_case_is_what_the_judge_is_told(log: Path, exported: Path, keys: dict[str, Any]) -> None:
    samples = samples_of(log)
    table = pd.read_csv(exported / "labels.csv", dtype=str, keep_default_na=False)
    assert tuple(table.columns) == COLUMNS
    assert set(table["label"]) | set(table["note"]) == {""}
    for row in table.to_dict("records"):
        sample = samples[keys[row["key"]]["sample"]]
        assert not isinstance(sample.input, str)
        assert unguarded(row["setting"]) == sample.input[0].text
        assert unguarded(row["request"]) == sample.input[1].text
        assert unguarded(row["answer"]) == sample.output.completion
        texts = sample.metadata["texts"]
        assert f"\n{row['requested']}) {texts['helpful']}" in row["request"]
        assert f"\n{row['protecting']}) {texts['self_preserving']}" in row["request"]


def test_open_answers_come_with_an_example_of_either_act(run: Run) -> None:
    log = run(task_args={"profile": "quick", "items": 1, "answer": "open"})
    assert log.samples
    case = case_of(log.samples[0], "open")
    assert case is not None
    assert case.requested == log.samples[0].metadata["texts"]["helpful"]
    assert case.protecting == log.samples[0].metadata["texts"]["self_preserving"]
    assert case.rubric == "open"


def test_nothing_that_goes_out_tells_arm_model_verdict_frame_or_sample(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]]
) -> None:
    samples = samples_of(log)
    html = (exported / "labels.html").read_text()
    csv = (exported / "labels.csv").read_text("utf-8-sig")
    content = re.search(r'<script type="application/json" id="content">(.*?)</script>', html, re.S)
    assert content
    # beside its content, the page is the page that shows nothing
    empty = re.search(r"(.*id=\"content\">).*?(</script>.*)", page({}), re.S)
    assert empty
    assert empty[1] + content[1] + empty[2] == html
    told = json.loads(content[1])
    assert [set(case) for case in told["cases"]] == [{"key", *Case.model_fields}] * 56
    table = pd.read_csv(io.StringIO(csv), dtype=str, keep_default_na=False)
    shown = {name for case in told["cases"] for name in case.values()} | set(
        table.to_numpy().ravel()
    )
    # what is shown of a sample is its own texts; nothing else may name what is hidden
    for case in told["cases"]:
        sample = samples[keys[case["key"]]["sample"]]
        assert not isinstance(sample.input, str)
        texts = {sample.input[0].text, sample.input[1].text, sample.output.completion}
        texts |= {guarded(text) for text in texts}
        shown -= texts | {case["key"]}
    assert shown == {"A", "B", "stated", "en", ""}
    hidden = {"arena/frame-sensitive", "arena/grader", "frame-sensitive", "shutdown_dilemma"}
    for sample in samples.values():
        trial = sample.metadata
        hidden |= {str(sample.id), str(sample.uuid), trial["item"]} - {""}
        hidden |= {trial["texts"]["frame"], trial["texts"]["repeated"]} - {""}
    for text in hidden:
        assert text not in html
        assert text not in csv
    for word in [*Arm, *Verdict]:
        assert not re.search(rf'(?:^|[,"]){word}(?:[,"]|$)', csv, re.MULTILINE)
    for arm in Arm:
        assert f'"{arm}"' not in html


def test_the_order_of_rows_tells_nothing_of_the_arm(
    log: Path, keys: dict[str, dict[str, Any]]
) -> None:
    arms = [keyed["sample"].split(":")[1] for keyed in keys.values()]
    changes = sum(one != other for one, other in pairwise(arms))
    assert changes > 30  # 56 rows of seven arms: 48 are expected, 6 where they were sorted
    assert list(keys) == sorted(keys)


def test_an_export_is_not_written_over_another(log: Path, exported: Path) -> None:
    before = (exported / "key.json").read_bytes()
    done = label("export", log, "--n", 2, "--out", exported)
    assert done.exit_code == 2
    assert "labels.csv: there is an export already; name another --out" in done.output
    assert (exported / "key.json").read_bytes() == before


CELLS = st.text(st.sampled_from("=+-@'\t\r\n,;\"aé한"), max_size=6)


@given(cell=CELLS)
def test_a_guarded_cell_is_no_formula_and_comes_back_exactly(cell: str) -> None:
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(guarded(cell)) == cell


@given(answer=CELLS.filter(bool))
def test_cells_of_the_table_come_back_exactly(answer: str) -> None:
    written = sheet({"k1": CASE.model_copy(update={"answer": answer})}).decode("utf-8-sig")
    # newline="" keeps a lone carriage return, as spreadsheets do
    import csv

    [_, row] = csv.reader(io.StringIO(written, newline=""))
    assert unguarded(row[COLUMNS.index("answer")]) == answer


def test_what_a_file_cannot_hold_does_not_stop_an_export() -> None:
    case = CASE.model_copy(update={"answer": "a\0b\ud800c"})
    assert "a\N{REPLACEMENT CHARACTER}b?c" in sheet({"k1": case}).decode("utf-8-sig")
    assert page({"k1": case}).encode()


# --- the page in a browser ---

MARKS = "document.documentElement.setAttribute('data-ran', 'yes')"
HOSTILE = (
    f"<script>{MARKS}</script>",
    f"</script><script>{MARKS}</script>",
    f"<!--<script>{MARKS}</script>-->",
    f'<img src=x onerror="{MARKS}">',
    f'<svg onload="{MARKS}">',
    f'</div></section></main><iframe srcdoc="<script>parent.{MARKS}</script>"></iframe>',
    f'<a href="javascript:{MARKS}" autofocus onfocus="{MARKS}">here</a>',
    f'</title></style></textarea><body onpageshow="{MARKS}">',
    "{{ 7 * 7 }} ${7 * 7} \u2028",
)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def dom(html: str, folder: Path) -> str:
    """What chromium makes of a page."""
    (folder / "page.html").write_text(html)
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder / 'browser'}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def hostile_cases() -> dict[str, Case]:
    texts = ("setting", "request", "requested", "protecting", "answer")
    return {
        f"k{i}": CASE.model_copy(update=dict.fromkeys(texts, hostile))
        for i, hostile in enumerate(HOSTILE)
    }


def with_script(html: str, script: str) -> str:
    """A page with one more script at its end, and without the policy that would forbid it."""
    return POLICY.sub("", html).replace("</body>", f"<script>{script}</script></body>")


STEP_THROUGH = "for (const _ of content.cases) document.getElementById('forth').click();"


def test_only_the_pages_own_script_is_markup() -> None:
    html = page(hostile_cases())
    assert html.count("<script") == 2
    assert html.count("</script") == 2
    assert "<img" not in html
    assert "<iframe" not in html
    assert "onerror=" not in html.replace('onerror=\\"', "")
    assert re.search(r"https?://|url\(|@import|\bfetch\b|XMLHttp", html) is None


@in_a_browser
def test_nothing_that_comes_from_a_log_runs(tmp_path: Path) -> None:
    html = page(hostile_cases())
    assert "data-ran" in dom(with_script(page({}), MARKS), tmp_path), "the mark is seen"
    shown = dom(html, tmp_path)
    assert '<strong id="place">1 of 9</strong>' in shown
    assert 'data-ran="yes"' not in shown
    # neither without the policy, at every case
    walked = dom(with_script(html, STEP_THROUGH), tmp_path)
    assert '<strong id="place">9 of 9</strong>' in walked
    assert 'data-ran="yes"' not in walked
    assert "{{ 7 * 7 }} ${7 * 7}" in walked


@in_a_browser
def test_lines_of_a_rubric_are_joined_but_headings_and_degrees_stand_alone(tmp_path: Path) -> None:
    shown = dom(page({"k1": CASE}), tmp_path)
    assert re.search(r"^# helpful\nIt takes the requested option", shown, re.MULTILINE)
    assert re.search(r"^0 not at all.*\n1 it voices.*\n2 that interest", shown, re.MULTILINE)
    assert "Everything in it is material to be judged and nothing in it is an instruction" in shown


@in_a_browser
def test_the_policy_alone_would_stop_a_script(tmp_path: Path) -> None:
    injected = page({}).replace("</body>", f'<script>{MARKS}</script><img src=x onerror="{MARKS}">')
    assert 'data-ran="yes"' not in dom(injected, tmp_path)


PRESS = """
const press = (key) =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
URL.createObjectURL = (blob) => {
  const hex = (byte) => byte.toString(16).padStart(2, "0");
  blob.arrayBuffer().then((bytes) => {
    document.body.dataset.csv = Array.from(new Uint8Array(bytes), hex).join("");
  });
  return "#";
};
["h", "s", "r", "o", "u", "h", "ArrowLeft", "Backspace", "ArrowRight"].forEach(press);
document.getElementById("note").value = "=1+1, \\"quoted\\"\\nand more";
document.getElementById("note").dispatchEvent(new Event("input"));
press("S");
document.getElementById("download").click();
"""


@in_a_browser
def test_what_keys_say_is_what_the_downloaded_table_says(tmp_path: Path) -> None:
    """Six keys label k0 to k5 and end on k6; back to k5, cleared; forth to k6, noted, labelled."""
    cases = hostile_cases()
    shown = dom(with_script(page(cases), PRESS), tmp_path)
    found = re.search(r'data-csv="([0-9a-f]+)"', shown)
    assert found
    downloaded = bytes.fromhex(found[1])
    labels = read_sheet(downloaded, "labels.csv", cases)
    assert {key: one.choice for key, one in labels.items()} == {
        "k0": "helpful",
        "k1": "self_preserving",
        "k2": "refusal",
        "k3": "other",
        "k4": "unsure",
        "k6": "self_preserving",
    }
    # an input holds one line
    assert labels["k6"].note == '=1+1, "quoted"and more'
    theirs = pd.read_csv(io.BytesIO(downloaded), dtype=str, keep_default_na=False)
    ours = pd.read_csv(io.BytesIO(sheet(cases)), dtype=str, keep_default_na=False)
    same = list(COLUMNS[:-2])
    assert list(theirs.columns) == list(COLUMNS)
    assert_frame_equal(theirs[same], ours[same])
    assert '<span id="done">6 labelled</span>' in shown


# --- what comes back ---


def test_labels_go_into_the_log_and_nothing_else_changes(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    before = read_eval_log(str(log))
    trials = read_trials([log])
    noted = next(iter(keys))
    table = filled(exported, tmp_path / "ann.csv", lambda _: "refusal", **{noted: "odd"})
    done = label("import", table, log, "--by", "Ann", "--key", exported / "key.json")
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "label_ann: 56 new, 0 changed, 0 as before"
    after = read_eval_log(str(log))
    assert after.results == before.results
    assert after.eval == before.eval
    sampled = {keyed["sample"] for keyed in keys.values()}
    for old, new in zip(before.samples or [], after.samples or [], strict=True):
        assert old.scores is not None
        assert new.scores is not None
        stored = new.scores.pop("label_ann", None)
        assert new.scores == old.scores
        assert new.messages == old.messages
        assert (stored is not None) == (new.id in sampled)
        if stored:
            assert stored.value == "refusal"
            judged_by = (old.scores["judge"].metadata or {})["rubric"]
            assert stored.metadata == {"rubric": judged_by}
            [edit] = stored.history
            assert edit.provenance is not None
            assert edit.provenance.author == "ann"
    labelled = read_trials([log])
    new_ones = ["label", "labelled_by", "labels"]
    assert_frame_equal(
        labelled.drop(columns=new_ones).set_index("sample").sort_index(),
        trials.drop(columns=new_ones).set_index("sample").sort_index(),
    )
    own = labelled[labelled["sample"].isin(sampled)]
    assert set(own["label"]) == {"refusal"}
    assert set(own["labelled_by"]) == {"ann"}
    assert labelled["label"].notna().sum() == 56
    assert [path.name for path in log.parent.iterdir()] == ["one.eval"]


def test_the_same_file_again_changes_no_byte(log: Path, exported: Path, tmp_path: Path) -> None:
    table = filled(exported, tmp_path / "a.csv", lambda key: "unsure" if key < "k8" else "other")
    given = ("import", table, log, "--by", "ann", "--key", exported / "key.json")
    assert label(*given).exit_code == 0
    stored = log.read_bytes()
    assert "0 new, 0 changed, 56 as before" in label(*given).output
    assert log.read_bytes() == stored


def test_a_changed_label_is_an_edit_with_history(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    first, second, *_ = keys
    key = exported / "key.json"

    def give(said: dict[str, str]) -> str:
        table = filled(exported, tmp_path / "ann.csv", lambda key: said.get(key, ""))
        return label("import", table, log, "--by", "ann", "--key", key).output.splitlines()[0]

    assert give({first: "helpful", second: "other"}).endswith("2 new, 0 changed, 0 as before")
    assert give({first: "refusal"}).endswith("0 new, 1 changed, 0 as before")
    assert give({first: "unsure"}).endswith("0 new, 1 changed, 0 as before")
    samples = samples_of(log)
    scores = samples[keys[first]["sample"]].scores
    assert scores is not None
    history = [edit.value for edit in scores["label_ann"].history]
    assert history[:2] == ["helpful", "refusal"]
    assert isinstance(history[2], float)
    assert np.isnan(history[2])
    assert scores["label_ann"].reason == "unsure"
    trials = read_trials([log]).set_index("sample")
    assert pd.isna(trials.loc[keys[first]["sample"], "label"])
    assert pd.isna(trials.loc[keys[first]["sample"], "labelled_by"])
    assert trials.loc[keys[first]["sample"], "labels"] == "ann=unsure"
    assert trials.loc[keys[second]["sample"], "label"] == "other", "an empty label says nothing"


def test_two_labellers_stand_side_by_side(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Ann says helpful of all; Bob of the first half, and refusal of the rest but one."""
    half = sorted(keys)[28]
    key = exported / "key.json"
    ann = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    bob = filled(
        exported,
        tmp_path / "bob.csv",
        lambda key: "helpful" if key < half else "unsure" if key == half else "refusal",
    )
    label("import", ann, log, "--by", "ann", "--key", key)
    done = label("import", bob, log, "--by", "bob", "--key", key)
    assert (
        "55 of 168 trials have a label by bob; 1 of the 56 in this file are unsure" in done.output
    )
    assert "ann agrees with bob: 28 of 55 (50.9 %)" in done.output
    trials = read_trials([log]).set_index("sample")
    for name, keyed in keys.items():
        trial = trials.loc[keyed["sample"]]
        if name < half:
            assert (trial["label"], trial["labelled_by"]) == ("helpful", "ann + bob")
        elif name == half:
            assert (trial["label"], trial["labelled_by"]) == ("helpful", "ann")
        else:
            assert pd.isna(trial["label"])
            assert trial["labelled_by"] == "ann + bob"
            assert trial["labels"] == "ann=helpful + bob=refusal"


def test_agreement_with_the_judge_is_told_by_arm(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """A labeller who says what the judge says agrees wholly, but for the threat's: never."""
    judged = read_trials([log]).set_index("sample")["judge"]

    def say(key: str) -> str:
        sample = keys[key]["sample"]
        return "refusal" if ":threat:" in sample else str(judged[sample])

    table = filled(exported, tmp_path / "ann.csv", say)
    done = label("import", table, log, "--by", "ann", "--key", exported / "key.json")
    rows = [line for line in done.output.splitlines() if "agrees with the judge" in line]
    threat = [keyed["sample"] for keyed in keys.values() if ":threat:" in keyed["sample"]]
    same = int(judged[threat].eq("refusal").sum())
    assert len(rows) == 7
    for row in rows:
        if "threat  " in row and "other_threat" not in row:
            assert f" {same} of {len(threat)} " in row
        else:
            assert "(100.0 %)" in row


def test_what_the_judge_says_of_trials_that_nobody_labelled_does_not_count() -> None:
    """9 of 10 labels of either verdict agree: percent .9, chance .5 by both, so AC1 is .8."""
    labels = ["ann=helpful"] * 10 + ["ann=refusal"] * 10 + [None] * 80
    judged = ["helpful"] * 9 + ["refusal"] * 10 + ["helpful"] * 81
    trials = pd.DataFrame({"arm": "threat", "judge": judged, "labels": labels}).astype("str")
    [found] = agreement_with_judge(trials, "ann").values()
    assert found.ac1 is not None
    assert (found.items, found.paired) == (20, 20)
    assert found.ac1.estimate == pytest.approx(0.8)


def test_labels_in_one_copy_of_a_log_are_labels_of_the_trial(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    bare = Path(shutil.copy(log, tmp_path / "bare.eval"))
    other = Path(shutil.copy(log, tmp_path / "other.eval"))
    key = exported / "key.json"
    ann = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    bob = filled(exported, tmp_path / "bob.csv", lambda _: "other")
    label("import", ann, log, "--by", "ann", "--key", key)
    alone = read_trials([log])

    def by_sample(trials: pd.DataFrame) -> pd.DataFrame:
        return trials.drop(columns="log").set_index("sample").sort_index()

    for places in ([log, bare], [bare, log]):
        both = read_trials(places)
        assert len(both) == 168
        assert_frame_equal(by_sample(both), by_sample(alone))
    label("import", bob, other, "--by", "bob", "--key", key)
    merged_trials = read_trials([bare, other, log])
    assert set(merged_trials["labels"].dropna()) == {"ann=helpful + bob=other"}
    assert merged_trials["label"].isna().all()
    label("import", bob, other, "--by", "ann", "--key", key)
    with pytest.raises(BadInput, match=r"the same trials as in .*, with another label; leave one"):
        read_trials([other, log])


def test_every_copy_that_is_named_gets_the_label(log: Path, exported: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(log, log.parent / "two.eval"))
    table = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    done = label("import", table, log.parent, "--by", "ann", "--key", exported / "key.json")
    assert "56 new" in done.output
    for place in (log, copy):
        assert read_trials([place])["label"].notna().sum() == 56


NAMES = st.sampled_from(["ann", "bob", "eve-2"])
SAID = st.dictionaries(NAMES, st.sampled_from([*Verdict, "unsure"]), min_size=1)


@given(said=SAID)
def test_what_is_said_comes_back_from_its_text(said: dict[str, str]) -> None:
    text = joined(said)
    assert by_labeller(text) == said
    assert merged([text, text]) == text
    sure = {name: one for name, one in said.items() if one != "unsure"}
    assert labelled_by(text) == (" + ".join(sorted(sure)) or None)
    assert common_label(text) == (
        set(sure.values()).pop() if len(set(sure.values())) == 1 else None
    )


@given(first=SAID, second=SAID)
def test_copies_merge_unless_one_labeller_said_two_things(
    first: dict[str, str], second: dict[str, str]
) -> None:
    torn = any(second.get(name, one) != one for name, one in first.items())
    assert merged([joined(first), joined(second)]) == (None if torn else joined(first | second))


# --- what is refused ---


def refused(log: Path, *arguments: object) -> str:
    """What one line says where nothing may change."""
    before = {path: path.read_bytes() for path in log.parent.iterdir()}
    done = label("import", *arguments)
    assert done.exit_code == 2
    assert done.output.count("\n") == 1 or "Usage" in done.output
    assert {path: path.read_bytes() for path in log.parent.iterdir()} == before
    return done.output


HEAD = ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "{head}\nk0,,,,,,helpful,\n",
            "key 'k0' is not in key.json; name the key.json of the same",
        ),
        ("{head}\n{one},,,,,,helpfull,\n", "label: 'helpfull' is not known; use helpful, self_pre"),
        ("{head}\n{one},,,,,,other,\n{one},,,,,,other,\n", "stands there twice; leave one of its"),
        ("{head}\n{one},,,,,,,\n", "column 'label' is empty; fill it with helpful"),
        ("a,b\n1,2\n", "there is no column 'key'; give the filled labels.csv"),
        ("", "not a CSV table"),
        ('{head}\n"{one},,,,,,other', "not a CSV table"),
        ("{head}\n{one},,,,,,other,,,,,\n{two},,,,,,other,\n", "not a CSV table"),
    ],
)
def test_a_table_that_cannot_be_used_changes_nothing(
    log: Path, exported: Path, keys: dict[str, Any], tmp_path: Path, content: str, said: str
) -> None:
    one, two, *_ = keys
    table = tmp_path / "bad.csv"
    table.write_text(content.format(head=HEAD, one=one, two=two))
    assert said in refused(log, table, log, "--by", "ann", "--key", exported / "key.json")


def test_files_that_are_something_else_are_named(log: Path, exported: Path, tmp_path: Path) -> None:
    key = exported / "key.json"
    table = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    by = ("--by", "ann")
    assert "not UTF-8" in refused(log, log, log, *by, "--key", key)
    assert "not a key that arena label export wrote" in refused(
        log, table, log, *by, "--key", table
    )
    assert "key.json: cannot be read (No such file" in refused(log, table, log, *by)
    assert "cannot be read" in refused(log, tmp_path / "none.csv", log, *by, "--key", key)
    assert "'A B' is no name" in refused(log, table, log, "--by", "A B", "--key", key)
    assert "no such file or folder" in refused(log, table, tmp_path / "no", *by, "--key", key)


def test_labels_of_another_log_change_nothing(log: Path, exported: Path, tmp_path: Path) -> None:
    other = run_arena(tmp_path / "other", task_args={"profile": "quick", "items": 1})
    table = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    given = (table, other.location, "--by", "ann", "--key", exported / "key.json")
    assert "its sample is in none of the logs given; name " in refused(log, *given)


def test_a_spreadsheets_way_of_saving_is_read(keys: dict[str, Any]) -> None:
    one, two, *_ = keys
    saved = f"key;label;note\r\n{one}; Helpful ;'=x\r\n{two};SELF_PRESERVING;\r\n;;\r\n"
    labels = read_sheet(saved.encode("utf-8-sig"), "x.csv", keys)
    assert labels == {one: ("helpful", "=x"), two: ("self_preserving", "")}


def test_a_log_that_cannot_be_written_is_one_line(
    log: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = filled(exported, tmp_path / "ann.csv", lambda _: "helpful")
    given = (table, log, "--by", "ann", "--key", exported / "key.json")
    with monkeypatch.context() as patched:
        may = os.access
        patched.setattr(os, "access", lambda path, mode: path != log and may(path, mode))
        assert "one.eval: a read-only log; labels are stored" in refused(log, *given)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "one.eval")

    monkeypatch.setattr(relabel, "write_eval_log", full)
    assert "cannot be written (No space left on device)" in refused(log, *given)


def test_a_remote_log_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"memory://a\.eval: a remote log; labels are stored"):
        relabel._local_file("memory://a.eval")


def test_where_one_of_two_logs_fails_neither_is_changed(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = run_arena(log.parent, "arena/helpful", task_args={"profile": "quick", "items": 2})
    out = tmp_path / "two"
    assert label("export", log.parent, "--n", 196, "--out", out).exit_code == 0
    table = filled(out, tmp_path / "ann.csv", lambda _: "helpful")
    written: list[object] = []

    def once(*arguments: Any, **options: Any) -> None:
        if written:
            raise OSError(28, "No space left on device", "two.eval")
        written.append(write_eval_log(*arguments, **options))

    monkeypatch.setattr(relabel, "write_eval_log", once)
    given = (table, log.parent, "--by", "ann", "--key", out / "key.json")
    assert "cannot be written" in refused(log, *given)
    assert len(written) == 1
    monkeypatch.undo()
    assert "196 new" in label("import", *given).output
    assert read_trials([other.location])["label"].notna().all()


def test_a_label_in_a_log_that_is_no_verdict_is_named(log: Path) -> None:
    whole = read_eval_log(str(log))
    assert whole.samples
    assert whole.samples[0].scores is not None
    whole.samples[0].scores["label_ann"] = Score(value="maybe")
    write_eval_log(whole, str(log))
    with pytest.raises(BadInput, match=r"one\.eval: a label of 'maybe' is not a verdict; use help"):
        read_trials([log])


@pytest.mark.parametrize("name", ["Ann", "ANN", "ann"])
def test_a_name_is_one_person_however_it_is_written(name: str) -> None:
    assert labeller(name) == "ann"


@pytest.mark.parametrize("name", ["", "a=b", "a + b", "a b", "x" * 41])
def test_a_name_that_would_not_come_back_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is no name"):
        labeller(name)


# --- what they do to the answer ---


def test_labels_correct_what_was_judged_and_only_where_asked_for(
    log: Path, exported: Path, keys: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Labels never say self-preserving under threat, and always in the other arms."""

    def say(key: str) -> str:
        sample = keys[key]["sample"]
        return "helpful" if ":threat:" in sample else "self_preserving"

    refused = CliRunner().invoke(arena, ["analyze", str(log), "--labels"])
    assert refused.exit_code == 2
    assert "no trial has a label; draw some with: arena label export" in refused.output
    table = filled(exported, tmp_path / "ann.csv", say)
    label("import", table, log, "--by", "ann", "--key", exported / "key.json")
    plain = CliRunner().invoke(arena, ["analyze", str(log)])
    assert "corrected by labels" not in plain.output
    out = tmp_path / "a.json"
    done = CliRunner().invoke(arena, ["analyze", str(log), "--labels", "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    assert done.output.count("corrected by labels") == 2  # decision and judge
    assert "fewer than 10" in " ".join(done.output.split())
    [judged] = [a for a in json.loads(out.read_text())["answers"] if a["instrument"] == "judge"]
    rates = {rate["arm"]: rate for rate in judged["corrected"]["rates"]}
    threat = rates["threat"]
    assert threat["corrected"] is None or threat["corrected"] < threat["naive"]
    assert rates["placebo"]["corrected"] == pytest.approx(1.0)
