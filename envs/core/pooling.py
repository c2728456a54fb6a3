"""Pooled measurement: what firms' data finds together, what the platform pays for it, and what it does to others.

With ``pooling_enabled`` a firm chooses how much of its data it lets in, and whether it targets groups evenly; without,
all of it, by gain, and nobody is paid.
"""

from __future__ import annotations

from patchpact.agents.roles.business import MEASUREMENT, REPORT_SHARES
from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core import creators, random
from patchpact.envs.core.ledger import INCENTIVE, LEAK, PARITY, UPLIFT, book, book_harm, nature
from patchpact.envs.core.records import POOL_SIZES


@compiled
def settle(S, st, k, seller, fees):  # type: ignore[no-untyped-def]
    """Book a window's measurement. ``seller`` runs it and has earned ``fees`` k€ with it."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    users = 0
    data = 0.0
    for i in range(sc.na):
        if st.agent[k, i].modules & MEASUREMENT:
            users += 1
            data += REPORT_SHARES[st.agent[k, i].reports]
    if users == 0:
        return
    _bring(S, st, k, sc, w, data)
    _leak(S, st, k, sc, w, seller, data)
    if sc.pooling_enabled:
        _pay(S, st, k, sc, w, seller, data, fees)
        _complain(S, st, k, sc, w, users)
    if sc.creators_enabled:
        creators.settle(S, st, k, seller, fees)


@compiled
def found(curve, tier, data):  # type: ignore[no-untyped-def]
    """Share of the uplift that the data of so many firms finds; between whole ones interpolated, none finds nothing."""
    whole = min(int(data), POOL_SIZES)
    rest = min(data, float(POOL_SIZES)) - whole
    low = curve[tier * POOL_SIZES + whole - 1] if whole else 0.0
    return low + rest * (curve[tier * POOL_SIZES + whole] - low) if rest > 0.0 else low


@compiled
def _bring(S, st, k, sc, w, data):  # type: ignore[no-untyped-def]
    """Everybody who takes part gets margin by what all data finds."""
    by_gain = sc.measurement_uplift * found(sc.curve, w.epsilon, data)
    evenly = sc.measurement_uplift * found(sc.even_curve, w.epsilon, data)
    for i in range(sc.na):
        agent = st.agent[k, i]
        if agent.modules & MEASUREMENT:
            gain = (evenly if agent.even else by_gain) * S.agent[sc.a0 + i].margin * w.season[0]
            w.value_created_keur += book(S, st, k, nature(st), i, UPLIFT, gain)


@compiled
def _leak(S, st, k, sc, w, seller, data):  # type: ignore[no-untyped-def]
    """The more data, the more there is to leak; the seller answers for it, and whose data leaked is trusted less."""
    chance = 1.0 - (1.0 - sc.leak_rate[w.epsilon]) ** data
    if random.uniform(w.seed, random.LEAK, 0, w.t) >= chance:
        return
    book_harm(S, st, k, seller, LEAK, sc.leak_keur)
    for i in range(sc.na):
        agent = st.agent[k, i]
        if agent.modules & MEASUREMENT:
            agent.trust = max(agent.trust - sc.trust_loss_leak * REPORT_SHARES[agent.reports], 0.0)


@compiled
def _pay(S, st, k, sc, w, seller, data, fees):  # type: ignore[no-untyped-def]
    """A part of the fees goes back to firms, by what would not be found without their data."""
    pool = 0.5 * w.incentive_level * sc.incentive_share * fees
    if pool <= 0.0:
        return
    total = 0.0
    for i in range(sc.na):
        total += _added(sc, w, st.agent[k, i], data) if i != seller else 0.0
    if total <= 0.0:
        return
    for i in range(sc.na):
        if i != seller:
            book(S, st, k, seller, i, INCENTIVE, pool * _added(sc, w, st.agent[k, i], data) / total)


@compiled
def _added(sc, w, agent, data):  # type: ignore[no-untyped-def]
    """What would not be found without a firm's part of the data; never less than nothing."""
    if agent.modules & MEASUREMENT == 0:
        return 0.0
    without = found(sc.curve, w.epsilon, data - REPORT_SHARES[agent.reports])
    return max(found(sc.curve, w.epsilon, data) - without, 0.0)


@compiled
def _complain(S, st, k, sc, w, users):  # type: ignore[no-untyped-def]
    """Who targets by gain may leave a protected group out; that does it harm, the firm answers for it, and loses
    trust as by a breach of that size."""
    chance = sc.parity_complaint * sc.uneven[w.epsilon * POOL_SIZES + min(users, POOL_SIZES) - 1]
    for i in range(sc.na):
        agent = st.agent[k, i]
        if agent.modules & MEASUREMENT == 0 or agent.even:
            continue
        if random.uniform(w.seed, random.COMPLAINT, S.agent[sc.a0 + i].uid, w.t) < chance:
            book_harm(S, st, k, i, PARITY, sc.parity_keur)
            agent.breach += sc.parity_keur / sc.trust_breach_keur
