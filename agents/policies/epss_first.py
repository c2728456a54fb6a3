"""Highest EPSS first: the order that FIRST.org's Exploit Prediction Scoring System suggests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule


class EpssFirst(OrderingRule):
    """By the highest EPSS score among a patch's open findings."""

    NAME = "epss-first"

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        return seen.row("epss")
