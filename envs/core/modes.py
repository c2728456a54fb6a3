"""The four modes of a motion: what each takes of the full upgrade's work and downtime, and when it is done."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import MODES

FULL, CANARY, MITIGATE, EMERGENCY = (MODES.index(n) for n in ("full", "canary", "mitigate", "emergency"))
NO_DEADLINE = 1e9


@compiled
def effort_factor(sc, mode):  # type: ignore[no-untyped-def]
    """Effort in this mode relative to full."""
    if mode == FULL:
        return 1.0
    if mode == CANARY:
        return sc.canary_effort
    return sc.mitigate_effort if mode == MITIGATE else sc.emergency_effort


@compiled
def downtime_factor(sc, mode):  # type: ignore[no-untyped-def]
    """Downtime in this mode relative to full."""
    if mode == FULL:
        return 1.0
    if mode == CANARY:
        return sc.canary_downtime
    return 0.0 if mode == MITIGATE else sc.emergency_downtime


@compiled
def plan_day(S, st, k, mode):  # type: ignore[no-untyped-def]
    """Day (from the episode's start) on which a motion that passes now is carried out."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    if mode == EMERGENCY:
        return w.t * sc.window_days
    return (w.t + (w.motion + 1.0) / (sc.motions_per_window + 1.0)) * sc.window_days
