"""Rules stay as they were written."""

from __future__ import annotations

from patchpact.agents.roles.compiled import compiled

NAME = "frozen"


@compiled
def factor(now, measured, target, gain, dead_band, low, high):  # type: ignore[no-untyped-def]
    """The factor on fines and audits as it is."""
    return now
