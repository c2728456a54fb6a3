"""Simple majority: one agent, one vote; more accepts than rejects."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "majority"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast."""
    total = 0
    for i in range(ballots.shape[0]):
        total += ballots[i]
    return total > 0
