"""From one window to the next: what was planned is done, attacks come, the world moves, a new agenda is drawn up."""

from __future__ import annotations

import math

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.envs.core import (
    agenda,
    findings,
    firms,
    incidents,
    insurance,
    maintenance,
    negotiate,
    random,
    risk,
    rows,
)
from patchpact.envs.core.ledger import FINE, book, outside, party
from patchpact.envs.core.records import BREADTH_ATOMS


@compiled_apart
def start_episode(S, st, k, seed):  # type: ignore[no-untyped-def]
    """A fresh world: hidden values and the initial state from keyed draws, then the first window opens."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.seed = seed
    w.t = 0
    w.turn = 0
    w.over = 0
    w.welfare_keur = w.damage_keur = w.effort_keur = w.downtime_keur = w.fines_keur = w.spend_keur = 0.0
    w.downtime_hours = w.risk_left_keur = w.patches_done = w.patches_failed = 0.0
    w.motions_proposed = w.motions_passed = w.deadlines_missed = w.incidents = w.tail_keur = w.luck_keur = 0.0
    span = max(sc.windows - 1, 1)
    for n in range(sc.nc):
        static = S.cve[sc.c0 + n]
        c = st.cve[w.c0 + n]
        c.epss = static.epss
        c.kev = static.kev
        c.known = static.known
        if static.known < 0:
            c.known = 0
            if random.uniform(seed, random.KNOWN, static.uid, 0) >= sc.initially_known_share:
                c.known = 1 + int(random.uniform(seed, random.KNOWN, static.uid, 1) * span)
        c.known_day = c.known * sc.window_days
        if c.known == 0:
            c.known_day = -30.0 * random.uniform(seed, random.AGE, static.uid, 0)
        c.kev_day = c.known_day
        z = random.normal(seed, random.BREADTH, static.uid, 0)
        c.breadth = min(sc.breadth_median * math.exp(sc.breadth_log_sd * z), 1.0)
        c.mean_breadth = 0.0
        for a in range(BREADTH_ATOMS):
            c.weights[a] = sc.atom_weights[a]
            c.mean_breadth += sc.atom_weights[a] * sc.atoms[a]
        findings.set_window_probability(c, sc)
    for n in range(sc.ns):
        st.service[w.s0 + n].scanned = 0
    for j in range(sc.np):
        _start_patch(S, st, k, j, seed)
    for r in range(sc.nr):
        static = S.flow[sc.r0 + r]
        flow = st.flow[w.r0 + r]
        flow.public_rate = static.rate
        flow.true_rate = static.rate * random.lognormal_mean_one(
            random.normal(seed, random.REVENUE_TRUTH, static.uid, 0), sc.revenue_log_sd
        )
    for i in range(sc.na):
        agent = st.agent[k, i]
        agent.price = 1.0
        agent.price_level = 1
        agent.disclosure = 0
        agent.account = 0.0
    firms.start(S, st, k)
    open_window(S, st, k)


@compiled
def _start_patch(S, st, k, j, seed):  # type: ignore[no-untyped-def]
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    p.done = 0
    p.failed = 0
    p.backported = 0
    p.mitigated_from = p.mitigated_until = -1.0
    p.done_day = -1.0
    p.release = static.release
    p.late = 0
    p.stale = 1
    p.last_shown = -1
    p.rejecters = p.accepters = 0
    p.rejected_day = 0.0
    p.public_regression = static.regression
    shift = random.normal(seed, random.REGRESSION_TRUTH, static.uid, 0)
    p.regression = min(static.regression * random.lognormal_mean_one(shift, sc.regression_log_sd), 1.0)
    shift = random.normal(seed, random.EFFORT_TRUTH, static.uid, 0)
    p.effort = static.effort * random.lognormal_mean_one(shift, sc.effort_log_sd)
    z_signal = random.normal(seed, random.SIGNAL, static.uid, 0)
    z_rest = random.normal(seed, random.REACHABILITY, static.uid, 0)
    told = min(sc.signal_log_sd, sc.reachability_log_sd)
    rest = math.sqrt(max(sc.reachability_log_sd**2 - told**2, 0.0))
    p.signal = random.lognormal_mean_one(z_signal, told)
    p.truth = p.signal * random.lognormal_mean_one(z_rest, rest)


@compiled_apart
def open_window(S, st, k):  # type: ignore[no-untyped-def]
    """Announce season and news, restore hours and budgets, estimate risk, set the agenda, name the proposer."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.motion = 0
    w.voting = 0
    w.row = -1
    w.quote = 0.0
    w.public_gain = 0.0
    w.planned_n = 0
    w.overtime = 0
    w.capacity_left = sc.capacity_hours
    if w.t == 0:
        for n in range(3):
            w.season[n] = season(sc, w.seed, n)
    else:  # what was announced holds
        w.season[0] = w.season[1]
        w.season[1] = w.season[2]
        w.season[2] = season(sc, w.seed, w.t + 2)
    for i in range(sc.na):
        agent = st.agent[k, i]
        agent.budget = S.agent[sc.a0 + i].budget
        agent.night = 0
        agent.freeze = 0
        agent.moved = 0
        agent.may_vote = 0
        agent.own_gain = 0.0
    for r in range(sc.nr):
        flow = st.flow[w.r0 + r]
        flow.longest = flow.total = flow.opened = 0.0
    firms.open_window(S, st, k)
    findings.set_attempts(S, st, k)
    findings.read_findings(S, st, k)
    w.open_risk = risk.estimate(S, st, k)
    insurance.quote(S, st, k)
    agenda.choose_agenda(S, st, k)
    agenda.choose_slots(S, st, k)
    rows.refresh_rows(S, st, k, True, True)
    negotiate.name_proposer(S, st, k)


@compiled
def season(sc, seed, window):  # type: ignore[no-untyped-def]
    """The revenue multiplier of a window, announced two windows ahead."""
    u = random.uniform(seed, random.SEASON, 0, window)
    if u < sc.season_low_probability:
        return sc.season_low
    return sc.season_high if u < sc.season_low_probability + sc.season_high_probability else 1.0


@compiled_apart
def close_window(S, st, k):  # type: ignore[no-untyped-def]
    """Carry out the plan, let attacks come, book what is due, move the world; after the last window the tail."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for order in range(w.planned_n):
        for j in range(sc.np):
            p = st.patch[w.p0 + j]
            if p.planned >= 0 and p.order == order:
                maintenance.carry_out(S, st, k, j)
                break
    maintenance.book_downtime(S, st, k)
    insurance.collect(S, st, k)
    incidents.book_incidents(S, st, k, w.t)
    _book_fines(S, st, k)
    firms.close_window(S, st, k)
    findings.drift(S, st, k)
    w.t += 1
    if w.t < sc.windows:
        open_window(S, st, k)
    else:
        _finish(S, st, k)


@compiled
def _book_fines(S, st, k):  # type: ignore[no-untyped-def]
    """A fine for every day of this window that a released fix stood open past its deadline, paid by IT."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    start = w.t * sc.window_days
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        if p.known == 0 or p.due >= start + sc.window_days or (p.done_day >= 0.0 and p.done_day < start):
            continue
        end = p.done_day if p.done else start + sc.window_days
        days = end - max(p.due, start)
        if days <= 0.0:
            continue
        if not p.late:
            p.late = 1
            w.deadlines_missed += 1.0
        payer = party(st, S.patch[sc.p0 + j].it)
        w.fines_keur += book(S, st, k, payer, outside(st), FINE, sc.fine_keur_per_day * w.fine_factor * days)


@compiled_apart
def _finish(S, st, k):  # type: ignore[no-untyped-def]
    """After the last window: the loss over the tail, with nothing more done; then nothing is on the table."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    findings.set_attempts(S, st, k)
    findings.read_findings(S, st, k)
    w.risk_left_keur = _tail_risk(S, st, k)
    w.open_risk = w.risk_left_keur / max(sc.tail_windows, 1)
    for window in range(sc.windows, sc.windows + sc.tail_windows):
        incidents.book_incidents(S, st, k, window)
    for r in range(st.row.shape[1]):
        st.row[k, r].patch = -1
    for n in range(st.slot.shape[1]):
        st.slot[k, n] = -1
    w.motion = sc.motions_per_window
    w.planned_n = 0
    w.over = 1
    rows.refresh_rows(S, st, k, True, True)


@compiled
def _tail_risk(S, st, k):  # type: ignore[no-untyped-def]
    """Public estimate of the loss over the tail; worked out anew while mitigations run out."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    total = 0.0
    loss = 0.0
    runs_out = True
    for window in range(sc.windows, sc.windows + sc.tail_windows):
        start = window * sc.window_days
        if runs_out:
            loss = risk.loss_over(S, st, k, start, False)
            runs_out = False
            for j in range(sc.np):
                runs_out |= not st.patch[w.p0 + j].done and st.patch[w.p0 + j].mitigated_until > start
        total += loss
    return total
