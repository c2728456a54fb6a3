"""Voting rules: how ballots become a decision. A rule is one module with ``NAME`` and ``passes``; its line is here."""

from patchpact.envs.core.dispatch import dispatcher
from patchpact.envs.core.voting import liability_weighted, majority, quadratic, two_thirds, unanimity, veto, weighted

VOTING_RULES = (
    majority,
    two_thirds,
    weighted,
    unanimity,
    veto,
    liability_weighted,
    quadratic,
)
NAMES = tuple(rule.NAME for rule in VOTING_RULES)

motion_passes = dispatcher([rule.passes for rule in VOTING_RULES], "ballots, weights, veto, quota")
