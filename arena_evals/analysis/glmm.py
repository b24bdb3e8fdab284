"""Binomial mixed models: the maximum of the Laplace likelihood, with weak priors or without.

The fit carries the joint covariance of fixed effects and standard deviations, from the Hessian of
the likelihood in both, and its own health. Weak priors keep estimates finite where a condition has
no events at all: contrasts N(0, 2.5^2), intercepts N(0, 10^2), standard deviations gamma(2, rate 1)
(Chung et al. 2013).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit

from arena_evals.analysis.laplace import Floats, Layout, Term, arrange, find_mode, gradient

_STEP = 1e-4  # of central differences of the exact gradient
_START = 0.5  # standard deviations to begin with
_RESTARTS = (0.05, 0.2, 0.5)  # for a standard deviation that collapsed: zero is stationary
_COLLAPSED = 1e-3
_TINY = 1e-12  # keeps the logarithm of a standard deviation finite
_POLISHED = 1e-7  # where Newton's method has no more to do
_FLAT = 1e-3  # a gradient below this is no slope


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted model: estimates with their joint covariance, and how healthy they are.

    ``beta`` (P,) are the fixed effects, ``theta`` (K,) the entries of the terms' lower Cholesky
    factors, row by row: for a term of one column its standard deviation. ``covariance``
    (P + K, P + K) is the inverse of minus the Hessian in both; rows of a ``theta`` that is zero
    hold zeros. ``log_likelihood`` is the Laplace one, without the priors.
    """

    beta: Floats
    theta: Floats
    covariance: Floats
    log_likelihood: float
    terms: tuple[str, ...]
    widths: tuple[int, ...]
    largest_gradient: float
    smallest_eigenvalue: float
    singular: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether this is a maximum: no slope left, and curved downwards on all sides."""
        return self.largest_gradient < _FLAT and self.smallest_eigenvalue > 0

    @property
    def standard_errors(self) -> Floats:
        """Standard errors of the fixed effects; shape (P,)."""
        errors: Floats = np.sqrt(np.diagonal(self.covariance)[: len(self.beta)])
        return errors

    def factor(self, term: int, theta: Floats | None = None) -> Floats:
        """Return the lower Cholesky factor of a term's covariance; shape (p, p)."""
        values = self.theta if theta is None else theta
        sizes = [width * (width + 1) // 2 for width in self.widths]
        start, width = sum(sizes[:term]), self.widths[term]
        factor = np.zeros((width, width))
        factor[np.tril_indices(width)] = values[start : start + sizes[term]]
        return factor

    def standard_deviations(self, term: int) -> Floats:
        """Return the standard deviations of a term's effects; shape (p,)."""
        deviations: Floats = np.linalg.norm(self.factor(term), axis=1)
        return deviations


def fit_glmm(
    successes: Floats,
    trials: Floats,
    fixed: Floats,
    terms: Sequence[Term],
    *,
    prior_sds: Floats | None = None,
    prior_on_deviations: bool = False,
) -> Fit:
    """Fit a binomial mixed model; without priors, by maximum likelihood.

    ``prior_sds`` (P,) are the standard deviations of normal priors on the fixed effects, infinite
    for none; ``prior_on_deviations`` puts gamma(2, rate 1) on every standard deviation.

    Raises:
        ValueError: more random effects hang together than can be handled.
    """
    layout = arrange(successes, trials, fixed, terms)
    widths = tuple(term.columns.shape[1] for term in terms)
    sds = np.full(fixed.shape[1], np.inf) if prior_sds is None else prior_sds
    surface = _Surface(layout, widths, sds, prior_on_deviations)
    start = np.concatenate([_without_effects(layout, sds), _diagonal(widths, _START)])
    best = surface.climb(start)
    for again in surface.restarts(best):
        best = max(best, surface.climb(again), key=surface.height)
    return _fit(surface, best, tuple(term.name for term in terms))


class _Surface:
    """The penalized log likelihood as a function of phi = (beta, theta), with its exact gradient.

    The mode of the last call is where the search for the next begins.
    """

    def __init__(
        self, layout: Layout, widths: tuple[int, ...], prior_sds: Floats, on_deviations: bool
    ) -> None:
        self.layout = layout
        self.widths = widths
        self.prior_sds = prior_sds
        self.on_deviations = on_deviations
        self._u = np.zeros(layout.shape[0] * layout.shape[1])
        rows = [(entry.term, entry.row) for entry in layout.entries]
        self._row_of_entry = np.array([sorted(set(rows)).index(row) for row in rows])

    def at(self, phi: Floats) -> tuple[float, Floats]:
        """Return value and gradient; shape (P + K,)."""
        beta, theta = np.split(phi, [self.layout.n_fixed])
        mode = find_mode(beta, theta, self.layout, self._u)
        self._u = mode.u
        value = mode.value + self._log_prior(beta, theta)
        return value, gradient(mode, self.layout) + self._prior_slope(beta, theta)

    def height(self, phi: Floats) -> float:
        """Return the value alone."""
        return self.at(phi)[0]

    def log_likelihood(self, phi: Floats) -> float:
        """Return the value without the priors."""
        beta, theta = np.split(phi, [self.layout.n_fixed])
        return find_mode(beta, theta, self.layout, self._u).value

    def climb(self, start: Floats) -> Floats:
        """Return where a quasi-Newton search from a start ends."""

        def down(phi: Floats) -> tuple[float, Floats]:
            value, slope = self.at(phi)
            return -value, -slope

        found = optimize.minimize(down, start, jac=True, method="BFGS", options={"gtol": 1e-4})
        end: Floats = found.x
        return end

    def restarts(self, phi: Floats) -> Iterator[Floats]:
        """Yield points higher than phi where a standard deviation that collapsed is larger.

        Zero is stationary, and the likelihood even in it: a saddle rises along that axis itself.
        """
        height = self.height(phi)
        for number in self.collapsed(phi):
            for restart in _RESTARTS:
                again = phi.copy()
                again[self.layout.n_fixed + number] = restart
                if self.height(again) > height:
                    yield again

    def polish(self, phi: Floats) -> tuple[Floats, Floats]:
        """Take Newton steps until the gradient vanishes; return the end and the Hessian there.

        All steps use the Hessian at the start, and so does the end if it is as near as the
        differences see.
        """
        start, free = phi, self.free(phi)
        hessian = self.hessian(start)
        inverse = np.linalg.pinv(hessian[np.ix_(free, free)])
        slope = self.at(phi)[1]
        for _ in range(20):
            if np.abs(slope[free]).max() < _POLISHED:
                break
            step = np.zeros_like(phi)
            step[free] = inverse @ slope[free]
            next_slope = self.at(phi - step)[1]
            if np.abs(next_slope[free]).max() >= np.abs(slope[free]).max():
                break
            phi, slope = phi - step, next_slope
        near = np.abs(phi - start).max() < _STEP
        return phi, hessian if near else self.hessian(phi)

    def hessian(self, phi: Floats) -> Floats:
        """Return the Hessian by central differences of the exact gradient."""
        columns = []
        for number in range(len(phi)):
            step = np.zeros_like(phi)
            step[number] = _STEP
            columns.append((self.at(phi + step)[1] - self.at(phi - step)[1]) / (2 * _STEP))
        hessian: Floats = np.array(columns)
        return (hessian + hessian.T) / 2

    def collapsed(self, phi: Floats) -> list[int]:
        """Return the diagonal entries of theta whose term has come down to zero."""
        theta = phi[self.layout.n_fixed :]
        return [
            number
            for number, entry in enumerate(self.layout.entries)
            if entry.source == entry.to and abs(theta[number]) < _COLLAPSED
        ]

    def free(self, phi: Floats) -> NDArray[np.bool_]:
        """Return which parameters are not collapsed."""
        free = np.ones(len(phi), dtype=bool)
        free[[self.layout.n_fixed + number for number in self.collapsed(phi)]] = False
        return free

    def _log_prior(self, beta: Floats, theta: Floats) -> float:
        value = -0.5 * float(((beta / self.prior_sds) ** 2).sum())
        if self.on_deviations:
            sds = self._deviations(theta)
            value += float((np.log(sds) - sds).sum())
        return value

    def _prior_slope(self, beta: Floats, theta: Floats) -> Floats:
        by_beta = -beta / self.prior_sds**2
        if not self.on_deviations:
            return np.concatenate([by_beta, np.zeros_like(theta)])
        sds = self._deviations(theta)[self._row_of_entry]
        return np.concatenate([by_beta, (1 / sds - 1) * theta / sds])

    def _deviations(self, theta: Floats) -> Floats:
        """Return the standard deviation of each effect of each term: a row of Lambda's length."""
        squares = np.bincount(self._row_of_entry, theta**2)
        deviations: Floats = np.sqrt(squares) + _TINY
        return deviations


def _without_effects(layout: Layout, prior_sds: Floats) -> Floats:
    """Return the fixed effects of the model without random ones, by Newton's method."""
    x, k, n = layout.fixed, layout.successes, layout.trials
    ridge = np.maximum(1 / prior_sds**2, 1e-3)
    beta = np.zeros(layout.n_fixed)
    for _ in range(25):
        p = expit(x @ beta)
        slope = x.T @ (k - n * p) - ridge * beta
        curvature = (x * (n * p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curvature, slope)
        beta = beta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return beta


def _diagonal(widths: Sequence[int], sd: float) -> Floats:
    """Return theta for independent effects of one standard deviation."""
    return np.concatenate([(sd * np.eye(width))[np.tril_indices(width)] for width in widths])


def _fit(surface: _Surface, phi: Floats, terms: tuple[str, ...]) -> Fit:
    phi, hessian = surface.polish(_upright(surface, phi))
    free = surface.free(phi)
    hessian = hessian[np.ix_(free, free)]
    smallest = float(np.linalg.eigvalsh(-hessian).min())
    covariance = np.zeros((len(phi), len(phi)))
    if smallest > 0:
        covariance[np.ix_(free, free)] = np.linalg.inv(-hessian)
    else:
        covariance[:] = np.nan
    collapsed = {surface.layout.entries[number].term for number in surface.collapsed(phi)}
    n_fixed = surface.layout.n_fixed
    return Fit(
        beta=phi[:n_fixed],
        theta=phi[n_fixed:],
        covariance=covariance,
        log_likelihood=surface.log_likelihood(phi),
        terms=terms,
        widths=surface.widths,
        largest_gradient=float(np.abs(surface.at(phi)[1][free]).max()),
        smallest_eigenvalue=smallest,
        singular=tuple(name for number, name in enumerate(terms) if number in collapsed),
    )


def _upright(surface: _Surface, phi: Floats) -> Floats:
    """Turn the columns of Lambda so that its diagonal is not negative; the model is the same."""
    phi = phi.copy()
    theta = phi[surface.layout.n_fixed :]
    signs = {
        entry.to: -1.0 if value < 0 else 1.0
        for value, entry in zip(theta, surface.layout.entries, strict=True)
        if entry.source == entry.to
    }
    for number, entry in enumerate(surface.layout.entries):
        theta[number] *= signs[entry.to]
    return phi
