"""Weighted vote in which a reject by any agent of the veto role is final."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core.voting import weighted

NAME = "veto"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast; ``veto[i]`` is true for the veto role's agents."""
    for i in range(ballots.shape[0]):
        if veto[i] and ballots[i] == -1:
            return False
    return weighted.passes(ballots, weights, veto, quota)
