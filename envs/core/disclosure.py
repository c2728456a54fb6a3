"""What firms do and what they say: effort, true and claimed levels, filings, audits, penalties.

The audit game of one firm and the auditor, with nothing else in play, has a closed form
(``patchpact.training.audit_game``): it plays the functions of this module.
"""

from __future__ import annotations

from patchpact.agents.roles.business import ESG_REPORT, effort_cost
from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.switches import disclosing
from patchpact.envs.core import random
from patchpact.envs.core.ledger import (
    AUDIT,
    BOUNTY,
    COMPLIANCE,
    FILING,
    PENALTY,
    PROOF,
    REPUTATION,
    book,
    nature,
    outside,
)
from patchpact.envs.core.trust import lose_trust


@compiled_apart
def set_true_levels(S, st, k):  # type: ignore[no-untyped-def]
    """A firm's true level: its effort, and the share of its open patches that are not overdue."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    now = (w.t + 1.0) * sc.window_days
    for i in range(sc.na):
        st.agent[k, i].opened = st.agent[k, i].late = 0
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        if not p.done and p.known > 0:
            owner = st.agent[k, S.patch[sc.p0 + j].owner]
            owner.opened += 1
            owner.late += p.due < now
    for i in range(sc.na):
        if not S.agent[sc.a0 + i].firm:
            continue
        agent = st.agent[k, i]
        posture = 1.0 - agent.late / agent.opened if agent.opened else 1.0
        agent.true_level = (1.0 - sc.posture_weight) * 0.25 * agent.effort_level + sc.posture_weight * posture


@compiled
def filing_cost(sc, level, small, tool):  # type: ignore[no-untyped-def]
    """k€ a window for claiming ``level`` in 0..1: ``cost * level^2 / 2``; less on the lite tier and with the tool."""
    tier = sc.filing_small_factor if small else 1.0
    relief = 1.0 - sc.esg_report_relief if tool else 1.0
    return 0.5 * sc.filing_cost_keur * sc.compliance_cost_factor * tier * relief * level * level


@compiled_apart
def disclose(S, st, k):  # type: ignore[no-untyped-def]
    """Effort and filing are paid for, and the claim becomes the rating until an audit says otherwise."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    support = w.support_level if sc.platform >= 0 and sc.value_enabled else 0
    for i in range(sc.na):
        static = S.agent[sc.a0 + i]
        agent = st.agent[k, i]
        if not static.firm or agent.gone:
            continue
        effort = effort_cost(sc, 0.25 * agent.effort_level, static.small, support)
        book(S, st, k, i, nature(st), COMPLIANCE, effort)
        tool = agent.modules & ESG_REPORT != 0
        book(S, st, k, i, nature(st), FILING, filing_cost(sc, 0.25 * agent.claim, static.small, tool))
        agent.rating = 0.25 * agent.claim
        if sc.proofs_enabled:
            if agent.proving:
                book(S, st, k, i, nature(st), PROOF, sc.proof_cost_keur)
            if not provable(sc, agent):
                agent.rating *= sc.unproven_haircut


@compiled
def overstated(agent):  # type: ignore[no-untyped-def]
    """By how much a firm claims to be better than it is."""
    return max(0.25 * agent.claim - agent.true_level, 0.0)


@compiled
def provable(sc, agent):  # type: ignore[no-untyped-def]
    """Whether a firm that chose to prove what it says can: what is not so cannot be proven."""
    proving = disclosing(sc) and sc.proofs_enabled != 0 and agent.proving != 0
    return proving and 0.25 * agent.claim <= agent.true_level + 0.125


@compiled
def audit_chance(sc, level, factor):  # type: ignore[no-untyped-def]
    """Chance that a firm is audited in a window, by the auditor's level and the controller's factor."""
    chance = 0.0
    if level == 1:
        chance = sc.audit_rare
    elif level == 2:
        chance = sc.audit_some
    elif level == 3:
        chance = sc.audit_often
    return min(chance * factor, 1.0)


@compiled_apart
def audit_all(S, st, k):  # type: ignore[no-untyped-def]
    """Audits of this window, targeted ones and those that chance brings; firms' levels and everybody's reports."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if sc.esg < 0:
        return
    chance = audit_chance(sc, w.audit_level, w.fine_factor)
    for i in range(sc.na):
        static = S.agent[sc.a0 + i]
        agent = st.agent[k, i]
        if i == sc.esg or i == sc.market or agent.gone:
            continue
        if not agent.audited:  # a targeted audit is paid for already
            if random.uniform(w.seed, random.AUDIT, static.uid, w.t) >= chance:
                continue
            book(S, st, k, sc.esg, nature(st), AUDIT, sc.audit_cost_keur)
        penalty = 0.0
        if static.firm:
            gap = overstated(agent)
            if gap > 1e-9:
                agent.caught = 1
                penalty = sc.gap_penalty_keur * gap
                agent.rating = agent.true_level
                book(S, st, k, i, nature(st), REPUTATION, sc.reputation_keur * gap)
                lose_trust(S, st, k, i, sc.trust_loss_gap * gap)
        if agent.shaded:
            agent.caught = 1
            penalty += sc.false_report_keur
            lose_trust(S, st, k, i, sc.trust_loss_false)
        if penalty > 0.0:
            if static.firm:
                penalty = min(penalty, max(agent.equity, 0.0))
            paid = book(S, st, k, i, outside(st), PENALTY, penalty)
            book(S, st, k, outside(st), sc.esg, BOUNTY, sc.bounty_share * paid)
