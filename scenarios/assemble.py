"""Puts a scenario together from its described parts; every entry format ends here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from patchpact.scenarios.checks import check_prerequisites, check_scenario
from patchpact.scenarios.drawn_components import draw_components, draw_findings
from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.findings import build_findings, select_rows
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.parameters import Value, check_combined, default_parameters
from patchpact.scenarios.patches import PatchMaker, build_patches
from patchpact.scenarios.people import Vendors, check_business, default_agents, own_services, stated_agents
from patchpact.scenarios.prerequisites import add_prerequisites
from patchpact.scenarios.scenario import AgentSpec, Entrypoint, Finding, Patch, Scenario, Service
from patchpact.scenarios.schema import (
    AgentRow,
    ComponentRow,
    EntrypointRow,
    FindingRow,
    Link,
    Node,
    NodeAttributes,
    PatchRow,
)
from patchpact.scenarios.topology import (
    build_edges,
    build_entrypoints,
    build_services,
    expose,
    give_uids,
    name_of,
    stated_flows,
)


@dataclass
class Description:
    """A scenario as described, before anything is completed. `None` means: complete it."""

    where: str
    id: str
    nodes: Sequence[Node]
    links: Sequence[Link]
    title: str = ""
    text: str = ""
    findings: Sequence[FindingRow] | None = None
    components: Sequence[ComponentRow] | None = None
    patches: Sequence[PatchRow] | None = None
    services: Mapping[str, NodeAttributes] = field(default_factory=dict)
    entrypoints: Sequence[EntrypointRow] | None = None
    agents: Sequence[AgentRow] | None = None
    vendors: Mapping[str, str | None] = field(default_factory=dict)
    unconfirmed: str = "drop"
    seed: int = 0
    parameters: Mapping[str, Value] = field(default_factory=dict)
    sources: Sequence[str] = ()
    notes: Notes = field(default_factory=Notes)


def assemble(described: Description) -> Scenario:
    """The complete scenario. Raises ScenarioError for anything inconsistent."""
    where, notes, seed = described.where, described.notes, described.seed
    parameters = {**default_parameters(), **described.parameters}
    check_combined(parameters, where)
    nodes = _with_overrides(described)
    services, by_name = build_services(nodes, parameters, seed, where, notes)
    edges = build_edges(described.links, services, where, notes)
    exposed = expose(services, edges)
    services = [replace(service, exposed=service.name in exposed) for service in services]
    rows = described.agents
    agents = stated_agents(rows, where) if rows is not None else default_agents(services, 2, notes)
    services = own_services(services, agents, rows is not None, where, notes)
    flows = described.entrypoints if described.entrypoints is not None else stated_flows(by_name)
    entrypoints = build_entrypoints(flows, services, seed, where, notes)
    entrypoints = _owned(entrypoints, agents, where)
    vendors = Vendors(agents, described.vendors, where, notes)
    maker = PatchMaker(seed, int(parameters["windows"]), vendors, notes)
    component_rows, finding_rows = _what_they_ship(described, services, by_name)
    indirect = {(name_of(row.service), row.component) for row in component_rows if not row.direct}
    findings = build_findings(finding_rows, services, indirect, seed, where, notes)
    lookup = {service.name: service for service in services}
    if described.patches is None:
        patches = build_patches(finding_rows, findings, component_rows, lookup, maker)
        patches = add_prerequisites(patches, lookup, edges, seed, notes)
    else:
        covered = {(name_of(row.service), row.component) for row in described.patches}
        pairs = [
            (r, f)
            for r, f in zip(finding_rows, findings, strict=True)
            if (f.service, f.component) not in covered
        ]
        derived = build_patches(
            [row for row, _ in pairs], [finding for _, finding in pairs], component_rows, lookup, maker
        )
        patches = _stated_patches(described.patches, findings, derived, lookup, vendors, where)
    scenario = Scenario(
        id=described.id,
        title=described.title or described.id,
        description=described.text,
        services=tuple(services),
        edges=tuple(edges),
        entrypoints=tuple(entrypoints),
        findings=tuple(findings),
        patches=tuple(patches),
        agents=tuple(agents),
        parameters=parameters,
        assumptions=notes.lines(),
        sources=tuple(described.sources),
    )
    check_scenario(scenario, where)
    return scenario


def _with_overrides(described: Description) -> list[Node]:
    """The nodes, with what the scenario file says about services laid over them."""
    known = {name_of(node.id) for node in described.nodes}
    for name in described.services:
        if name not in known:
            problem = f"no service {shown(name)} in the graph"
            raise ScenarioError(described.where, f"services.{name}", problem, closest(name, known))
    nodes = []
    for node in described.nodes:
        over = described.services.get(name_of(node.id))
        stated = {} if over is None else {k: getattr(over, k) for k in over.model_fields_set}
        nodes.append(node.model_copy(update=stated) if stated else node)
    return nodes


def _owned(entrypoints: Iterable[Entrypoint], agents: Sequence[AgentSpec], where: str) -> list[Entrypoint]:
    """Entrypoints whose owner is a business agent's name (a label was allowed in the file)."""
    return [
        replace(e, owner=check_business(e.owner, agents, where, f"entrypoints.{e.service}.owner"))
        for e in entrypoints
    ]


def _what_they_ship(
    described: Description, services: Sequence[Service], nodes: Mapping[str, Node]
) -> tuple[list[ComponentRow], list[FindingRow]]:
    """Components and findings: from the file; else from the nodes, and drawn for nodes that state none."""
    where, seed, notes = described.where, described.seed, described.notes
    components, findings = list(described.components or ()), list(described.findings or ())
    silent: list[Service] = []
    unscanned: list[ComponentRow] = []
    for service in sorted(services, key=lambda service: service.uid):
        node = nodes[service.name]
        own = [row.model_copy(update={"service": service.name}) for row in node.components or ()]
        components += own
        findings += [row.model_copy(update={"service": service.name}) for row in node.findings or ()]
        if node.components is None and node.findings is None:
            silent.append(service)
        elif node.findings is None and service.kind != "external":
            unscanned += own
    names = {service.name for service in services}
    for index, row in enumerate(components):
        name = "" if row.service is None else name_of(row.service)
        if name not in names:
            problem = f"no service {shown(name)}"
            raise ScenarioError(where, f"components[{index}].service", problem, closest(name, names))
    if described.findings is None:
        unscanned += described.components or ()
        if described.components is None and silent:
            drawn = draw_components(silent, seed, notes)
            components += drawn
            unscanned += drawn
        findings += draw_findings(unscanned, seed, notes)
    return components, select_rows(findings, services, described.unconfirmed, where, notes)


def _stated_patches(
    rows: Sequence[PatchRow],
    findings: Sequence[Finding],
    derived: Sequence[Patch],
    services: Mapping[str, Service],
    vendors: Vendors,
    where: str,
) -> list[Patch]:
    """Patches as the file states them, and derived ones for components it leaves out."""
    removes: dict[tuple[str, str], list[int]] = {}
    for finding in findings:
        removes.setdefault((finding.service, finding.component), []).append(finding.uid)
    wanted: list[int | None] = []
    names: list[str] = []
    for index, row in enumerate(rows):
        service = name_of(row.service)
        if service not in services:
            field_ = f"patches[{index}].service"
            raise ScenarioError(where, field_, f"no service {shown(service)}", closest(service, services))
        names.append(row.name or f"{service}/{row.component}")
        if names[-1] in names[:-1]:
            raise ScenarioError(where, f"patches[{index}].name", f"{shown(names[-1])} twice", "keep one")
        own = removes.get((service, row.component))
        wanted.append(row.uid if row.uid is not None else min(own) if own else None)
    uids = give_uids(wanted + [patch.uid for patch in derived], where, "patches")
    number = dict(zip(names + [patch.name for patch in derived], uids, strict=True))
    made = list(derived)
    for index, (uid, name, row) in enumerate(zip(uids, names, rows, strict=False)):
        for first in row.requires:
            if first not in number:
                field_ = f"patches[{index}].requires"
                raise ScenarioError(where, field_, f"no patch {shown(first)}", closest(first, number))
        vendor = row.vendor
        if vendor is not None:
            vendor = vendors.check(vendor, where, f"patches[{index}].vendor")
        made.append(
            Patch(
                uid=uid,
                name=name,
                service=name_of(row.service),
                component=row.component,
                ecosystem=row.ecosystem,
                version=row.version,
                fixed_version=row.fixed_version,
                vendor=vendor,
                findings=tuple(sorted(removes.get((name_of(row.service), row.component), ()))),
                effort_hours=row.effort_hours,
                downtime_minutes=row.downtime_minutes,
                regression_probability=row.regression_probability,
                requires=tuple(sorted({number[first] for first in row.requires})),
                fee_keur=row.fee_keur,
                release_window=row.release_window,
                evidence=row.evidence,
            )
        )
    check_prerequisites(made, where)
    return made
