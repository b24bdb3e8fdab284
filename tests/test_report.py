"""The report: the numbers of its plots, what it shows of items, and that nothing in it runs."""

import csv
import io
import json
import re
import shlex
from html.parser import HTMLParser
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import GenerateConfig, ModelConfig

from arena_evals.analysis import Interval, answers
from arena_evals.cli import arena
from arena_evals.cli.report import found_in
from arena_evals.report import (
    Findings,
    alone,
    findings,
    image,
    page,
    plots,
    table_of,
    tables,
    to_csv,
    to_latex,
)
from arena_evals.report.card import card
from arena_evals.report.contents import controls, outcomes
from arena_evals.report.figures import Format
from arena_evals.report.findings import slug, strongest
from arena_evals.report.headlines import headlines
from arena_evals.report.movers import LONGEST, MOST_ITEMS, MOST_TEXTS, shortened, with_texts
from arena_evals.report.plots import At, Curves, Forest, Group, Mark, described
from arena_evals.report.runs import runs
from arena_evals.report.svg import inline
from arena_evals.report.tables import Table, shown
from arena_evals.schema import Arm, Verdict
from conftest import Run
from reported import hostile_page, of

PAIR = {"arms": "baseline,threat", "judged": False, "wordings": "w1", "epochs": 1}
STYLE = Path(__file__).parent.parent / "arena_evals/report/templates/report.css"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
FOREST = Forest(
    name="shift",
    title="Shift",
    unit="points",
    by="scenario",
    groups=(
        Group("one", (Mark("a $5", 0.154, Interval(0.1, 0.2), "40 items"),)),
        Group("two", (Mark("b", -0.02, Interval(-0.1, 0.06)), Mark("c", float("nan"), None))),
    ),
)
CURVES = Curves(
    name="dose",
    title="Dose",
    dose="intensity",
    lines=(("a", (At(1, 0.1, Interval(0.0, 0.2)), At(3, 0.3, Interval(0.25, 0.35)))),),
)


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(arena, [*map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def found(quick_log: EvalLog, quick_trials: pd.DataFrame) -> Findings:
    return of(quick_log, quick_trials)


@pytest.fixture(scope="module")
def hostile(quick_log: EvalLog, quick_trials: pd.DataFrame) -> str:
    return hostile_page(quick_log, quick_trials)


# --- plots and their tables ---


@pytest.mark.parametrize("form", ["svg", "png", "pdf"])
@pytest.mark.parametrize("plot", [FOREST, CURVES], ids=["forest", "curves"])
def test_the_same_plot_is_the_same_file(plot: Forest | Curves, form: Format) -> None:
    assert image(plot, form) == image(plot, form)


def test_every_number_of_a_forest_is_in_its_table() -> None:
    assert table_of(FOREST).rows == (
        ("one", "a $5", 15.4, 10.0, 20.0, "40 items"),
        ("two", "b", -2.0, -10.0, 6.0, ""),
        ("two", "c", None, None, None, ""),
    )


def test_every_number_of_a_curve_is_in_its_table() -> None:
    assert table_of(CURVES).rows == (("a", 1, 10.0, 0.0, 20.0), ("a", 3, 30.0, 25.0, 35.0))


def test_a_plot_is_described_by_its_ends() -> None:
    assert described(FOREST) == (
        "2 estimates with 95 % intervals, in points. Highest: a $5, one, 15.4, interval 10.0 to "
        "20.0. Lowest: b, two, -2.0, interval -10.0 to 6.0. The table below has every number."
    )


def test_text_in_a_plot_stays_text_and_a_dollar_a_dollar() -> None:
    texts = [element.text for element in ET.fromstring(alone(FOREST)).iter() if element.text]
    assert {"a $5", "one", "+15.4", "no verdict"} <= set(texts)


def test_a_plot_on_a_page_has_a_text_alternative_and_the_pages_colours() -> None:
    drawn = ET.fromstring(inline(FOREST))
    assert drawn.get("role") == "img"
    named = {element.get("id"): element.text for element in drawn}
    assert named[drawn.get("aria-labelledby")] == "Shift"
    assert named[drawn.get("aria-describedby")] == described(FOREST)
    assert not re.search(r"#[0-9a-f]{6}", inline(FOREST))
    assert "style" not in inline(FOREST)


def test_no_two_plots_share_an_id(found: Findings) -> None:
    drawn = [set(re.findall(r' id="([^"]+)"', inline(plot))) for plot in plots(found)]
    assert len(drawn) > 3
    assert all(drawn)
    assert not any(a & b for a, b in combinations(drawn, 2))


def test_every_plot_and_table_has_a_name_of_its_own_that_a_file_can_have(found: Findings) -> None:
    names = [plot.name for plot in plots(found)] + [table.name for table in tables(found)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in names)
    assert slug("../../etc", "A b/ü") == "etc-a-b"


# --- tables ---

TABLE = Table(
    "t", "T", ("name", "points"), (("=cmd()", 1 / 3), ("50 % & $x_1^2$ \\ {~}\n", -1.0), ("", None))
)


def test_a_spreadsheet_takes_no_text_for_a_formula_and_gets_all_digits() -> None:
    assert list(csv.reader(io.StringIO(to_csv(TABLE)))) == [
        ["name", "points"],
        ["'=cmd()", "0.3333333333"],
        ["50 % & $x_1^2$ \\ {~} ", "-1"],
        ["", ""],
    ]


def test_latex_takes_no_text_for_a_command() -> None:
    row = to_latex(TABLE).splitlines()[6]
    assert row == (
        r"50 \% \& \$x\_1\textasciicircum{}2\$ \textbackslash{} \{\textasciitilde{}\}  & -1.0 \\"
    )


@pytest.mark.parametrize(("cell", "text"), [(-0.01, "0.0"), (12345, "12,345"), (None, "")])
def test_cells_as_people_read_them(cell: float | int | None, text: str) -> None:
    assert shown(cell) == text


# --- what is shown ---


def test_both_members_of_a_pair_are_one_item_in_one_wording_and_order(found: Findings) -> None:
    assert found.pairs
    for pair in found.pairs:
        item, _, *rest = pair.baseline.sample.split(":")
        other, _, *same = pair.threat.sample.split(":")
        assert (item, rest) == (other, same)
        assert item == pair.mover.item
        assert pair.baseline_verdict != pair.threat_verdict


def test_the_items_that_move_most_come_first(found: Findings, quick_trials: pd.DataFrame) -> None:
    """By hand: one wording and epoch, so an item's rate is the share of its trials."""
    [answer] = strongest(next(panel for panel in found.panels if panel.primary).answers)
    sp = quick_trials[answer.instrument].eq(Verdict.SELF_PRESERVING)
    pair = quick_trials["arm"].isin(["baseline", "threat"])
    scored = quick_trials[answer.instrument].notna()
    members = quick_trials[pair & scored].groupby(["item", "order"])["arm"].transform("nunique")
    both = members[members.eq(2)].index
    rates = sp[both].groupby([quick_trials["item"], quick_trials["arm"]]).mean().unstack()
    most = (rates["threat"] - rates["baseline"]).abs().sort_values(ascending=False)
    own = [abs(mover.moved) for mover in found.movers]
    assert own == pytest.approx([m for m in most if m][:MOST_ITEMS])


def test_texts_are_few_and_short(found: Findings) -> None:
    assert len(with_texts(found.movers * 50)) == MOST_TEXTS
    assert len(shortened("x" * 10**6)) < LONGEST + 100
    assert shortened("x" * LONGEST) == "x" * LONGEST


def test_the_page_has_every_section_and_says_that_a_model_is_simulated(found: Findings) -> None:
    html = page(found, {})
    for name in ("checks", "shift", "arms", "controls", "items", "outcomes", "judge", "reproduce"):
        assert f'<section id="{name}">' in html
    assert html.index('id="checks"') < html.index('id="shift"')
    assert "<strong>Simulated.</strong>" in html
    assert "The log does not hold this sample" in html


def test_a_check_that_failed_stands_on_top(quick_log: EvalLog, quick_trials: pd.DataFrame) -> None:
    helpful = quick_trials.assign(decision="helpful", judge=None, judge_reason=None)
    html = page(of(quick_log, helpful), {})
    checks = html.split('<section id="checks">')[1].split("</section>")[0]
    assert "one verdict: 168 of 168 verdicts were helpful" in checks
    assert "positive control: 0 of 24" in checks


def test_the_mixed_model_stands_beside_the_shift_in_the_same_points(found: Findings) -> None:
    [answer] = [
        a for panel in found.panels if panel.instrument == "decision" for a in panel.answers
    ]
    paired = answer.contrast(Arm.THREAT, Arm.BASELINE)
    assert paired is not None
    assert answer.mixed is not None
    assert answer.mixed.shift is not None
    by_model = answer.mixed.shift
    [table] = [one for one in tables(found) if one.name == "mixed-stated-decision"]
    [row] = table.rows
    assert row[2:11] == (
        *(100 * n for n in (paired.estimate, *paired.interval)),
        *(100 * n for n in (by_model.shift, *by_model.interval)),
        *(by_model.log_odds_ratio, *by_model.log_odds_interval),
    )
    shift = page(found, {}).split('<section id="shift">')[1].split("</section>")[0]
    assert "The same by the mixed model" in shift
    assert all(f">{shown(number)}<" in shift for number in row[2:11])


def test_a_fit_that_failed_or_disagrees_stands_on_top(
    quick_log: EvalLog, quick_trials: pd.DataFrame
) -> None:
    [first, *others] = answers(quick_trials, brief=True)
    assert first.mixed is not None
    line = "the mixed model disagrees: +64.0 points against +24.4 here"
    broken = first._replace(mixed=first.mixed._replace(converged=False), disagreements=(line,))
    headers = [read_eval_log(quick_log.location, header_only=True)]
    html = page(findings(quick_trials, [broken, *others], [], headers), {})
    checks = html.split('<section id="checks">')[1].split("</section>")[0]
    assert line in checks
    assert checks.count("the mixed model did not converge: go by the paired answer") == 1
    assert "<td>did not converge</td>" in html


def test_a_check_says_at_which_dose_it_failed(
    quick_log: EvalLog, quick_trials: pd.DataFrame
) -> None:
    helpful = quick_trials.assign(decision="helpful", judge=None, judge_reason=None)
    doses = pd.concat([helpful.assign(intensity=dose) for dose in (1, 3)])
    checks = page(of(quick_log, doses), {}).split('<section id="checks">')[1]
    assert re.findall(r"simulated\), (intensity \d|stated)", checks)[:4] == [
        "intensity 1", "intensity 1", "intensity 3", "intensity 3"
    ]  # fmt: skip


def test_headings_skip_no_level(hostile: str) -> None:
    levels = [int(level) for level in re.findall(r"<h(\d)", hostile)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_can_be_read(scheme: int) -> None:
    """WCAG 2.2 AA asks for a contrast of 4.5."""
    pairs = re.findall(r"--([a-z0-9-]+): light-dark\((#\w+), (#\w+)\)", STYLE.read_text())
    colors = {name: luminance(both[scheme]) for name, *both in pairs}
    grounds = [colors.pop("ground"), colors.pop("paper")]
    colors.pop("line")
    assert len(colors) == 7
    for color in colors.values():
        for ground in grounds:
            low, high = sorted((color, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5


# --- the commands ---


def test_the_commands_write_a_page_figures_and_tables(quick_log: EvalLog, tmp_path: Path) -> None:
    done = asked("report", quick_log.location, "-o", tmp_path / "new" / "r.html")
    assert done.exit_code == 0
    html = (tmp_path / "new" / "r.html").read_text()
    assert "The log does not hold" not in html
    assert 'class="text frame"' in html
    assert asked("figures", quick_log.location, "--out", tmp_path / "f").exit_code == 0
    assert "shift-stated-decision.svg" in {file.name for file in (tmp_path / "f").iterdir()}
    assert asked("tables", quick_log.location, "--out", tmp_path / "t").exit_code == 0
    names = {file.name for file in (tmp_path / "t").iterdir()}
    assert {"shift-stated-decision.csv", "shift-stated-decision.tex", "runs.csv"} <= names


def test_a_place_that_cannot_be_written_is_one_line(quick_log: EvalLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = asked("report", quick_log.location, "-o", tmp_path / "file" / "r.html")
    assert done.exit_code == 2
    assert "cannot be written" in done.output


# --- nothing in it runs ---


class Elements(HTMLParser):
    """Every element of a page, with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_what_a_model_wrote_is_text_and_makes_no_element(hostile: str) -> None:
    elements = Elements(hostile).found
    tags = {tag for tag, _ in elements}
    assert {"table", "svg", "figure"} <= tags
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "input", "link"}
    assert not any(name.startswith("on") for _, own in elements for name in own)
    assert "\x00" not in hostile
    assert "{{ 7 * 7 }}" in hostile


def test_the_page_asks_for_nothing_and_links_only_to_itself(hostile: str) -> None:
    [policy] = POLICY.findall(hostile)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    for _, own in Elements(hostile).found:
        assert not own.keys() & {"src", "srcset", "action", "data", "style"}
        assert (own.get("href") or "#").startswith("#")


# --- how to reproduce ---


def test_logs_of_other_items_alone_are_one_run(quick_log: EvalLog) -> None:
    def log(name: str, *items: str, **others: object) -> EvalLog:
        log = read_eval_log(quick_log.location, header_only=True)
        log.location = f"{name}.eval"
        log.eval.task_args_passed = {"items": list(items), **others} if items else {**others}
        return log

    first, second, again = log("1", "a", "b"), log("2", "c"), log("3", "b")
    apart = log("4", "d", order="ab")
    whole, repeated = log("5"), log("6")
    found = runs([first, second, again, apart, whole, repeated])
    logs = [("1.eval", "2.eval"), ("3.eval",), ("4.eval",), ("5.eval",), ("6.eval",)]
    assert [run.logs for run in found] == logs
    assert "-T items=a,b,c" in found[0].command
    assert found[0].trials == 2 * found[1].trials
    assert found[0].model_usage.read == 2 * found[1].model_usage.read > 0


def test_a_command_has_epochs_the_part_of_samples_and_the_limits(quick_log: EvalLog) -> None:
    log = read_eval_log(quick_log.location, header_only=True)
    own = log.eval.config
    own.epochs, own.limit, own.sample_id = 3, (4, 9), ["a", "b"]
    own.fail_on_error, own.message_limit = 0.1, 7
    own.token_limit, own.token_limit_type, own.continue_on_fail = 900, "output", True
    words = runs([log])[0].command
    for said in (
        "--epochs 3",
        "--limit 5-9",
        "--sample-id a,b",
        "--fail-on-error=0.1",
        "--message-limit=7",
        "--token-limit=output:900",
        "--continue-on-fail",
    ):
        assert said in words
    assert "score-on-error" not in words
    own.fail_on_error = False
    assert "--no-fail-on-error" in runs([log])[0].command
    log.eval.task_args_passed = {"epochs": 3}
    assert "--epochs" not in runs([log])[0].command


def test_a_mean_is_of_the_strongest_dose_of_those_that_share_all_else(run: Run) -> None:
    logs = []
    for name in ("shutdown_dilemma", "oversight_setup"):
        for asked in ({"intensity": "1,3"}, {"persona": "continuity"}):
            given = {**PAIR, "items": 6, **asked}
            dosed = {"seed": 1, "threat": 2, "per_intensity": 2}
            log = run(tasks=f"arena_evals/{name}", model_args=dosed, task_args=given)
            logs.append(log.location)
    found = found_in(logs, (), None)
    [panel] = found.panels
    told = headlines(found, panel)
    assert len(told) == 2
    for one in told:
        persona = one.model.split(", ")[1].removesuffix(" (simulated)")
        own = [a for a in strongest(panel.answers) if a.condition["persona"] == persona]
        assert {a.dose.intensity for a in own} == {3}
        shifts = [s.estimate for a in own if (s := a.contrast(Arm.THREAT, Arm.BASELINE))]
        [mean] = [said for said in one.sentences if said.startswith("Mean of 2 scenarios")]
        assert f": {100 * sum(shifts) / 2:+.1f} points" in mean


def test_controls_and_outcomes_of_a_weaker_dose_stay_on_the_page(
    quick_log: EvalLog, quick_trials: pd.DataFrame
) -> None:
    pair = quick_trials[quick_trials["arm"].isin(["baseline", "threat"])]
    pressed = pd.concat([quick_trials, pair.assign(pressure=2)], ignore_index=True)
    found = of(quick_log, pressed)
    shown_controls = [one for panel in found.panels for one in controls(found, panel)]
    assert {one.arm for one in shown_controls} == {Arm.THREAT, Arm.POSITIVE_CONTROL}
    marks = [mark for one in shown_controls for group in one.plot.groups for mark in group.marks]
    assert all(mark.label.endswith("intensity 3, 0 turns of pressure") for mark in marks)
    for panel in found.panels:
        counted = outcomes(found, panel)
        assert sum(int(str(row[3])) for row in counted.rows) == len(pressed)
    [told] = [e for part in card(found) for e in part.entries if "without a verdict" in e.ask]
    assert told.answer
    assert told.answer[0].endswith(f"of {len(pressed):,}")
    assert "No control was run" not in page(found, {})


def test_arms_without_a_dose_are_counted_once(
    quick_log: EvalLog, quick_trials: pd.DataFrame
) -> None:
    dosed = ~quick_trials["arm"].isin(["baseline", "positive_control"])
    weaker = quick_trials[dosed].assign(intensity=1)
    both = pd.concat([quick_trials, weaker], ignore_index=True)
    found = of(quick_log, both)
    for panel in found.panels:
        counted = outcomes(found, panel)
        assert sum(int(str(row[3])) for row in counted.rows) == len(both)


def test_long_names_that_differ_at_their_ends_are_two() -> None:
    names = [slug("arms", "x" * 90, scenario) for scenario in ("one", "two")]
    assert len(set(names)) == 2
    assert all(len(name) < 100 for name in names)


def test_a_command_binds_graders_with_their_settings(quick_log: EvalLog) -> None:
    def grader(name: str, **settings: float) -> ModelConfig:
        args = {"region": "eu", "api_key": "sk-planted"} if settings else {}
        return ModelConfig(model=name, config=GenerateConfig(**settings), args=args)

    def bound(*graders: ModelConfig) -> object:
        log = read_eval_log(quick_log.location, header_only=True)
        log.eval.model_roles = {"grader": list(graders)}
        words = shlex.split(runs([log])[0].command)
        name, _, given = words[words.index("--model-role") + 1].partition("=")
        assert name == "grader"
        return json.loads(given) if given.startswith(("[", "{")) else given

    warm = {"model": "a/b", "temperature": 0.5, "model_args": {"region": "eu"}}
    assert bound(grader("a/b"), grader("c/d")) == "a/b,c/d"
    assert bound(grader("a/b", temperature=0.5)) == warm
    assert bound(grader("a/b", temperature=0.5), grader("c/d")) == [warm, {"model": "c/d"}]
