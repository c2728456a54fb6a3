"""All agents together, greedy on public net gain: the player that fills in the rest of an imagined episode.

It does what the baseline ``net-gain`` does with observations: the proposer nominates the row and mode of highest
public net gain, credited with what it unlocks, and everybody accepts. Compiled, an episode takes microseconds a step.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import ABSTAIN, AGENDA_ROWS, NOMINATE_START, PASS, VOTE_START, VOTES
from patchpact.envs.core.agenda import MITIGATE

ACCEPT = VOTE_START + VOTES.index("accept")


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
        if row.patch < 0 or (not sc.governance_enabled and S.patch[sc.p0 + row.patch].owner != w.proposer):
            continue
        for mode in range(4):
            value = row.public[mode]
            if mode != MITIGATE:
                value += row.unlocked * left
            if row.feasible[mode] and value > best:
                best = value
                actions[w.proposer] = NOMINATE_START + 4 * r + mode
