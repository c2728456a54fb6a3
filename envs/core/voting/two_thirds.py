"""Two thirds of the votes cast, one agent, one vote; exactly two thirds is enough."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "two_thirds"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +1 accept, -1 reject, 0 no vote cast."""
    accepts = 0
    cast = 0
    for i in range(ballots.shape[0]):
        accepts += ballots[i] == 1
        cast += ballots[i] != 0
    return cast > 0 and 3 * accepts >= 2 * cast
