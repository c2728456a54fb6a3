"""Quadratic voting: n votes cost n squared of a voter's credits (Lalley and Weyl 2018); more for than against.

A voter's standing intensity says how many votes it casts; credits come anew every window and cannot be sold, so that
nobody buys votes with money.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "quadratic"


@compiled
def passes(ballots, weights, veto, quota):  # type: ignore[no-untyped-def]
    """Ballots are +n accept, -n reject, 0 no vote cast."""
    total = 0
    for i in range(ballots.shape[0]):
        total += ballots[i]
    return total > 0
