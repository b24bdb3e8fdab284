"""A sweep as data: what its file says, its cells and slices, and what it may spend."""

from arena_evals.sweeps.cells import Called, Cell, Slice, called, cells, slices
from arena_evals.sweeps.file import Allowance, Asked, Limits, Provider, Sweep, TaskAsked
from arena_evals.sweeps.purse import Leases, Pace, Purse, Spent

__all__ = [
    "Allowance",
    "Asked",
    "Called",
    "Cell",
    "Leases",
    "Limits",
    "Pace",
    "Provider",
    "Purse",
    "Slice",
    "Spent",
    "Sweep",
    "TaskAsked",
    "called",
    "cells",
    "slices",
]
