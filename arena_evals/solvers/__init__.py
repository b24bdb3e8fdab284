"""Steps between a sample and the model."""

from arena_evals.solvers.frame import inject_frame

__all__ = ["inject_frame"]
