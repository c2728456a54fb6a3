"""Unanimity: at least one accept and no reject."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "unanimity"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast."""
    accepts = 0
    for i in range(ballots.shape[0]):
        if ballots[i] == -1:
            return False
        accepts += ballots[i] == 1
    return accepts > 0
