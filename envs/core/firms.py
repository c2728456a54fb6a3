"""Firms between negotiations: trust, disclosure and audits, insurance, credit and the platform's modules.

All of it rests on switches and agents that a scenario may lack; then nothing here moves money. What a network's switch
takes away, and what the others then see:

- value off: no fees, warranties, modules or credit; work and lost revenue cost what they cost.
- responsibility off: no disclosure or insurance, nobody answers for breaches and leaks; ratings stay at 0.5.
- governance off: no audits, penalties or bounties; claims are taken at their word.
"""

from __future__ import annotations

from patchpact.agents.roles.business import ALL_REPORTS, PATCH_BOT, PLACEBO
from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.switches import auditing, disclosing, offering
from patchpact.envs.core import credit, disclosure, insurance, modules, trust
from patchpact.envs.core.controllers import new_factor

NO_RATING = 0.5


@compiled_apart
def start(S, st, k):  # type: ignore[no-untyped-def]
    """What firms, market and auditor begin an episode with."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.premium_tier = w.rebate = w.capital_level = w.audit_level = w.demand_level = w.support_level = 0
    w.module_price_level = 1
    w.epsilon = sc.epsilon_start
    w.incentive_level = w.strictness = 0
    w.severity = w.fine_factor = w.funds = 1.0
    w.joined = 0.0
    w.trust_mean = w.participation = w.insolvent = w.gap_mean = w.value_created_keur = 0.0
    for i in range(sc.na):
        agent = st.agent[k, i]
        agent.shaded = agent.bid = agent.claim = agent.effort_level = agent.insured = agent.modules = agent.proving = 0
        agent.gone = agent.caught = agent.audited = agent.even = 0
        agent.reports = ALL_REPORTS
        agent.intensity = 1
        agent.trust = sc.trust_start
        agent.rating = NO_RATING
        agent.equity = S.agent[sc.a0 + i].equity
        agent.premium = agent.breach = agent.true_level = 0.0


@compiled_apart
def open_window(S, st, k):  # type: ignore[no-untyped-def]
    """Settings can be moved again; capital, patch bots and scanning modules do their work."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    w.premium_moved = w.rebate_moved = w.capital_moved = w.audit_moved = 0
    w.demand_moved = w.price_moved = w.support_moved = w.epsilon_moved = w.incentive_moved = w.strictness_moved = 0
    joined = 0
    for i in range(sc.na):
        agent = st.agent[k, i]
        agent.reported = agent.audited = agent.breach = 0
        agent.claim_moved = agent.effort_moved = agent.insurance_moved = agent.module_moved = agent.proving_moved = 0
        agent.reports_moved = agent.even_moved = 0
        agent.credits = sc.credits_per_window
        agent.negligence = 0.0
        if not S.agent[sc.a0 + i].firm:
            continue
        agent.claim = max(agent.claim, w.demand_level if disclosing(sc) else 0)
        if agent.gone:
            agent.modules = agent.insured = 0
        if sc.market >= 0 and sc.value_enabled and not agent.gone:
            agent.budget *= 1.0 + credit.offered(sc, w)
        if offering(sc):
            joined += agent.modules & ~PLACEBO != 0
            if agent.modules & PATCH_BOT:
                w.capacity_left += sc.bot_hours
    w.joined = joined / sc.firms if sc.firms > 0 else 0.0
    if offering(sc) and joined:
        modules.scan(S, st, k)


@compiled_apart
def close_window(S, st, k):  # type: ignore[no-untyped-def]
    """Modules, disclosure, audits, credit, trust, demand and solvency of the window that closes."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    disclosure.set_true_levels(S, st, k)
    if offering(sc):
        modules.settle(S, st, k)
    for i in range(sc.na):
        st.agent[k, i].caught = 0
    if disclosing(sc):
        disclosure.disclose(S, st, k)
    if auditing(sc):
        disclosure.audit_all(S, st, k)
    if sc.market >= 0 and w.rebate:
        insurance.pay_rebates(S, st, k)
    credit.settle(S, st, k)
    trust.move(S, st, k)
    trust.demand(S, st, k)
    _count(S, st, k)
    if sc.governance_enabled and (w.t + 1) % sc.controller_windows == 0:
        overdue = w.overdue / w.open_n if w.open_n > 0 else 0.0
        w.fine_factor = new_factor(
            sc.controller,
            w.fine_factor,
            overdue,
            sc.controller_target,
            sc.controller_gain,
            sc.controller_dead_band,
            sc.controller_low,
            sc.controller_high,
        )


@compiled_apart
def _count(S, st, k):  # type: ignore[no-untyped-def]
    """Means over windows for the episode's totals."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    faith = 0.0
    gap = 0.0
    taking = 0.0
    for i in range(sc.na):
        static = S.agent[sc.a0 + i]
        if not static.firm:
            continue
        agent = st.agent[k, i]
        faith += agent.trust
        if disclosing(sc):
            gap += disclosure.overstated(agent)
        if static.small and not agent.gone:
            taking += agent.modules & ~PLACEBO != 0 if offering(sc) else 1.0
    w.trust_mean += faith / max(sc.firms, 1) / sc.windows
    w.gap_mean += gap / max(sc.firms, 1) / sc.windows
    if sc.small:
        w.participation += taking / sc.small / sc.windows


@compiled
def relief(S, st, k, owner):  # type: ignore[no-untyped-def]
    """Share of a loss through the owner's services that its effort avoids; the public estimate knows nothing of it."""
    sc = S.scenario[st.world[k].scenario]
    return sc.effort_relief * 0.25 * st.agent[k, owner].effort_level


@compiled
def negligence_at_stake(S, st, k, i, j):  # type: ignore[no-untyped-def]
    """k€ that agent i would have to expect for rejecting patch j, were it the only one: rule negligence."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    exposed = st.patch[w.p0 + j].risk * sc.negligence_days / sc.window_days
    return sc.negligence_share * exposed
