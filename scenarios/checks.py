"""Consistency of a finished scenario, and the facts about it that a reader wants to see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.scenario import CORE_ROLES, Patch, Scenario


def check_prerequisites(patches: Sequence[Patch], where: str) -> None:
    """ScenarioError when prerequisites name no patch or form a circle (linear time)."""
    by_uid = {patch.uid: patch for patch in patches}
    state: dict[int, int] = {}
    for root in by_uid:
        if root in state:
            continue
        path: list[int] = [root]
        state[root] = 1
        stack = [iter(by_uid[root].requires)]
        while stack:
            uid = next(stack[-1], None)
            if uid is None:
                stack.pop()
                state[path.pop()] = 2
                continue
            if uid not in by_uid:
                field = f"patches.{by_uid[path[-1]].name}.requires"
                raise ScenarioError(where, field, f"no patch with uid {uid}", "name a patch that exists")
            if state.get(uid) == 1:
                circle = [by_uid[u].name for u in path[path.index(uid) :]] + [by_uid[uid].name]
                field = f"patches.{circle[0]}.requires"
                names = " -> ".join(circle[:6]) + (" -> ..." if len(circle) > 6 else "")
                raise ScenarioError(where, field, f"prerequisites in a circle: {names}", "leave one out")
            if uid not in state:
                state[uid] = 1
                path.append(uid)
                stack.append(iter(by_uid[uid].requires))


def check_scenario(scenario: Scenario, where: str | None = None) -> None:
    """ScenarioError for the first inconsistency: dangling names, twin uids, numbers out of range.

    The loaders call this; call it yourself on a Scenario that you built by hand.
    """
    where = where or scenario.id
    if not scenario.services:
        raise ScenarioError(where, "services", "none", "add at least one")
    for kind in ("services", "edges", "entrypoints", "findings", "patches", "agents"):
        _unique((row.uid for row in getattr(scenario, kind)), where, f"{kind}.uid")
    for kind in ("services", "agents", "patches"):
        _unique((row.name for row in getattr(scenario, kind)), where, f"{kind}.name")
    services = {service.name for service in scenario.services}
    businesses = {agent.name for agent in scenario.agents if agent.role == "business"}
    vendors = {agent.name for agent in scenario.agents if agent.role == "vendor"}
    findings = {finding.uid for finding in scenario.findings}
    for role in CORE_ROLES:
        if not scenario.agents_of(role):
            raise ScenarioError(where, "agents", f"nobody plays the role {role}", f"add {role}_0")
    for service in scenario.services:
        _known(service.owner, businesses, where, f"services.{service.name}.owner", "business agent")
        _positive(service.loss_keur, where, f"services.{service.name}.loss_keur")
        _positive(service.deploy_minutes, where, f"services.{service.name}.deploy_minutes")
    for edge in scenario.edges:
        _known(edge.source, services, where, "edges.source", "service")
        _known(edge.target, services, where, "edges.target", "service")
        _share(edge.call_probability, where, f"edges.{edge.source} -> {edge.target}.call_probability")
        _share(edge.lateral_probability, where, f"edges.{edge.source} -> {edge.target}.lateral_probability")
    for entry in scenario.entrypoints:
        _known(entry.service, services, where, "entrypoints.service", "service")
        _known(entry.owner, businesses, where, f"entrypoints.{entry.service}.owner", "business agent")
        _positive(entry.revenue_keur_per_hour, where, f"entrypoints.{entry.service}.revenue_keur_per_hour")
        _positive(entry.requests_per_hour, where, f"entrypoints.{entry.service}.requests_per_hour")
    for finding in scenario.findings:
        _known(finding.service, services, where, f"findings.{finding.cve}.service", "service")
        _share(finding.epss, where, f"findings.{finding.cve}.epss")
        _share(finding.confidence, where, f"findings.{finding.cve}.confidence")
        _share(finding.cvss / 10, where, f"findings.{finding.cve}.cvss (of 10)")
    for patch in scenario.patches:
        _known(patch.service, services, where, f"patches.{patch.name}.service", "service")
        if patch.vendor is not None:
            _known(patch.vendor, vendors, where, f"patches.{patch.name}.vendor", "vendor agent")
        _share(patch.regression_probability, where, f"patches.{patch.name}.regression_probability")
        for name in ("effort_hours", "downtime_minutes", "fee_keur", "release_window"):
            _positive(getattr(patch, name), where, f"patches.{patch.name}.{name}")
        for uid in patch.findings:
            if uid not in findings:
                field = f"patches.{patch.name}.findings"
                raise ScenarioError(where, field, f"no finding with uid {uid}", "name findings that exist")
    check_prerequisites(scenario.patches, where)


def _unique(values: Iterable[object], where: str, field: str) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise ScenarioError(where, field, f"{shown(value)} stands twice", "give each its own")
        seen.add(value)


def _known(name: str, names: set[str], where: str, field: str, what: str) -> None:
    if name not in names:
        raise ScenarioError(where, field, f"no {what} {shown(name)}", closest(name, sorted(names)))


def _share(value: float, where: str, field: str) -> None:
    if not 0 <= value <= 1:
        raise ScenarioError(where, field, f"{value:g} is no share", "write a number in 0..1")


def _positive(value: float, where: str, field: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ScenarioError(where, field, f"{value:g} is negative or infinite", "write a number from 0 on")


@dataclass(frozen=True)
class Summary:
    """Counts and shares of a scenario, for `patchpact check` and the docs."""

    services: int
    exposed: int
    edges: int
    edges_per_service: float
    entrypoints: int
    revenue_keur_per_hour: float
    findings: int
    cves: int
    kev: int
    patches: int
    patches_with_prerequisite: float
    """Share of the patches."""
    patches_unreleased: float
    """Share of the patches whose fix is not out at the start."""
    effort_hours: float
    """All patches together."""
    agents: int

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def summary(scenario: Scenario) -> Summary:
    """Counts and shares of a scenario."""
    patches = scenario.patches
    count = max(1, len(patches))
    return Summary(
        services=len(scenario.services),
        exposed=sum(service.exposed for service in scenario.services),
        edges=len(scenario.edges),
        edges_per_service=len(scenario.edges) / len(scenario.services),
        entrypoints=len(scenario.entrypoints),
        revenue_keur_per_hour=sum(e.revenue_keur_per_hour for e in scenario.entrypoints),
        findings=len(scenario.findings),
        cves=len({finding.cve_uid for finding in scenario.findings}),
        kev=len({finding.cve_uid for finding in scenario.findings if finding.kev}),
        patches=len(patches),
        patches_with_prerequisite=sum(bool(patch.requires) for patch in patches) / count,
        patches_unreleased=sum(patch.release_window > 0 for patch in patches) / count,
        effort_hours=sum(patch.effort_hours for patch in patches),
        agents=len(scenario.agents),
    )
