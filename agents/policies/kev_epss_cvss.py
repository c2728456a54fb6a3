"""Vulnerability chaining: KEV or EPSS of at least 0.088, then CVSS of at least 7 (arXiv 2506.01220)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule

EPSS_THRESHOLD = 0.088
CVSS_THRESHOLD = 0.7
"""In the observation's unit, tenths of the scale."""


class KevEpssCvss(OrderingRule):
    """Threatened and severe first, then threatened, then severe, then the rest; within each group by EPSS."""

    NAME = "kev-epss-cvss"

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        threatened = (seen.row("kev") > 0.0) | (seen.row("epss") >= EPSS_THRESHOLD)
        severe = seen.row("cvss") >= CVSS_THRESHOLD
        return 4.0 * threatened + 2.0 * severe + seen.row("epss")
