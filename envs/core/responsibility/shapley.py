"""Shapley: a loss is shared by how often each voter's yes would have prevented it.

The game: the voters of the patch's last failed vote (without one IT, the owner and the vendor); v(S) is the loss where
the motion would have passed had all of S accepted, the others voting as they did (nobody else, without a vote), else 0.
Votes count with the agents' own weights, once each also under quadratic or liability-weighted voting: what the patch
keeps of a vote is who accepted and who did not.
Its Shapley value is the Shapley-Shubik index of the rejecters (Shapley and Shubik 1954): who could not have changed the
vote bears nothing. Exact up to 8 players, from 64 keyed random orders beyond. Where even all together could not have
passed it, shares are equal.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled, compiled_apart
from patchpact.envs.core import random
from patchpact.envs.core.responsibility import equal
from patchpact.envs.core.voting import motion_passes

NAME = "shapley"
MOST_EXACT = 8
ORDERS = 64

shares = equal.shares


@compiled_apart
def assign(S, st, k, j):  # type: ignore[no-untyped-def]
    """Write every agent's share of a loss that entered through patch j into ``st.share``."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    players = p.rejecters
    if players == 0:
        players = 1 << static.owner
        if static.it >= 0:
            players |= 1 << static.it
        if static.vendor >= 0:
            players |= 1 << static.vendor
    count = 0
    for i in range(sc.na):
        st.share[k, i] = 0.0
        count += (players >> i) & 1
    if not _passes(S, st, k, players, players, p.accepters):
        for i in range(sc.na):
            if (players >> i) & 1:
                st.share[k, i] = 1.0 / count
    elif count <= MOST_EXACT:
        _exact(S, st, k, players, count, p.accepters)
    else:
        _sampled(S, st, k, players, count, p.accepters, static.uid)


@compiled_apart
def _passes(S, st, k, coalition, players, accepters):  # type: ignore[no-untyped-def]
    """Whether the motion passes if the coalition accepts, the other players reject, and accepters accept."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        st.trial[k, i] = 0
        if ((coalition | accepters) >> i) & 1:
            st.trial[k, i] = 1
        elif (players >> i) & 1:
            st.trial[k, i] = -1
    agents = S.agent[sc.a0 : sc.a0 + sc.na]
    quota = int(round(1000.0 * sc.quota))
    return motion_passes(sc.voting, st.trial[k, : sc.na], agents["weight"], agents["veto"], quota)


@compiled
def _factorial(n):  # type: ignore[no-untyped-def]
    product = 1.0
    for m in range(2, n + 1):
        product *= m
    return product


@compiled
def _exact(S, st, k, players, count, accepters):  # type: ignore[no-untyped-def]
    """Sum over coalitions of (s! (n - s - 1)! / n!) for whom each player is pivotal."""
    sc = S.scenario[st.world[k].scenario]
    for which in range(1 << count):
        coalition = 0
        size = 0
        seen = 0
        for i in range(sc.na):
            if (players >> i) & 1:
                if (which >> seen) & 1:
                    coalition |= 1 << i
                    size += 1
                seen += 1
        if size == count or _passes(S, st, k, coalition, players, accepters):
            continue
        weight = _factorial(size) * _factorial(count - size - 1) / _factorial(count)
        for i in range(sc.na):
            outsider = (players >> i) & 1 and not (coalition >> i) & 1
            if outsider and _passes(S, st, k, coalition | (1 << i), players, accepters):
                st.share[k, i] += weight


@compiled
def _sampled(S, st, k, players, count, accepters, uid):  # type: ignore[no-untyped-def]
    """The share of random orders in which a player's yes turns the vote; orders are keyed by the patch."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for order in range(ORDERS):
        coalition = 0
        left = players
        for n in range(count):
            draw = random.uniform(w.seed, random.PERMUTATION, uid, order * 64 + n)
            skip = int(draw * (count - n))
            chosen = -1
            for i in range(sc.na):
                if (left >> i) & 1:
                    if skip == 0:
                        chosen = i
                        break
                    skip -= 1
            left &= ~(1 << chosen)
            before = _passes(S, st, k, coalition, players, accepters)
            coalition |= 1 << chosen
            if not before and _passes(S, st, k, coalition, players, accepters):
                st.share[k, chosen] += 1.0 / ORDERS
                break
