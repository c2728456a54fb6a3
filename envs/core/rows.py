"""The agenda's rows: what each patch on the table would bring everybody, and in which modes it can be had."""

from __future__ import annotations

from patchpact.agents.roles import ROLE_MODULES
from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.layout import AGENDA_ROWS, CLIP, ROW_WIDTH, row_feature
from patchpact.envs.core import insurance, modules
from patchpact.envs.core.agenda import prerequisites_met, unlocked_risk
from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.modes import CANARY, EMERGENCY, FULL, MITIGATE, NO_DEADLINE, effort_factor
from patchpact.envs.core.records import BLIND, NEVER
from patchpact.envs.core.responsibility import liability_shares

(
    PRESENT, OWN, PUBLIC, RISK, UNLOCKED, COST, DOWNTIME_COST, EFFORT, ADDED, ALONE, PREREQUISITES, RELEASED, MITIGATED,
    CVSS, EPSS, KEV, EXPOSED, DUE, WAITING, REGRESSION, OWN_SERVICE, OWN_COMPONENT, FAILED, ON_MOTION, OWN_MOTION,
) = (
    row_feature(name)
    for name in (
        "present", "own_full", "public_full", "risk", "unlocked_risk", "cost", "downtime_cost", "effort",
        "downtime_added", "downtime_alone", "prerequisites_met", "released", "mitigated", "cvss", "epss", "kev",
        "exposed", "due",
        "waiting", "regression", "own_service", "own_component", "failed", "on_motion", "own_motion",
    )
)  # fmt: skip

role_interest = dispatcher(
    [module.interest for module in ROLE_MODULES],
    "share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker",
)


@compiled
def clip(x):  # type: ignore[no-untyped-def]
    """x within the observations' range."""
    if x > CLIP:
        return CLIP
    return x if x > -CLIP else -CLIP


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


@compiled_apart
def refresh_rows(S, st, k, opened, planned):  # type: ignore[no-untyped-def]
    """Bring the rows up to date: after a window ``opened``, a motion was ``planned``, or a lever was pulled.

    What a window fixes is worked out once (``_read_row``), and again only for rows that a lever made stale; what the
    plan changes follows for every row where it changed, and feasibility always.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for r in range(AGENDA_ROWS):
        row = st.row[k, r]
        if row.patch < 0:
            if opened or row.stale:
                _clear_row(S, st, k, r, sc)
            continue
        met = prerequisites_met(S, st, k, row.patch)
        if opened or planned:
            row.unlocked = unlocked_risk(S, st, k, row.patch)
        if opened or planned or row.stale:
            if opened or row.stale:
                _read_row(S, st, k, r, sc, opened)
            _plan_row(S, st, k, r, sc, met)
        feasible_modes(S, st, k, r, met)


@compiled
def _clear_row(S, st, k, r, sc):  # type: ignore[no-untyped-def]
    row = st.row[k, r]
    row.stale = 0
    for mode in range(4):
        row.feasible[mode] = 0
    if st.world[k].blind:
        return
    for i in range(sc.na):
        st.observation[k, i, r * ROW_WIDTH : (r + 1) * ROW_WIDTH] = 0.0


@compiled
def _read_row(S, st, k, r, sc, opened):  # type: ignore[no-untyped-def]
    """A row's gains and labour, public and as each agent sees them, and where a window ``opened`` its facts; all but
    the downtime it would add.

    Gains are for work in the middle of the window (an emergency change is half a window earlier), at the present
    estimate of risk for all windows left and the tail.
    """
    w = st.world[k]
    row = st.row[k, r]
    row.stale = 0
    static = S.patch[sc.p0 + row.patch]
    p = st.patch[w.p0 + row.patch]
    service = S.service[sc.s0 + static.service]
    rate = sc.labour_keur_per_hour
    rollback_all = 0.0
    alone = 0.0
    for i in range(sc.na):
        st.rollback[k, i] = 0.0
    for n in range(service.link0, service.link1):
        link = S.link[n]
        flow = st.flow[w.r0 + link.flow]
        owner = S.flow[sc.r0 + link.flow].owner
        alone += link.weight * (static.downtime + sc.setup_hours)
        again = link.weight * static.downtime * sc.rollback_downtime * price_of_hour(S, st, k, link.flow)
        rollback_all += again * flow.public_rate
        st.rollback[k, owner] += again * flow.true_rate

    day = (w.t + 0.5) * sc.window_days
    left = sc.windows + sc.tail_windows - w.t - 0.5
    full_risk = p.risk * left
    early = p.risk * 0.5  # what an emergency change saves before the middle
    bare = p.risk  # without a mitigation
    if mitigated_on(p, w.t * sc.window_days):
        bare = p.risk / max(sc.mitigate_hazard, 1e-3)
        lasts = (p.mitigated_until - w.t * sc.window_days) / sc.window_days
        relief = min(max(lasts - 0.5, 0.0), left)
        full_risk = p.risk * relief + bare * (left - relief)
        early = p.risk * min(lasts, 0.5) + bare * max(0.5 - lasts, 0.0)
    brief = (1.0 - sc.mitigate_hazard) * bare * min(float(sc.mitigate_windows), left)
    fee = static.fee * (st.agent[k, static.vendor].price if static.vendor >= 0 else 1.0) if sc.value_enabled else 0.0
    support = sc.support_keur if static.vendor >= 0 else 0.0
    fine = 0.0
    fine_emergency = 0.0
    if sc.governance_enabled and p.due < NO_DEADLINE:
        last = sc.windows * sc.window_days
        fine = sc.fine_keur_per_day * w.fine_factor * max(last - max(p.due, day), 0.0)
        fine_emergency = sc.fine_keur_per_day * w.fine_factor * max(last - max(p.due, w.t * sc.window_days), 0.0)
    warranty = sc.rollback_vendor_share if static.vendor >= 0 and sc.value_enabled else 0.0
    share_it, share_business, share_vendor = liability_shares(
        sc.responsibility_rule, sc.share_it, sc.share_business, sc.share_vendor, static.vendor >= 0
    )
    row.fee = fee
    row.effort = static.effort * rate
    row.fixed_cost = row.effort + p.public_regression * rollback_all + support
    for mode in range(4):
        f = 0.0 if mode == MITIGATE else p.public_regression
        gain = brief if mode == MITIGATE else (1.0 - f) * full_risk
        undo = 0.0
        if mode == FULL or mode == EMERGENCY:
            undo = f
        if mode == EMERGENCY:
            gain += (1.0 - f) * early
        gain *= w.severity
        cost = static.effort * (effort_factor(sc, mode) + undo * sc.rollback_effort) * rate
        row.before_downtime[mode] = gain - cost - undo * rollback_all - (0.0 if mode == MITIGATE else support)
    if w.blind == BLIND:
        return

    # What all agents see alike is worked out before the loop over them, as in ``observe``.
    scale = 1.0 / sc.money_scale
    at = r * ROW_WIDTH
    liable = sc.responsibility_enabled
    severity, signal = w.severity, p.signal
    own_regression, public_regression = p.regression, p.public_regression
    own_effort, public_effort = p.effort, static.effort
    it, proprietor, vendor = static.it, static.owner, static.vendor
    risk = clip(p.risk * scale)
    effort = clip(static.effort / sc.capacity_hours) if sc.capacity_hours > 0.0 else CLIP
    shown_alone = clip(0.1 * alone)
    released = p.release <= w.t
    mitigated = mitigated_on(p, day)
    cvss, epss, kev, exposed = 0.1 * p.cvss, p.epss, p.kev, service.exposed
    due = min(max((p.due - w.t * sc.window_days) / 60.0, -1.0), 1.0)
    waiting = clip(0.25 * p.waited)
    failed = clip(0.5 * p.failed)
    public = (full_risk, early, brief, rollback_all, warranty, fee, support, fine, fine_emergency, rate)
    for i in range(sc.na):
        agent = S.agent[sc.a0 + i]
        sees = S.sees[agent.role]
        worker = it == i
        owner = proprietor == i
        maker = vendor == i
        share = 0.0
        if liable:
            if worker:
                share = share_it
            elif owner:
                share = share_business
            elif maker:
                share = share_vendor
            else:
                share = insurance.stake(S, st, k, i, proprietor, share_it, share_business, share_vendor)
            if agent.firm and st.agent[k, i].insured:
                share *= 1.0 - insurance.covered(sc)
                share += insurance.premium_share(sc, w, st.agent[k, i], owner, share_business)
        regression = own_regression if sees[3] and maker else public_regression
        obs = st.observation[k, i]
        if worker or owner or maker or st.rollback[k, i] > 0.0 or S.concerned[agent.role]:
            reach = severity
            if sees[1] or modules.sees_reachability(S, st, k, i, owner):
                reach = signal
            hours = own_effort if sees[0] else public_effort
            stakes = (agent.role, share, reach, hours, regression, st.rollback[k, i], worker, owner, maker)
            # one call a mode, so that each is compiled for its mode
            st.before_downtime[k, i, r, FULL] = _stake(sc, FULL, stakes, public)
            st.before_downtime[k, i, r, CANARY] = _stake(sc, CANARY, stakes, public)
            st.before_downtime[k, i, r, MITIGATE] = _stake(sc, MITIGATE, stakes, public)
            st.before_downtime[k, i, r, EMERGENCY] = _stake(sc, EMERGENCY, stakes, public)
        else:
            for mode in range(4):
                st.before_downtime[k, i, r, mode] = 0.0
        for mode in range(4):
            own = st.before_downtime[k, i, r, mode]
            st.own[k, i, r, mode] = own
            obs[at + OWN + mode] = clip(own * scale)
        obs[at + REGRESSION] = regression
        if not opened or w.blind:
            continue
        obs[at + PRESENT] = 1.0
        obs[at + RISK] = risk
        obs[at + EFFORT] = effort
        obs[at + ALONE] = shown_alone
        obs[at + RELEASED] = released
        obs[at + MITIGATED] = mitigated
        obs[at + CVSS] = cvss
        obs[at + EPSS] = epss
        obs[at + KEV] = kev
        obs[at + EXPOSED] = exposed
        obs[at + DUE] = due
        obs[at + WAITING] = waiting
        obs[at + OWN_SERVICE] = owner
        obs[at + OWN_COMPONENT] = maker
        obs[at + FAILED] = failed
        obs[at + ON_MOTION] = 0.0
        obs[at + OWN_MOTION] = 0.0


@compiled
def _stake(sc, mode, own, public):  # type: ignore[no-untyped-def]
    """What an agent expects of a patch in a mode (k€), before the downtime that it would add to the window."""
    role, share, reach, hours, regression, rollback, worker, owner, maker = own
    full_risk, early, brief, rollback_all, warranty, fee, support, fine, fine_emergency, rate = public
    undo = regression if mode == FULL or mode == EMERGENCY else 0.0
    gain = brief
    if mode != MITIGATE:
        gain = (1.0 - regression) * (full_risk + (early if mode == EMERGENCY else 0.0))
    saved = 0.0
    if mode != MITIGATE and worker:
        saved = (fine_emergency if mode == EMERGENCY else fine) * (1.0 - regression)
    return role_interest(
        role,
        share,
        reach * gain,
        hours * (effort_factor(sc, mode) + undo * sc.rollback_effort) * rate if worker else 0.0,
        undo * rollback,
        undo * rollback_all,
        warranty,
        fee if mode != MITIGATE else 0.0,
        support if mode != MITIGATE else 0.0,
        saved,
        owner,
        maker,
    )


@compiled
def price_of_hour(S, st, k, r):  # type: ignore[no-untyped-def]
    """What an hour's outage of flow r costs in this window, relative to its rate: season and night hours."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    night = sc.night_factor if st.agent[k, S.flow[sc.r0 + r].owner].night else 1.0
    return w.season[0] * night


@compiled
def _plan_row(S, st, k, r, sc, met):  # type: ignore[no-untyped-def]
    """What the window's plan changes: the downtime that a row would add, and whether its prerequisites are in."""
    w = st.world[k]
    row = st.row[k, r]
    static = S.patch[sc.p0 + row.patch]
    service = S.service[sc.s0 + static.service]
    scale = 1.0 / sc.money_scale
    public_full = 0.0
    public_canary = 0.0
    public_emergency = 0.0
    added = 0.0
    for i in range(sc.na):
        if S.agent[sc.a0 + i].flows:
            for n in range(3):
                st.scratch[k, i, n] = 0.0
    for n in range(service.link0, service.link1):
        link = S.link[n]
        flow = st.flow[w.r0 + link.flow]
        hour = price_of_hour(S, st, k, link.flow)
        public = hour * flow.public_rate
        true = hour * flow.true_rate
        mine = st.scratch[k, S.flow[sc.r0 + link.flow].owner]
        full = added_hours(flow, sc, static.downtime, link.weight)
        canary = added_hours(flow, sc, static.downtime * sc.canary_downtime, link.weight)
        emergency = added_hours(flow, sc, static.downtime * sc.emergency_downtime, link.weight)
        added += full
        public_full += full * public
        public_canary += canary * public
        public_emergency += emergency * public
        mine[0] += full * true
        mine[1] += canary * true
        mine[2] += emergency * true
    row.downtime = public_full
    row.public[FULL] = row.before_downtime[FULL] - public_full
    row.public[CANARY] = row.before_downtime[CANARY] - public_canary
    row.public[MITIGATE] = row.before_downtime[MITIGATE]
    row.public[EMERGENCY] = row.before_downtime[EMERGENCY] - public_emergency
    if w.blind == BLIND:
        return
    full = clip(row.public[FULL] * scale)
    canary = clip(row.public[CANARY] * scale)
    mitigate = clip(row.public[MITIGATE] * scale)
    emergency = clip(row.public[EMERGENCY] * scale)
    unlocked = clip(row.unlocked * scale)
    cost = clip((row.fixed_cost + public_full) * scale)
    downtime = clip(public_full * scale)
    shown = clip(0.1 * added)
    ready = 1.0 if met > 0 else 0.0
    at = r * ROW_WIDTH
    for i in range(sc.na):
        obs = st.observation[k, i]
        obs[at + PUBLIC + FULL] = full
        obs[at + PUBLIC + CANARY] = canary
        obs[at + PUBLIC + MITIGATE] = mitigate
        obs[at + PUBLIC + EMERGENCY] = emergency
        obs[at + UNLOCKED] = unlocked
        obs[at + COST] = cost
        obs[at + DOWNTIME_COST] = downtime
        obs[at + ADDED] = shown
        obs[at + PREREQUISITES] = ready
        if S.agent[sc.a0 + i].flows:
            for n in range(3):
                mode = EMERGENCY if n == 2 else n
                own = st.before_downtime[k, i, r, mode] - st.scratch[k, i, n]
                st.own[k, i, r, mode] = own
                obs[at + OWN + mode] = clip(own * scale)


@compiled
def mitigated_on(p, day):  # type: ignore[no-untyped-def]
    """Whether a mitigation of the patch is in force on that day."""
    return p.mitigated_from <= day < p.mitigated_until


@compiled
def feasible_modes(S, st, k, r, met):  # type: ignore[no-untyped-def]
    """In which modes the row can be nominated: fix out, prerequisites in, no freeze, hours and budgets suffice."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    row = st.row[k, r]
    static = S.patch[sc.p0 + row.patch]
    p = st.patch[w.p0 + row.patch]
    owner = st.agent[k, static.owner]
    budget = st.agent[k, static.it].budget if static.it >= 0 else 1e18
    upgrade = p.planned < 0 and not p.done and p.release <= w.t and p.release != NEVER and owner.budget >= row.fee
    calm = upgrade and met > 0 and not owner.freeze
    mitigable = p.planned < 0 and not p.done and p.known > 0 and not mitigated_on(p, (w.t + 0.5) * sc.window_days)
    row.feasible[FULL] = calm and w.capacity_left >= static.effort and budget >= row.effort
    row.feasible[CANARY] = (
        calm and w.capacity_left >= static.effort * sc.canary_effort and budget >= row.effort * sc.canary_effort
    )
    row.feasible[MITIGATE] = (
        mitigable
        and w.capacity_left >= static.effort * sc.mitigate_effort
        and budget >= row.effort * sc.mitigate_effort
    )
    row.feasible[EMERGENCY] = upgrade and met == 2 and budget >= row.effort * sc.emergency_effort
