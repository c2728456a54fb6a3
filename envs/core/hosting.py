"""What a platform answers for that hosts others: isolation that fails, and content that it lets pass or takes down.

An isolation that fails shows firms each other's data; the more firms with a module there are, the likelier (per firm
and day), and with one there is nobody to see anything.
Of harmful content a share ``1 - strictness`` passes, of harmless content ``strictness^2`` is taken down.
"""

from __future__ import annotations

from patchpact.agents.roles.business import PLACEBO
from patchpact.agents.roles.compiled import compiled
from patchpact.envs.core import random
from patchpact.envs.core.ledger import CONTENT, ISOLATION, MODERATION, book, book_harm, nature


@compiled
def hosted(sc, agent, i):  # type: ignore[no-untyped-def]
    """Whether firm i, not the platform's own, runs on the platform."""
    return i != sc.platform and agent.modules & ~PLACEBO != 0 and agent.gone == 0


@compiled
def settle(S, st, k, seller):  # type: ignore[no-untyped-def]
    """Book what hosting did in this window. ``seller`` runs the platform."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    tenants = 0
    for i in range(sc.na):
        tenants += hosted(sc, st.agent[k, i], i)
    if tenants == 0:
        return
    strictness = 0.5 * w.strictness
    passed = tenants * (1.0 - strictness) * sc.content_harm_keur
    book_harm(S, st, k, seller, CONTENT, passed)
    a_day = min(sc.isolation_failure * tenants, 1.0) if tenants > 1 else 0.0
    failed = random.uniform(w.seed, random.HOSTING, 0, w.t) < 1.0 - (1.0 - a_day) ** sc.window_days
    if failed:
        book_harm(S, st, k, seller, ISOLATION, tenants * sc.isolation_keur)
    for i in range(sc.na):
        agent = st.agent[k, i]
        if not hosted(sc, agent, i):
            continue
        lost = strictness * strictness * sc.moderation_loss * S.agent[sc.a0 + i].margin * w.season[0]
        w.value_created_keur -= book(S, st, k, i, nature(st), MODERATION, lost)
        if failed:
            agent.breach += sc.isolation_keur / sc.trust_breach_keur
