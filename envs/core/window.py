"""What happens between negotiations: plans are carried out, attacks come, the world moves, a new window opens."""

from __future__ import annotations

import math

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.envs.core import agenda, firms, insurance, negotiate, random, risk
from patchpact.envs.core.agenda import EMERGENCY, FULL, MITIGATE, NO_DEADLINE
from patchpact.envs.core.ledger import (
    DAMAGE,
    DOWNTIME,
    EFFORT,
    FEE,
    FINE,
    ROLLBACK,
    SUPPORT,
    WARRANTY,
    book,
    nature,
    outside,
    party,
)
from patchpact.envs.core.records import BREADTH_ATOMS

NEGLIGIBLE = 0.003
"""Window probability under which a CVE's silence is not counted as evidence about its breadth."""


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
        set_window_probability(c, sc)
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


@compiled
def set_window_probability(c, sc):  # type: ignore[no-untyped-def]
    """P(exploited somewhere within a window) from EPSS, which is for 30 days."""
    c.window_probability = 1.0 - (1.0 - min(c.epss, 0.9999)) ** (sc.window_days / 30.0)


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
    set_attempts(S, st, k)
    read_findings(S, st, k)
    w.open_risk = risk.estimate(S, st, k)
    insurance.quote(S, st, k)
    agenda.choose_agenda(S, st, k)
    agenda.choose_slots(S, st, k)
    agenda.refresh_rows(S, st, k, True, True)
    negotiate.name_proposer(S, st, k)


@compiled
def season(sc, seed, window):  # type: ignore[no-untyped-def]
    """The revenue multiplier of a window, announced two windows ahead."""
    u = random.uniform(seed, random.SEASON, 0, window)
    if u < sc.season_low_probability:
        return sc.season_low
    return sc.season_high if u < sc.season_low_probability + sc.season_high_probability else 1.0


@compiled
def set_attempts(S, st, k):  # type: ignore[no-untyped-def]
    """P(attempt) of every known CVE in this window, by what was seen so far; patches learn of new findings."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for n in range(sc.nc):
        c = st.cve[w.c0 + n]
        st.attempt[w.c0 + n] = 0.0
        if c.known <= latest(w, sc):
            st.attempt[w.c0 + n] = expected_attempt(c, sc)
            if c.known == w.t:
                mark_patches(S, st, k, n)


@compiled
def latest(w, sc):  # type: ignore[no-untyped-def]
    """The window up to which findings are known: this one, in the tail the episode's last."""
    return min(w.t, sc.windows - 1)


@compiled
def expected_attempt(c, sc):  # type: ignore[no-untyped-def]
    """E[min(breadth * P(exploited somewhere) * threat level, 1)] over the posterior of the breadth."""
    chance = c.window_probability * sc.attempt_multiplier
    if chance <= 1.0:
        return c.mean_breadth * chance
    mean = 0.0
    for a in range(BREADTH_ATOMS):
        mean += c.weights[a] * min(sc.atoms[a] * chance, 1.0)
    return mean


@compiled
def mark_patches(S, st, k, n):  # type: ignore[no-untyped-def]
    """Have the patches of CVE n read anew when the window opens."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for m in range(S.cve[sc.c0 + n].user0, S.cve[sc.c0 + n].user1):
        st.patch[w.p0 + S.finding[S.cve_finding[m]].patch].stale = 1


@compiled_apart
def read_findings(S, st, k):  # type: ignore[no-untyped-def]
    """Per open patch: known findings, worst scores, KEV membership and earliest deadline, where they changed."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.open_n = 0
    w.overdue = 0
    now = w.t * sc.window_days
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        p.planned = -1
        if p.done:
            continue
        if p.stale:
            _read_patch(S, st, k, j)
        p.due = NO_DEADLINE
        if p.deadline < NO_DEADLINE:
            p.due = max(p.deadline, p.release * sc.window_days)
        w.open_n += p.known > 0
        w.overdue += p.due < now


@compiled
def _read_patch(S, st, k, j):  # type: ignore[no-untyped-def]
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    p.stale = 0
    p.known = 0
    p.cvss = p.epss = 0.0
    p.kev = 0
    p.deadline = NO_DEADLINE
    for f in range(static.find0, static.find1):
        finding = S.finding[f]
        c = st.cve[w.c0 + finding.cve]
        if c.known > latest(w, sc):
            continue
        p.known += 1
        p.cvss = max(p.cvss, finding.cvss)
        p.epss = max(p.epss, c.epss)
        if finding.days >= 0:
            p.deadline = min(p.deadline, c.known_day + finding.days)
        if c.kev:
            p.kev = 1
            if finding.days_kev >= 0:
                p.deadline = min(p.deadline, max(c.kev_day, c.known_day) + finding.days_kev)


@compiled_apart
def close_window(S, st, k):  # type: ignore[no-untyped-def]
    """Carry out the plan, let attacks come, book what is due, move the world; after the last window the tail."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for order in range(w.planned_n):
        for j in range(sc.np):
            p = st.patch[w.p0 + j]
            if p.planned >= 0 and p.order == order:
                _carry_out(S, st, k, j)
                break
    _book_downtime(S, st, k)
    insurance.collect(S, st, k)
    book_incidents(S, st, k, w.t)
    _book_fines(S, st, k)
    firms.close_window(S, st, k)
    _drift(S, st, k)
    w.t += 1
    if w.t < sc.windows:
        open_window(S, st, k)
    else:
        _finish(S, st, k)


@compiled
def _carry_out(S, st, k, j):  # type: ignore[no-untyped-def]
    """One planned patch: labour, fee, support; a regression rolls it back, cost paid and finding still open."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    mode = p.planned
    payer = party(st, static.it)
    rate = sc.labour_keur_per_hour
    blocked = mode != MITIGATE and not _needs_done(S, st, k, j)
    spent = book(S, st, k, payer, nature(st), EFFORT, p.effort * agenda.effort_factor(sc, mode) * rate)
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
        rate = st.flow[w.r0 + link.flow].true_rate * agenda.price_of_hour(S, st, k, link.flow)
        cost = book(S, st, k, owner, nature(st), ROLLBACK, hours * rate)
        if static.vendor >= 0:
            book(S, st, k, static.vendor, owner, WARRANTY, sc.rollback_vendor_share * cost)
        w.downtime_hours += hours
        w.downtime_keur += cost


@compiled
def _book_downtime(S, st, k):  # type: ignore[no-untyped-def]
    """Revenue lost to this window's planned outages, flow by flow."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for r in range(sc.nr):
        flow = st.flow[w.r0 + r]
        if flow.opened <= 0.0:
            continue
        owner = S.flow[sc.r0 + r].owner
        hours = flow.longest + sc.downtime_overlap * (flow.total - flow.longest) + sc.setup_hours * flow.opened
        cost = book(S, st, k, owner, nature(st), DOWNTIME, hours * flow.true_rate * agenda.price_of_hour(S, st, k, r))
        w.downtime_hours += hours
        w.downtime_keur += cost


@compiled_apart
def book_incidents(S, st, k, window):  # type: ignore[no-untyped-def]
    """Attempts of a window, and the loss they bring: sampled, or its expectation given what was seen so far.

    The expectation is the noisy-OR estimate with the hidden reachability and the posterior breadth: an upper bound
    of the mean of the sampled law (``patchpact check`` prints by how much). Findings that are not known when the
    last window closes never come: the tail is the loss of what was left open.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if sc.incident_loss == 1:
        _book_expected_loss(S, st, k, window)
    elif sc.incident_redraws > 0:
        w.luck_keur -= _mean_of_redraws(S, st, k, window)
    _nobody_is_in(S, st, k)
    reached = 0
    common = random.stream(w.seed, random.ATTEMPT, window)
    last = min(window, sc.windows - 1)
    multiplier = sc.attempt_multiplier
    for n in range(sc.nc):
        c = st.cve[w.c0 + n]
        if c.known > last:
            continue
        draw = random.uniform_of(common, S.cve[sc.c0 + n].uid)
        attempted = draw < c.breadth * c.window_probability * multiplier
        if attempted and sc.incident_loss == 0:
            reached = _enter(S, st, k, n, w.seed, window, reached)
        if attempted or c.window_probability > NEGLIGIBLE:
            _learn_breadth(c, sc, attempted)
    if sc.incident_loss == 1:
        return
    reached = _spread(S, st, k, w.seed, window, reached)
    for n in range(reached):
        v = st.service[w.s0 + n].queue
        w.incidents += 1.0
        _book_loss(S, st, k, st.service[w.s0 + v].hit, S.service[sc.s0 + v].loss, window)


@compiled
def _nobody_is_in(S, st, k):  # type: ignore[no-untyped-def]
    """No service is compromised."""
    w = st.world[k]
    for v in range(S.scenario[w.scenario].ns):
        st.service[w.s0 + v].hit = -1


@compiled
def _mean_of_redraws(S, st, k, window):  # type: ignore[no-untyped-def]
    """Damage of the window, mean over as many other draws of attempts, entries and spread as the scenario asks for.

    They are drawn in the state in which the window's own incidents are, and by the same law, so what happens less
    their mean is 0 on average, whatever agents do (a martingale difference).
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    last = min(window, sc.windows - 1)
    total = 0.0
    for r in range(sc.incident_redraws):
        seed = random.key(w.seed, random.REDRAW, r, window)
        common = random.stream(seed, random.ATTEMPT, window)
        _nobody_is_in(S, st, k)
        reached = 0
        for n in range(sc.nc):
            c = st.cve[w.c0 + n]
            if c.known > last:
                continue
            draw = random.uniform_of(common, S.cve[sc.c0 + n].uid)
            if draw < c.breadth * c.window_probability * sc.attempt_multiplier:
                reached = _enter(S, st, k, n, seed, window, reached)
        reached = _spread(S, st, k, seed, window, reached)
        for n in range(reached):
            v = st.service[w.s0 + n].queue
            total += _loss_of(S, st, k, st.service[w.s0 + v].hit, S.service[sc.s0 + v].loss)
    return total / sc.incident_redraws


@compiled
def _enter(S, st, k, n, seed, window, reached):  # type: ignore[no-untyped-def]
    """An attempt on a CVE, one event for all services that have it: marks and queues those it enters."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.cve[sc.c0 + n]
    day = (window + random.uniform(seed, random.ATTEMPT_DAY, static.uid, window)) * sc.window_days
    for m in range(static.user0, static.user1):
        finding = S.finding[S.cve_finding[m]]
        p = st.patch[w.p0 + finding.patch]
        if p.done and p.done_day <= day:
            continue
        chance = min(S.entry[S.cve_finding[m]] * p.truth * risk.mitigation(p, sc, day), 1.0)
        here = st.service[w.s0 + S.patch[sc.p0 + finding.patch].service]
        if here.hit < 0 and random.uniform(seed, random.ENTRY, finding.uid, window) < chance:
            here.hit = finding.patch
            st.service[w.s0 + reached].queue = S.patch[sc.p0 + finding.patch].service
            reached += 1
    return reached


@compiled
def _spread(S, st, k, seed, window, reached):  # type: ignore[no-untyped-def]
    """From the services entered along their calls: marks and queues those reached, and says how many there are."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    head = 0
    while head < reached:
        u = st.service[w.s0 + head].queue
        for e in range(S.service[sc.s0 + u].out0, S.service[sc.s0 + u].out1):
            edge = S.outgoing[e]
            there = st.service[w.s0 + edge.other]
            if there.hit < 0 and random.uniform(seed, random.LATERAL, edge.uid, window) < edge.probability:
                there.hit = st.service[w.s0 + u].hit
                st.service[w.s0 + reached].queue = edge.other
                reached += 1
        head += 1
    return reached


@compiled
def _learn_breadth(c, sc, attempted):  # type: ignore[no-untyped-def]
    """Bayes on the discretised breadth: an attempt seen here makes broad exploitation likelier, silence less."""
    total = 0.0
    mean = 0.0
    chance = c.window_probability * sc.attempt_multiplier
    for a in range(BREADTH_ATOMS):
        x = min(sc.atoms[a] * chance, 1.0)
        weight = c.weights[a] * (x if attempted else 1.0 - x)
        c.weights[a] = weight
        total += weight
        mean += weight * sc.atoms[a]
    if total > 1e-30:
        scale = 1.0 / total
        c.mean_breadth = mean * scale
        for a in range(BREADTH_ATOMS):
            c.weights[a] *= scale
    else:  # impossible under every atom (a threat level that makes all of them certain): start over
        for a in range(BREADTH_ATOMS):
            c.weights[a] = sc.atom_weights[a]


@compiled
def _book_loss(S, st, k, origin, loss, window):  # type: ignore[no-untyped-def]
    """Damage that entered through patch ``origin``: it falls outside, and agents owe their shares of it.

    Who owes what says the responsibility rule: before the fact IT, the owner of the service that was entered and the
    vendor of the component that let it happen.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    loss = _loss_of(S, st, k, origin, loss)
    lost = book(S, st, k, outside(st), nature(st), DAMAGE, loss)
    w.damage_keur += lost
    if sc.incident_redraws > 0 and sc.incident_loss == 0:
        w.luck_keur += lost
    if window >= sc.windows:
        w.tail_keur += lost
    st.agent[k, S.patch[sc.p0 + origin].owner].breach += loss / sc.trust_breach_keur
    insurance.book_liability(S, st, k, origin, loss, window)


@compiled
def _loss_of(S, st, k, origin, loss):  # type: ignore[no-untyped-def]
    """Damage that entered through patch ``origin``, less what the effort of its owner avoids."""
    return loss * (1.0 - firms.relief(S, st, k, S.patch[S.scenario[st.world[k].scenario].p0 + origin].owner))


@compiled
def _book_expected_loss(S, st, k, window):  # type: ignore[no-untyped-def]
    """Expected loss of the window, shared among the open patches by what each one's removal would save."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    total = risk.loss_over(S, st, k, window * sc.window_days, True)
    risk.adjoint(S, st, k, 1e-12)
    parts = 0.0
    chances = 0.0
    for j in range(sc.np):
        if st.patch[w.p0 + j].survival < 1.0:
            parts += risk.marginal(S, st, k, j)
            chances += 1.0 - st.patch[w.p0 + j].survival
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        if p.survival < 1.0:
            # where compromise is so certain that no single removal would save anything, by the chance of entry
            share = risk.marginal(S, st, k, j) / parts if parts > 0.0 else (1.0 - p.survival) / chances
            _book_loss(S, st, k, j, share * total, window)


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


@compiled
def _drift(S, st, k):  # type: ignore[no-untyped-def]
    """EPSS jumps (an exploit is published) and declines; a jump may bring the CVE into KEV."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if w.t == sc.threat_shift_window:
        _shift_threat(S, st, k)
    common = random.stream(w.seed, random.EPSS, w.t)
    moved = sc.epss_jump_probability + sc.epss_decline_probability
    for n in range(sc.nc):
        uid = S.cve[sc.c0 + n].uid
        u = random.uniform_of(common, uid)
        if u >= moved:
            continue
        c = st.cve[w.c0 + n]
        jump = u < sc.epss_jump_probability
        odds = sc.epss_jump_odds if jump else sc.epss_decline_odds
        c.epss = odds * c.epss / (1.0 + (odds - 1.0) * c.epss)
        set_window_probability(c, sc)
        mark_patches(S, st, k, n)
        if jump and not c.kev and random.uniform(w.seed, random.KEV, uid, w.t) < sc.kev_entry_probability:
            c.kev = 1
            c.kev_day = (w.t + 1.0) * sc.window_days


@compiled
def _shift_threat(S, st, k):  # type: ignore[no-untyped-def]
    """The odds of every EPSS score are multiplied: what was calm is attacked now."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for n in range(sc.nc):
        c = st.cve[w.c0 + n]
        c.epss = sc.threat_shift_odds * c.epss / (1.0 + (sc.threat_shift_odds - 1.0) * c.epss)
        set_window_probability(c, sc)
        mark_patches(S, st, k, n)


@compiled_apart
def _finish(S, st, k):  # type: ignore[no-untyped-def]
    """After the last window: the loss over the tail, with nothing more done; then nothing is on the table."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    set_attempts(S, st, k)
    read_findings(S, st, k)
    w.risk_left_keur = _tail_risk(S, st, k)
    w.open_risk = w.risk_left_keur / max(sc.tail_windows, 1)
    for window in range(sc.windows, sc.windows + sc.tail_windows):
        book_incidents(S, st, k, window)
    for r in range(st.row.shape[1]):
        st.row[k, r].patch = -1
    for n in range(st.slot.shape[1]):
        st.slot[k, n] = -1
    w.motion = sc.motions_per_window
    w.planned_n = 0
    w.over = 1
    agenda.refresh_rows(S, st, k, True, True)


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
