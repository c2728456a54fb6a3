"""The baselines by name. A baseline is one module with a class; its line is here.

An ordering rule is also run with a stop rule (``NAME+stop``), with selfish votes (``NAME+selfish``), and both
(``NAME+stop+selfish``).
"""

from __future__ import annotations

from functools import partial

from patchpact.agents.policies.base import BatchPolicy, PolicyOfRole
from patchpact.agents.policies.cvss_first import CvssFirst
from patchpact.agents.policies.do_nothing import DoNothing
from patchpact.agents.policies.epss_first import EpssFirst
from patchpact.agents.policies.kev_epss_cvss import KevEpssCvss
from patchpact.agents.policies.kev_first import KevFirst
from patchpact.agents.policies.myopic_selfish import MyopicSelfish
from patchpact.agents.policies.net_gain import NetGain
from patchpact.agents.policies.net_gain_patient import NetGainPatient
from patchpact.agents.policies.ordering import OrderingRule
from patchpact.agents.policies.random import Random
from patchpact.agents.policies.risk_per_cost import RiskPerCost
from patchpact.agents.policies.risk_per_cost_chain import RiskPerCostChain
from patchpact.scenarios.errors import closest

BASELINES: tuple[type[BatchPolicy], ...] = (
    DoNothing,
    Random,
    CvssFirst,
    EpssFirst,
    KevFirst,
    KevEpssCvss,
    RiskPerCost,
    RiskPerCostChain,
    NetGain,
    NetGainPatient,
    MyopicSelfish,
)

STOP, SELFISH = "+stop", "+selfish"
VARIANTS = ("", STOP, SELFISH, STOP + SELFISH)


def _named() -> dict[str, PolicyOfRole]:
    found: dict[str, PolicyOfRole] = {}
    for policy in BASELINES:
        if issubclass(policy, OrderingRule):
            for variant in VARIANTS:
                found[policy.NAME + variant] = partial(policy, stop=STOP in variant, selfish_votes=SELFISH in variant)
        else:
            found[policy.NAME] = policy
    return found


def policy_names(variants: bool = True) -> tuple[str, ...]:
    """Names of all baselines, with the variants of ordering rules or without."""
    return tuple(name for name in _named() if variants or "+" not in name)


def make_policy(name: str) -> PolicyOfRole:
    """The baseline of that name, as a function from role to policy.

    Raises:
        ValueError: one line with the closest name.
    """
    found = _named()
    if name not in found:
        raise ValueError(f"policy: no baseline {name!r}; {closest(name, found)}")
    return found[name]
