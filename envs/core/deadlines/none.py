"""No deadlines."""

from __future__ import annotations

NAME = "none"


def days(kev: bool, exposed: bool, automatable: bool, total: bool, cvss: float) -> int:
    """Always -1: the fix may wait."""
    return -1
