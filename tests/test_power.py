"""Power: the formula against the figures it must give, other routes to them, and the command."""

import re
from functools import cache
from math import inf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.log import EvalLog
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit

from arena_evals.analysis import (
    CONDITION,
    Expected,
    Pilot,
    detectable_shift,
    items_needed,
    paired_contrast,
    pilot,
    power,
    read_trials,
    spread,
    standard_error,
    tokens_per_trial,
)
from arena_evals.analysis.power import item_variance
from arena_evals.cli import arena
from arena_evals.errors import BadInput
from arena_evals.schema import Arm
from conftest import run_arena

PAGE = (Path(__file__).parent.parent / "docs/power.md").read_text()
ONE_CELL = ("-T", "order=helpful_first", "-T", "wordings=w1")  # one trial per item, arm and epoch


@pytest.fixture(scope="module")
def pilot_log(tmp_path_factory: pytest.TempPathFactory) -> EvalLog:
    """Baseline and threat of 12 items, eight trials each, of a model with many events."""
    arguments = {"profile": "quick", "arms": "baseline,threat", "epochs": 4, "judged": False}
    folder = tmp_path_factory.mktemp("pilot")
    return run_arena(folder, task_args=arguments, model_args={"base_rate": 0.35})


@pytest.mark.parametrize(("trials", "items"), [(1, 406), (5, 95), (10, 56), (20, 37), (inf, 17)])
def test_the_default_plan_needs_the_items_that_the_design_was_measured_with(
    trials: float, items: int
) -> None:
    """5 % to 10 %, item SD 1, slope SD .6, 80 % power; figures from the design's own study."""
    assert items_needed(Expected(), trials) == items
    assert power(Expected(), items, trials) >= 0.8 > power(Expected(), items - 1, trials)


def test_items_that_do_not_differ_leave_the_binomial_variance() -> None:
    """.05 x .95 + .1 x .9 = .1375; over 4 trials and 25 items, SE = sqrt(.1375 / 100)."""
    alike = Expected(item_sd=0, slope_sd=0)
    assert spread(alike) == pytest.approx((0, 0.1375))
    assert standard_error(alike, 25, 4) == pytest.approx(sqrt(0.001375))
    assert items_needed(alike, inf) == 2


def marginal(mu: float, sd: float) -> float:
    """The mean over items of expit(mu + sd z)."""
    mean, _ = quad(lambda z: expit(mu + sd * z) * stats.norm.pdf(z), -9, 9)
    return float(mean)


@cache
def intercept(rate: float, sd: float) -> float:
    """The mu whose `marginal` is the rate, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        mid = (low + high) / 2
        low, high = (mid, high) if marginal(mid, sd) < rate else (low, mid)
    return low


def rates(expected: Expected, items: np.ndarray, slopes: np.ndarray) -> tuple[Any, Any]:
    """p0 and p1 of items with these deviations, in SDs."""
    total_sd = float(np.hypot(expected.item_sd, expected.slope_sd))
    start = intercept(expected.base, expected.item_sd)
    end = intercept(expected.base + expected.shift, total_sd)
    common = expected.item_sd * items
    return expit(start + common), expit(end + common + expected.slope_sd * slopes)


DROP = Expected(base=0.3, shift=-0.1, item_sd=1.5, slope_sd=1.2)


def test_the_spread_is_the_integral_over_items() -> None:
    """A fine even grid instead of Gauss-Hermite nodes."""
    grid = np.linspace(-8, 8, 161)
    first, second = np.meshgrid(grid, grid, indexing="ij")
    p0, p1 = rates(DROP, first, second)
    density = stats.norm.pdf(first) * stats.norm.pdf(second) * 0.1**2
    mean = (density * (p1 - p0)).sum()
    assert mean == pytest.approx(-0.1, abs=1e-8)
    assert spread(DROP).between == pytest.approx((density * (p1 - p0) ** 2).sum() - mean**2, 1e-6)
    within = (density * (p1 * (1 - p1) + p0 * (1 - p0))).sum()
    assert spread(DROP).within == pytest.approx(within, 1e-6)


@pytest.mark.parametrize(("items", "trials"), [(56, 10), (37, 20), (20, 4)])
def test_a_t_test_on_simulated_items_finds_the_shift_as_often(items: int, trials: int) -> None:
    """20,000 data sets; Monte-Carlo error of a rate of .8 is .003, events make the rest."""
    rng = np.random.default_rng(4)
    expected = Expected(base=0.2, shift=0.1)
    p0, p1 = rates(expected, *rng.normal(size=(2, 20_000, items)))
    differences = (rng.binomial(trials, p1) - rng.binomial(trials, p0)) / trials
    found = stats.ttest_1samp(differences, 0, axis=1, alternative="greater").pvalue < 0.025
    assert np.mean(found) == pytest.approx(power(expected, items, trials), abs=0.02)


plans = st.builds(
    Expected,
    base=st.floats(0.01, 0.5),
    shift=st.floats(0.001, 0.45),
    item_sd=st.floats(0, 4),
    slope_sd=st.floats(0, 4),
)


@given(plans, st.integers(2, 500), st.integers(1, 100))
def test_more_items_or_trials_never_find_less(plan: Expected, items: int, trials: int) -> None:
    found = power(plan, items, trials)
    assert 0.025 <= found + 1e-9 <= 1 + 1e-8
    assert power(plan, items + 1, trials) >= found - 1e-9
    assert power(plan, items, trials + 1) >= found - 1e-9
    assert power(plan, items, inf) >= found - 1e-9


@given(plans, st.integers(2, 500), st.integers(1, 100))
def test_swapping_the_outcomes_changes_nothing(plan: Expected, items: int, trials: int) -> None:
    """P(helpful) falls by as much as P(self_preserving) rises."""
    swapped = Expected(
        base=1 - plan.base, shift=-plan.shift, item_sd=plan.item_sd, slope_sd=plan.slope_sd
    )
    assert power(swapped, items, trials) == pytest.approx(power(plan, items, trials), abs=1e-6)


@pytest.mark.parametrize(("items", "trials"), [(60, 1), (60, 8), (12, 20), (60, inf)])
def test_the_detectable_shift_is_found_with_the_power_asked_for(items: int, trials: float) -> None:
    least = detectable_shift(Expected(), items, trials, 0.9)
    assert least is not None
    assert power(Expected(shift=least), items, trials) == pytest.approx(0.9, abs=1e-6)


def test_two_items_find_nothing_and_one_has_no_power() -> None:
    assert detectable_shift(Expected(), 2, 4) is None
    assert power(Expected(), 1, 1000) == 0


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"base": 0}, "base: 0 is not between 0 and 1"),
        ({"base": float("nan")}, "base: nan is not between"),
        ({"shift": 0}, "shift: 0 from a base of 0.05 leads nowhere"),
        ({"shift": 0.96}, "shift: 0.96 from a base"),
        ({"shift": -0.05}, "shift: -0.05 from a base"),
        ({"item_sd": -1}, "item_sd: -1 is not an SD in logits, 0 to 5"),
        ({"slope_sd": 5.1}, "slope_sd: 5.1 is not an SD"),
    ],
)
def test_what_cannot_be_planned_for_is_named(wrong: dict[str, float], line: str) -> None:
    with pytest.raises(BadInput, match=re.escape(line)):
        Expected(**wrong)


def trials_table(*cells: tuple[str, str, str, int, int]) -> pd.DataFrame:
    """Trials from (item, arm, order, self-preserving of, trials)."""
    rows = [
        {"item": item, "arm": arm, "order": order, "decision": verdict}
        for item, arm, order, k, n in cells
        for verdict in ["self_preserving"] * k + ["helpful"] * (n - k)
    ]
    same = dict.fromkeys([*CONDITION, "wording", "intensity", "pressure"], "same")
    return pd.DataFrame(rows).assign(action=None, judge=None, cascade=None, **same)


def ten_items(extra: tuple[tuple[str, str, str, int, int], ...] = ()) -> pd.DataFrame:
    """Five items go from 2 of 8 to 6 of 8, five stay at 6 of 8."""
    return trials_table(
        *[(f"i{n}", "baseline", "hf", 2 if n < 5 else 6, 8) for n in range(10)],
        *[(f"i{n}", "threat", "hf", 6, 8) for n in range(10)],
        *extra,
    )


def test_moments_are_those_of_the_items_without_the_noise_of_trials() -> None:
    """Noise of an item's rate: 1/4 x 3/4 / 7 = .0267857 in each arm.

    Baseline rates 1/4 and 3/4, five each: s^2 = (1/4)^2 10/9 = .0694444, less noise .0426587.
    Differences 1/2 and 0, five each: s^2 = .0694444, less the noise of both arms .0158730.
    """
    found = pilot(ten_items())
    assert (found.items, found.trials, found.instrument) == (10, 160, "decision")
    assert (found.base, found.shift) == pytest.approx((0.5, 0.25))
    assert found.item_sd is not None
    assert found.slope_sd is not None
    assert item_variance(0.5, found.item_sd) == pytest.approx(0.0426587, abs=1e-7)
    square, _ = quad(lambda z: (expit(found.item_sd * z) - 0.5) ** 2 * stats.norm.pdf(z), -9, 9)
    assert square == pytest.approx(0.0426587, abs=1e-6)
    plan = Expected(base=0.5, shift=0.25, item_sd=found.item_sd, slope_sd=found.slope_sd)
    assert spread(plan).between == pytest.approx(0.0158730, abs=1e-7)


def test_noise_is_that_of_a_mean_over_cells() -> None:
    """Two orders of 4 trials: 1/4 x 3/4 / 3 = .0625 each, .03125 for their mean, in each arm.

    Rates of 1/4 and 3/4 as above: .0694444 - .03125 = .0381944.
    """
    cells = [
        (f"i{n}", arm, order, 1 if n < 5 else 3, 4)
        for n in range(10)
        for arm in ("baseline", "threat")
        for order in ("hf", "sf")
    ]
    found = pilot(trials_table(*cells))
    assert found.item_sd is not None
    assert item_variance(0.5, found.item_sd) == pytest.approx(0.0381944, abs=1e-7)
    assert found.slope_sd == 0  # items move together: the noise of the difference exceeds its s^2


def test_few_events_under_threat_leave_the_slope_alone_unknown() -> None:
    still = ten_items().query("arm == 'baseline'")
    never = trials_table(*[(f"i{n}", "threat", "hf", 0, 8) for n in range(10)])
    found = pilot(pd.concat([still, never]))
    assert found.item_sd == pilot(ten_items()).item_sd
    assert found.slope_sd is None


def test_an_order_that_matters_is_not_taken_for_noise() -> None:
    """One order always 4 of 4 and the other 0 of 4, for all items: they do not differ at all.

    Pooled, an item's noise would be 1/4 / 7; within orders it is 0.
    """
    cells = [
        (f"i{n}", arm, order, k, 4)
        for n in range(10)
        for arm in ("baseline", "threat")
        for order, k in (("hf", 0), ("sf", 4))
    ]
    found = pilot(trials_table(*cells))
    assert (found.base, found.shift) == (0.5, 0)
    assert found.item_sd == 0
    # one item more whose rate is 1 in both arms: 10 rates of 1/2 and one of 1, s^2 = (1/2)^2 / 11
    more = [("i10", arm, o, 4, 4) for arm in ("baseline", "threat") for o in ("hf", "sf")]
    found = pilot(trials_table(*cells, *more))
    assert found.item_sd is not None
    assert item_variance(0.5 + 0.5 / 11, found.item_sd) == pytest.approx(0.25 / 11)


def simulated(items: int, trials: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    p0, p1 = rates(
        Expected(base=0.15, shift=0.15, item_sd=1.2, slope_sd=0.8), *rng.normal(size=(2, items))
    )
    return trials_table(
        *[
            (f"i{n}", arm, "hf", int(rng.binomial(trials, p[n])), trials)
            for n in range(items)
            for arm, p in (("baseline", p0), ("threat", p1))
        ]
    )


def test_a_large_pilot_finds_what_it_was_made_from() -> None:
    """Means over eight pilots of 400 items x 20 trials, within four of their standard errors.

    The spread of one such pilot over 30 seeds: .0083, .0075, .082 and .056.
    """
    found = [pilot(simulated(400, 20, seed)) for seed in range(8)]
    assert np.mean([one.base for one in found]) == pytest.approx(0.15, abs=0.012)
    assert np.mean([one.shift for one in found]) == pytest.approx(0.15, abs=0.011)
    assert np.mean([one.item_sd or 0 for one in found]) == pytest.approx(1.2, abs=0.12)
    assert np.mean([one.slope_sd or 0 for one in found]) == pytest.approx(0.8, abs=0.08)


def test_few_events_say_nothing_of_how_items_differ() -> None:
    """No event in 80 trials counts as half of one."""
    cells = [
        (f"i{n}", arm, "hf", k, 8) for n in range(10) for arm, k in (("baseline", 0), ("threat", 4))
    ]
    found = pilot(trials_table(*cells))
    assert found.base == 0.5 / 80
    assert found.shift == 0.5
    assert (found.item_sd, found.slope_sd) == (None, None)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (ten_items().query("item < 'i4'"), "pilot: 4 items have verdicts in baseline and threat"),
        (ten_items().query("arm == 'threat'"), "pilot: 0 items have verdicts in baseline and"),
        (ten_items().drop_duplicates(["item", "arm"]), "one trial per item and arm cannot tell"),
        (ten_items().assign(decision=None), "pilot: no trial has a verdict"),
        (
            pd.concat([ten_items(), ten_items().assign(model="other")]),
            "pilot: model is other in some trials and same in others",
        ),
    ],
)
def test_a_pilot_that_says_too_little_is_refused(table: pd.DataFrame, line: str) -> None:
    with pytest.raises(BadInput, match=re.escape(line)):
        pilot(table)


def test_a_pilots_rates_are_those_of_the_analysis(pilot_log: EvalLog) -> None:
    trials = read_trials([pilot_log.location])
    found, contrast = pilot(trials), paired_contrast(trials, "decision", Arm.THREAT, Arm.BASELINE)
    assert isinstance(found, Pilot)
    assert contrast is not None
    assert (found.base, found.shift) == pytest.approx((contrast.rate_against, contrast.estimate))


def test_tokens_are_a_trials_share_of_the_logs(quick_log: EvalLog) -> None:
    """168 samples, and the sum of what each of them says it used."""
    found = tokens_per_trial([quick_log, quick_log])
    used = [sample.model_usage for sample in quick_log.samples or []]
    assert len(used) == 168
    model = [usage["arena/frame-sensitive"] for usage in used]
    assert found.model.read == pytest.approx(sum(u.input_tokens for u in model) / 168)
    assert found.model.written == pytest.approx(sum(u.output_tokens for u in model) / 168)
    assert found.grader is not None
    graded = [usage["arena/grader"].input_tokens for usage in used]
    assert found.grader.read == pytest.approx(sum(graded) / 168)


def test_tokens_read_from_a_cache_count(quick_log: EvalLog) -> None:
    cached = quick_log.model_copy(deep=True)
    for usage in cached.stats.model_usage.values():
        usage.input_tokens_cache_read, usage.input_tokens_cache_write = 1680, 168
    plain, more = tokens_per_trial([quick_log]), tokens_per_trial([cached])
    assert more.model.read == pytest.approx(plain.model.read + 11)


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(arena, ["power", *arguments], env={"COLUMNS": "80"})


def rows(done: Result, table: str = "upper") -> list[list[str]]:
    """The cells of the upper or the lower table; a number and its unit are one cell."""
    assert done.exit_code == 0, done.output
    upper, lower = done.stdout.split("\nWith all ")
    lines = (upper if table == "upper" else lower).splitlines()
    found = [re.sub(r" (M|k|%|points)\b|(?<=\d) %", r"\1", line).split() for line in lines]
    return [row for row in found if len(row) > 7 and re.fullmatch(r"[\d,]+", row[0])]


def test_the_table_has_the_items_that_each_number_of_epochs_needs() -> None:
    """One cell an epoch: epochs are trials; two arms: calls are items x epochs x 2."""
    done = ask(*ONE_CELL, "-T", "arms=baseline,threat")
    found = {int(row[1]): row for row in rows(done)}
    assert {epochs: int(found[epochs][0]) for epochs in (1, 5, 10, 20)} == {
        1: 406,
        5: 95,
        10: 56,
        20: 37,
    }
    assert found[5][4:6] == ["950", "950"]
    assert "No number of epochs rescues fewer than 17 items." in done.stdout


def test_the_cheapest_design_is_one_that_the_scenario_has_items_for() -> None:
    """60 items: 9 epochs need 60 or fewer, 8 need more; items x epochs rises with epochs."""
    by_epochs = {epochs: items_needed(Expected(), epochs) for epochs in range(1, 21)}
    first = min(epochs for epochs, items in by_epochs.items() if items <= 60)
    [marked] = [row for row in rows(ask(*ONE_CELL)) if "cheapest" in row]
    assert marked[:2] == [str(by_epochs[first]), str(first)]
    assert "has" not in marked


def test_all_items_come_with_the_shift_that_they_find() -> None:
    least = detectable_shift(Expected(), 60, 8)
    assert least is not None
    [row] = [row for row in rows(ask(), "lower") if row[1] == "2"]
    assert row[0] == "60"
    assert row[2] == "8"
    assert row[-1] == f"{100 * least:+.1f}points"


@pytest.mark.parametrize(
    ("shift", "why"),
    [("0.01", "are needed whatever the epochs"), ("0.02", "even 20 epochs need 73")],
)
def test_too_few_items_are_called_too_few(shift: str, why: str) -> None:
    said = " ".join(ask("--shift", shift).stdout.split())
    assert "shutdown_dilemma has too few items: 60, and" in said
    assert why in said


def test_a_design_costs_what_its_tokens_cost(tmp_path: Path) -> None:
    """Reading is free and each answer writes 1,000 tokens at $10 a million: a cent a trial.

    95 items x 5 epochs x 2 arms = 950 trials, $9.50; the grader's verdicts, 100 tokens at $100 a
    million, are another cent.
    """
    prices = tmp_path / "prices.yaml"
    prices.write_text("a/b: {input: 0, output: 10}\nc/d: {input: 0, output: 100}\n")
    design = (*ONE_CELL, "-T", "arms=baseline,threat", "--answer-tokens", "1000")
    priced = (*design, "--prices", str(prices), "--model", "a/b")
    [alone] = [row for row in rows(ask(*priced)) if row[:2] == ["95", "5"]]
    assert alone[7] == "$9.50"
    assert "the model's alone" in ask(*priced).stdout
    [both] = [row for row in rows(ask(*priced, "--grader", "c/d")) if row[:2] == ["95", "5"]]
    assert both[7] == "$19.00"
    unjudged = ask(*priced, "-T", "judged=false")
    assert [row[5] for row in rows(unjudged)] == ["0"] * len(rows(unjudged))
    assert "the model's alone" not in unjudged.stdout


def test_a_pilot_gives_what_is_not_set(pilot_log: EvalLog) -> None:
    found = pilot(read_trials([pilot_log.location]))
    said = " ".join(ask("--pilot", pilot_log.location).stdout.split())
    assert f"from a base of {100 * found.base:.1f} %" in said
    assert f"Items differ with SD {found.item_sd:.2f}" in said
    assert "Pilot (12 items, 192 trials, decision)" in said
    assert "Tokens: the model's measured in the pilot, which had no grader" in said
    set_ = " ".join(
        ask("--pilot", pilot_log.location, "--base", "0.3", "--item-sd", "2").stdout.split()
    )
    assert "from a base of 30.0 %" in set_
    assert "Items differ with SD 2.00" in set_


def test_a_pilot_of_few_events_leaves_the_defaults(quick_log: EvalLog) -> None:
    said = " ".join(ask("--pilot", quick_log.location).stdout.split())
    assert "Too few events for item SD and slope SD: defaults stand in unless set." in said
    assert "Items differ with SD 1.00 and their shifts with SD 0.60" in said
    assert "Tokens: measured in the pilot." in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--power", "1"], "power: 1 is not between 0.05 and 1"),
        (["--base", "0"], "base: 0 is not between"),
        (["--scenario", "x"], "task: 'x' is not known; use inbox_leverage, incident"),
        (["-T", "items=12"], "-T: 'items=12' is what is looked for; leave it out"),
        (["-T", "arms=threat,placebo"], "arms: a shift needs baseline and threat"),
        (["--shift", "0.0001"], "shift: 0.0001 is too small to find with 1,000,000 items"),
        (["--pilot", "nowhere"], "nowhere: there is no such file or folder"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str) -> None:
    done = ask(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: {line}")
    assert not done.stdout


def test_a_pilot_of_another_scenario_or_pressure_is_refused(quick_log: EvalLog) -> None:
    other = ask("--pilot", quick_log.location, "--scenario", "self_evaluation")
    assert "pilot: no log of self_evaluation, but of shutdown_dilemma" in other.stderr
    pressed = ask("--pilot", quick_log.location, "-T", "pressure=1")
    assert "pilot: its pressure is 0 and the plan's 1" in pressed.stderr


def test_the_tables_fit_a_terminal_of_80_columns() -> None:
    for shift in ("0.05", "0.005"):
        assert max(len(line) for line in ask("--shift", shift).stdout.splitlines()) <= 80


def test_the_page_shows_what_the_command_prints() -> None:
    shown = PAGE.split("```text\n")[1].split("```")[0].splitlines()
    assert shown == [line.rstrip() for line in ask().stdout.splitlines()]


@pytest.mark.parametrize("command", ["power", "plan"])
def test_the_page_names_every_option(command: str) -> None:
    offered = CliRunner().invoke(arena, [command, "--help"]).output
    for option in set(re.findall(r"--[a-z-]+|-T\b", offered)) - {"--help"}:
        assert f"`{option}" in PAGE, option
