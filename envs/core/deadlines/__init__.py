"""Deadline rules: days to remediate a finding. A rule is one module with ``NAME`` and ``days``; its line is here.

The rules depend on facts of a finding that never change but for KEV membership, so they are evaluated when a world
is packed, once for each side of that switch, and need no compilation.
"""

from patchpact.envs.core.deadlines import bod26_04, flat, none

DEADLINE_RULES = (
    bod26_04,
    flat,
    none,
)
NAMES = tuple(rule.NAME for rule in DEADLINE_RULES)
