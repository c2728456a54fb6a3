"""Agents propose in turn."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "rotating"


@compiled
def recognise(draw, weights, turn, bids):  # type: ignore[no-untyped-def]
    """Index of the proposer; ``turn`` counts motions from the start."""
    return turn % weights.shape[0]
