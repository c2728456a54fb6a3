"""The kinds of money flow and the network each belongs to.

Every flow is an entry (from, to, kind, amount). A kind belongs to ONE network (value, responsibility, governance),
and switching that network off removes exactly its kinds. Flows between parties cancel in welfare; flows to or from
nature (work done, revenue lost, damage) do not. Parties that are no agents (users, the regulator, suppliers without
an agent) share one account, ``outside``, which counts in welfare.
"""

from __future__ import annotations

NETWORKS = ("world", "value", "responsibility", "governance")
"""``world`` is no network and has no switch: work takes effort, maintenance and distrust cost revenue and compromise
does damage, whoever trades with whom and whoever answers for it."""

NETWORK_OF_KIND: dict[str, str] = {
    "effort": "world",  # IT's labour on patches, canaries, mitigations
    "overtime": "world",  # hours bought beyond capacity
    "downtime": "world",  # revenue lost to planned maintenance
    "rollback": "world",  # revenue lost and labour spent when a patch is rolled back
    "support": "world",  # the vendor's own cost of supporting an upgrade
    "fee": "value",  # service owner to vendor, for an upgrade
    "warranty": "value",  # vendor to flow owner, part of a rollback's cost
    "scan": "world",  # price of a scan module's verdict
    "expedite": "world",  # the vendor's cost of an earlier release
    "backport": "world",  # the vendor's cost of a low-risk backport
    "night": "world",  # surcharge for maintenance at night
    "damage": "world",  # loss by compromise, where it strikes: the users' and the firm's, borne outside
    "liability": "responsibility",  # what agents owe of it, as the responsibility rule says
    "fine": "governance",  # missed deadlines, to the regulator
    "side_payment": "governance",  # paid and asked in votes
    "demand": "world",  # revenue margin lost to distrust, or by a firm that is gone
    "uplift": "value",  # margin that the measurement module brings, from nature
    "module": "value",  # firm to platform, for a module
    "pool": "value",  # what modules and support hours really cost the platform
    "interest": "value",  # firm to lender
    "capital": "value",  # what the lender's own money costs it
    "returns": "value",  # what the lender's reserve earns (from nature) or loses, and what modules bring
    "premium": "responsibility",  # firm to insurer
    "claim": "responsibility",  # insurer to firm: the covered part of a liability
    "rebate": "responsibility",  # insurer to firm: nothing overdue when the window closed, or claimed so
    "compliance": "responsibility",  # what real effort for security and ESG costs a firm
    "filing": "responsibility",  # what a disclosed level costs to report
    "proof": "responsibility",  # what proving a level, a count or that nothing is overdue costs
    "reputation": "responsibility",  # goodwill lost when a gap between claimed and true is found
    "leak": "responsibility",  # platform to users, for what a leak of pooled data does them (damage, as of a breach)
    "mandate": "responsibility",  # the auditor's part of what users are left with
    "audit": "governance",  # what audits cost the auditor
    "penalty": "governance",  # a false or missing disclosure, firm to outside
    "bounty": "governance",  # the auditor's share of penalties
    "bid": "governance",  # second price paid for the right to propose
    "incentive": "value",  # platform to firm, for what its data adds to pooled measurement
    "isolation": "responsibility",  # platform to those whose data a failed isolation showed (damage, as of a leak)
    "content": "responsibility",  # platform to those whom content harms that it let pass (damage, as of a leak)
    "moderation": "value",  # margin that firms lose on content wrongly taken down
    "parity": "responsibility",  # firm to those it targets less often for their group (damage, as of a leak)
    "payout": "value",  # platform to firm, for interactions that its content earned
}
RESTS_ON: dict[str, str] = {
    "leak": "value",
    "parity": "value",
    "isolation": "value",
    "content": "value",
    "penalty": "responsibility",
    "bounty": "responsibility",
    "reputation": "governance",
}
"""Kinds that need what another network brings about: without a platform's modules nothing is pooled or hosted that
could do harm, without claims and reports there is nothing to penalise, without audits no gap is found. With that
network off they have no occasion, though their own switch is on."""
KINDS: tuple[str, ...] = tuple(NETWORK_OF_KIND)
KIND_INDEX: dict[str, int] = {kind: index for index, kind in enumerate(KINDS)}
