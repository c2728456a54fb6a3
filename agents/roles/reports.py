"""Reports that may be shaded: IT's severity, the owner's impact, the vendor's quality claim.

A shaded report bends the public figure that others decide by; an audit may find it (kind ``penalty``).
"""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import AGENDA_ROWS, LEVER_START
from patchpact.agents.roles.switches import disclosing

REPORTS = ("report:plain", "report:shaded")
REPORT_KINDS = ("penalty", "penalty")


@compiled
def mask(S, st, k, i, mask, first):  # type: ignore[no-untyped-def]
    """The other kind of report, once a window, where disclosure is part of the game; ``first`` lever's number."""
    sc = S.scenario[st.world[k].scenario]
    if not disclosing(sc):
        return
    a = st.agent[k, i]
    for shaded in range(2):
        mask[LEVER_START + first + shaded] = a.shaded != shaded and a.reported == 0


@compiled
def apply(st, k, i, lever):  # type: ignore[no-untyped-def]
    """Report plainly or shaded from now on; ``lever`` counts from the first of ``REPORTS``."""
    a = st.agent[k, i]
    a.reported = 1
    a.shaded = lever
    mark_rows(st, k)


@compiled
def mark_rows(st, k):  # type: ignore[no-untyped-def]
    """Have every agenda row worked out anew: public figures have changed."""
    for row in range(AGENDA_ROWS):
        st.row[k, row].stale = 1
