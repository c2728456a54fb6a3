"""The stakeholders of a scenario: agents, owners of services and flows, vendors of components."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from zlib import crc32

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.scenario import CORE_ROLES, AgentSpec, Service
from patchpact.scenarios.schema import AgentRow
from patchpact.scenarios.topology import give_uids

PLATFORM_ECOSYSTEMS = ("image", "generic", "runtime")
"""Ecosystems of the platform vendor by default; Go's `stdlib` counts as a runtime too."""
MAX_DEFAULT_BUSINESSES = 8
SINGLE_ROLES = ("market", "esg")
"""Roles that at most one agent plays."""
DEFAULT_BUDGETS = {"it": 30.0, "business": 30.0, "vendor": 15.0}


def is_platform(ecosystem: str, component: str) -> bool:
    """True for base images, runtimes and Go's standard library (which comes with the toolchain)."""
    return ecosystem in PLATFORM_ECOSYSTEMS or component == "stdlib"


def stated_agents(rows: Sequence[AgentRow], where: str) -> list[AgentSpec]:
    """The agents of a file; every role must be played, names are role and index."""
    made, names = [], set()
    uids = give_uids([row.uid for row in rows], where, "agents")
    for index, (uid, row) in enumerate(zip(uids, rows, strict=True)):
        field = f"agents[{index}]"
        role = row.role or row.name.rpartition("_")[0]
        if not re.fullmatch(r"[a-z][a-z_]{0,40}", role):
            raise ScenarioError(where, f"{field}.role", f"no role {shown(role)}", closest(role, CORE_ROLES))
        if not re.fullmatch(role + r"_(0|[1-9][0-9]{0,3})", row.name):
            mend = f"call it {role}_0, {role}_1, ..."
            raise ScenarioError(where, f"{field}.name", f"{shown(row.name)} does not say its role", mend)
        if row.name in names:
            raise ScenarioError(where, f"{field}.name", f"{row.name} stands twice", "keep one")
        names.add(row.name)
        made.append(
            AgentSpec(
                uid=uid,
                name=row.name,
                role=role,
                label=row.label or row.name,
                vote_weight=row.vote_weight,
                budget_keur=row.budget_keur,
                size=row.size,
                platform=row.platform,
                equity_keur=row.equity_keur,
            )
        )
    _check_single(made, where)
    for role in CORE_ROLES:
        if not any(agent.role == role for agent in made):
            mend = f"add an agent {role}_0 with role: {role}"
            raise ScenarioError(where, "agents", f"nobody plays the role {role}", mend)
    if not any(agent.vote_weight for agent in made):
        raise ScenarioError(where, "agents", "every vote_weight is 0", "give at least one agent a weight")
    return made


def _check_single(agents: Sequence[AgentSpec], where: str) -> None:
    """One platform at most, and it is a business; one market and one auditor at most."""
    platforms = [agent.name for agent in agents if agent.platform]
    if len(platforms) > 1:
        problem = f"{platforms[0]} and {platforms[1]} both run the platform"
        raise ScenarioError(where, "agents", problem, "set platform: true for one")
    for agent in agents:
        if agent.platform and agent.role != "business":
            problem = f"{agent.role} agents run no platform"
            raise ScenarioError(where, f"agents.{agent.name}.platform", problem, "set it for a business agent")
    for role in SINGLE_ROLES:
        playing = [agent.name for agent in agents if agent.role == role]
        if len(playing) > 1:
            raise ScenarioError(where, "agents", f"{playing[1]}: a second {role} agent", f"keep one {role} agent")


def default_agents(services: Sequence[Service], vendors: int, notes: Notes) -> list[AgentSpec]:
    """One IT agent, a business agent for each owner or tenant (at most 8), and vendors."""
    labels = _business_labels(services)
    agents = [AgentSpec(0, "it_0", "it", "IT operations", 2, DEFAULT_BUDGETS["it"])]
    for index, label in enumerate(labels or ["business"]):
        name = f"business_{index}"
        agents.append(AgentSpec(len(agents), name, "business", label, 2, DEFAULT_BUDGETS["business"]))
    for index in range(vendors):
        label = ("platform", "libraries")[index] if vendors == 2 else f"vendor {index}"
        agents.append(AgentSpec(len(agents), f"vendor_{index}", "vendor", label, 1, DEFAULT_BUDGETS["vendor"]))
    how = "one it (weight 2), a business per owner or tenant (2), vendors (1); 30, 30, 15 k€ a window"
    notes.add("agents", how, len(agents))
    return agents


def _business_labels(services: Sequence[Service]) -> list[str]:
    """Distinct owners, else distinct tenants, by the uid of their first service.

    Owners that are agents' names already (of a graph made by `Scenario.graph`) keep their order.
    """
    for attribute in ("owner", "tenant"):
        first: dict[str, int] = {}
        for service in services:
            label = getattr(service, attribute)
            if label and service.uid < first.get(label, 1 << 62):
                first[label] = service.uid
        if first:
            if all(re.fullmatch(r"business_[0-9]", label) for label in first):
                return sorted(first)[:MAX_DEFAULT_BUSINESSES]
            return sorted(first, key=lambda label: first[label])[:MAX_DEFAULT_BUSINESSES]
    return []


def own_services(
    services: Sequence[Service], agents: Sequence[AgentSpec], stated: bool, where: str, notes: Notes
) -> list[Service]:
    """Services with owner and tenant filled in. An owner may be named by agent name or by label."""
    businesses = sorted((a for a in agents if a.role == "business"), key=lambda agent: agent.uid)
    by_label = _by_label(businesses)
    tenants: dict[str, str] = {}
    owners: dict[str, str] = {}
    made = []
    for service in sorted(services, key=lambda service: service.uid):
        owner = by_label.get(service.owner)
        if service.owner and owner is None:
            if stated:
                problem = f"nobody plays the owner {shown(service.owner)}"
                mend = f"{closest(service.owner, by_label)}, or add the agent"
                raise ScenarioError(where, f"services.{service.name}.owner", problem, mend)
            owner = owners.setdefault(service.owner, businesses[len(owners) % len(businesses)].name)
            how = f"more than {MAX_DEFAULT_BUSINESSES} owners: the others share their agents"
            notes.add("owners of services", how)
        if owner is None and service.tenant:
            owner = by_label.get(service.tenant) or tenants.setdefault(
                service.tenant, businesses[len(tenants) % len(businesses)].name
            )
        if owner is None:
            owner = businesses[0].name
            if len(businesses) > 1 or not stated:
                notes.add("owner of services", businesses[0].name)
        made.append(replace(service, owner=owner, tenant=service.tenant or "main"))
    return made


def check_business(name: str, agents: Sequence[AgentSpec], where: str, field: str) -> str:
    """The agent behind an owner's name or label; ScenarioError when no business agent has it."""
    known = _by_label([agent for agent in agents if agent.role == "business"])
    if name not in known:
        raise ScenarioError(where, field, f"nobody plays the owner {shown(name)}", closest(name, known))
    return known[name]


def _by_label(agents: Sequence[AgentSpec]) -> dict[str, str]:
    """Agents' names by name and by label; a label goes before the name of another agent."""
    return {agent.name: agent.name for agent in agents} | {agent.label: agent.name for agent in agents}


class Vendors:
    """Which vendor agent answers for a component."""

    def __init__(
        self,
        agents: Sequence[AgentSpec],
        stated: Mapping[str, str | None],
        where: str,
        notes: Notes,
    ) -> None:
        self._agents = sorted((a for a in agents if a.role == "vendor"), key=lambda agent: agent.uid)
        self._names = _by_label(self._agents)
        self._stated = {
            key: None if name is None else self.check(name, where, f"vendors.{key}") for key, name in stated.items()
        }
        self._notes = notes

    def check(self, name: str, where: str, field: str) -> str:
        """The vendor agent's name; ScenarioError when nobody plays it."""
        if name not in self._names:
            mend = closest(name, self._names)
            raise ScenarioError(where, field, f"nobody plays the vendor {shown(name)}", mend)
        return self._names[name]

    def of(self, ecosystem: str, component: str) -> str | None:
        """By component, else by ecosystem, else platform or libraries."""
        for key in (component, ecosystem):
            if key in self._stated:
                return self._stated[key]
        self._notes.add("vendor of patches", "support subscription: platform the first vendor, libraries the others")
        if len(self._agents) == 1 or is_platform(ecosystem, component):
            return self._agents[0].name
        libraries = self._agents[1:]
        return libraries[crc32(component.encode()) % len(libraries)].name
