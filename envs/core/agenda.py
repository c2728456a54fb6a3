"""The agenda: which patches are on the table, what each would bring, and what is feasible."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

from patchpact.agents.roles import ROLE_MODULES
from patchpact.agents.roles.layout import AGENDA_ROWS, CLIP, ENTITY_SLOTS, MODES, ROW_WIDTH, row_feature
from patchpact.envs.core import random
from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.records import NEVER
from patchpact.envs.core.responsibility import liability_shares

FULL, CANARY, MITIGATE, EMERGENCY = (MODES.index(n) for n in ("full", "canary", "mitigate", "emergency"))
NO_DEADLINE = 1e9

(
    PRESENT, OWN, PUBLIC, RISK, UNLOCKED, COST, EFFORT, ADDED, ALONE, PREREQUISITES, RELEASED, MITIGATED, CVSS, EPSS,
    KEV, EXPOSED, DUE, WAITING, REGRESSION, OWN_SERVICE, OWN_COMPONENT, FAILED, ON_MOTION, OWN_MOTION,
) = (
    row_feature(name)
    for name in (
        "present", "own_full", "public_full", "risk", "unlocked_risk", "cost", "effort", "downtime_added",
        "downtime_alone", "prerequisites_met", "released", "mitigated", "cvss", "epss", "kev", "exposed", "due",
        "waiting", "regression", "own_service", "own_component", "failed", "on_motion", "own_motion",
    )
)  # fmt: skip

role_interest = dispatcher(
    [module.interest for module in ROLE_MODULES],
    "share, gain, effort, downtime, rollback, rollback_all, warranty, fee, support, fine, owner, maker",
)


@compiled
def clip(x):  # type: ignore[no-untyped-def]
    """x within the observations' range."""
    return min(max(x, -CLIP), CLIP)


@compiled
def effort_factor(sc, mode):  # type: ignore[no-untyped-def]
    """Effort in this mode relative to full."""
    if mode == FULL:
        return 1.0
    if mode == CANARY:
        return sc.canary_effort
    return sc.mitigate_effort if mode == MITIGATE else sc.emergency_effort


@compiled
def downtime_factor(sc, mode):  # type: ignore[no-untyped-def]
    """Downtime in this mode relative to full."""
    if mode == FULL:
        return 1.0
    if mode == CANARY:
        return sc.canary_downtime
    return 0.0 if mode == MITIGATE else sc.emergency_downtime


@compiled
def plan_day(S, st, k, mode):  # type: ignore[no-untyped-def]
    """Day (from the episode's start) on which a motion that passes now is carried out."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if mode == EMERGENCY:
        return w.t * sc.window_days
    return (w.t + (w.motion + 1.0) / (sc.motions_per_window + 1.0)) * sc.window_days


@compiled
def prerequisites_met(S, st, k, j):  # type: ignore[no-untyped-def]
    """2: all done; 1: all done or planned in this window; 0: something is missing."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    level = 2
    for n in range(S.patch[sc.p0 + j].need0, S.patch[sc.p0 + j].need1):
        p = st.patch[w.p0 + S.needs[n]]
        if not p.done:
            if p.planned < 0 or p.planned == MITIGATE:
                return 0
            level = 1
    return level


@compiled
def missing_prerequisites(S, st, k, j):  # type: ignore[no-untyped-def]
    """How many patches that j requires are neither done nor planned."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    missing = 0
    for n in range(S.patch[sc.p0 + j].need0, S.patch[sc.p0 + j].need1):
        p = st.patch[w.p0 + S.needs[n]]
        missing += not p.done and (p.planned < 0 or p.planned == MITIGATE)
    return missing


@compiled
def unlocked_risk(S, st, k, j):  # type: ignore[no-untyped-def]
    """Risk a window of the open patches that wait on j, two steps deep, shared among what each still needs."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    total = 0.0
    for n in range(S.patch[sc.p0 + j].next0, S.patch[sc.p0 + j].next1):
        a = S.enables[n]
        if st.patch[w.p0 + a].done:
            continue
        behind = st.patch[w.p0 + a].risk
        for m in range(S.patch[sc.p0 + a].next0, S.patch[sc.p0 + a].next1):
            b = S.enables[m]
            if not st.patch[w.p0 + b].done:
                behind += st.patch[w.p0 + b].risk / max(missing_prerequisites(S, st, k, b), 1)
        total += behind / max(missing_prerequisites(S, st, k, a), 1)
    return total


@compiled
def added_hours(flow, sc, hours, weight):  # type: ignore[no-untyped-def]
    """Hours that an update of ``hours`` adds to a flow's outage in this window, set-up included.

    The longest outage counts whole, what overlaps it by ``downtime_overlap``; opening the flow costs ``setup_hours``
    once, in proportion to the share of it that is opened.
    """
    x = hours * weight
    longest = max(flow.longest, x)
    total = flow.total + x
    after = longest + sc.downtime_overlap * (total - longest)
    before = flow.longest + sc.downtime_overlap * (flow.total - flow.longest)
    return after - before + sc.setup_hours * max(weight - flow.opened, 0.0)


@compiled
def choose_agenda(S, st, k):  # type: ignore[no-untyped-def]
    """Half by public risk, with their missing prerequisites; the rest by longest not shown; shuffled by seed."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    half = AGENDA_ROWS // 2
    chosen = st.chosen_patch[k]
    score = st.score[k]
    n = 0
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        p.row = -1
        if p.done or p.known == 0 or (n == half and p.risk <= score[n - 1]):
            continue
        n = _insert(chosen, score, 0, n, half, j, p.risk)
    i = 0
    while i < n and n < AGENDA_ROWS:
        for m in range(S.patch[sc.p0 + chosen[i]].need0, S.patch[sc.p0 + chosen[i]].need1):
            needed = S.needs[m]
            if not st.patch[w.p0 + needed].done and n < AGENDA_ROWS and not _contains(chosen, n, needed):
                chosen[n] = needed
                n += 1
        i += 1
    for i in range(n):
        st.patch[w.p0 + chosen[i]].row = i
    start = n
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        if start == AGENDA_ROWS:
            break
        if p.done or p.known == 0 or p.row >= 0:
            continue
        age = w.t - p.last_shown + random.uniform(w.seed, random.AGENDA, S.patch[sc.p0 + j].uid, sc.windows + w.t)
        if n < AGENDA_ROWS or age > score[n - 1]:
            n = _insert(chosen, score, start, n, AGENDA_ROWS, j, age)
    for i in range(n):
        j = chosen[i]
        draw = random.uniform(w.seed, random.AGENDA, S.patch[sc.p0 + j].uid, w.t)
        _insert(chosen, score, 0, i, AGENDA_ROWS, j, draw)
    for i in range(AGENDA_ROWS):
        st.row[k, i].patch = chosen[i] if i < n else -1
        if i < n:
            p = st.patch[w.p0 + chosen[i]]
            p.row = i
            p.waited = w.t - p.last_shown
            p.last_shown = w.t


@compiled
def _insert(chosen, score, start, n, limit, j, value):  # type: ignore[no-untyped-def]
    """Insert j into the descending list chosen[start:n], at most ``limit`` long in all; returns the new n."""
    i = min(n, limit - 1)
    while i > start and score[i - 1] < value:
        chosen[i] = chosen[i - 1]
        score[i] = score[i - 1]
        i -= 1
    chosen[i] = j
    score[i] = value
    return min(n + 1, limit)


@compiled
def _contains(chosen, n, j):  # type: ignore[no-untyped-def]
    for i in range(n):
        if chosen[i] == j:
            return True
    return False


@compiled
def choose_slots(S, st, k):  # type: ignore[no-untyped-def]
    """The services through which most risk enters, as targets of levers."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    chosen = st.chosen_patch[k]
    score = st.score[k]
    n = 0
    for v in range(sc.ns):
        risk = entry_risk(S, st, k, v)
        if risk > 0.0 and (n < ENTITY_SLOTS or risk > score[n - 1]):
            n = _insert(chosen, score, 0, n, ENTITY_SLOTS, v, risk)
    for i in range(ENTITY_SLOTS):
        st.slot[k, i] = chosen[i] if i < n else -1


@compiled
def entry_risk(S, st, k, v):  # type: ignore[no-untyped-def]
    """Expected loss a window (k€) that enters through service v, first order beyond it."""
    w = st.world[k]
    s = st.service[w.s0 + v]
    return s.adjoint * (1.0 - s.q) * (1.0 - s.base) / max(s.base, 1e-12)


@compiled
def refresh_rows(S, st, k):  # type: ignore[no-untyped-def]
    """Work out every row anew: after a window opens, a motion passes or a lever is pulled."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for r in range(AGENDA_ROWS):
        if st.row[k, r].patch >= 0:
            _refresh_row(S, st, k, r, sc)
        else:
            row = st.row[k, r]
            for mode in range(4):
                row.feasible[mode] = 0
            for i in range(sc.na):
                _row_view(st, k, i, r)[:] = 0.0


@compiled
def _row_view(st, k, i, r):  # type: ignore[no-untyped-def]
    return st.observation[k, i, r * ROW_WIDTH : (r + 1) * ROW_WIDTH]


@compiled
def _refresh_row(S, st, k, r, sc):  # type: ignore[no-untyped-def]
    w = st.world[k]
    row = st.row[k, r]
    j = row.patch
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    v = static.service
    for i in range(sc.na):
        for n in range(5):
            st.scratch[k, i, n] = 0.0

    public_downtime = st.public_downtime[k]
    public_downtime[:] = 0.0
    rollback_all = 0.0
    added = 0.0
    alone = 0.0
    for n in range(S.service[sc.s0 + v].link0, S.service[sc.s0 + v].link1):
        link = S.link[n]
        flow = st.flow[w.r0 + link.flow]
        owner = S.flow[sc.r0 + link.flow].owner
        night = sc.night_factor if st.agent[k, owner].night else 1.0
        public = flow.public_rate * w.season[0] * night
        true = flow.true_rate * w.season[0] * night
        for mode in range(4):
            if mode == MITIGATE:
                continue
            hours = added_hours(flow, sc, static.downtime * downtime_factor(sc, mode), link.weight)
            public_downtime[mode] += hours * public
            st.scratch[k, owner, mode] += hours * true
            if mode == FULL:
                added += hours
        alone += link.weight * (static.downtime + sc.setup_hours)
        again = link.weight * static.downtime * sc.rollback_downtime
        rollback_all += again * public
        st.scratch[k, owner, 4] += again * true

    day = plan_day(S, st, k, FULL)
    left = (sc.windows + sc.tail_windows) - day / sc.window_days
    mitigated = mitigated_on(p, day)
    if mitigated:
        relief = min(max((p.mitigated_until - day) / sc.window_days, 0.0), left)
        full_risk = p.risk * relief + p.risk / max(sc.mitigate_hazard, 1e-3) * (left - relief)
    else:
        full_risk = p.risk * left
    brief = (1.0 - sc.mitigate_hazard) * p.risk * min(float(sc.mitigate_windows), left)
    fee_factor = st.agent[k, static.vendor].price if static.vendor >= 0 else 1.0
    fee = static.fee * fee_factor if sc.value_enabled else 0.0
    support = sc.support_keur if static.vendor >= 0 else 0.0
    fine = 0.0
    if sc.governance_enabled and p.due < NO_DEADLINE:
        fine = sc.fine_keur_per_day * max(sc.windows * sc.window_days - max(p.due, day), 0.0)
    share_it, share_business, share_vendor = liability_shares(
        sc.responsibility_rule, sc.share_it, sc.share_business, sc.share_vendor, static.vendor >= 0
    )
    met = prerequisites_met(S, st, k, j)
    released = p.release <= w.t
    for mode in range(4):
        labour = static.effort * effort_factor(sc, mode) * sc.labour_keur_per_hour
        row.feasible[mode] = _feasible(S, st, k, j, mode, met, released, mitigated, labour, fee)
        f = 0.0 if mode == MITIGATE else p.public_regression
        gain = brief if mode == MITIGATE else (1.0 - f) * full_risk
        undo = f if mode in (FULL, EMERGENCY) else 0.0
        cost = labour + undo * sc.rollback_effort * static.effort * sc.labour_keur_per_hour
        cost += public_downtime[mode] + undo * rollback_all + (0.0 if mode == MITIGATE else support)
        row.public[mode] = gain - cost
        if mode == FULL:
            row.downtime = public_downtime[mode]
            row.effort = labour
    scale = 1.0 / sc.money_scale
    unlocked = unlocked_risk(S, st, k, j)
    cost = row.effort + public_downtime[FULL] + p.public_regression * rollback_all + support
    for i in range(sc.na):
        agent = S.agent[sc.a0 + i]
        sees = S.sees[agent.role]
        owner = static.owner == i
        maker = static.vendor == i
        share = 0.0
        if sc.responsibility_enabled:
            if static.it == i:
                share = share_it
            elif owner:
                share = share_business
            elif maker:
                share = share_vendor
        regression = p.regression if sees[3] and maker else p.public_regression
        reach = p.signal if sees[1] else 1.0
        hours = p.effort if sees[0] else static.effort
        pays_effort = static.it == i
        obs = _row_view(st, k, i, r)
        for mode in range(4):
            undo = regression if mode in (FULL, EMERGENCY) else 0.0
            upgrade = mode != MITIGATE
            gain = reach * ((1.0 - regression) * full_risk if upgrade else brief)
            labour = hours * (effort_factor(sc, mode) + undo * sc.rollback_effort) * sc.labour_keur_per_hour
            own = role_interest(
                agent.role,
                share,
                gain,
                labour if pays_effort and sc.value_enabled else 0.0,
                st.scratch[k, i, mode] if upgrade and sc.value_enabled else 0.0,
                undo * st.scratch[k, i, 4] if sc.value_enabled else 0.0,
                undo * rollback_all if sc.value_enabled else 0.0,
                sc.rollback_vendor_share if static.vendor >= 0 else 0.0,
                fee if upgrade else 0.0,
                support if upgrade and sc.value_enabled else 0.0,
                fine * (1.0 - regression) if upgrade and pays_effort else 0.0,
                owner,
                maker,
            )
            st.own[k, i, r, mode] = own
            obs[OWN + mode] = clip(own * scale)
            obs[PUBLIC + mode] = clip(row.public[mode] * scale)
        obs[PRESENT] = 1.0
        obs[RISK] = clip(p.risk * scale)
        obs[UNLOCKED] = clip(unlocked * scale)
        obs[COST] = clip(cost * scale)
        obs[EFFORT] = clip(static.effort / sc.capacity_hours) if sc.capacity_hours > 0.0 else CLIP
        obs[ADDED] = clip(0.1 * added)
        obs[ALONE] = clip(0.1 * alone)
        obs[PREREQUISITES] = met > 0
        obs[RELEASED] = released
        obs[MITIGATED] = mitigated
        obs[CVSS] = 0.1 * p.cvss
        obs[EPSS] = p.epss
        obs[KEV] = p.kev
        obs[EXPOSED] = S.service[sc.s0 + v].exposed
        obs[DUE] = min(max((p.due - w.t * sc.window_days) / 60.0, -1.0), 1.0)
        obs[WAITING] = clip(0.25 * p.waited)
        obs[REGRESSION] = regression
        obs[OWN_SERVICE] = owner
        obs[OWN_COMPONENT] = maker
        obs[FAILED] = clip(0.5 * p.failed)
        obs[ON_MOTION] = 0.0
        obs[OWN_MOTION] = 0.0


@compiled
def mitigated_on(p, day):  # type: ignore[no-untyped-def]
    """Whether a mitigation of the patch is in force on that day."""
    return p.mitigated_from <= day < p.mitigated_until


@compiled
def _feasible(S, st, k, j, mode, met, released, mitigated, labour, fee):  # type: ignore[no-untyped-def]
    """Whether the nomination is possible: fix out, prerequisites in, no freeze, hours and budgets suffice."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    if p.planned >= 0 or p.done:
        return False
    if static.it >= 0 and st.agent[k, static.it].budget < labour:
        return False
    if mode != EMERGENCY and w.capacity_left < static.effort * effort_factor(sc, mode):
        return False
    if mode == MITIGATE:
        return not mitigated and p.known > 0
    if not released or p.release == NEVER or st.agent[k, static.owner].budget < fee:
        return False
    if mode == EMERGENCY:
        return met == 2
    return met > 0 and not st.agent[k, static.owner].freeze
