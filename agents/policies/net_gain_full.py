"""``net-gain`` with full mode alone, which is all that service agents have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule


class NetGainFull(OrderingRule):
    """Nominates the row of highest public net gain in full mode, credited with what it unlocks; nothing not above 0.

    Args:
        role: the role it plays.
    """

    NAME = "net-gain-full"

    def __init__(self, role: str) -> None:
        super().__init__(role, stop=True)

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        return seen.row("public_full") + seen.row("unlocked_risk") * seen.windows_left()[:, None]

    def worth(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.worth``."""
        return self.score(seen)
