"""What the platform pays for interactions that firms' content earned: a share of measurement's fees, by valid counts.

Firms count their interactions themselves. One that claims to be better than it is counts too many, by as large a share
as its claim is above the truth; a count that is proven is the true one and counts in full, any other in part.
"""

from __future__ import annotations

from patchpact.agents.roles.business import MEASUREMENT
from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core.disclosure import overstated, provable
from patchpact.envs.core.ledger import PAYOUT, PROOF, book, nature


@compiled
def settle(S, st, k, seller, fees):  # type: ignore[no-untyped-def]
    """Book a window's payouts. ``seller`` runs the platform and has earned ``fees`` k€ with measurement."""
    sc = S.scenario[st.world[k].scenario]
    total = 0.0
    for i in range(sc.na):
        total += valid(sc, S.agent[sc.a0 + i], st.agent[k, i]) if i != seller else 0.0
    if total <= 0.0:
        return
    for i in range(sc.na):
        if i == seller:
            continue
        agent = st.agent[k, i]
        part = valid(sc, S.agent[sc.a0 + i], agent) / total
        paid = book(S, st, k, seller, i, PAYOUT, part * sc.creator_share * fees)
        if paid > 0.0 and provable(sc, agent):
            book(S, st, k, i, nature(st), PROOF, sc.proof_cost_keur)


@compiled
def valid(sc, static, agent):  # type: ignore[no-untyped-def]
    """A firm's interactions as the platform counts them, in k€ of its usual margin."""
    if agent.modules & MEASUREMENT == 0 or agent.gone:
        return 0.0
    if provable(sc, agent):
        return static.margin
    return sc.unproven_haircut * (1.0 + overstated(agent)) * static.margin
