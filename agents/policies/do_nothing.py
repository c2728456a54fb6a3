"""Nobody nominates, nobody votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen
from patchpact.agents.roles import layout


class DoNothing(BatchPolicy):
    """Passes, and abstains from votes."""

    NAME = "do-nothing"

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        return np.where(seen.mask[:, layout.PASS] != 0, layout.PASS, layout.ABSTAIN).astype(np.int64)
