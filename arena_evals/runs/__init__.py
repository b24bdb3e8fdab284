"""Runs that the arena starts itself: planned, in slices or blocks, within a budget, resumable."""
