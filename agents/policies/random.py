"""Every legal action is equally likely."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen


class Random(BatchPolicy):
    """Uniform over the legal actions, levers included."""

    NAME = "random"

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        noise = rng.random(seen.mask.shape)
        return np.asarray(np.where(seen.mask != 0, noise, -1.0).argmax(1), np.int64)
