"""The baselines by name. A baseline is one module with a class; its line is here.

An ordering rule is also run with a stop rule (``NAME+stop``), with selfish votes (``NAME+selfish``), and both
(``NAME+stop+selfish``).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from patchpact.agents.policies.base import BatchPolicy, Cast, Joint, Oracle
from patchpact.agents.policies.cvss_first import CvssFirst
from patchpact.agents.policies.deadline_first import DeadlineFirstBod2604, DeadlineFirstFlat
from patchpact.agents.policies.do_nothing import DoNothing
from patchpact.agents.policies.epss_first import EpssFirst
from patchpact.agents.policies.kev_epss_cvss import KevEpssCvss
from patchpact.agents.policies.kev_first import KevFirst
from patchpact.agents.policies.myopic_bargaining import MyopicBargaining
from patchpact.agents.policies.myopic_selfish import MyopicSelfish
from patchpact.agents.policies.net_gain import NetGain
from patchpact.agents.policies.net_gain_full import NetGainFull
from patchpact.agents.policies.net_gain_patient import NetGainPatient
from patchpact.agents.policies.ordering import OrderingRule
from patchpact.agents.policies.random import Random
from patchpact.agents.policies.risk_per_cost import RiskPerCost
from patchpact.agents.policies.risk_per_cost_chain import RiskPerCostChain
from patchpact.agents.policies.services import service_rules
from patchpact.agents.policies.ssvc import Ssvc
from patchpact.agents.policies.stewards import STANCES, Stewards
from patchpact.agents.policies.triage import TriageRule
from patchpact.scenarios.errors import closest

BASELINES: tuple[type[BatchPolicy] | type[TriageRule], ...] = (
    DoNothing,
    Random,
    CvssFirst,
    EpssFirst,
    KevFirst,
    KevEpssCvss,
    Ssvc,
    DeadlineFirstBod2604,
    DeadlineFirstFlat,
    RiskPerCost,
    RiskPerCostChain,
    NetGain,
    NetGainPatient,
    MyopicSelfish,
)

PLANNERS = ("rolling-horizon", "search")
"""Play all agents and take their time: tenths of a second to seconds for an episode."""
REFERENCES = ("informed", "clairvoyant")
"""Know what no policy can know: what scores are measured against."""

PRETRAINED = "pretrained"
"""A learned policy that comes with the package, for any graph."""
PRETRAINED_FOLDER = Path(__file__).with_name(PRETRAINED)

STOP, SELFISH = "+stop", "+selfish"
VARIANTS = ("", STOP, SELFISH, STOP + SELFISH)


def _named() -> dict[str, Cast]:
    found: dict[str, Cast] = {}
    for policy in BASELINES:
        variants = VARIANTS if issubclass(policy, OrderingRule | TriageRule) else ("",)
        for variant in variants:
            name = policy.NAME + variant
            make: Any = policy
            if len(variants) > 1:
                make = partial(make, stop=STOP in variant, selfish_votes=SELFISH in variant)
            found[name] = Joint(name, make) if issubclass(policy, TriageRule) else make
    return found


def stances() -> dict[str, Cast]:
    """Rules with settings for the wider game, by name; they play the other scenarios as ``net-gain`` does."""
    return {stance.name: partial(Stewards, stance=stance) for stance in STANCES}


def further() -> dict[str, Cast]:
    """Policies by name that are no baselines: stances, rules of service agents, and the vote with their one mode."""
    others = {rule.NAME: rule for rule in (NetGainFull, MyopicBargaining)}
    return {**stances(), **service_rules(), **others}


def _pretrained() -> Cast:
    try:
        from patchpact.agents.policies.learned import load_policy
    except ModuleNotFoundError as error:
        mend = "pip install 'patchpact[train]', or take a baseline such as net-gain"
        raise ValueError(f"policy: 'pretrained' needs {error.name}, which is not installed; {mend}") from None
    return load_policy(PRETRAINED_FOLDER)


def _planners() -> dict[str, Cast | Oracle]:
    # Imported on demand: the solver takes a while to load.
    from patchpact.agents.policies import clairvoyant
    from patchpact.agents.policies.rolling_horizon import RollingHorizon
    from patchpact.agents.policies.search import Search

    return {
        "rolling-horizon": Joint("rolling-horizon", RollingHorizon),
        "search": Joint("search", Search),
        "informed": Joint("informed", partial(Search, informed=True)),
        clairvoyant.NAME: Oracle(clairvoyant.NAME, clairvoyant.solve),
    }


def policy_names(variants: bool = True) -> tuple[str, ...]:
    """Names of all baselines that take no planning, with the variants of ordering rules or without."""
    return tuple(name for name in _named() if variants or "+" not in name)


def make_policy(name: str) -> Cast:
    """The baseline or planner of that name: a function from role to policy, or one policy for all agents.

    Raises:
        ValueError: one line with the closest name.
    """
    found = find(name)
    if isinstance(found, Oracle):
        raise ValueError(f"policy: {name!r} cannot be played, it knows the future; evaluate it instead")
    return found


def find(name: str) -> Cast | Oracle:
    """As ``make_policy``, references that cannot be played included."""
    named = {**_named(), **further()}
    if name in named:
        return named[name]
    if name in PLANNERS or name in REFERENCES:
        return _planners()[name]
    if name == PRETRAINED:
        return _pretrained()
    known = [*named, PRETRAINED, *PLANNERS, *REFERENCES]
    raise ValueError(f"policy: no baseline {name!r}; {closest(name, known)}")
