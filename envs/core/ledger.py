"""Booking money: every flow has a giver, a taker and a kind."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.ledger import KIND_INDEX, NETWORKS

_VALUE, _RESPONSIBILITY, _GOVERNANCE = (NETWORKS.index(n) for n in ("value", "responsibility", "governance"))
EFFORT, OVERTIME, DOWNTIME, ROLLBACK = (KIND_INDEX[n] for n in ("effort", "overtime", "downtime", "rollback"))
SUPPORT, FEE, WARRANTY = (KIND_INDEX[n] for n in ("support", "fee", "warranty"))
DAMAGE, LIABILITY = (KIND_INDEX[n] for n in ("damage", "liability"))
FINE, SIDE_PAYMENT = (KIND_INDEX[n] for n in ("fine", "side_payment"))
DEMAND, UPLIFT, MODULE, POOL = (KIND_INDEX[n] for n in ("demand", "uplift", "module", "pool"))
INTEREST, CAPITAL, RETURNS = (KIND_INDEX[n] for n in ("interest", "capital", "returns"))
PREMIUM, CLAIM, REBATE = (KIND_INDEX[n] for n in ("premium", "claim", "rebate"))
COMPLIANCE, FILING, REPUTATION = (KIND_INDEX[n] for n in ("compliance", "filing", "reputation"))
LEAK, MANDATE, PROOF = (KIND_INDEX[n] for n in ("leak", "mandate", "proof"))
AUDIT, PENALTY, BOUNTY, BID = (KIND_INDEX[n] for n in ("audit", "penalty", "bounty", "bid"))
INCENTIVE, PARITY = (KIND_INDEX[n] for n in ("incentive", "parity"))
ISOLATION, CONTENT, MODERATION = (KIND_INDEX[n] for n in ("isolation", "content", "moderation"))
PAYOUT = KIND_INDEX["payout"]


@compiled
def network_enabled(sc, network):  # type: ignore[no-untyped-def]
    """Whether the network (its index in NETWORKS) is switched on."""
    if network == _VALUE:
        return sc.value_enabled != 0
    if network == _RESPONSIBILITY:
        return sc.responsibility_enabled != 0
    return network != _GOVERNANCE or sc.governance_enabled != 0


@compiled
def book(S, st, k, giver, taker, kind, amount):  # type: ignore[no-untyped-def]
    """Move ``amount`` k€ (>= 0) from one party to another; returns what was booked (0 where the network is off).

    Parties are agent numbers, ``outside(st)`` and ``nature(st)``; what goes to nature is lost to welfare,
    what comes from it is won.
    """
    w = st.world[k]
    if amount <= 0.0 or not network_enabled(S.scenario[w.scenario], S.network[kind]):
        return 0.0
    st.booked[k] = True
    st.parts[k, giver, kind] -= amount
    st.parts[k, taker, kind] += amount
    if taker == nature(st):
        w.welfare -= amount
    if giver == nature(st):
        w.welfare += amount
    if w.ledger_n < st.ledger.shape[1]:
        entry = st.ledger[k, w.ledger_n]
        entry.giver = giver
        entry.taker = taker
        entry.kind = kind
        entry.amount = amount
        w.ledger_n += 1
    return amount


@compiled
def book_return(S, st, k, taker, kind, amount):  # type: ignore[no-untyped-def]
    """What an agent's money brings it from nature (k€), or, where the amount is negative, loses."""
    book(S, st, k, nature(st), taker, kind, amount)
    book(S, st, k, taker, nature(st), kind, -amount)


@compiled
def book_harm(S, st, k, party, kind, amount):  # type: ignore[no-untyped-def]
    """Harm (k€) that a platform's modules do to people outside: damage in any case, and what ``party`` owes for it."""
    st.world[k].damage_keur += book(S, st, k, outside(st), nature(st), DAMAGE, amount)
    book(S, st, k, party, outside(st), kind, amount)


@compiled
def outside(st):  # type: ignore[no-untyped-def]
    """The account of parties that no agent plays; it counts in welfare."""
    return st.parts.shape[1] - 2


@compiled
def nature(st):  # type: ignore[no-untyped-def]
    """Where work done, revenue lost and damage go."""
    return st.parts.shape[1] - 1


@compiled
def party(st, agent):  # type: ignore[no-untyped-def]
    """The agent's account, or the outside's where no agent plays the part (-1)."""
    return agent if agent >= 0 else outside(st)
