"""Weighted by liability: a voter counts by its share of the loss if the patch stays open; above the quota of it passes.

Where nobody is liable (responsibility is off) every vote counts the same.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core.voting import weighted

NAME = "liability_weighted"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast; weights are the voters' liability in thousandths."""
    return weighted.passes(ballots, weights, veto, quota)
