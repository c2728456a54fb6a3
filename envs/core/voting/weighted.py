"""Weighted vote: integer weights, accepted weight strictly above the quota of the weight cast.

Weights and quota (thousandths) are integers, so that no rounding decides a vote.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "weighted"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast; ``quota`` is in thousandths."""
    accepted = 0
    cast = 0
    for i in range(ballots.shape[0]):
        if ballots[i] != 0:
            cast += weights[i]
        if ballots[i] == 1:
            accepted += weights[i]
    return cast > 0 and 1000 * accepted > quota * cast
