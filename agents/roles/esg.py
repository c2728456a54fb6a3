"""ESG: audits what firms and stakeholders disclose, rates the firms and says how much they must disclose.

It pays for audits, keeps a share of the penalties they bring, and answers with a small mandate for what users are
left with. It sees what the public sees until it audits.
"""

from __future__ import annotations

from patchpact.agents.roles import standing
from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import ENTITY_SLOTS, LEVER_START
from patchpact.agents.roles.standing import STANDING, STANDING_KINDS
from patchpact.agents.roles.switches import auditing, disclosing

NAME = "esg"
SEES: tuple[str, ...] = ()
AUDITS = ("audit:never", "audit:rarely", "audit:sometimes", "audit:often")
TARGETS = tuple(f"audit_owner:{slot}" for slot in range(ENTITY_SLOTS))
DEMANDS = ("demand:none", "demand:lite", "demand:full")
LEVERS = (*AUDITS, *TARGETS, *DEMANDS, *STANDING)
LEVER_KINDS = (*("audit" for _ in (*AUDITS, *TARGETS)), *("penalty" for _ in DEMANDS), *STANDING_KINDS)
_TARGET, _DEMAND = len(AUDITS), len(AUDITS) + len(TARGETS)
_STANDING = _DEMAND + len(DEMANDS)


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """Expected account change (k€): its mandate's part of the loss avoided."""
    return share * gain


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """Audits need governance, a demand needs disclosure; a targeted audit needs the budget for it."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for level in range(4):
        mask[LEVER_START + level] = auditing(sc) and w.audit_level != level and w.audit_moved == 0
    for slot in range(ENTITY_SLOTS):
        v = st.slot[k, slot]
        mask[LEVER_START + _TARGET + slot] = (
            auditing(sc)
            and v >= 0
            and st.agent[k, S.service[sc.s0 + v].owner].audited == 0
            and st.agent[k, i].budget >= sc.audit_cost_keur
        )
    for level in range(3):
        mask[LEVER_START + _DEMAND + level] = disclosing(sc) and w.demand_level != level and w.demand_moved == 0
    standing.mask(S, st, k, i, mask, _STANDING)


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; returns its price in k€. An audit's findings come when the window closes."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if lever >= _STANDING:
        standing.apply(st, k, i, lever - _STANDING)
    elif lever >= _DEMAND:
        w.demand_level = lever - _DEMAND
        w.demand_moved = 1
    elif lever >= _TARGET:
        firm = st.agent[k, S.service[sc.s0 + st.slot[k, lever - _TARGET]].owner]
        if firm.audited:
            return 0.0
        firm.audited = 1
        return sc.audit_cost_keur
    else:
        w.audit_level = lever
        w.audit_moved = 1
    return 0.0
