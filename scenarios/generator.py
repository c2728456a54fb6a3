"""Drawn service graphs with the shape of real microservice topologies, in linear time.

Shape: entry points 13% and stores 29% of the services; edges per service
min(3.7, 1.3 + 0.71 (log10 n - 1)); 1.2 + 1.1 log10 n tiers; a callee is chosen by its popularity
with probability .72; 1% of the edges lead back, to a service of the same tier or of one above (never
to an entry point); 5% are asynchronous; request rates of the entry points follow Zipf's law with
exponent 1.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from patchpact.scenarios.assemble import Description, assemble
from patchpact.scenarios.parameters import Value, check_parameters
from patchpact.scenarios.scenario import EdgeKind, Scenario, ServiceKind
from patchpact.scenarios.schema import AgentRow, EntrypointRow, GenerateSection, Link, Node, check
from patchpact.scenarios.topology import MAX_FLOWS, REQUESTS_PER_KEUR, TOTAL_REVENUE_KEUR_PER_HOUR

ENTRY_SHARE, STORE_SHARE = 0.13, 0.29
PREFERENTIAL, BACK_SHARE, ASYNC_SHARE, NEXT_TIER = 0.72, 0.01, 0.05, 0.7
ZIPF = 1.2
CACHE_SHARE = 0.3
SENSITIVITY_SHARES = (("none", 0.35), ("low", 0.25), ("personal", 0.28), ("payment", 0.12))
"""Shares counted roughly over the bundled applications' services."""


def edges_per_service(services: int) -> float:
    """Mean out-degree of a topology with that many services."""
    return min(3.7, 1.3 + 0.71 * (math.log10(max(1, services)) - 1))


def tier_count(services: int) -> int:
    """Number of tiers, entry points and stores included."""
    return max(1, min(services, round(1.2 + 1.1 * math.log10(max(1, services)))))


class _Topology:
    """Tiers of services and the calls between them."""

    def __init__(self, services: int, rng: np.random.Generator) -> None:
        self.rng = rng
        entries = max(1, round(ENTRY_SHARE * services))
        stores = min(services - entries, round(STORE_SHARE * services))
        tiers = tier_count(services)
        middle = services - entries - stores
        middles = max(1, tiers - 1 - (stores > 0)) if middle else 0
        sizes = [entries] + [middle // middles + (k < middle % middles) for k in range(middles)]
        if stores:
            sizes.append(stores)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self.tiers: list[range] = [range(int(a), int(b)) for a, b in pairwise(starts)]
        self.tier_of = np.repeat(np.arange(len(sizes)), sizes)
        self.entries, self.stores = self.tiers[0], self.tiers[-1] if stores else range(0)
        self.pairs: dict[tuple[int, int], bool] = {}
        """(caller, callee) -> asynchronous."""
        self._called: list[list[int]] = [[] for _ in sizes]
        self._connect(services)

    def _connect(self, services: int) -> None:
        wanted = round(edges_per_service(services) * services)
        for callee in range(len(self.entries), services):
            self._add(self._caller_above(int(self.tier_of[callee])), callee)
        left = wanted - len(self.pairs)
        if len(self.tiers) < 2 or left <= 0:
            return
        back = BACK_SHARE * wanted / left
        for _ in range(4 * wanted):
            if len(self.pairs) >= wanted:
                break
            self._draw_call(services - len(self.stores), back)

    def _caller_above(self, tier: int) -> int:
        """A service of the tier above, or now and then of any tier above."""
        above = tier - 1 if self.rng.random() < NEXT_TIER else int(self.rng.integers(tier))
        chosen = self.tiers[above]
        return chosen[int(self.rng.integers(len(chosen)))]

    def _draw_call(self, callers: int, back: float) -> None:
        caller = int(self.rng.integers(callers))
        tier, last = int(self.tier_of[caller]), len(self.tiers) - 1
        entries = len(self.entries)
        if self.rng.random() < back and callers > entries:
            caller = int(self.rng.integers(entries, callers))
            self._add(caller, int(self.rng.integers(entries, self.tiers[self.tier_of[caller]].stop)))
            return
        if tier >= last:
            return
        target = tier + 1 if self.rng.random() < NEXT_TIER else int(self.rng.integers(tier + 1, last + 1))
        popular = self._called[target]
        if popular and self.rng.random() < PREFERENTIAL:
            self._add(caller, popular[int(self.rng.integers(len(popular)))])
        else:
            chosen = self.tiers[target]
            self._add(caller, chosen[int(self.rng.integers(len(chosen)))])

    def _add(self, caller: int, callee: int) -> None:
        if caller == callee or (caller, callee) in self.pairs:
            return
        self.pairs[caller, callee] = bool(self.rng.random() < ASYNC_SHARE)
        self._called[int(self.tier_of[callee])].append(callee)


def generate(
    services: int = 20,
    seed: int = 0,
    tenants: int = 1,
    vendors: int = 2,
    *,
    id: str | None = None,
    title: str | None = None,
    description: str | None = None,
    parameters: dict[str, Value] | None = None,
    agents: Sequence[AgentRow] | None = None,
) -> Scenario:
    """A drawn scenario of any size; the same arguments give the same scenario.

    `services` from 1 on, `tenants` business agents, `vendors` vendor agents. At most 16 entry points
    earn revenue, whatever the size; together 10 k€ an hour up to 20 services, growing with the square
    root of the size beyond. ScenarioError for arguments or parameters out of range.
    """
    sizes = {"services": services, "seed": seed, "tenants": tenants, "vendors": vendors}
    check(GenerateSection, sizes, "generate")
    name = id or f"generated-{services}-{seed}"
    rng = np.random.default_rng(np.random.SeedSequence((seed, services)))
    shape = _Topology(services, rng)
    tenant_of = _tenants(shape, services, tenants, rng)
    nodes = _nodes(shape, services, tenant_of, rng)
    if agents is None:
        rows = [AgentRow(name="it_0", label="IT operations", vote_weight=2, budget_keur=30.0)]
        rows += [
            AgentRow(name=f"business_{k}", label=f"tenant-{k}", vote_weight=2, budget_keur=30.0) for k in range(tenants)
        ]
        rows += [
            AgentRow(name=f"vendor_{k}", label=f"vendor {k}", vote_weight=1, budget_keur=15.0) for k in range(vendors)
        ]
        agents = rows
    return assemble(
        Description(
            where=name,
            id=name,
            title=title or f"A drawn topology of {services} services",
            text=description or (__doc__ or "").partition("\n")[0],
            nodes=nodes,
            links=_links(shape, nodes, rng),
            entrypoints=_flows(shape, nodes, services),
            agents=agents,
            seed=seed,
            parameters=check_parameters(parameters or {}, name),
            sources=("drawn; shape of public microservice traces, see scenarios/generator.py",),
        )
    )


def _tenants(shape: _Topology, services: int, tenants: int, rng: np.random.Generator) -> list[int]:
    """Entry points in turn; any other service follows one of its callers."""
    tenant = [k % tenants for k in range(len(shape.entries))] + [-1] * (services - len(shape.entries))
    for caller, callee in sorted(shape.pairs, key=lambda pair: (shape.tier_of[pair[1]], pair[1])):
        if tenant[callee] < 0:
            tenant[callee] = max(0, tenant[caller])
    for uid in range(services):
        if tenant[uid] < 0 or (uid >= len(shape.entries) and rng.random() < 0.15):
            tenant[uid] = int(rng.integers(tenants))
    return tenant


def _nodes(shape: _Topology, services: int, tenants: Sequence[int], rng: np.random.Generator) -> list[Node]:
    labels = [label for label, _ in SENSITIVITY_SHARES]
    weights = [weight for _, weight in SENSITIVITY_SHARES]
    sensitivity = rng.choice(len(labels), size=services, p=weights)
    nodes = []
    for uid in range(services):
        entry, store = uid in shape.entries, uid in shape.stores
        kind: ServiceKind = "store" if store else "service"
        if entry:
            kind = "gateway" if uid % 3 == 0 else "frontend"
        word = {"store": "store", "service": "service"}.get(kind, "entry")
        nodes.append(
            Node.model_construct(
                uid=uid,
                id=f"{word}-{uid}",
                kind=kind,
                exposed=entry,
                tenant=f"tenant-{tenants[uid]}",
                owner=f"tenant-{tenants[uid]}",
                data_sensitivity=labels[sensitivity[uid]],
                replicas=1 if store else 2,
            )
        )
    return nodes


def _links(shape: _Topology, nodes: Sequence[Node], rng: np.random.Generator) -> list[Link]:
    cache = rng.random(len(nodes)) < CACHE_SHARE
    links = []
    for uid, ((caller, callee), late) in enumerate(shape.pairs.items()):
        kind: EdgeKind = "grpc" if callee % 2 else "http"
        if callee in shape.stores:
            kind = "cache" if cache[callee] else "db"
        if late:
            kind = "async"
        links.append(Link.model_construct(uid=uid, source=nodes[caller].id, target=nodes[callee].id, kind=kind))
    return links


def _flows(shape: _Topology, nodes: Sequence[Node], services: int) -> list[EntrypointRow]:
    entries = list(shape.entries)[:MAX_FLOWS]
    weights = [(rank + 1) ** -ZIPF for rank in range(len(entries))]
    total = TOTAL_REVENUE_KEUR_PER_HOUR * max(1.0, math.sqrt(services / 20))
    rows = []
    for uid, (entry, weight) in enumerate(zip(entries, weights, strict=True)):
        revenue = round(total * weight / sum(weights), 3)
        rows.append(
            EntrypointRow(
                uid=uid,
                service=nodes[entry].id,
                requests_per_hour=round(REQUESTS_PER_KEUR * revenue, 1),
                revenue_keur_per_hour=revenue,
            )
        )
    return rows
