"""Compliance: work off findings by the day on which they are due, whatever they are worth.

Deadlines are CISA's: BOD 26-04 of June 2026, or the flat ones by severity that its revoked directives had
(``patchpact.envs.core.deadlines``). Both rules can be run in any world, whatever deadlines its governance fines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.triage import TriageRule
from patchpact.envs.core.deadlines import bod26_04, flat
from patchpact.envs.vector import VectorEnv


class DeadlineFirst(TriageRule):
    """Earliest due first; what has no deadline waits for the next upgrade, which is nobody's business here."""

    RULE = bod26_04

    def __init__(self, worlds: VectorEnv, stop: bool = False, selfish_votes: bool = False) -> None:
        super().__init__(worlds, stop, selfish_votes)
        self._days, self._days_kev = self._allowed(False), self._allowed(True)

    def _allowed(self, kev: bool) -> NDArray[np.float64]:
        """Days allowed for each finding; infinite where there is no deadline."""
        f = self.findings
        days = [self.RULE.days(kev, *points) for points in zip(f.exposed, f.automatable, f.total, f.cvss, strict=True)]
        return np.where(np.array(days) >= 0, days, np.inf)

    def urgency(self) -> NDArray[np.float64]:
        """See ``TriageRule.urgency``."""
        return -self.findings.due_day(self._days, self._days_kev)


class DeadlineFirstBod2604(DeadlineFirst):
    """By the deadlines of BOD 26-04."""

    NAME = "deadline-first-bod26-04"


class DeadlineFirstFlat(DeadlineFirst):
    """By flat deadlines: KEV 14 days, critical 15, high 30."""

    NAME = "deadline-first-flat"
    RULE = flat
