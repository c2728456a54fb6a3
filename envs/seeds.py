"""Which world an episode of a single environment plays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class WorldSeeds:
    """Seeds of one environment's worlds: those it is given, and between them a stream that the last of these began."""

    def __init__(self) -> None:
        self._stream = np.random.default_rng()

    def next(self, seed: int | None) -> NDArray[np.uint64]:
        """The next world's seed ``(1,)``: ``seed``, from which a new stream starts, or the next of the stream.

        Raises:
            ValueError: one line, for a seed out of range.
        """
        if seed is None:
            return np.array([self._stream.integers(2**63)], np.uint64)
        if not 0 <= int(seed) < 2**63:
            raise ValueError(f"seed: {seed} is out of range; give a whole number from 0 to 2**63 - 1")
        self._stream = np.random.default_rng(int(seed))
        return np.array([int(seed)], np.uint64)
