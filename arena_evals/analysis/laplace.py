"""The Laplace approximation of a binomial mixed model's likelihood, and its exact gradient.

For cells i with k_i successes of n_i,

    k_i ~ Binomial(n_i, expit(eta_i)),   eta = X beta + Z Lambda(theta) u,   u ~ N(0, I)

where Lambda holds the Cholesky factors of the terms' covariances (Bates et al. 2015, eq. 4), so
that a standard deviation may be zero. With A = (Z Lambda)', u the mode of the integrand, W the
binomial weights n p (1 - p) and H = A W A' + I,

    log L(beta, theta) = log f(k | beta, u) - |u|^2 / 2 - log|H| / 2

(Tierney and Kadane 1986; Skaug and Fournier 2006). Cells that share no random effect, directly or
through others, form separate components, so that H is block diagonal. A cell has one level of each
factor, so that A has R entries in a column, R being the columns of all terms together: A is kept
as these entries, shape (N, R), and where they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, gammaln, log_expit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_WIDEST = 4000  # random effects in one component; beyond, H and its inverse take gigabytes
_MODE = 1e-10  # of the gradient in u, where the mode counts as found


class Term(NamedTuple):
    """Random effects of one grouping factor.

    ``levels`` (N,) numbers each cell's level from 0; ``columns`` (N, p) is the design: ones for an
    intercept, an indicator for a slope. With p > 1 the p effects of a level are correlated.
    """

    name: str
    levels: Integers
    columns: Floats


class Entry(NamedTuple):
    """One parameter of Lambda: column ``to`` of A is theta times column ``source`` of Z."""

    term: int
    row: int
    source: int
    to: int


@dataclass(frozen=True)
class Layout:
    """The data, and where each cell's R effects stand among the C x Q of all components."""

    successes: Floats  # (N,)
    trials: Floats  # (N,)
    fixed: Floats  # (N, P)
    design: Floats  # (N, R), entries of Z
    at: Integers  # (N, R), their places in u, flat over (C, Q)
    pairs: Integers  # (N, R, R), places of their products in H, flat over (C, Q, Q)
    shape: tuple[int, int]  # C, Q
    entries: tuple[Entry, ...]
    constant: float  # sum of log binomial coefficients

    @property
    def n_fixed(self) -> int:
        """P, the number of fixed effects."""
        return int(self.fixed.shape[1])


class Mode(NamedTuple):
    """The mode u of the integrand, and what was computed there."""

    u: Floats  # (C * Q,)
    entries: Floats  # (N, R), of A
    a: sparse.csc_array  # (C * Q, N)
    p: Floats  # (N,)
    inverse: Floats  # (C, Q, Q), H^-1
    value: float  # the Laplace log likelihood


def _components(terms: Sequence[Term], n_cells: int) -> Integers:
    """Return the component of each cell: cells joined through levels that they share."""
    starts = np.cumsum([n_cells, *(int(term.levels.max()) + 1 for term in terms)])
    levels = [term.levels + start for term, start in zip(terms, starts[:-1], strict=True)]
    joined = sparse.coo_array(
        (
            np.ones(n_cells * len(terms)),
            (np.tile(np.arange(n_cells), len(terms)), np.concatenate(levels)),
        ),
        shape=(starts[-1], starts[-1]),
    )
    found = connected_components(joined, directed=False)[1][:n_cells]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _slots(levels: Integers, component: Integers) -> Integers:
    """Return, per cell, the number of its level among the levels of its component."""
    _, first, level = np.unique(levels, return_index=True, return_inverse=True)
    owner = component[first]
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=int(component.max()) + 1)
    places = np.empty(len(owner), dtype=np.int64)
    places[order] = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return places[level]


def arrange(k: Floats, n: Floats, x: Floats, terms: Sequence[Term]) -> Layout:
    """Lay out cells with k (N,) successes of n (N,), fixed effects x (N, P) and random terms.

    Raises:
        ValueError: more random effects hang together than can be handled.
    """
    component = _components(terms, len(k))
    slots = [_slots(term.levels, component) for term in terms]
    widths = [term.columns.shape[1] for term in terms]
    sizes = [(int(slot.max()) + 1) * width for slot, width in zip(slots, widths, strict=True)]
    starts = np.cumsum([0, *sizes])
    n_components, width = int(component.max()) + 1, int(starts[-1])
    if width > _WIDEST:
        raise ValueError(
            f"{width:,} random effects hang together in one component, {_WIDEST:,} at most can; "
            "make the factor with the fewest levels that crosses the others a fixed effect"
        )
    at = [
        start + slot * columns + row
        for start, slot, columns in zip(starts[:-1], slots, widths, strict=True)
        for row in range(columns)
    ]
    places = np.stack(at, axis=1)
    pairs = (component[:, None, None] * width + places[:, :, None]) * width + places[:, None, :]
    coefficients = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return Layout(
        successes=k,
        trials=n,
        fixed=x,
        design=np.concatenate([term.columns for term in terms], axis=1),
        at=component[:, None] * width + places,
        pairs=pairs,
        shape=(n_components, width),
        entries=_entries(widths),
        constant=float(coefficients.sum()),
    )


def _entries(widths: Sequence[int]) -> tuple[Entry, ...]:
    """Return the entries of Lambda: of each term's lower triangle, row by row."""
    starts = np.cumsum([0, *widths])
    return tuple(
        Entry(term, row, int(starts[term]) + row, int(starts[term]) + column)
        for term, width in enumerate(widths)
        for row in range(width)
        for column in range(row + 1)
    )


def _loadings(theta: Floats, layout: Layout) -> Floats:
    """Return the entries of A = (Z Lambda)', shape (N, R)."""
    a = np.zeros_like(layout.design)
    for value, entry in zip(theta, layout.entries, strict=True):
        a[:, entry.to] += value * layout.design[:, entry.source]
    return a


def _spread(entries: Floats, places: Integers, height: int) -> sparse.csc_array:
    """Return the matrix (height, N) whose column i holds entries[i] at places[i]."""
    each = entries[0].size
    starts = np.arange(0, entries.size + 1, each)
    return sparse.csc_array((entries.ravel(), places.ravel(), starts), (height, len(entries)))


def _applied(blocks: Floats, values: Floats) -> Floats:
    """Return a block diagonal matrix times a vector over (C, Q), flat."""
    n_components, width, _ = blocks.shape
    return (blocks @ values.reshape(n_components, width, 1)).ravel()


def find_mode(beta: Floats, theta: Floats, layout: Layout, start: Floats) -> Mode:
    """Maximize log f(k | beta, u) - |u|^2 / 2, concave in u, by Newton's method.

    A step that would lose is halved until it does not.
    """
    n_components, width = layout.shape
    entries = _loadings(theta, layout)
    a = _spread(entries, layout.at, n_components * width)
    outer = _spread(
        entries[:, :, None] * entries[:, None, :], layout.pairs, n_components * width**2
    )
    k, n = layout.successes, layout.trials
    offset, transposed, identity = layout.fixed @ beta, a.T, np.eye(width)

    def height(u: Floats) -> tuple[float, Floats]:
        eta = offset + transposed @ u
        return float(k @ eta + n @ log_expit(-eta)) - 0.5 * float(u @ u), eta

    u = start
    reached, eta = height(u)
    for _ in range(100):
        p = expit(eta)
        slope = a @ (k - n * p) - u
        h = (outer @ (n * p * (1 - p))).reshape(n_components, width, width) + identity
        if np.abs(slope).max() < _MODE:
            break
        step = np.linalg.solve(h, slope.reshape(n_components, width, 1)).ravel()
        tried, eta = height(u + step)
        while tried < reached - 1e-12 * abs(reached) and np.abs(step).max() > _MODE:
            step = step / 2
            tried, eta = height(u + step)
        u, reached = u + step, tried
    factor = np.linalg.cholesky(h)
    log_det = 2 * float(np.log(np.diagonal(factor, axis1=1, axis2=2)).sum())
    inverse = np.linalg.inv(h).astype(np.float64, copy=False)
    return Mode(u, entries, a, p, inverse, reached - 0.5 * log_det + layout.constant)


def gradient(mode: Mode, layout: Layout) -> Floats:
    """Return the exact gradient of the Laplace log likelihood in (beta, theta).

    With r = k - n p, b_i = H^-1 a_i, h_i = a_i'b_i, s = h dW/deta = h n p (1 - p) (1 - 2 p) and
    v = H^-1 A s, the implicit derivative of the mode gives

        d/dbeta  = X'(r - (s - W A'v) / 2)
        d/dtheta = (r - (s - W A'v) / 2)'D u - v'D'r / 2 - sum_i w_i (D b_i)_i

    where D = dA'/dtheta selects one column of Z.
    """
    p = mode.p
    residual = layout.successes - layout.trials * p
    weights = layout.trials * p * (1 - p)
    b = np.einsum("nr,nsr->ns", mode.entries, mode.inverse.ravel()[layout.pairs])
    s = np.einsum("nr,nr->n", mode.entries, b) * weights * (1 - 2 * p)
    v = _applied(mode.inverse, mode.a @ s)
    along = residual - 0.5 * (s - weights * (mode.a.T @ v))
    u_at, v_at = mode.u[layout.at], v[layout.at]
    by_theta = [
        layout.design[:, entry.source]
        @ (
            along * u_at[:, entry.to]
            - 0.5 * residual * v_at[:, entry.to]
            - weights * b[:, entry.to]
        )
        for entry in layout.entries
    ]
    return np.concatenate([layout.fixed.T @ along, by_theta])
