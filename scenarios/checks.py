"""Consistency of a finished scenario, and the facts about it that a reader wants to see."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.parameters import PARAMETERS, check_combined, check_parameters
from patchpact.scenarios.scenario import (
    CORE_ROLES,
    EDGE_KINDS,
    SENSITIVITIES,
    SERVICE_KINDS,
    Edge,
    Entrypoint,
    Finding,
    Patch,
    Scenario,
)

MOST_AGENTS = 63
"""Who voted how is kept in the bits of one number."""


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


_SHARE, _AMOUNT, _WHOLE = (0.0, 1.0), (0.0, math.inf), (0, math.inf)
_NUMBERS: dict[str, dict[str, tuple[float, float]]] = {
    "services": {"uid": _WHOLE, "replicas": (1, math.inf), "deploy_minutes": _AMOUNT, "loss_keur": _AMOUNT},
    "edges": {"uid": _WHOLE, "call_probability": _SHARE, "lateral_probability": _SHARE},
    "entrypoints": {"uid": _WHOLE, "requests_per_hour": _AMOUNT, "revenue_keur_per_hour": _AMOUNT},
    "findings": {"uid": _WHOLE, "cve_uid": _WHOLE, "cvss": (0.0, 10.0), "epss": _SHARE, "confidence": _SHARE},
    "patches": {
        "uid": _WHOLE, "release_window": _WHOLE, "regression_probability": _SHARE,
        "effort_hours": _AMOUNT, "downtime_minutes": _AMOUNT, "fee_keur": _AMOUNT,
    },
    "agents": {"uid": _WHOLE, "vote_weight": _WHOLE, "budget_keur": _AMOUNT},
}  # fmt: skip
"""Range of every number, by kind of record; whole bounds ask for a whole number."""
_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "services": {"kind": SERVICE_KINDS, "data_sensitivity": SENSITIVITIES},
    "edges": {"kind": EDGE_KINDS},
    "findings": {"technical_impact": ("partial", "total")},
}


def check_scenario(scenario: Scenario, where: str | None = None) -> None:
    """ScenarioError for the first inconsistency: dangling names, twin uids, numbers out of range.

    The loaders call this; call it yourself on a Scenario that you built by hand.
    """
    where = where or scenario.id
    if not scenario.services:
        raise ScenarioError(where, "services", "none", "add at least one")
    for kind, numbers in _NUMBERS.items():
        for row in getattr(scenario, kind):
            for name, (low, high) in numbers.items():
                _number(getattr(row, name), low, high, where, f"{kind}.{_label(row)}.{name}")
            for name, words in _WORDS.get(kind, {}).items():
                _known(getattr(row, name), words, where, f"{kind}.{_label(row)}.{name}", name)
        _unique((row.uid for row in getattr(scenario, kind)), where, f"{kind}.uid")
    for kind in ("services", "agents", "patches"):
        _unique((row.name for row in getattr(scenario, kind)), where, f"{kind}.name")
    _check_agents(scenario, where)
    _check_names(scenario, where)
    _check_patches(scenario, where)
    for missing in PARAMETERS.keys() - scenario.parameters.keys():
        raise ScenarioError(where, f"parameters.{missing}", "missing", "start from default_parameters()")
    check_combined(check_parameters(scenario.parameters, where), where)


def _check_agents(scenario: Scenario, where: str) -> None:
    """Every role of the core is played, and somebody has a vote."""
    for role in CORE_ROLES:
        if not scenario.agents_of(role):
            raise ScenarioError(where, "agents", f"nobody plays the role {role}", f"add {role}_0")
    if not any(agent.vote_weight for agent in scenario.agents):
        raise ScenarioError(where, "agents", "every vote_weight is 0", "give at least one agent a weight")
    if len(scenario.agents) > MOST_AGENTS:
        mend = f"at most {MOST_AGENTS} negotiate in one world; let firms share a business agent, or make two scenarios"
        raise ScenarioError(where, "agents", f"there are {len(scenario.agents)}", mend)


def _check_names(scenario: Scenario, where: str) -> None:
    """Every name of a service or an agent is the name of one."""
    services = {service.name for service in scenario.services}
    businesses = {agent.name for agent in scenario.agents_of("business")}
    vendors = {agent.name for agent in scenario.agents_of("vendor")}
    for service in scenario.services:
        _known(service.owner, businesses, where, f"services.{service.name}.owner", "business agent")
    for edge in scenario.edges:
        _known(edge.source, services, where, f"edges.{_label(edge)}.source", "service")
        _known(edge.target, services, where, f"edges.{_label(edge)}.target", "service")
        if edge.source == edge.target:
            raise ScenarioError(where, f"edges.{_label(edge)}", "calls itself", "leave the edge out")
    _unique(((edge.source, edge.target) for edge in scenario.edges), where, "edges")
    for entry in scenario.entrypoints:
        _known(entry.service, services, where, f"entrypoints.{entry.service}.service", "service")
        _known(entry.owner, businesses, where, f"entrypoints.{entry.service}.owner", "business agent")
    for finding in scenario.findings:
        _known(finding.service, services, where, f"findings.{finding.cve}.service", "service")
    for patch in scenario.patches:
        _known(patch.service, services, where, f"patches.{patch.name}.service", "service")
        if patch.vendor is not None:
            _known(patch.vendor, vendors, where, f"patches.{patch.name}.vendor", "vendor agent")


def _check_patches(scenario: Scenario, where: str) -> None:
    """Every finding is removed by one patch of its service, and prerequisites form no circle."""
    services = {finding.uid: finding.service for finding in scenario.findings}
    removed: dict[int, Patch] = {}
    for patch in scenario.patches:
        field = f"patches.{patch.name}.findings"
        for uid in patch.findings:
            if services.get(uid) != patch.service:
                problem = f"no finding of {shown(patch.service)} with uid {uid}"
                raise ScenarioError(where, field, problem, "name findings that exist")
            if uid in removed:
                raise ScenarioError(where, field, f"finding {uid} has another patch", "keep one of the two")
            removed[uid] = patch
    for finding in scenario.findings:
        field = f"findings.{finding.cve}"
        if finding.uid not in removed:
            raise ScenarioError(where, field, f"no patch removes finding {finding.uid}", "add one, or drop it")
        for name in ("vendor", "release_window"):
            said, of_patch = getattr(finding, name), getattr(removed[finding.uid], name)
            if said is not None and said != of_patch:
                problem = f"{shown(str(said))}, its patch has {shown(str(of_patch))}"
                raise ScenarioError(where, f"{field}.{name}", problem, "say the same in both")
    check_prerequisites(scenario.patches, where)


def _label(row: Any) -> str:
    """What an error calls a record."""
    if isinstance(row, Edge):
        return f"{row.source} -> {row.target}"
    if isinstance(row, Finding):
        return row.cve
    return row.service if isinstance(row, Entrypoint) else row.name


def _unique(values: Iterable[object], where: str, field: str) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise ScenarioError(where, field, f"{shown(value)} stands twice", "give each its own")
        seen.add(value)


def _known(name: str, names: Collection[str], where: str, field: str, what: str) -> None:
    if name not in names:
        raise ScenarioError(where, field, f"no {what} {shown(name)}", closest(name, sorted(names)))


def _number(value: object, low: float, high: float, where: str, field: str) -> None:
    kind = int if isinstance(low, int) else int | float
    if not isinstance(value, kind) or not (low <= value <= high and math.isfinite(value)):
        what = "a whole number" if kind is int else "a number"
        mend = f"write {what} from {low:g} on" if high == math.inf else f"write {what} in {low:g}..{high:g}"
        raise ScenarioError(where, field, f"{shown(value)} is not allowed", mend)


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
