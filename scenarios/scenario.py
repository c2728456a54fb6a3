"""What a world is made of: frozen records for services, calls, findings, patches and agents.

Every record carries a `uid`, unique within its kind and never changed: it comes from the scenario
file, else it is the order of first loading. Seeded draws are keyed by uid, so renaming or permuting
services changes names only. Tuples of a `Scenario` are sorted by uid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import networkx as nx

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.parameters import check_combined, check_parameters, default_parameters
from patchpact.scenarios.rule_sets import RuleSet, check_stated

ServiceKind = Literal["service", "frontend", "gateway", "store", "queue", "external"]
EdgeKind = Literal["http", "grpc", "db", "cache", "queue", "async"]
Sensitivity = Literal["none", "low", "personal", "payment"]
TechnicalImpact = Literal["partial", "total"]
FirmSize = Literal["small", "large"]

SERVICE_KINDS: tuple[str, ...] = ("service", "frontend", "gateway", "store", "queue", "external")
EDGE_KINDS: tuple[str, ...] = ("http", "grpc", "db", "cache", "queue", "async")
SENSITIVITIES: tuple[str, ...] = ("none", "low", "personal", "payment")
CORE_ROLES: tuple[str, ...] = ("it", "business", "vendor")
"""Roles that every world needs; others may be added (`patchpact.agents.roles`)."""


@dataclass(frozen=True, slots=True)
class Service:
    """A node of the service graph."""

    uid: int
    name: str
    kind: ServiceKind
    exposed: bool
    """Reachable by users from outside."""
    owner: str
    """Name of the business agent that answers for the service."""
    tenant: str
    data_sensitivity: Sensitivity
    replicas: int
    deploy_minutes: float
    """Rolling-update time of the whole service."""
    loss_keur: float
    """Public estimate of the loss if the service is compromised, k€."""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A call, caller (`source`) to callee (`target`), by service name."""

    uid: int
    source: str
    target: str
    kind: EdgeKind
    call_probability: float
    """Probability that one request at the caller calls the callee."""
    lateral_probability: float
    """Probability that a compromise of the caller moves to the callee."""
    hard: bool
    """True when the caller fails with the callee; False when it only degrades."""
    consumes: bool
    """Queue edges: the client also consumes, so a compromise also moves broker -> client."""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """A revenue flow that enters the graph at one service."""

    uid: int
    service: str
    requests_per_hour: float
    revenue_keur_per_hour: float
    """Public value; the true one is private to `owner`."""
    owner: str
    """Name of a business agent."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability of one component in one service."""

    uid: int
    cve: str
    cve_uid: int
    """Same CVE, same number: attempts on it are shared by all services that have it."""
    service: str
    component: str
    cvss: float
    epss: float
    kev: bool
    exposed: bool
    automatable: bool
    technical_impact: TechnicalImpact
    fixed_version: str
    """Empty when no fix is known."""
    confidence: float
    """Probability that the finding is real."""
    known_window: int | None = None
    """Window in which it becomes known; None: drawn by the world's seed."""
    vendor: str | None = None
    """Name of the vendor agent who answers for the component, that of its patch, or None."""
    release_window: int | None = None
    """Window in which its fix is released, that of its patch: 0 where it is out, None where it does not say."""


@dataclass(frozen=True, slots=True)
class Patch:
    """The upgrade of one component in one service; removes the findings it lists."""

    uid: int
    name: str
    """`service/component`."""
    service: str
    component: str
    ecosystem: str
    version: str
    fixed_version: str
    vendor: str | None
    """Name of a vendor agent, or None."""
    findings: tuple[int, ...]
    effort_hours: float
    downtime_minutes: float
    regression_probability: float
    requires: tuple[int, ...]
    """Uids of patches that must be done first."""
    fee_keur: float
    release_window: int
    """0: the fix is out; > 0: the window in which the vendor releases it."""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """A stakeholder at the table."""

    uid: int
    name: str
    """Role and index: `it_0`, `business_1`, `vendor_0`."""
    role: str
    label: str
    vote_weight: int
    budget_keur: float
    """Spending authority per window, k€."""
    size: FirmSize = "large"
    """Of a business agent: small firms report less (the lite tier)."""
    platform: bool = False
    """A business agent that runs the platform and sells its modules; at most one."""
    equity_keur: float = 500.0
    """Of a business agent at the start; no penalty takes more than is left."""


@dataclass(frozen=True)
class Scenario:
    """A complete world description. Build one with `load_scenario`."""

    id: str
    title: str
    description: str
    services: tuple[Service, ...]
    edges: tuple[Edge, ...]
    entrypoints: tuple[Entrypoint, ...]
    findings: tuple[Finding, ...]
    patches: tuple[Patch, ...]
    agents: tuple[AgentSpec, ...]
    parameters: Mapping[str, float | int | str | bool] = field(default_factory=default_parameters, hash=False)
    """Flat: every name of the parameter table (`parameters.csv`)."""
    assumptions: tuple[str, ...] = ()
    """One line for each thing that was defaulted or drawn."""
    sources: tuple[str, ...] = ()
    rule_sets: tuple[RuleSet, ...] = ()
    """Those in force; no parameter leaves their bounds."""

    def __post_init__(self) -> None:
        for name in ("services", "edges", "entrypoints", "findings", "patches", "agents"):
            rows = getattr(self, name)
            object.__setattr__(self, name, tuple(sorted(rows, key=lambda row: row.uid)))
        for name in ("assumptions", "sources", "rule_sets"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle without the read-only view (worker processes receive scenarios)."""
        values = [getattr(self, name) for name in self.__dataclass_fields__]
        index = list(self.__dataclass_fields__).index("parameters")
        values[index] = dict(self.parameters)
        return (Scenario, tuple(values))

    def graph(self) -> nx.DiGraph:
        """The service graph, nodes and edges in uid order; entry points carry their flows.

        `load_scenario` takes it back: services, calls and flows as they were; findings, patches and
        agents are drawn anew, since a graph does not hold them.
        """
        graph: nx.DiGraph = nx.DiGraph(id=self.id)
        for service in self.services:
            attributes = {n: getattr(service, n) for n in Service.__slots__ if n != "name"}
            graph.add_node(service.name, **attributes)
        for entry in self.entrypoints:
            node = graph.nodes[entry.service]
            for name in ("requests_per_hour", "revenue_keur_per_hour"):
                node[name] = node.get(name, 0.0) + getattr(entry, name)
        for edge in self.edges:
            attributes = {n: getattr(edge, n) for n in Edge.__slots__ if n not in ("source", "target")}
            graph.add_edge(edge.source, edge.target, **attributes)
        return graph

    def with_parameters(self, /, **overrides: float | int | str | bool) -> Scenario:
        """A copy with some parameters replaced.

        A change of `loss_*_keur` also reaches the services that had the old default as their loss.
        Raises ScenarioError for an unknown name (with the closest one), a value out of range or one that a rule
        set in force does not allow.
        """
        checked = check_parameters(overrides, where=self.id)
        check_stated(self.rule_sets, checked, where=self.id)
        combined = {**self.parameters, **checked}
        check_combined(combined, where=self.id)
        return replace(self, parameters=combined, services=self._priced(checked))

    def without(self, names: str | Iterable[str]) -> Scenario:
        """A copy in which some services are gone, with their calls, flows, findings and patches.

        All else keeps its uid, and with it every draw: beside the whole world, nothing but what is gone differs. A
        business agent who has no service and no flow left is gone too. What waited for a patch that is gone waits for
        it no more.

        Args:
            names: of services, or of business agents for all services and flows that they own; one, or several.

        Raises:
            ScenarioError: a name that is neither, or nothing is left.
        """
        names = (names,) if isinstance(names, str) else tuple(names)
        known = {service.name: service.owner for service in self.services}
        owners = {agent.name for agent in self.agents_of("business")}
        for name in names:
            if name not in known and name not in owners:
                mend = closest(name, [*known, *owners])
                raise ScenarioError(self.id, "without", f"no service or business agent {shown(name)}", mend)
        gone = {name for name, owner in known.items() if name in names or owner in names}
        services = tuple(service for service in self.services if service.name not in gone)
        flows = (entry for entry in self.entrypoints if entry.owner not in names)
        entrypoints = tuple(entry for entry in flows if entry.service not in gone)
        if not services or not entrypoints:
            left = "no service" if not services else "no flow of revenue"
            raise ScenarioError(self.id, "without", f"leaves {left}", "take fewer away")
        patches = tuple(patch for patch in self.patches if patch.service not in gone)
        left_uids = {patch.uid for patch in patches}
        busy = {service.owner for service in services} | {entry.owner for entry in entrypoints}
        idle = {*known.values(), *(entry.owner for entry in self.entrypoints)} - busy
        return replace(
            self,
            title=f"{self.title}, without {', '.join(names)}" if names else self.title,
            services=services,
            edges=tuple(edge for edge in self.edges if edge.source not in gone and edge.target not in gone),
            entrypoints=entrypoints,
            findings=tuple(finding for finding in self.findings if finding.service not in gone),
            patches=tuple(
                replace(patch, requires=tuple(uid for uid in patch.requires if uid in left_uids)) for patch in patches
            ),
            agents=tuple(agent for agent in self.agents if agent.name not in idle),
        )

    def _priced(self, changed: Mapping[str, float | int | str | bool]) -> tuple[Service, ...]:
        """Services whose loss was the default of their data, at the changed default."""
        if not any(name.startswith("loss_") and name.endswith("_keur") for name in changed):
            return self.services
        made = []
        for service in self.services:
            name = f"loss_{service.data_sensitivity}_keur"
            default = service.kind != "external" and service.loss_keur == self.parameters[name]
            loss = float(changed.get(name, service.loss_keur)) if default else service.loss_keur
            made.append(replace(service, loss_keur=loss))
        return tuple(made)

    def agents_of(self, role: str) -> tuple[AgentSpec, ...]:
        """The agents that play `role`, in uid order; empty when nobody does."""
        return tuple(agent for agent in self.agents if agent.role == role)


__all__ = [
    "AgentSpec",
    "Edge",
    "Entrypoint",
    "Finding",
    "Patch",
    "Scenario",
    "ScenarioError",
    "Service",
]
