"""Responsibility rules: who bears an incident's loss. A rule is one module with ``NAME`` and ``shares``."""

from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.responsibility import equal, fixed

RESPONSIBILITY_RULES = (
    fixed,
    equal,
)
NAMES = tuple(rule.NAME for rule in RESPONSIBILITY_RULES)

liability_shares = dispatcher(
    [rule.shares for rule in RESPONSIBILITY_RULES], "share_it, share_business, share_vendor, has_vendor"
)
