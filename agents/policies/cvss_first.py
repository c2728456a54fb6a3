"""Highest CVSS base score first: the order of most vulnerability reports."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule


class CvssFirst(OrderingRule):
    """By the highest CVSS score among a patch's open findings."""

    NAME = "cvss-first"

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        return seen.row("cvss")
