"""The proposer is drawn in proportion to the vote weights (Baron and Ferejohn 1989, weighted recognition)."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "weighted"


@compiled
def recognise(draw, weights, turn, bids):  # type: ignore[no-untyped-def]
    """Index of the proposer; ``draw`` is in [0, 1). Weights of zero never propose unless all are zero."""
    total = 0
    for i in range(weights.shape[0]):
        total += weights[i]
    target = draw * total
    for i in range(weights.shape[0]):
        target -= weights[i]
        if target < 0.0:
            return i
    return weights.shape[0] - 1
