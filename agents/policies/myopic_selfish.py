"""Everyone for himself: nominate what is best for the own account, accept what raises it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import BatchPolicy, Seen, best_nomination, vote_or_wait
from patchpact.agents.roles import layout


class MyopicSelfish(BatchPolicy):
    """By the agent's own expected account change, in every mode; nothing below zero. Pays and asks nothing."""

    NAME = "myopic-selfish"

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        value = np.stack([seen.row(f"own_{mode}") for mode in layout.MODES], -1)
        accept = seen.whole("motion_own_gain") > 0.0
        return best_nomination(np.where(value > 0.0, value, -np.inf), seen.may_nominate(), vote_or_wait(seen, accept))
