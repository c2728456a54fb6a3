"""What is known of findings, and how it changes: attempts that may come, EPSS and KEV as they drift, deadlines."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.envs.core import random
from patchpact.envs.core.modes import NO_DEADLINE
from patchpact.envs.core.records import BREADTH_ATOMS


@compiled
def set_window_probability(c, sc):  # type: ignore[no-untyped-def]
    """P(exploited somewhere within a window) from EPSS, which is for 30 days."""
    c.window_probability = 1.0 - (1.0 - min(c.epss, 0.9999)) ** (sc.window_days / 30.0)


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


@compiled
def drift(S, st, k):  # type: ignore[no-untyped-def]
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
