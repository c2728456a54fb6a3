"""What a mode of a motion takes, relative to ``full``, for code outside the core (compiled: ``core.modes``)."""

from __future__ import annotations

from typing import Any

from patchpact.agents.roles.layout import MODES


def effort_factor(parameters: Any, mode: int) -> float:
    """Effort in this mode relative to full. ``parameters``: by name, of a scenario or its record in the core."""
    return 1.0 if MODES[mode] == "full" else float(parameters[f"{MODES[mode]}_effort"])


def downtime_factor(parameters: Any, mode: int) -> float:
    """Downtime in this mode relative to full."""
    if MODES[mode] == "mitigate":
        return 0.0
    return 1.0 if MODES[mode] == "full" else float(parameters[f"{MODES[mode]}_downtime"])
