"""The floor is sold: the highest standing bid proposes and pays the second highest (Vickrey 1961).

Ties, and windows in which nobody bids, go by the turn among the highest.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "second_price"


@compiled
def recognise(draw, weights, turn, bids):  # type: ignore[no-untyped-def]
    """Index of the proposer; ``bids`` are steps of a standing bid, ``turn`` counts motions from the start."""
    count = bids.shape[0]
    best = turn % count
    for n in range(count):
        i = (turn + n) % count
        if bids[i] > bids[best]:
            best = i
    return best


@compiled
def price(winner, bids):  # type: ignore[no-untyped-def]
    """Steps that the winner pays: the highest bid of the others."""
    second = 0
    for i in range(bids.shape[0]):
        if i != winner:
            second = max(second, bids[i])
    return second
