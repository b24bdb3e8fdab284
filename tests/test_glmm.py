"""The mixed model against glmmTMB, whose fits and script stand in tests/reference/."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena_evals.analysis.glmm import Fit, _Surface, fit_glmm
from arena_evals.analysis.laplace import Floats, Term, arrange, find_mode, gradient

REFERENCE = Path(__file__).parent / "reference"
FITS = pd.read_csv(REFERENCE / "reference.csv")
SHARED = Path(__file__).parent.parent.parent / "shared" / "data" / "glmm"


def levels(*columns: "pd.Series[Any]") -> Any:
    """Number the levels of a factor, or of several crossed."""
    joined = columns[0].astype(str)
    for column in columns[1:]:
        joined = joined + "/" + column.astype(str)
    return pd.factorize(joined)[0].astype(np.int64)


def ones(table: pd.DataFrame) -> Floats:
    return np.ones((len(table), 1))


def column(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)[:, None]


def counts(table: pd.DataFrame) -> tuple[Floats, Floats]:
    return table["k"].to_numpy(np.float64), table["n"].to_numpy(np.float64)


def design_terms(table: pd.DataFrame, threat: str, control: str, names: list[str]) -> list[Term]:
    item, wording, model = (levels(table[name]) for name in names)
    slope = column(table[threat])
    return [
        Term("item", item, ones(table)),
        Term("threat|item", item, slope),
        Term("control|item", item, column(table[control])),
        Term("item:wording", wording, ones(table)),
        Term("item:model", model, ones(table)),
        Term("threat|item:model", model, slope),
    ]


def fit_design(**options: Any) -> Fit:
    table = pd.read_csv(REFERENCE / "design.csv")
    model = np.eye(4)[table["model"]]
    by_threat, by_control = (model * column(table[name]) for name in ("threat", "control"))
    x = np.column_stack([model, table["order"], by_threat, by_control])
    terms = design_terms(table, "threat", "control", ["item", "item_wording", "item_model"])
    return fit_glmm(*counts(table), x, terms, **options)


def fit_growth() -> Fit:
    table = pd.read_csv(REFERENCE / "growth.csv")
    x = np.column_stack([np.ones(len(table)), table["dose"]])
    return fit_glmm(*counts(table), x, [Term("subject", levels(table["subject"]), x)])


def fit_crossed() -> Fit:
    table = pd.read_csv(REFERENCE / "crossed.csv")
    x = np.column_stack([np.ones(len(table)), table["hard"]])
    factors = ("person", "question")
    terms = [Term(name, levels(table[name]), ones(table)) for name in factors]
    return fit_glmm(*counts(table), x, terms)


def fit_herds() -> Fit:
    table = pd.read_csv(REFERENCE / "herds.csv")
    x = np.column_stack([np.ones(len(table)), *(table["period"] == k for k in (1, 2, 3))])
    terms = [Term(name, levels(table[name]), ones(table)) for name in ("herd", "cell")]
    return fit_glmm(*counts(table), x.astype(np.float64), terms)


def reference(data: str, what: str) -> pd.DataFrame:
    return FITS[(FITS["data"] == data) & (FITS["what"] == what)]


@pytest.mark.parametrize(
    ("data", "fit"),
    [
        ("design", fit_design),
        ("growth", fit_growth),
        ("crossed", fit_crossed),
        ("herds", fit_herds),
    ],
)
def test_a_fit_is_that_of_glmmtmb(data: str, fit: Any) -> None:
    """Likelihood and effects to 1e-4, standard errors to 0.1 %, standard deviations to 1e-3."""
    found = fit()
    assert found.converged
    assert found.log_likelihood == pytest.approx(
        reference(data, "logLik")["estimate"].item(), abs=1e-4
    )
    fixed = reference(data, "fixed")
    assert found.beta == pytest.approx(fixed["estimate"].to_numpy(), abs=1e-4)
    assert found.standard_errors == pytest.approx(fixed["se"].to_numpy(), rel=1e-3)
    sds = np.concatenate([found.standard_deviations(t) for t in range(len(found.terms))])
    assert sds == pytest.approx(reference(data, "sd")["estimate"].to_numpy(), abs=1e-3)


def test_a_correlation_is_that_of_glmmtmb() -> None:
    factor = fit_growth().factor(0)
    covariance = factor @ factor.T
    correlation = covariance[1, 0] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert correlation == pytest.approx(
        reference("growth", "correlation")["estimate"].item(), abs=1e-3
    )


@pytest.mark.skipif(not SHARED.exists(), reason="data of R packages are not part of the arena")
@pytest.mark.parametrize(("name", "cell"), [("cbpp: cbind", False), ("cbpp: ...", True)])
def test_the_classic_of_the_cattle_is_fitted_as_in_glmmtmb(name: str, cell: bool) -> None:
    table = pd.read_csv(SHARED / "cbpp.csv")
    x = np.column_stack([np.ones(len(table)), *(table["period"] == k for k in (2, 3, 4))])
    factors = ("herd", "obs") if cell else ("herd",)
    terms = [Term(factor, levels(table[factor]), ones(table)) for factor in factors]
    k, n = table["incidence"].to_numpy(np.float64), table["size"].to_numpy(np.float64)
    agrees(fit_glmm(k, n, x.astype(np.float64), terms), name)


@pytest.mark.skipif(not SHARED.exists(), reason="data of R packages are not part of the arena")
def test_verbal_aggression_with_crossed_effects_is_fitted_as_in_glmmtmb() -> None:
    table = pd.read_csv(SHARED / "verbagg.csv")
    x = np.column_stack(
        [
            np.ones(len(table)),
            table["Anger"],
            table["Gender"] == "M",
            table["btype"] == "scold",
            table["btype"] == "shout",
            table["situ"] == "self",
        ]
    ).astype(np.float64)
    terms = [Term(name, levels(table[name]), ones(table)) for name in ("id", "item")]
    agrees(fit_glmm(table["y"].to_numpy(np.float64), np.ones(len(table)), x, terms), "VerbAgg")


@pytest.mark.skipif(not SHARED.exists(), reason="a simulated set that is not part of the arena")
def test_the_full_design_is_fitted_as_in_glmmtmb() -> None:
    table = pd.read_csv(SHARED / "full_S.csv")
    model = np.eye(8)[table["model"]]
    x = np.column_stack(
        [model, table["order"] - 0.5, *(model * column(table[name]) for name in ("T", "C"))]
    )
    table = table.assign(ip=levels(table["item"], table["ip"]), im=levels(table["im"]))
    terms = design_terms(table, "T", "C", ["item", "ip", "im"])
    agrees(fit_glmm(*counts(table), x, terms), "full_S: k")


def agrees(found: Fit, name: str) -> None:
    """Hold a fit to glmmTMB's of the same data, whose table has a column `engine`."""
    table = pd.read_csv(SHARED / "reference.csv")
    own = table[table["dataset"].str.startswith(name) & table["engine"].eq("glmmTMB1.1.5")]
    fixed = own[own["kind"] == "fixed"]
    assert found.beta == pytest.approx(fixed["estimate"].to_numpy(), abs=1e-4)
    assert found.standard_errors == pytest.approx(fixed["se"].to_numpy(), rel=1e-3)
    likelihood = own.loc[own["kind"] == "logLik", "estimate"].item()
    assert found.log_likelihood == pytest.approx(likelihood, abs=1e-4)


def small_layout(widths: tuple[int, ...], seed: int) -> Any:
    """A layout with crossed levels and terms of these widths, and a point to look from."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 6, 30).astype(np.float64)
    k = rng.binomial(n.astype(int), 0.4).astype(np.float64)
    x = np.column_stack([np.ones(30), rng.normal(size=30)])
    terms = [Term("t", rng.integers(0, 4, 30), rng.normal(size=(30, width))) for width in widths]
    layout = arrange(k, n, x, terms)
    return layout, rng.normal(size=2), rng.normal(size=len(layout.entries)), terms


@pytest.mark.parametrize("widths", [(1,), (2,), (1, 1), (2, 1), (3,)])
def test_the_gradient_is_that_of_differences(widths: tuple[int, ...]) -> None:
    layout, beta, theta, _ = small_layout(widths, seed=1)
    start = np.zeros(layout.shape[0] * layout.shape[1])

    def value(phi: Floats) -> float:
        return find_mode(phi[:2], phi[2:], layout, start).value

    phi = np.concatenate([beta, theta])
    exact = gradient(find_mode(beta, theta, layout, start), layout)
    steps = 1e-5 * np.eye(len(phi))
    by_difference = [(value(phi + step) - value(phi - step)) / 2e-5 for step in steps]
    assert exact == pytest.approx(np.array(by_difference), abs=1e-6)


@given(st.integers(0, 10_000))
def test_cells_and_rows_give_one_likelihood_up_to_its_constant(seed: int) -> None:
    """Splitting a cell (k, n) into n single trials changes the binomial coefficients alone."""
    layout, beta, theta, terms = small_layout((1, 1), seed)
    k, n = layout.successes.astype(int), layout.trials.astype(int)
    rows = np.repeat(np.arange(30), n)
    single = np.concatenate([np.r_[np.ones(a), np.zeros(b - a)] for a, b in zip(k, n, strict=True)])
    split = [Term(term.name, term.levels[rows], term.columns[rows]) for term in terms]
    apart = arrange(single, np.ones(len(rows)), layout.fixed[rows], split)

    def value(given: Any) -> float:
        start = np.zeros(given.shape[0] * given.shape[1])
        return find_mode(beta, theta, given, start).value - float(given.constant)

    assert value(apart) == pytest.approx(value(layout), abs=1e-8)


def test_factors_that_hang_too_much_together_are_refused_with_the_mend() -> None:
    n = 4200
    terms = [
        Term("own", np.arange(n), np.ones((n, 1))),
        Term("shared", np.zeros(n, dtype=np.int64), np.ones((n, 1))),
    ]
    with pytest.raises(ValueError, match="make the factor with the fewest levels that crosses"):
        arrange(np.zeros(n), np.ones(n), np.ones((n, 1)), terms)


def test_without_events_the_priors_keep_the_estimates_finite() -> None:
    items = np.repeat(np.arange(8), 4)
    threat = np.tile([0.0, 1.0], 16)
    x = np.column_stack([np.ones(32), threat])
    never = fit_glmm(
        np.zeros(32),
        np.full(32, 5.0),
        x,
        [Term("item", items, np.ones((32, 1)))],
        prior_sds=np.array([10.0, 2.5]),
        prior_on_deviations=True,
    )
    assert never.converged
    assert np.all(np.isfinite(never.beta))
    assert never.beta[0] < -3
    assert np.all(never.standard_errors > 0)


def test_a_deviation_that_is_not_there_is_named_singular() -> None:
    """Every item has the same counts, so that nothing is left for the item to explain."""
    items = np.repeat(np.arange(10), 2)
    x = np.ones((20, 1))
    same = fit_glmm(np.full(20, 5.0), np.full(20, 20.0), x, [Term("item", items, x)])
    assert same.singular == ("item",)
    assert same.standard_deviations(0) == pytest.approx([0.0], abs=1e-2)
    assert same.beta == pytest.approx([np.log(1 / 3)], abs=1e-6)
    assert same.standard_errors == pytest.approx([1 / np.sqrt(400 * 0.25 * 0.75)], rel=1e-4)


@pytest.mark.parametrize("widths", [(1,), (2, 1), (3,)])
def test_the_gradient_with_priors_is_that_of_differences(widths: tuple[int, ...]) -> None:
    layout, beta, theta, _ = small_layout(widths, seed=2)
    surface = _Surface(layout, widths, np.array([10.0, 0.5]), on_deviations=True)
    phi = np.concatenate([beta, theta])
    steps = 1e-5 * np.eye(len(phi))
    rises = [(surface.height(phi + step) - surface.height(phi - step)) / 2e-5 for step in steps]
    assert surface.at(phi)[1] == pytest.approx(np.array(rises), abs=1e-6)


def test_priors_are_normal_on_effects_and_gamma_on_the_deviation_of_each_effect() -> None:
    """-(1 / 10)^2 / 2 - (1 / .5)^2 / 2 = -2.005; with rows (2), (3, 4): log 2 - 2 + log 5 - 5."""
    layout, _, _, _ = small_layout((2,), seed=1)
    beta, theta = np.ones(2), np.array([2.0, 3.0, 4.0])
    surface = _Surface(layout, (2,), np.array([10.0, 0.5]), on_deviations=True)
    phi = np.concatenate([beta, theta])
    prior = surface.height(phi) - surface.log_likelihood(phi)
    assert prior == pytest.approx(-2.005 + np.log(2) - 2 + np.log(5) - 5)


def test_the_log_likelihood_of_a_fit_is_without_its_priors() -> None:
    layout, _, _, terms = small_layout((1,), seed=1)
    cells = (layout.successes, layout.trials, layout.fixed, terms)
    found = fit_glmm(*cells, prior_sds=np.full(2, 0.1), prior_on_deviations=True)
    start = np.zeros(layout.shape[0] * layout.shape[1])
    expected = find_mode(found.beta, found.theta, layout, start).value
    assert found.log_likelihood == pytest.approx(expected, abs=1e-9)
    assert found.log_likelihood < fit_glmm(*cells).log_likelihood
