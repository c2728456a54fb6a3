"""Greedy players that fill in the rest of an imagined episode. Compiled, an episode takes microseconds a step.

All together for all: what the baseline ``net-gain`` does with observations. The proposer nominates the row and mode of
highest public net gain, credited with what it unlocks, and everybody accepts.

Everyone for himself, as ``myopic-selfish``: the proposer nominates the row and mode of which it expects most for its
own account, and accepted is what raises one's own. Agents must know what they expect for themselves.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import ABSTAIN, AGENDA_ROWS, NOMINATE_START, PASS, VOTE_START, VOTES
from patchpact.envs.core.modes import MITIGATE

ACCEPT, REJECT = (VOTE_START + VOTES.index(vote) for vote in ("accept", "reject"))


@compiled
def act(S, st, k, actions, selfish):  # type: ignore[no-untyped-def]
    """Write the actions of all agents of world k."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    for i in range(sc.na):
        agent = st.agent[k, i]
        actions[i] = PASS
        if w.voting:
            actions[i] = ABSTAIN
            if agent.may_vote:
                actions[i] = REJECT if selfish and agent.own_gain <= 0.0 else ACCEPT
    if w.voting or w.over:
        return
    left = sc.windows + sc.tail_windows - w.t
    best = 0.0
    for r in range(AGENDA_ROWS):
        row = st.row[k, r]
        if row.patch < 0 or (not sc.governance_enabled and S.patch[sc.p0 + row.patch].owner != w.proposer):
            continue
        for mode in range(4):
            if selfish:
                value = st.own[k, w.proposer, r, mode]
            else:
                value = row.public[mode]
                if mode != MITIGATE:
                    value += row.unlocked * left
            if row.feasible[mode] and value > best:
                best = value
                actions[w.proposer] = NOMINATE_START + 4 * r + mode
