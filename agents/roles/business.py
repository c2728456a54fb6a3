"""Business: owns services and revenue flows, pays the vendors' fees and loses the revenue of downtime.

Sees the true revenue of its own flows. Several businesses (tenants) may share one world.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import AGENDA_ROWS, LEVER_START

NAME = "business"
SEES = ("revenue",)
LEVERS = ("night_hours", "freeze", "disclose:none", "disclose:range", "disclose:exact")
LEVER_KINDS = ("night", "night", "night", "night", "night")


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """Expected account change (k€): loss avoided, less uncovered rollbacks and, for the owner, the fee."""
    return share * gain - (1.0 - warranty) * rollback - (fee if owner else 0.0)


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """Night hours and a freeze once a window while nothing is planned; once a window another disclosure level."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    a = st.agent[k, i]
    quiet = w.planned_n == 0
    mask[LEVER_START] = a.night == 0 and quiet and a.budget >= sc.night_price_keur
    mask[LEVER_START + 1] = a.freeze == 0 and quiet
    for level in range(3):
        mask[LEVER_START + 2 + level] = a.disclosure != level and a.moved == 0


@compiled
def _mark_rows(st, k):  # type: ignore[no-untyped-def]
    """Have every agenda row worked out anew: what an hour's outage costs has changed."""
    for row in range(AGENDA_ROWS):
        st.row[k, row].stale = 1


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; returns its price in k€."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    a = st.agent[k, i]
    if lever == 0:
        a.night = 1
        _mark_rows(st, k)
        return sc.night_price_keur
    if lever == 1:
        a.freeze = 1
        return 0.0
    a.disclosure = lever - 2
    a.moved = 1
    _mark_rows(st, k)
    weight = 0.5 * a.disclosure
    for r in range(sc.nr):
        if S.flow[sc.r0 + r].owner == i:
            flow = st.flow[w.r0 + r]
            flow.public_rate = S.flow[sc.r0 + r].rate ** (1.0 - weight) * flow.true_rate**weight
    return 0.0
