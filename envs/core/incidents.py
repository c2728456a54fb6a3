"""Attempts on open findings, how a compromise spreads along calls, and who bears the loss."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.envs.core import firms, insurance, random, risk
from patchpact.envs.core.ledger import DAMAGE, book, nature, outside
from patchpact.envs.core.records import BREADTH_ATOMS

NEGLIGIBLE = 0.003
"""Window probability under which a CVE's silence is not counted as evidence about its breadth."""


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
