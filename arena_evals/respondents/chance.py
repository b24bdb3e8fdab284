"""Randomness that is a function of a seed and a text, the same on every machine."""

from hashlib import blake2b
from statistics import NormalDist

_UNIFORMS = 2**53


def uniform(seed: int, *parts: object) -> float:
    """Return a number in (0, 1) that depends on the seed and the parts alone."""
    text = "\x1f".join(str(part) for part in (seed, *parts))
    digest = blake2b(text.encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) / _UNIFORMS


def normal(seed: int, *parts: object) -> float:
    """Return a standard normal deviate that depends on the seed and the parts alone."""
    return NormalDist().inv_cdf(uniform(seed, *parts))
