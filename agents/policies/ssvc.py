"""CISA's and CERT/CC's Stakeholder-Specific Vulnerability Categorization, the tree for those who apply patches.

Table: CERTCC/SSVC, ``deployer_patch_application_priority_1_0_0.csv`` (2026-07-20). Its four points are read off what
the scenario knows: exploitation is active in KEV and a public proof of concept from an EPSS of 0.1 on (assumption: no
public record of proofs of concept is bundled); exposure is open where users reach the service and controlled behind;
human impact follows the data the service holds (assumption). Nothing is done about findings that are deferred.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.triage import TriageRule

OUTCOMES = "dsoi"
"""Defer, scheduled, out-of-cycle, immediate."""
TABLE = (
    "ddssdsss dsssssss dsssssso"  # no exploitation known: small, controlled, open exposure
    "dsssssss dsssssso sssossoo"  # public proof of concept
    "ssoosooo ssoooooo sooiooii"  # active
).replace(" ", "")
"""Outcomes by exploitation, exposure, automatable (no, yes) and human impact (low, medium, high, very high)."""
CONTROLLED, OPEN = 1, 2
HUMAN_IMPACT = {"none": 0, "low": 1, "personal": 2, "payment": 3}
PROOF_OF_CONCEPT_FROM_EPSS = 0.1


class Ssvc(TriageRule):
    """By SSVC's outcome, then CVSS."""

    NAME = "ssvc"

    def urgency(self) -> NDArray[np.float64]:
        """See ``TriageRule.urgency``."""
        findings = self.findings
        impact = np.array([HUMAN_IMPACT[one] for one in findings.sensitivity])
        exposure = np.where(findings.exposed, OPEN, CONTROLLED)
        exploitation = np.where(findings.kev(), 2, np.where(findings.epss() >= PROOF_OF_CONCEPT_FROM_EPSS, 1, 0))
        place = ((exploitation * 3 + exposure[None, :]) * 2 + findings.automatable[None, :]) * 4 + impact[None, :]
        outcome = np.array([OUTCOMES.index(letter) for letter in TABLE])[place]
        return np.where(outcome > 0, outcome + 0.01 * findings.cvss[None, :], -np.inf)
