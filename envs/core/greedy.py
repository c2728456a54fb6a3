"""Greedy players that fill in the rest of an imagined episode. Compiled, an episode takes microseconds a step.

``act``: all together for all. It does what the baseline ``net-gain`` does with observations: the proposer nominates
the row and mode of highest public net gain, credited with what it unlocks, and everybody accepts.

``act_selfishly``: everyone for himself, as ``myopic-selfish``: the proposer nominates the row and mode of which it
expects most for its own account, and accepted is what raises one's own.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import ABSTAIN, AGENDA_ROWS, NOMINATE_START, PASS, VOTE_START, VOTES
from patchpact.envs.core.agenda import MITIGATE

ACCEPT, REJECT = (VOTE_START + VOTES.index(vote) for vote in ("accept", "reject"))


@compiled
def act(S, st, k, actions):  # type: ignore[no-untyped-def]
    """Write the actions of all agents of world k."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        actions[i] = PASS
        if w.voting:
            actions[i] = ACCEPT if st.agent[k, i].may_vote else ABSTAIN
    if w.voting or w.over:
        return
    left = sc.windows + sc.tail_windows - w.t
    best = 0.0
    for r in range(AGENDA_ROWS):
        row = st.row[k, r]
        if not _may_nominate(S, w, sc, row):
            continue
        for mode in range(4):
            value = row.public[mode]
            if mode != MITIGATE:
                value += row.unlocked * left
            if row.feasible[mode] and value > best:
                best = value
                actions[w.proposer] = NOMINATE_START + 4 * r + mode


@compiled
def act_selfishly(S, st, k, actions):  # type: ignore[no-untyped-def]
    """Write the actions of all agents of world k, in which they know what they expect for themselves."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        agent = st.agent[k, i]
        actions[i] = PASS
        if w.voting:
            actions[i] = ABSTAIN
            if agent.may_vote:
                actions[i] = ACCEPT if agent.own_gain > 0.0 else REJECT
    if w.voting or w.over:
        return
    best = 0.0
    for r in range(AGENDA_ROWS):
        row = st.row[k, r]
        if not _may_nominate(S, w, sc, row):
            continue
        for mode in range(4):
            value = st.own[k, w.proposer, r, mode]
            if row.feasible[mode] and value > best:
                best = value
                actions[w.proposer] = NOMINATE_START + 4 * r + mode


@compiled
def _may_nominate(S, w, sc, row):  # type: ignore[no-untyped-def]
    """Whether the row holds a patch that the proposer may nominate: without governance, one of its own."""
    return row.patch >= 0 and (sc.governance_enabled or S.patch[sc.p0 + row.patch].owner == w.proposer)
