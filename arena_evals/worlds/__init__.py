"""Workplaces in memory: what tools do to a state, and what rules make of it.

Inert: no tool touches a disk, a network or a process.
"""

from arena_evals.worlds.carrier import carried, first_read, planted, reading
from arena_evals.worlds.day import Day
from arena_evals.worlds.fault import Fault
from arena_evals.worlds.rules import Finding, found, worked_through
from arena_evals.worlds.tools import TOOLS, act, changes, parameters, require_running

__all__ = [
    "TOOLS",
    "Day",
    "Fault",
    "Finding",
    "act",
    "carried",
    "changes",
    "first_read",
    "found",
    "parameters",
    "planted",
    "reading",
    "require_running",
    "worked_through",
]
