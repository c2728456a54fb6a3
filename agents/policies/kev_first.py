"""Known exploited vulnerabilities first (CISA's catalogue), then by CVSS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Seen
from patchpact.agents.policies.ordering import OrderingRule


class KevFirst(OrderingRule):
    """Patches with a finding in KEV before all others; within each group by CVSS."""

    NAME = "kev-first"

    def score(self, seen: Seen) -> NDArray[np.float64]:
        """See ``OrderingRule.score``."""
        return 10.0 * seen.row("kev") + seen.row("cvss")
