"""Every agent is equally likely to propose."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "random"


@compiled
def recognise(draw, weights, turn, bids):  # type: ignore[no-untyped-def]
    """Index of the proposer; ``draw`` is in [0, 1), ``turn`` counts motions from the start."""
    return min(int(draw * weights.shape[0]), weights.shape[0] - 1)
