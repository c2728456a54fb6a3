"""Greedy: most risk removed per k€ of public cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule

SMALLEST_COST = 1e-3


class RiskPerCost(OrderingRule):
    """By the public risk that the patch removes, per public cost (effort, downtime, support, expected rollback)."""

    NAME = "risk-per-cost"

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        return seen.row("risk") / np.maximum(seen.row("cost"), SMALLEST_COST)
