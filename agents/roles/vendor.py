"""Vendor: releases fixes for its components, is paid a fee for each upgrade and covers part of a rollback.

Sees the true regression probability of its own components' patches. Its quality claim is public; a shaded one makes
its patches look safer than they are.
"""

from __future__ import annotations

from patchpact.agents.roles import reports, standing
from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import AGENDA_ROWS, LEVER_START
from patchpact.agents.roles.reports import REPORT_KINDS, REPORTS
from patchpact.agents.roles.standing import STANDING, STANDING_KINDS

NAME = "vendor"
SEES = ("regression",)
PRICES = ("price:discount", "price:list", "price:premium")
LEVERS = (
    *(f"expedite:{row}" for row in range(AGENDA_ROWS)),
    *(f"backport:{row}" for row in range(AGENDA_ROWS)),
    *PRICES,
    *REPORTS,
    *STANDING,
)
LEVER_KINDS = (
    *("expedite" for _ in range(AGENDA_ROWS)),
    *("backport" for _ in range(AGENDA_ROWS)),
    *("fee" for _ in PRICES),
    *REPORT_KINDS,
    *STANDING_KINDS,
)
_REPORT = 2 * AGENDA_ROWS + len(PRICES)
_STANDING = _REPORT + len(REPORTS)


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """Expected account change (k€): loss avoided and, for its own component, the fee less support and warranty."""
    return share * gain + (fee - support - warranty * rollback_all if maker else 0.0)


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """Expedite an unreleased fix, backport a risky one (own components, once each); set a price level once a window."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    a = st.agent[k, i]
    for row in range(AGENDA_ROWS):
        j = st.row[k, row].patch
        if j < 0 or S.patch[sc.p0 + j].vendor != i:
            continue
        p = st.patch[w.p0 + j]
        late = p.release > w.t + 1
        mask[LEVER_START + row] = late and a.budget >= sc.expedite_price_keur
        mask[LEVER_START + AGENDA_ROWS + row] = p.backported == 0 and a.budget >= sc.backport_price_keur
    for level in range(3):
        mask[LEVER_START + 2 * AGENDA_ROWS + level] = a.price_level != level and a.moved == 0
    reports.mask(S, st, k, i, mask, _REPORT)
    standing.mask(S, st, k, i, mask, _STANDING)


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; returns its price in k€."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    a = st.agent[k, i]
    if lever < AGENDA_ROWS:
        st.patch[w.p0 + st.row[k, lever].patch].release = w.t + 1
        return sc.expedite_price_keur
    if lever < 2 * AGENDA_ROWS:
        p = st.patch[w.p0 + st.row[k, lever - AGENDA_ROWS].patch]
        p.backported = 1
        p.regression *= sc.backport_factor
        p.public_regression *= sc.backport_factor
        st.row[k, lever - AGENDA_ROWS].stale = 1
        return sc.backport_price_keur
    if lever >= _STANDING:
        standing.apply(st, k, i, lever - _STANDING)
        return 0.0
    if lever >= _REPORT:
        reports.apply(st, k, i, lever - _REPORT)
        for j in range(sc.np):
            if S.patch[sc.p0 + j].vendor == i:
                st.patch[w.p0 + j].public_regression *= sc.report_shading if a.shaded else 1.0 / sc.report_shading
        return 0.0
    a.moved = 1
    for row in range(AGENDA_ROWS):
        j = st.row[k, row].patch
        if j >= 0 and S.patch[sc.p0 + j].vendor == i:
            st.row[k, row].stale = 1
    a.price_level = lever - 2 * AGENDA_ROWS
    a.price = sc.price_discount if a.price_level == 0 else (1.0 if a.price_level == 1 else sc.price_premium)
    return 0.0
