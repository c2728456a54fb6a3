"""Market: insures the firms, lends to them and rebates those with nothing overdue.

As insurer it earns premiums and pays the covered part of liabilities; as lender it earns interest by rating and
financial constraint, and what it keeps in reserve earns the market's return. It sees what the public sees.
"""

from __future__ import annotations

from patchpact.agents.roles import standing
from patchpact.agents.roles.compiled import compiled
from patchpact.agents.roles.layout import LEVER_START
from patchpact.agents.roles.standing import STANDING, STANDING_KINDS

NAME = "market"
SEES: tuple[str, ...] = ()
TIERS = ("premium:pooled", "premium:mixed", "premium:by_risk")
REBATES = ("rebate:off", "rebate:on")
CAPITAL = ("capital:none", "capital:some", "capital:full")
LEVERS = (*TIERS, *REBATES, *CAPITAL, *STANDING)
LEVER_KINDS = (
    *("premium" for _ in TIERS),
    *("rebate" for _ in REBATES),
    *("capital" for _ in CAPITAL),
    *STANDING_KINDS,
)
_REBATE, _CAPITAL = len(TIERS), len(TIERS) + len(REBATES)
_STANDING = _CAPITAL + len(CAPITAL)


@compiled
def interest(share, gain, effort, rollback, rollback_all, warranty, fee, support, fine, owner, maker):  # type: ignore[no-untyped-def]
    """Expected account change (k€): the covered part of the loss avoided."""
    return share * gain


@compiled
def mask_levers(S, st, k, i, mask):  # type: ignore[no-untyped-def]
    """Each setting can be moved once a window."""
    w = st.world[k]
    sc = S.scenario[w.scenario]
    insuring = sc.responsibility_enabled != 0
    lending = sc.value_enabled != 0
    for level in range(3):
        mask[LEVER_START + level] = insuring and w.premium_tier != level and w.premium_moved == 0
        mask[LEVER_START + _CAPITAL + level] = lending and w.capital_level != level and w.capital_moved == 0
    for on in range(2):
        mask[LEVER_START + _REBATE + on] = insuring and w.rebate != on and w.rebate_moved == 0
    standing.mask(S, st, k, i, mask, _STANDING)


@compiled
def apply_lever(S, st, k, i, lever):  # type: ignore[no-untyped-def]
    """Carry out a legal lever; settings cost nothing when they are made."""
    w = st.world[k]
    if lever >= _STANDING:
        standing.apply(st, k, i, lever - _STANDING)
    elif lever >= _CAPITAL:
        w.capital_level = lever - _CAPITAL
        w.capital_moved = 1
    elif lever >= _REBATE:
        w.rebate = lever - _REBATE
        w.rebate_moved = 1
    else:
        w.premium_tier = lever
        w.premium_moved = 1
    return 0.0
