"""Plans are carried out: work, downtime, and upgrades that fail and are rolled back."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core import modes, random, rows
from patchpact.envs.core.ledger import (
    DOWNTIME,
    EFFORT,
    FEE,
    ROLLBACK,
    SUPPORT,
    WARRANTY,
    book,
    nature,
    party,
)
from patchpact.envs.core.modes import EMERGENCY, FULL, MITIGATE


@compiled
def carry_out(S, st, k, j):  # type: ignore[no-untyped-def]
    """One planned patch: labour, fee, support; a regression rolls it back, cost paid and finding still open."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    mode = p.planned
    payer = party(st, static.it)
    rate = sc.labour_keur_per_hour
    blocked = mode != MITIGATE and not _needs_done(S, st, k, j)
    spent = book(S, st, k, payer, nature(st), EFFORT, p.effort * modes.effort_factor(sc, mode) * rate)
    if mode == MITIGATE:
        if p.mitigated_until > w.t * sc.window_days:  # renewed in the window in which it runs out: they join
            p.mitigated_until = min(p.day, p.mitigated_until) + sc.mitigate_windows * sc.window_days
        else:
            p.mitigated_from = p.day
            p.mitigated_until = p.day + sc.mitigate_windows * sc.window_days
    elif blocked:
        p.failed += 1
    else:
        owner = static.owner
        maker = party(st, static.vendor)
        book(S, st, k, owner, maker, FEE, p.fee)
        if static.vendor >= 0:
            spent += book(S, st, k, maker, nature(st), SUPPORT, sc.support_keur)
        if random.uniform(w.seed, random.REGRESSION, static.uid, w.t) < p.regression:
            p.failed += 1
            w.patches_failed += 1.0
            if mode == FULL or mode == EMERGENCY:
                labour = sc.rollback_effort * p.effort * rate
                spent += book(S, st, k, payer, nature(st), ROLLBACK, labour)
                _roll_back(S, st, k, j)
        else:
            p.done = 1
            p.done_day = p.day
            w.patches_done += 1.0
    w.effort_keur += spent
    w.spend_keur += spent


@compiled
def _needs_done(S, st, k, j):  # type: ignore[no-untyped-def]
    """Whether every prerequisite is in: one planned in the same window may have been rolled back."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for n in range(S.patch[sc.p0 + j].need0, S.patch[sc.p0 + j].need1):
        if not st.patch[w.p0 + S.needs[n]].done:
            return False
    return True


@compiled
def _roll_back(S, st, k, j):  # type: ignore[no-untyped-def]
    """Revenue lost while a failed patch is undone; the vendor covers part of it under warranty."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    service = S.service[sc.s0 + static.service]
    for n in range(service.link0, service.link1):
        link = S.link[n]
        owner = S.flow[sc.r0 + link.flow].owner
        hours = link.weight * static.downtime * sc.rollback_downtime
        rate = st.flow[w.r0 + link.flow].true_rate * rows.price_of_hour(S, st, k, link.flow)
        cost = book(S, st, k, owner, nature(st), ROLLBACK, hours * rate)
        if static.vendor >= 0:
            book(S, st, k, static.vendor, owner, WARRANTY, sc.rollback_vendor_share * cost)
        w.downtime_hours += hours
        w.downtime_keur += cost


@compiled
def book_downtime(S, st, k):  # type: ignore[no-untyped-def]
    """Revenue lost to this window's planned outages, flow by flow."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for r in range(sc.nr):
        flow = st.flow[w.r0 + r]
        if flow.opened <= 0.0:
            continue
        owner = S.flow[sc.r0 + r].owner
        hours = flow.longest + sc.downtime_overlap * (flow.total - flow.longest) + sc.setup_hours * flow.opened
        cost = book(S, st, k, owner, nature(st), DOWNTIME, hours * flow.true_rate * rows.price_of_hour(S, st, k, r))
        w.downtime_hours += hours
        w.downtime_keur += cost
