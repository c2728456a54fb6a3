"""Shares by the part played: IT, the owner of the service that was entered, the vendor of the component."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled


@compiled
def write(S, st, k, j, it, business, vendor):  # type: ignore[no-untyped-def]
    """Write the three shares of a loss through patch j into ``st.share``; who plays no part has none."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    static = S.patch[sc.p0 + j]
    for i in range(sc.na):
        st.share[k, i] = 0.0
    if static.it >= 0:
        st.share[k, static.it] += it
    st.share[k, static.owner] += business
    if static.vendor >= 0:
        st.share[k, static.vendor] += vendor
