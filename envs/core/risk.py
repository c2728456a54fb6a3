"""How compromise spreads over the service graph: the estimate agents see and the law it bounds.

The estimate is the least fixed point of the noisy-OR system over services and CVE attempts,

    q_v = 1 - prod_c (1 - a_c e_cv) * prod_{u -> v} (1 - q_u p_uv),

an upper bound of the probability that v is compromised within a window, equal to it where every service has one
directed walk from each CVE. ``a_c`` is the attempt's probability, ``e_cv`` the entry's, ``p_uv`` the lateral edge's.
One reverse sweep gives the derivative of the expected loss by every q. Certain compromise is held at ``1 - CERTAIN``,
so that removing what causes it still shows in the derivatives.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart

MAX_SWEEPS = 500
CERTAIN = 1e-9
"""Least probability to escape direct entry, of a patch's findings and of a service."""


@compiled_apart
def fixed_point(S, st, k, tolerance):  # type: ignore[no-untyped-def]
    """Least fixed point from ``base`` (the product over CVEs, in each service); returns the sweeps it took.

    Starts at no compromise and sweeps callers first, so an acyclic graph takes one sweep. Where cycles feed themselves
    (spectral radius of the lateral probabilities near 1 or above) it may stop early, from below; it then still bounds
    the sampled law, which needs no walk longer than there are services, but says little: such estimates are far above.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for v in range(sc.ns):
        st.service[w.s0 + v].q = 1.0 - st.service[w.s0 + v].base
    for sweep in range(MAX_SWEEPS):
        change = 0.0
        for place in range(sc.ns):
            v = S.service[sc.s0 + place].rank
            static = S.service[sc.s0 + v]
            if static.in0 == static.in1:
                continue
            escape = st.service[w.s0 + v].base
            for e in range(static.in0, static.in1):
                escape *= 1.0 - st.service[w.s0 + S.incoming[e].other].q * S.incoming[e].probability
            here = st.service[w.s0 + v]
            change = max(change, abs(1.0 - escape - here.q))
            here.q = 1.0 - escape
        if sc.acyclic or change <= tolerance:
            return sweep + 1
    return MAX_SWEEPS


@compiled_apart
def adjoint(S, st, k, tolerance):  # type: ignore[no-untyped-def]
    """x_v = d(sum of q_u loss_u) / d(a push to q_v alone) into ``adjoint``; after ``fixed_point``.

    x_u = loss_u + sum_{u -> v} x_v p_uv (1 - q_v) / (1 - q_u p_uv), iterated on cycles. The derivative by the base
    escape of v is -x_v (1 - q_v) / base_v.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for v in range(sc.ns):
        st.service[w.s0 + v].adjoint = S.service[sc.s0 + v].loss
    for sweep in range(MAX_SWEEPS):
        change = 0.0
        for place in range(sc.ns - 1, -1, -1):
            u = S.service[sc.s0 + place].rank
            static = S.service[sc.s0 + u]
            if static.out0 == static.out1:
                continue
            here = st.service[w.s0 + u]
            total = static.loss
            for e in range(static.out0, static.out1):
                there = st.service[w.s0 + S.outgoing[e].other]
                p = S.outgoing[e].probability
                total += there.adjoint * p * (1.0 - there.q) / max(1.0 - here.q * p, 1e-12)
            change = max(change, abs(total - here.adjoint) / (1.0 + abs(total)))
            here.adjoint = total
        if sc.acyclic or change <= tolerance:
            return sweep + 1
    return MAX_SWEEPS


@compiled
def expected_loss(S, st, k):  # type: ignore[no-untyped-def]
    """Sum of q_v loss_v (k€ a window), after ``fixed_point``."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    total = 0.0
    for v in range(sc.ns):
        total += st.service[w.s0 + v].q * S.service[sc.s0 + v].loss
    return total


@compiled
def mitigation(p, sc, day):  # type: ignore[no-untyped-def]
    """Share of the patch's hazard that is left on that day."""
    return sc.mitigate_hazard if p.mitigated_from <= day < p.mitigated_until else 1.0


@compiled
def patch_survival(S, st, k, j, day):  # type: ignore[no-untyped-def]
    """Public P(no entry through patch j's open findings within a window), as things stand on ``day``."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    factor = mitigation(st.patch[w.p0 + j], sc, day)
    survival = 1.0
    for f in range(static.find0, static.find1):
        survival *= 1.0 - st.attempt[w.c0 + S.entry_cve[f]] * min(S.entry[f] * factor, 1.0)
    return max(survival, CERTAIN)


@compiled
def survival_over(S, st, k, j, start, informed):  # type: ignore[no-untyped-def]
    """P(no entry through patch j within the window from day ``start``), publicly or with the hidden reachability.

    An attempt comes on a uniform day: the findings count for the days on which they are open, and mitigated for those
    on which a mitigation is in force.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    p = st.patch[w.p0 + j]
    static = S.patch[sc.p0 + j]
    end = start + sc.window_days
    if p.done:
        end = min(max(p.done_day, start), end)
    eased = max(min(p.mitigated_until, end) - max(p.mitigated_from, start), 0.0) / sc.window_days
    clear = (end - start) / sc.window_days - eased
    truth = p.truth if informed else 1.0
    survival = 1.0
    for f in range(static.find0, static.find1):
        entry = clear * min(S.entry[f] * truth, 1.0)
        if eased > 0.0:
            entry += eased * min(S.entry[f] * truth * sc.mitigate_hazard, 1.0)
        survival *= 1.0 - st.attempt[w.c0 + S.entry_cve[f]] * entry
    return max(survival, CERTAIN)


@compiled_apart
def loss_over(S, st, k, start, informed):  # type: ignore[no-untyped-def]
    """Estimated loss (k€) of the window from day ``start``, with every change within it; sets base, survival and q."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for v in range(sc.ns):
        st.service[w.s0 + v].base = 1.0
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        p.survival = 1.0
        if p.known > 0 and not (p.done and p.done_day <= start):
            p.survival = survival_over(S, st, k, j, start, informed)
            st.service[w.s0 + S.patch[sc.p0 + j].service].base *= p.survival
    _hold_base(st, w.s0, sc.ns)
    fixed_point(S, st, k, 1e-12)
    return expected_loss(S, st, k)


@compiled
def _hold_base(st, first, count):  # type: ignore[no-untyped-def]
    for v in range(first, first + count):
        st.service[v].base = max(st.service[v].base, CERTAIN)


@compiled
def set_base(S, st, k):  # type: ignore[no-untyped-def]
    """Escape probability of every service from direct entry, from the open patches' findings."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    day = w.t * sc.window_days
    for v in range(sc.ns):
        st.service[w.s0 + v].base = 1.0
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        if p.done or p.known == 0:
            p.survival = 1.0
            continue
        p.survival = patch_survival(S, st, k, j, day)
        st.service[w.s0 + S.patch[sc.p0 + j].service].base *= p.survival
    _hold_base(st, w.s0, sc.ns)


@compiled
def marginal(S, st, k, j):  # type: ignore[no-untyped-def]
    """Expected loss a window (k€) that patch j's removal saves: exact at its service, first order beyond."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    v = st.service[w.s0 + S.patch[sc.p0 + j].service]
    survival = st.patch[w.p0 + j].survival
    return v.adjoint * (1.0 - v.q) * (1.0 - survival) / survival


@compiled_apart
def estimate(S, st, k):  # type: ignore[no-untyped-def]
    """Bases, fixed point, adjoint and every patch's marginal; returns the expected loss a window (k€)."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    set_base(S, st, k)
    fixed_point(S, st, k, 1e-12)
    adjoint(S, st, k, 1e-12)
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        p.risk = 0.0 if p.survival >= 1.0 else marginal(S, st, k, j)
    return expected_loss(S, st, k)
