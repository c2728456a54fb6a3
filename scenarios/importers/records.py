"""What importers hand on: a graph with evidence, and findings as the tools state them.

Importers only read. What a graph or a finding means in the game (defaults, patches, revenue) is decided
later, by the loader, so that an imported scenario and a hand-written one are completed by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

ToolKind = Literal["sca", "sast", "dast", "iast", "manual"]
Status = Literal["affected", "not_affected", "fixed", "under_investigation"]


@dataclass(frozen=True)
class GraphNode:
    """A service, store, queue or external system that a source names.

    Attributes:
        id: its name in the graph.
        evidence: file and line (or field) that says it exists.
        confidence: probability that it exists as said, 0 to 1.
        attributes: fields of `scenarios.schema.NodeAttributes` that the source states (`kind`, `exposed`,
            `replicas`, `requests_per_hour`, ...).
        image: container image, if stated; findings are matched by it.
        labels: further names by which reports may call it (container name, build path, app label).
    """

    id: str
    evidence: str
    confidence: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    image: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphEdge:
    """A call, caller to callee.

    Attributes:
        source, target: ids of nodes.
        evidence: file and line (or field) that says so.
        confidence: probability that the call exists, 0 to 1.
        attributes: fields of `scenarios.schema.EdgeAttributes` that the source states (`kind`,
            `call_probability`, `hard`, ...).
        calls: calls counted by the source, where it counts; None elsewhere.
    """

    source: str
    target: str
    evidence: str
    confidence: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    calls: float | None = None


@dataclass(frozen=True)
class ImportedGraph:
    """Nodes and edges of one or several sources, and what the reader of the import must be told.

    `merged` takes care of duplicates: an importer may state the same node or edge as often as it sees it.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    warnings: tuple[str, ...] = ()

    @classmethod
    def merged(
        cls, nodes: Iterable[GraphNode], edges: Iterable[GraphEdge], warnings: Iterable[str] = ()
    ) -> ImportedGraph:
        """One record per node and per (source, target): the surest statement, with all evidence.

        The surest statement's attributes win, the others fill gaps; evidence is joined by `; ` (at most
        five places); counted calls add up. Several statements are not taken as independent, so
        confidences are not multiplied up: the highest stays.
        """
        by_id: dict[str, GraphNode] = {}
        for node in nodes:
            by_id[node.id] = _joined_node(by_id[node.id], node) if node.id in by_id else node
        by_pair: dict[tuple[str, str], GraphEdge] = {}
        for edge in edges:
            pair = (edge.source, edge.target)
            by_pair[pair] = _joined_edge(by_pair[pair], edge) if pair in by_pair else edge
        return cls(tuple(by_id.values()), tuple(by_pair.values()), tuple(dict.fromkeys(warnings)))


def _joined_evidence(first: str, second: str) -> str:
    places = list(dict.fromkeys([*first.split("; "), *second.split("; ")]))
    return "; ".join(places[:5])


def _joined_node(one: GraphNode, other: GraphNode) -> GraphNode:
    sure, weak = (one, other) if one.confidence >= other.confidence else (other, one)
    return replace(
        sure,
        evidence=_joined_evidence(sure.evidence, weak.evidence),
        attributes={**weak.attributes, **sure.attributes},
        image=sure.image or weak.image,
        labels=tuple(dict.fromkeys([*one.labels, *other.labels])),
    )


def _joined_edge(one: GraphEdge, other: GraphEdge) -> GraphEdge:
    sure, weak = (one, other) if one.confidence >= other.confidence else (other, one)
    counted = [edge.calls for edge in (one, other) if edge.calls is not None]
    return replace(
        sure,
        evidence=_joined_evidence(sure.evidence, weak.evidence),
        attributes={**weak.attributes, **sure.attributes},
        calls=sum(counted) if counted else None,
    )


@dataclass(frozen=True)
class RawFinding:
    """One statement of one tool, in common words. Everything a tool does not say stays empty.

    Attributes:
        tool: the tool's name in lower case (`trivy`, `semgrep`, `zap`).
        kind: what sort of tool it is.
        id: CVE id if there is one, else the advisory's id (`GHSA-...`), else the tool's rule.
        evidence: file and field (`report.json: Results[0].Vulnerabilities[3]`).
        aliases: further ids of the same thing.
        cwe: weakness numbers, most specific first.
        title: a short text for people.
        component, version, fixed_version, ecosystem, purl: what is affected (software composition).
        service: the service's name, where the source states it.
        image: container image or target the tool looked at.
        path, line: place in the source code, path as the tool writes it.
        url, method: place in the running application.
        labels: further names that may lead to a service (namespace/name, project, SARIF automation id).
        cvss: base score 0 to 10; cvss_vector: its vector; severity: the tool's label in lower case.
        epss: probability in 30 days, as the tool states it, with `epss_date`; kev: known exploited, as the tool says.
        tool_confidence: the tool's own label (`high`, `medium`, `low`), empty if it has none.
        seen_running: whether the weakness was seen in the running application (DAST, IAST).
        status: `affected` unless a VEX statement says otherwise; `status_author` says who, `status_reason` why.
    """

    tool: str
    kind: ToolKind
    id: str
    evidence: str
    aliases: tuple[str, ...] = ()
    cwe: tuple[int, ...] = ()
    title: str = ""
    component: str = ""
    version: str = ""
    fixed_version: str = ""
    ecosystem: str = ""
    purl: str = ""
    service: str = ""
    image: str = ""
    path: str = ""
    line: int | None = None
    url: str = ""
    method: str = ""
    labels: tuple[str, ...] = ()
    cvss: float | None = None
    cvss_vector: str = ""
    severity: str = ""
    epss: float | None = None
    epss_date: str = ""
    kev: bool = False
    tool_confidence: str = ""
    seen_running: bool = False
    status: Status = "affected"
    status_author: str = ""
    status_reason: str = ""


@dataclass(frozen=True)
class Statement:
    """A VEX statement about a product (OpenVEX, CSAF, CycloneDX VEX): it may suppress findings.

    `ids` are CVE and alias ids; `products` are purls, image names or component names as written. An empty
    `products` applies to every product of the document.
    """

    ids: tuple[str, ...]
    products: tuple[str, ...]
    status: Status
    author: str
    reason: str
    evidence: str


@dataclass(frozen=True)
class Component:
    """An SBOM's component: what a service ships."""

    name: str
    version: str
    ecosystem: str
    purl: str
    evidence: str
    service: str = ""
    image: str = ""
    direct: bool = True


@dataclass(frozen=True)
class Suppression:
    """A finding left out because a VEX statement says so."""

    finding: RawFinding
    statement: Statement
    matched: str
    """What of the product matched: `purl`, `image`, `component` or `document`."""


@dataclass(frozen=True)
class ImportedReport:
    """What one report, or several together, say.

    `totals` are the counts the report itself states or contains (by severity or by type), for a check.
    """

    findings: tuple[RawFinding, ...] = ()
    statements: tuple[Statement, ...] = ()
    components: tuple[Component, ...] = ()
    suppressed: tuple[Suppression, ...] = ()
    warnings: tuple[str, ...] = ()
    totals: Mapping[str, int] = field(default_factory=dict)
