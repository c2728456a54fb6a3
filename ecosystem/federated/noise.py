"""Noise of releases: from the operating system for users' data, from a seed for made-up data alone.

Each number for users' data takes fresh bits of ``secrets``; no state is kept that could tell them again. Gaussians are
the inverse normal distribution of 53-bit uniforms, four of them to a draw (Holohan and Braghin, 2021, "Secure random
sampling in differential privacy"), so that a draw cannot be traced to one uniform. Sums and noise are rounded to one
grid before they are added, and the noise is widened by what rounding can add to the sensitivity: the last bits of a
release then depend on the grid alone, not on the value under it (Mironov, 2012, "On significance of the least
significant bits for differential privacy"). Not protected: the time that drawing takes, memory of this process, a
draw beyond 8 standard deviations (chance below 1e-15, far under any delta), and releases by other programs.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from patchpact.ecosystem.federated.persons import Floats

GRID = 2.0**-20
"""Step of the grid that sums and noise are rounded to, as a part of the sensitivity."""


class Noise(Protocol):
    """A source of random numbers."""

    def uniform(self, count: int) -> Floats:
        """Numbers ``(count,)`` in (0, 1)."""

    def normal(self, shape: Sequence[int]) -> Floats:
        """Standard normal numbers of that shape."""


class SystemNoise:
    """Every bit from the operating system's secure generator."""

    def uniform(self, count: int) -> Floats:
        """See ``Noise.uniform``."""
        bits = np.frombuffer(secrets.token_bytes(8 * count), np.uint64)
        return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, shape: Sequence[int]) -> Floats:
        """See ``Noise.normal``."""
        from scipy.special import ndtri

        drawn: Floats = ndtri(self.uniform(4 * math.prod(shape))).reshape(4, *shape).sum(0) / 2.0
        return drawn


class SeededNoise:
    """The same numbers again from the same seed: for made-up data only, since who knows the seed takes it off."""

    def __init__(self, seed: int | np.random.SeedSequence) -> None:
        self._rng = np.random.default_rng(seed)

    def uniform(self, count: int) -> Floats:
        """See ``Noise.uniform``."""
        return self._rng.random(count)

    def normal(self, shape: Sequence[int]) -> Floats:
        """See ``Noise.normal``."""
        return self._rng.normal(size=tuple(shape))


def noise_for(synthetic: bool, seed: int | np.random.SeedSequence | None = None) -> Noise:
    """The noise that data may have. Raises ``ValueError`` for users' data with a seed."""
    if seed is None:
        return SystemNoise()
    if not synthetic:
        raise ValueError("seed: noise on users' data is never seeded; leave the seed out")
    return SeededNoise(seed)


def gaussian(values: Floats, sensitivity: float, noise_multiplier: float, noise: Noise) -> Floats:
    """The Gaussian mechanism: values with noise of standard deviation ``noise_multiplier * sensitivity``.

    Args:
        values: sums over persons ``(..., numbers)``; the last axis is a release, other axes are of other persons.
        sensitivity: how far, in the 2-norm of a release, one person may move it.
        noise_multiplier: 0 gives the values as they are, to nobody's protection.
        noise: where randomness comes from.
    """
    if noise_multiplier == 0.0:
        return values.copy()
    step = 2.0 ** math.floor(math.log2(sensitivity * GRID))
    deviation = noise_multiplier * (sensitivity + step * math.sqrt(values.shape[-1]))
    drawn = deviation * noise.normal(values.shape)
    rounded: Floats = (np.rint(values / step) + np.rint(drawn / step)) * step
    return rounded
