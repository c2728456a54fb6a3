"""The recommenders on offer and the module that each belongs to. A recommender is one class and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import PRETRAINED, PolicyOfRole, find
from patchpact.agents.policies.base import BatchPolicy, Seen, best_nomination
from patchpact.agents.policies.ordering import FULL
from patchpact.agents.roles import layout
from patchpact.ecosystem.service.planning import Table, plan_window
from patchpact.ecosystem.service.recommender import PlanScore, Recommender, TenantView
from patchpact.envs.priority import priority


@dataclass(frozen=True)
class PolicyRecommender:
    """Plans as a policy of the game would nominate, whoever proposes."""

    name: str
    policy_of: Callable[[], PolicyOfRole]
    why: str

    def recommend(self, view: TenantView, k: int) -> list[PlanScore]:
        """See ``Recommender``."""
        policy_of = self.policy_of()
        return plan_window(view, k, lambda table: policy_of(table.role), self.name, self.why)


@dataclass(frozen=True)
class HybridPriority:
    """By the fused verdict of all scanners: probability that a finding is real x exploitability x loss on this graph,
    summed over what a patch removes, for each k€ that it costs; in full mode."""

    name: str = "hybrid-priority"

    def recommend(self, view: TenantView, k: int) -> list[PlanScore]:
        """See ``Recommender``."""
        risk: dict[str, float] = {}
        for row in priority(view.scenario):
            risk[row["patch"]] = risk.get(row["patch"], 0.0) + float(row["risk_keur"])
        why = "probability x exploitability x loss on this graph, for each k€ of cost"
        return plan_window(view, k, partial(_ByPriority, risk), self.name, why)


class _ByPriority(BatchPolicy):
    """Nominates the patch of highest priority for its cost."""

    NAME = "hybrid-priority"

    def __init__(self, risk: Mapping[str, float], table: Table) -> None:
        super().__init__(table.role)
        self._risk, self._table = risk, table

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """See ``BatchPolicy.choose``."""
        risk = np.array([[self._risk.get(name, 0.0) for name in row] for row in self._table.names])
        value = np.full((*risk.shape, len(layout.MODES)), -np.inf)
        value[:, :, FULL] = np.where(risk > 0.0, risk / np.maximum(self._table.full_cost_keur, 0.01), -np.inf)
        return best_nomination(value, seen.may_nominate(), np.full(len(seen), layout.PASS))


@dataclass(frozen=True)
class Offer:
    """A recommender and the module that a tenant needs for it; no module: all tenants have it."""

    recommender: Recommender
    module: str | None
    needs: str | None = None
    """A library that it cannot do without."""

    @property
    def available(self) -> bool:
        """Whether it can be asked here."""
        return self.needs is None or find_spec(self.needs) is not None


def _by_name(name: str) -> Callable[[], PolicyOfRole]:
    @cache
    def policy_of() -> PolicyOfRole:
        found = find(name)
        if not callable(found):
            raise TypeError(f"{name}: plays no single role")
        return found

    return policy_of


def policy(name: str, why: str) -> PolicyRecommender:
    """The recommender of a policy of that name."""
    return PolicyRecommender(name, _by_name(name), why)


OFFERS: tuple[Offer, ...] = (
    Offer(policy("cvss-first", "highest CVSS score first"), None),
    Offer(HybridPriority(), "scan"),
    Offer(policy("risk-per-cost-chain", "most risk removed, with what it unlocks, for each k€ of cost"), "prioritise"),
    Offer(policy("net-gain", "most gain after all costs, in the best mode"), "prioritise"),
    Offer(policy(PRETRAINED, "as the policy that was trained on the bundled worlds nominates"), "prioritise", "torch"),
    Offer(policy("net-gain-patient", "as net-gain, but waits for a quieter season where that pays"), "forecast"),
)
RECOMMENDERS: dict[str, Offer] = {offer.recommender.name: offer for offer in OFFERS}
