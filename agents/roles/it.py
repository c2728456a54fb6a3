"""IT: plans and carries out the work, pays for the effort, and answers for missed deadlines.

Sees the true effort of a patch and a signal of the true reachability of its findings; a scan of a service shows
the latter exactly. Its severity report is public; a shaded one makes every patch look more urgent than it is.
"""

from __future__ import annotations

from patchpact.agents.roles import reports, standing
from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import ENTITY_SLOTS, LEVER_START
from patchpact.agents.roles.reports import REPORT_KINDS, REPORTS
from patchpact.agents.roles.standing import STANDING, STANDING_KINDS

NAME = "it"
SEES = ("effort", "reachability")
LEVERS = ("overtime", *(f"scan:{slot}" for slot in range(ENTITY_SLOTS)), *REPORTS, *STANDING)
LEVER_KINDS = ("overtime", *("scan" for _ in range(ENTITY_SLOTS)), *REPORT_KINDS, *STANDING_KINDS)
_REPORT = 1 + ENTITY_SLOTS
_STANDING = _REPORT + len(REPORTS)


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """Expected account change (k€): loss avoided and fines saved, less labour."""
    return share * gain - effort + fine


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """Overtime once a window, a scan once a service, both within the budget."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    budget = st.agent[k, i].budget
    price = sc.overtime_share * sc.capacity_hours * sc.labour_keur_per_hour * sc.overtime_price
    mask[LEVER_START] = w.overtime == 0 and budget >= price
    for slot in range(ENTITY_SLOTS):
        v = st.slot[k, slot]
        mask[LEVER_START + 1 + slot] = v >= 0 and st.service[w.s0 + v].scanned == 0 and budget >= sc.scan_price_keur
    reports.mask(S, st, k, i, mask, _REPORT)
    standing.mask(S, st, k, i, mask, _STANDING)


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; returns its price in k€."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if lever == 0:
        if w.overtime:  # another IT agent bought it in the same step
            return 0.0
        w.overtime = 1
        w.capacity_left += sc.overtime_share * sc.capacity_hours
        return sc.overtime_share * sc.capacity_hours * sc.labour_keur_per_hour * sc.overtime_price
    if lever >= _STANDING:
        standing.apply(st, k, i, lever - _STANDING)
        return 0.0
    if lever >= _REPORT:
        reports.apply(st, k, i, lever - _REPORT)
        w.severity = 1.0 / sc.report_shading if st.agent[k, i].shaded else 1.0
        return 0.0
    v = st.slot[k, lever - 1]
    if st.service[w.s0 + v].scanned:
        return 0.0
    st.service[w.s0 + v].scanned = 1
    for j in range(sc.np):
        if S.patch[sc.p0 + j].service == v:
            p = st.patch[w.p0 + j]
            p.signal = p.truth
            if p.row >= 0:
                st.row[k, p.row].stale = 1
    return sc.scan_price_keur
