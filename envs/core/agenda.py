"""The agenda: which patches and which services are on the table."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.layout import AGENDA_ROWS, ENTITY_SLOTS
from patchpact.envs.core import random
from patchpact.envs.core.modes import MITIGATE


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


@compiled_apart
def choose_agenda(S, st, k):  # type: ignore[no-untyped-def]
    """Half by public risk, with their missing prerequisites; the rest by longest not shown; shuffled by seed.

    Prerequisites leave a quarter of the rows to those who wait, so that nothing starves.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    half = AGENDA_ROWS // 2
    most = AGENDA_ROWS - AGENDA_ROWS // 4
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
    while i < n and n < most:
        for m in range(S.patch[sc.p0 + chosen[i]].need0, S.patch[sc.p0 + chosen[i]].need1):
            needed = S.needs[m]
            if not st.patch[w.p0 + needed].done and n < most and not _contains(chosen, n, needed):
                chosen[n] = needed
                n += 1
        i += 1
    for i in range(n):
        st.patch[w.p0 + chosen[i]].row = i
    start = n
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
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
