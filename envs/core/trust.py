"""Trust in firms: breaches, leaks and false reports cost it, quiet windows bring it back, demand follows it.

Customers know of breaches whoever answers for them: no network's switch keeps trust where it is.

``tau' = tau + recovery (1 - tau) - losses``, clipped at 0; a loss in one firm is shared by the others as far as
``trust_spillover`` says. Demand follows with ``demand_trust_coefficient``, which may be 0.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.switches import disclosing, offering
from patchpact.envs.core.ledger import DEMAND, book, nature


@compiled
def lose_trust(S, st, k, i, loss):  # type: ignore[no-untyped-def]
    """Trust in agent i falls, and in all other firms by the spillover of it."""
    sc = S.scenario[st.world[k].scenario]
    for n in range(sc.na):
        share = 1.0 if n == i else sc.trust_spillover
        st.agent[k, n].trust = max(st.agent[k, n].trust - share * loss, 0.0)


@compiled_apart
def move(S, st, k):  # type: ignore[no-untyped-def]
    """Breaches cost trust, quiet windows bring some of it back."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        if st.agent[k, i].breach > 0.0:
            lose_trust(S, st, k, i, sc.trust_loss_breach * min(st.agent[k, i].breach, 1.0))
    for i in range(sc.na):
        agent = st.agent[k, i]
        if agent.breach <= 0.0 or sc.incident_loss == 1:
            agent.trust += sc.trust_recovery * (1.0 - agent.trust)


@compiled_apart
def demand(S, st, k):  # type: ignore[no-untyped-def]
    """Margin that distrust costs; a firm without equity left is gone, and all its margin with it."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        static = S.agent[sc.a0 + i]
        agent = st.agent[k, i]
        if not static.firm:
            continue
        missing = 1.0 if agent.gone else sc.demand_trust_coefficient * (1.0 - agent.trust)
        book(S, st, k, i, nature(st), DEMAND, missing * static.margin * w.season[0])
        now = 0.0
        for kind in range(st.parts.shape[2]):
            now += st.parts[k, i, kind]
        agent.equity = static.equity + static.margin * (w.t + 1.0) + agent.account + now
        if agent.equity < 0.0 and (disclosing(sc) or sc.market >= 0 or offering(sc)):
            w.insolvent += 1.0 - agent.gone
            agent.gone = 1
