"""Credit: what firms pay for debt and lent capital, and what the lender earns on the rest."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.agents.roles.switches import years
from patchpact.envs.core import random
from patchpact.envs.core.ledger import CAPITAL, INTEREST, RETURNS, book, book_return, nature, party


@compiled
def spread(sc, constraint, rating):  # type: ignore[no-untyped-def]
    """Interest a year by financial constraint and rating: both ways between constraint and ESG meet here."""
    return max(sc.spread_base + sc.spread_constraint * constraint - sc.spread_rating * rating, 0.0)


@compiled
def _market_return(sc, seed, window):  # type: ignore[no-untyped-def]
    """Return of the reserve in a window: measured weeks from a start that the seed draws, else normal."""
    if sc.returns_n == 0:
        return sc.reserve_return + sc.reserve_volatility * random.normal(seed, random.RESERVE, 0, window)
    first = int(random.uniform(seed, random.RESERVE, 0, 0) * sc.returns_n)
    return sc.returns[(first + window) % sc.returns_n]


@compiled
def offered(sc, w):  # type: ignore[no-untyped-def]
    """Share of its budget that capital on offer adds to a firm's; ``w.funds`` is the reserve over what it was at first.

    A lender keeps capital in proportion to what it lends: what the reserve loses it must take back from all.
    """
    return 0.5 * w.capital_level * sc.capital_share * w.funds


@compiled_apart
def settle(S, st, k):  # type: ignore[no-untyped-def]
    """Interest on firms' debt and on lent capital, the cost of that capital, and what the reserve earns."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    lender = party(st, sc.market)
    lent = 0.0
    for i in range(sc.na):
        static = S.agent[sc.a0 + i]
        agent = st.agent[k, i]
        if not static.firm or agent.gone:
            continue
        extra = 0.0
        if sc.market >= 0:
            extra = offered(sc, w) * static.budget
        constraint = 1.0 - min(max(agent.equity / static.equity, 0.0), 1.0) if static.equity > 0.0 else 1.0
        rate = spread(sc, constraint, agent.rating) * years(sc)
        owed = sc.debt_ratio * static.equity * rate + extra * (rate + sc.capital_rate * years(sc))
        book(S, st, k, i, lender, INTEREST, owed)
        lent += extra
    if sc.market < 0:
        return
    book(S, st, k, sc.market, nature(st), CAPITAL, lent * sc.capital_rate * years(sc))
    if sc.reserve_keur > 0.0:
        earned = _market_return(sc, w.seed, w.t) * max(sc.reserve_keur * w.funds - lent, 0.0)
        book_return(S, st, k, sc.market, RETURNS, earned)
        if sc.lending_follows_reserve:
            w.funds = max(w.funds + earned / sc.reserve_keur, 0.0)
