"""The platform's modules: what they cost and what they bring; of pooled measurement ``pooling`` tells.

A module's cost is one fixed part, however many use it, and a part for each: what pooling is worth follows from that.
What scanning, prioritising, bots and forecasts bring is played out, or, with ``modules_table``, their measured worth.
"""

from __future__ import annotations

from patchpact.agents.roles.business import FORECAST, MODULES, PATCH_BOT, PRIORITISE, SCAN
from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.switches import disclosing
from patchpact.envs.core import hosting, pooling
from patchpact.envs.core.ledger import MODULE, POOL, RETURNS, book, book_return, nature, outside

_MODULES, _PLACEBO, _MEASUREMENT = len(MODULES), MODULES.index("placebo"), MODULES.index("measurement")


@compiled_apart
def scan(S, st, k):  # type: ignore[no-untyped-def]
    """Services of firms with the scanning module show their true state, unless its worth is looked up."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if sc.modules_table:
        return
    for j in range(sc.np):
        v = S.patch[sc.p0 + j].service
        if st.agent[k, S.service[sc.s0 + v].owner].modules & SCAN:
            st.service[w.s0 + v].scanned = 1
            st.patch[w.p0 + j].signal = st.patch[w.p0 + j].truth


@compiled
def sees_reachability(S, st, k, i, owner):  # type: ignore[no-untyped-def]
    """A firm with the prioritising module sees the signal of its own findings, unless its worth is looked up."""
    table = S.scenario[st.world[k].scenario].modules_table
    return owner and table == 0 and st.agent[k, i].modules & PRIORITISE != 0


@compiled_apart
def settle(S, st, k):  # type: ignore[no-untyped-def]
    """Firms pay for modules, the platform for running them; measurement brings margin, and may leak.

    A module's cost is one fixed part, however many use it, and a part for each: what pooling is worth follows.
    """
    w = st.world[k]
    sc = S.scenario[w.scenario]
    seller = sc.platform if sc.platform >= 0 else outside(st)
    price = sc.module_price_keur
    if w.module_price_level == 0:
        price /= sc.module_price_step
    elif w.module_price_level == 2:
        price *= sc.module_price_step
    fees = 0.0
    for m in range(_MODULES):
        users = 0
        for i in range(sc.na):
            agent = st.agent[k, i]
            if (agent.modules >> m) & 1 == 0 or agent.gone:
                continue
            users += 1
            if i != sc.platform and m != _PLACEBO:
                cut = sc.module_preferential * agent.rating if disclosing(sc) else 0.0
                paid = book(S, st, k, i, seller, MODULE, price * (1.0 - cut))
                fees += paid if m == _MEASUREMENT else 0.0
        if users and m != _PLACEBO:
            cost = book(S, st, k, seller, nature(st), POOL, sc.module_fixed_keur + users * sc.module_unit_keur)
            w.value_created_keur -= cost
    if sc.platform >= 0:
        w.value_created_keur -= book(S, st, k, sc.platform, nature(st), POOL, w.support_level * sc.support_price_keur)
    for i in range(sc.na):
        taken = st.agent[k, i].modules
        if taken & FORECAST:
            gain = sc.forecast_gain * S.agent[sc.a0 + i].budget
            book_return(S, st, k, i, RETURNS, gain)
        worth = _worth(sc, taken) * S.agent[sc.a0 + i].services
        book_return(S, st, k, i, RETURNS, worth)
        w.value_created_keur += worth
    pooling.settle(S, st, k, seller, fees)
    if sc.hosting_enabled:
        hosting.settle(S, st, k, seller)


@compiled
def _worth(sc, taken):  # type: ignore[no-untyped-def]
    """k€ a service and window that a firm's modules bring beside what they do in play: looked up, or the scenario's."""
    worth = sc.scan_worth_keur if taken & SCAN else 0.0
    worth += sc.prioritise_worth_keur if taken & PRIORITISE else 0.0
    worth += sc.patch_bot_worth_keur if taken & PATCH_BOT else 0.0
    return worth + (sc.forecast_worth_keur if taken & FORECAST else 0.0)
