"""Proportional control on a logarithmic scale: more enforcement while too much is overdue, less when little is.

``factor' = clip(factor * exp(gain * (measured - target)), low, high)``, unchanged within the dead band. Multiplying
rather than adding keeps the answer the same at every level of the factor.
"""

from __future__ import annotations

import math

from patchpact.agents.roles.compiled import compiled

NAME = "adaptive"


@compiled
def factor(now, measured, target, gain, dead_band, low, high):  # type: ignore[no-untyped-def]
    """The next factor on fines and audits; ``measured`` is the share of open patches that are overdue."""
    distance = measured - target
    if abs(distance) <= dead_band:
        return now
    return min(max(now * math.exp(gain * distance), low), high)
