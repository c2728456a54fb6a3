"""Deadlines of CISA's Binding Operational Directive 26-04 (10 June 2026).

Four binary points decide (CERTCC/SSVC, ``cisa_bod_26_04_1_0_0``): in KEV, publicly exposed, automatable, total
technical impact. The forensic triage that goes with some three-day rows is not modelled.
"""

from __future__ import annotations

NAME = "bod26_04"


def days(kev: bool, exposed: bool, automatable: bool, total: bool, cvss: float) -> int:
    """Days to remediate; -1 where the fix may wait for the next upgrade."""
    if kev:
        urgent = (total and (exposed or automatable)) or (exposed and automatable)
        return 3 if urgent else 14
    if exposed and automatable and total:
        return 3
    if exposed and (automatable or total):
        return 14
    if exposed or automatable:
        return 60
    return -1
