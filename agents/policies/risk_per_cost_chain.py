"""Greedy with successors: a patch is credited with the risk of the patches that wait for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule
from patchpact.agents.policies.risk_per_cost import SMALLEST_COST


class RiskPerCostChain(OrderingRule):
    """As ``risk-per-cost``, the risk that the patch unlocks added; the stop rule counts it too."""

    NAME = "risk-per-cost-chain"

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        risk = seen.row("risk") + seen.row("unlocked_risk")
        return risk / np.maximum(seen.row("cost"), SMALLEST_COST)

    def worth(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.worth``."""
        return seen.row("public_full") + seen.row("unlocked_risk") * seen.windows_left()[:, None]
