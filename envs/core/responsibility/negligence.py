"""Negligence: who rejected a patch against the evidence shortly before it was exploited bears most of the loss.

Only a rejection counts that was cast while the public estimate, which every voter sees, said the patch was worth it: no
hindsight. The rest, and every loss nobody was negligent about, is shared equally.
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled_apart
from patchpact.envs.core.responsibility import equal, parts_played

NAME = "negligence"

shares = equal.shares


@compiled_apart
def assign(S, st, k, j):  # type: ignore[no-untyped-def]
    """Write every agent's share of a loss that entered through patch j into ``st.share``."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    p = st.patch[w.p0 + j]
    it, business, vendor = equal.shares(0.0, 0.0, 0.0, static.vendor >= 0)
    rest = 1.0
    if p.rejecters != 0 and w.t * sc.window_days - p.rejected_day <= sc.negligence_days:
        rest = 1.0 - sc.negligence_share
    parts_played.write(S, st, k, j, rest * it, rest * business, rest * vendor)
    if rest < 1.0:
        count = 0
        for i in range(sc.na):
            count += (p.rejecters >> i) & 1
        for i in range(sc.na):
            if (p.rejecters >> i) & 1:
                st.share[k, i] += sc.negligence_share / count
