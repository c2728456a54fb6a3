"""Levers that every role of the wider game has: a standing bid for the right to propose, and a vote's intensity.

A role takes them up by naming ``STANDING`` among its levers and passing their numbers on to ``mask`` and ``apply``.
Both settings hold until they are changed. They are legal only under the rules that read them.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import LEVER_START

BIDS = 4
INTENSITIES = 3
STANDING = (*(f"bid:{level}" for level in range(BIDS)), *(f"intensity:{votes + 1}" for votes in range(INTENSITIES)))
STANDING_KINDS = tuple("bid" for _ in STANDING)


@compiled
def mask(S, st, k, i, mask, first):  # type: ignore[no-untyped-def]
    """Bids where the floor is sold, intensities where votes cost credits; ``first`` is the first one's number."""
    sc = S.scenario[st.world[k].scenario]
    a = st.agent[k, i]
    if sc.sells_floor:
        for level in range(BIDS):
            mask[LEVER_START + first + level] = a.bid != level and a.budget >= level * sc.bid_step_keur
    if sc.counts_credits:
        for votes in range(INTENSITIES):
            mask[LEVER_START + first + BIDS + votes] = a.intensity != votes + 1


@compiled
def apply(st, k, i, lever):  # type: ignore[no-untyped-def]
    """Set a bid or an intensity; ``lever`` counts from the first of ``STANDING``."""
    a = st.agent[k, i]
    if lever < BIDS:
        a.bid = lever
    else:
        a.intensity = lever - BIDS + 1
