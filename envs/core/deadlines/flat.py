"""Flat deadlines by severity, as CISA's revoked directives had them: KEV 14 days, critical 15, high 30."""

from __future__ import annotations

NAME = "flat"


def days(kev: bool, exposed: bool, automatable: bool, total: bool, cvss: float) -> int:
    """Days to remediate; -1 below high severity (CVSS 7)."""
    if kev:
        return 14
    if cvss >= 9.0:
        return 15
    return 30 if cvss >= 7.0 else -1
