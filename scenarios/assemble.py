"""Puts a scenario together from its described parts; every entry format ends here."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from patchpact.scenarios.checks import check_scenario
from patchpact.scenarios.drawn_components import draw_components, draw_findings
from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.findings import build_findings, label_of, select_rows
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
    stated_flows,
)

R = TypeVar("R", ComponentRow, FindingRow)


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
    files: Mapping[str, str] = field(default_factory=dict)
    """The files that `graph`, `findings` and `components` were read from, for errors to name."""
    patches: Sequence[PatchRow] | None = None
    services: Mapping[str, NodeAttributes] = field(default_factory=dict)
    entrypoints: Sequence[EntrypointRow] | None = None
    agents: Sequence[AgentRow] | None = None
    vendors: Mapping[str, str | None] = field(default_factory=dict)
    unconfirmed: str = "drop"
    fixes: str = "drawn"
    prerequisites: str = "drawn"
    seed: int = 0
    parameters: Mapping[str, Value] = field(default_factory=dict)
    sources: Sequence[str] = ()
    notes: Notes = field(default_factory=Notes)


def assemble(described: Description) -> Scenario:
    """The complete scenario. Raises ScenarioError for anything inconsistent."""
    where, notes, seed = described.where, described.notes, described.seed
    parameters = {**default_parameters(), **described.parameters}
    check_combined(parameters, where)
    graph_file, findings_file = (described.files.get(name, where) for name in ("graph", "findings"))
    nodes = _with_overrides(described)
    services, by_name = build_services(nodes, parameters, seed, graph_file, notes)
    edges = build_edges(described.links, services, graph_file, notes)
    exposed = expose(services, edges)
    services = [replace(service, exposed=service.name in exposed) for service in services]
    rows = described.agents
    agents = stated_agents(rows, where) if rows is not None else default_agents(services, 2, notes)
    services = own_services(services, agents, rows is not None, where, notes)
    flows = stated_flows(by_name, described.entrypoints, notes)
    entrypoints = build_entrypoints(flows, services, seed, where, notes)
    entrypoints = _owned(entrypoints, agents, where)
    vendors = Vendors(agents, described.vendors, where, notes)
    maker = PatchMaker(seed, int(parameters["windows"]), vendors, notes, released=described.fixes == "released")
    component_rows, finding_rows = _what_they_ship(described, services, by_name)
    component_rows = [_sold(row, "components", vendors, described) for row in component_rows]
    finding_rows = [_sold(row, "findings", vendors, described) for row in finding_rows]
    indirect = {(row.service, row.component) for row in component_rows if not row.direct}
    findings = build_findings(finding_rows, services, indirect, seed, findings_file, notes)
    lookup = {service.name: service for service in services}
    stated = {(row.service, row.component) for row in described.patches or ()}
    _say_one_thing(finding_rows, component_rows, stated, findings_file)
    pairs = zip(finding_rows, findings, strict=True)
    left = [(row, finding) for row, finding in pairs if (row.service, row.component) not in stated]
    patches = build_patches(left, component_rows, lookup, maker)
    patches = add_prerequisites(patches, lookup, edges, seed, notes, drawn=described.prerequisites == "drawn")
    if described.patches:
        patches = _stated_patches(described.patches, findings, patches, lookup, vendors, where)
    fixes = {uid: patch for patch in patches for uid in patch.findings}
    scenario = Scenario(
        id=described.id,
        title=described.title or described.id,
        description=described.text,
        services=tuple(services),
        edges=tuple(edges),
        entrypoints=tuple(entrypoints),
        findings=tuple(_fixed(finding, fixes.get(finding.uid)) for finding in findings),
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
    known = {node.id for node in described.nodes}
    for name in described.services:
        if name not in known:
            problem = f"no service {shown(name)} in the graph"
            raise ScenarioError(described.where, f"services.{name}", problem, closest(name, known))
    nodes = []
    for node in described.nodes:
        over = described.services.get(node.id)
        stated = {} if over is None else {k: getattr(over, k) for k in over.model_fields_set}
        nodes.append(node.model_copy(update=stated) if stated else node)
    return nodes


def _owned(entrypoints: Iterable[Entrypoint], agents: Sequence[AgentSpec], where: str) -> list[Entrypoint]:
    """Entrypoints whose owner is a business agent's name (a label was allowed in the file)."""
    return [
        replace(e, owner=check_business(e.owner, agents, where, f"entrypoints.{e.service}.owner")) for e in entrypoints
    ]


def _what_they_ship(
    described: Description, services: Sequence[Service], nodes: Mapping[str, Node]
) -> tuple[list[ComponentRow], list[FindingRow]]:
    """Components and findings: from the file; else from the nodes, and drawn for nodes that state none."""
    seed, notes = described.seed, described.notes
    components, findings = list(described.components or ()), list(described.findings or ())
    graph_file, components_file, findings_file = (
        described.files.get(name, described.where) for name in ("graph", "components", "findings")
    )
    _of_known_services(components, nodes, "components", components_file)
    _of_known_services(findings, nodes, "findings", findings_file)
    silent: list[Service] = []
    unscanned: list[ComponentRow] = []
    for service in sorted(services, key=lambda service: service.uid):
        node = nodes[service.name]
        own = _own_rows(node.components, service.name, "components", graph_file)
        components += own
        findings += _own_rows(node.findings, service.name, "findings", graph_file)
        if node.components is None and node.findings is None:
            silent.append(service)
        elif node.findings is None and service.kind != "external":
            unscanned += own
    if described.findings is None:
        unscanned += described.components or ()
        if described.components is None and silent:
            drawn = draw_components(silent, seed, notes)
            components += drawn
            unscanned += drawn
        findings += draw_findings(unscanned, seed, notes)
    return components, select_rows(findings, services, described.unconfirmed, findings_file, notes)


def _of_known_services(
    rows: Sequence[ComponentRow] | Sequence[FindingRow], known: Iterable[str], what: str, where: str
) -> None:
    for row in rows:
        if row.service not in known:
            field_ = f"{what}.{label_of(row)}.service"
            if not row.service:
                raise ScenarioError(where, field_, "missing", "name the service that has it")
            raise ScenarioError(where, field_, f"no service {shown(row.service)}", closest(row.service, known))


def _sold(row: R, what: str, vendors: Vendors, described: Description) -> R:
    """The row with its vendor's name (a label was allowed in the file)."""
    if row.vendor is None:
        return row
    where = described.files.get(what, described.where)
    return row.model_copy(update={"vendor": vendors.check(row.vendor, where, f"{what}.{label_of(row)}.vendor")})


def _say_one_thing(
    findings: Sequence[FindingRow], components: Sequence[ComponentRow], patched: Container[tuple[str, str]], where: str
) -> None:
    """ScenarioError where a finding states of its fix what another row says otherwise, or a stated patch says."""
    sellers: dict[tuple[str, str], tuple[FindingRow | ComponentRow, str]] = {
        (row.service, row.component): (row, row.vendor) for row in components if row.vendor is not None
    }
    for row in findings:
        pair = (row.service, row.component)
        for name in ("vendor", "release_window"):
            if getattr(row, name) is not None and pair in patched:
                problem = f"the file states the patch of {shown(row.component)}"
                raise ScenarioError(where, f"findings.{label_of(row)}.{name}", problem, f"state its {name} there alone")
        if row.vendor is not None:
            other, vendor = sellers.setdefault(pair, (row, row.vendor))
            if vendor != row.vendor:
                problem = f"{shown(row.vendor)}, but {label_of(other)} has {shown(vendor)}"
                raise ScenarioError(
                    where, f"findings.{label_of(row)}.vendor", problem, "name one vendor of a component"
                )


def _fixed(finding: Finding, patch: Patch | None) -> Finding:
    """The finding with what its patch says of its fix."""
    return finding if patch is None else replace(finding, vendor=patch.vendor, release_window=patch.release_window)


def _own_rows(rows: Sequence[R] | None, service: str, what: str, where: str) -> list[R]:
    """Rows that stand on a node; the service is that node."""
    for row in rows or ():
        if row.service not in ("", service):
            field_ = f"nodes.{service}.{what}.{label_of(row)}.service"
            raise ScenarioError(where, field_, f"{shown(row.service)} is another node", "leave it out")
    return [row.model_copy(update={"service": service}) for row in rows or ()]


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
    drawn = {patch.uid: patch.name for patch in derived}
    wanted: list[int | None] = []
    names: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for index, row in enumerate(rows):
        field_, pair, name = f"patches[{index}]", (row.service, row.component), _patch_name(row)
        if row.service not in services:
            mend = closest(row.service, services)
            raise ScenarioError(where, f"{field_}.service", f"no service {shown(row.service)}", mend)
        if name in names:
            raise ScenarioError(where, f"{field_}.name", f"{shown(name)} stands twice", "keep one")
        if pair in pairs:
            problem = f"{shown(row.component)} of {shown(row.service)} has a patch already"
            raise ScenarioError(where, f"{field_}.component", problem, "keep one")
        if row.uid in drawn:
            problem = f"{row.uid} is the uid of the drawn patch {shown(drawn[row.uid])}"
            raise ScenarioError(where, f"{field_}.uid", problem, "state that patch too, or leave uid out")
        names.add(name)
        pairs.add(pair)
        wanted.append(min(removes[pair]) if row.uid is None and pair in removes else row.uid)
    uids = give_uids([*wanted, *drawn], where, "patches")
    number = dict(zip([*map(_patch_name, rows), *drawn.values()], uids, strict=True))
    made = list(derived)
    for index, (uid, row) in enumerate(zip(uids, rows, strict=False)):
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
                name=_patch_name(row),
                service=row.service,
                component=row.component,
                ecosystem=row.ecosystem,
                version=row.version,
                fixed_version=row.fixed_version,
                vendor=vendor,
                findings=tuple(sorted(removes.get((row.service, row.component), ()))),
                effort_hours=row.effort_hours,
                downtime_minutes=row.downtime_minutes,
                regression_probability=row.regression_probability,
                requires=tuple(sorted({number[first] for first in row.requires})),
                fee_keur=row.fee_keur,
                release_window=row.release_window,
                evidence=row.evidence,
            )
        )
    return made


def _patch_name(row: PatchRow) -> str:
    return row.name or f"{row.service}/{row.component}"
