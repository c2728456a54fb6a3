"""Insurance of firms: what it costs, what it pays, and who stands for a loss in the end."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.switches import disclosing
from patchpact.envs.core.ledger import CLAIM, LIABILITY, MANDATE, PREMIUM, PROOF, REBATE, book, nature, outside
from patchpact.envs.core.responsibility import assign_shares, liability_shares


@compiled
def covered(sc):  # type: ignore[no-untyped-def]
    """Share of an insured firm's liability that the insurer pays, deductible taken off."""
    return sc.insurance_coverage * (1.0 - sc.insurance_deductible)


@compiled
def premium_share(sc, w, agent, owns, share_business):  # type: ignore[no-untyped-def]
    """What an insured firm pays of the public risk through a service, as premium: what ``quote`` adds for it."""
    follows = 0.5 * w.premium_tier * sc.insurance_pass_through
    falls = follows * owns + (1.0 - follows) / sc.firms
    return (1.0 + sc.insurance_loading) * covered(sc) * share_business * falls * (1.5 - agent.rating)


@compiled
def stake(S, st, k, i, owner, share_it, share_business, share_vendor):  # type: ignore[no-untyped-def]
    """Share of a loss through a service of ``owner`` that falls on agent i though it answers for no part of it.

    The insurer covers an insured owner and loses the premiums that follow the risk, the auditor's mandate is a part
    of what users are left with.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if i == sc.market:
        share = share_business * covered(sc) if st.agent[k, owner].insured else 0.0
        for n in range(sc.na):
            if st.agent[k, n].insured:
                share -= premium_share(sc, w, st.agent[k, n], n == owner, share_business)
        return share
    if i == sc.esg:
        return sc.mandate_share * max(1.0 - share_it - share_business - share_vendor, 0.0)
    return 0.0


@compiled_apart
def book_liability(S, st, k, origin, loss, window):  # type: ignore[no-untyped-def]
    """What agents owe of a loss that entered through patch ``origin``, and what insurance pays of it.

    An insurer does not pay for a patch that stood open past its deadline when the window opened, nor in the tail,
    for which nobody pays premiums. The auditor answers for its mandate's part of what users are left with.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if not sc.responsibility_enabled:
        return
    assign_shares(sc.responsibility_rule, S, st, k, origin)
    rest = 1.0
    excluded = st.patch[w.p0 + origin].due < w.t * sc.window_days or window >= sc.windows
    for i in range(sc.na):
        share = st.share[k, i]
        if share <= 0.0:
            continue
        rest -= share
        owed = book(S, st, k, i, outside(st), LIABILITY, share * loss)
        if st.agent[k, i].insured and sc.market >= 0 and not excluded:
            book(S, st, k, sc.market, i, CLAIM, owed * covered(sc))
    if sc.esg >= 0 and rest > 0.0:
        book(S, st, k, sc.esg, outside(st), MANDATE, sc.mandate_share * rest * loss)


@compiled_apart
def quote(S, st, k):  # type: ignore[no-untyped-def]
    """What insurance costs every firm in this window, by public risk, rating and the insurer's tier.

    ``(1 + loading) * covered * (pass * own + (1 - pass) * mean) * (1.5 - rating)``: own is the firm's share of the
    public expected loss that enters through its services; ratings of 0.5 leave it as it is.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if sc.market < 0 or not sc.responsibility_enabled:
        return
    _, share, _ = liability_shares(sc.responsibility_rule, sc.share_it, sc.share_business, sc.share_vendor, True)
    total = 0.0
    for i in range(sc.na):
        st.agent[k, i].premium = 0.0
    for j in range(sc.np):
        p = st.patch[w.p0 + j]
        if not p.done and p.known > 0:
            own = share * p.risk
            st.agent[k, S.patch[sc.p0 + j].owner].premium += own
            total += own
    follows = 0.5 * w.premium_tier * sc.insurance_pass_through
    rate = (1.0 + sc.insurance_loading) * covered(sc)
    for i in range(sc.na):
        agent = st.agent[k, i]
        if S.agent[sc.a0 + i].firm:
            agent.premium = rate * (follows * agent.premium + (1.0 - follows) * total / sc.firms) * (1.5 - agent.rating)


@compiled
def collect(S, st, k):  # type: ignore[no-untyped-def]
    """Insured firms pay for the window that closes."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if sc.market < 0 or not sc.responsibility_enabled:
        return
    quote(S, st, k)
    for i in range(sc.na):
        if st.agent[k, i].insured:
            book(S, st, k, i, sc.market, PREMIUM, st.agent[k, i].premium)


@compiled
def pay_rebates(S, st, k):  # type: ignore[no-untyped-def]
    """Insured firms with nothing overdue get part of their premium back.

    With ``patch_claims_enabled`` the insurer goes by what they claim: proven it counts in full, and what is not so
    cannot be proven; taken at its word it counts in part, where proofs can be had. Who shades its reports claims it in
    any case, unless an audit has just found that.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        agent = st.agent[k, i]
        true = agent.late == 0
        false = sc.patch_claims_enabled and agent.shaded and not agent.caught
        if not agent.insured or agent.premium <= 0.0 or not (true or false):
            continue
        counts = 1.0
        if sc.patch_claims_enabled and sc.proofs_enabled and disclosing(sc):
            if true and agent.proving:
                book(S, st, k, i, nature(st), PROOF, sc.proof_cost_keur)
            else:
                counts = sc.unproven_haircut
        book(S, st, k, sc.market, i, REBATE, counts * sc.rebate_share * agent.premium)
