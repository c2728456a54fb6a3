"""What a graph, a report or a scenario lacks, what is odd about it, and what is assumed in its place.

`kind_of` tells the three apart; `explain_graph` and `explain_findings` read a file as the imports do, and
`oddities` and `assumed` speak of any scenario.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import networkx as nx
import numpy as np

from patchpact.scenarios.assemble import Description, assemble
from patchpact.scenarios.errors import shown
from patchpact.scenarios.findings import CVSS_UNKNOWN, EPSS_UNKNOWN
from patchpact.scenarios.importers.detect import detect
from patchpact.scenarios.importers.findings_file import import_findings, is_findings_file, load_findings
from patchpact.scenarios.importers.graph_file import graph_json, import_graph
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.records import ImportedGraph, ImportedReport, RawFinding
from patchpact.scenarios.importers.registry import GRAPH_FORMATS, REPORT_FORMATS
from patchpact.scenarios.importers.scenario_file import OWN_CODE_ASSUMED
from patchpact.scenarios.importers.scenario_text import listed
from patchpact.scenarios.parameters import PARAMETERS
from patchpact.scenarios.registry import bundled_path
from patchpact.scenarios.scenario import Scenario
from patchpact.scenarios.schema import GraphFile, check

Kind = Literal["scenario", "graph", "findings"]
DOUBTFUL_FINDING = 0.05
_ASSUMPTION = "modelling choice (ASSUMPTION)"
_LOSS = PARAMETERS["loss_low_keur"]
_SOURCES: tuple[tuple[str, str], ...] = (
    ("loss_keur of services", f"{_LOSS.source} ({_LOSS.confidence})"),
    ("deploy_minutes of services", "practice: a rolling deploy takes 2-15 min, a database upgrade 10-60 (MEMORY)"),
    ("entrypoints", "median downtime cost of a small or medium enterprise, about 10 k€ an hour (TEXT)"),
    ("cvss of findings", "median CVSS v3 score by severity label, counted over the bundled CVEs (DATA)"),
    ("epss of findings", "median EPSS of all CVEs, n = 360,142, 2026-08-16 (DATA)"),
    ("epss of own code", "mean EPSS of all CVEs, n = 360,142, 2026-08-16 (DATA); that it holds there (ASSUMPTION)"),
    ("automatable of findings", "CISA Vulnrichment, n = 44,026 (DATA)"),
    ("technical_impact of findings", "CISA Vulnrichment, records of 2024 and later (DATA)"),
    ("findings left out", "stated in the file"),
    ("label", "stated in the file"),
    ("revenue_keur_per_hour of nodes", "stated in the file"),
    ("requests_per_hour of nodes", "stated in the file"),
    ("confidence of services", "stated in the file"),
    ("confidence of edges", "stated in the file"),
)  # fmt: skip
"""Where defaults come from, by the beginning of an assumption; all others are modelling choices."""


@dataclass(frozen=True)
class Explanation:
    """What a file is, and what its reader should know.

    Attributes:
        kind: what it was read as; `format` is the importer's name.
        facts: names and figures.
        missing: what the file does not say, and what is taken instead.
        odd: what looks wrong, or makes it of little use.
        assumed: rows of `what`, `count`, `how` and `source`.
        suppressed: findings that VEX statements leave out, with author and product match.
    """

    kind: Kind
    format: str
    facts: Mapping[str, Any]
    missing: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    assumed: tuple[Mapping[str, Any], ...] = ()
    suppressed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "kind": self.kind,
            "format": self.format,
            "facts": dict(self.facts),
            "missing": list(self.missing),
            "odd": list(self.odd),
            "assumed": [dict(row) for row in self.assumed],
            "suppressed": list(self.suppressed),
        }


def kind_of(source: str) -> Kind:
    """What a file is read as: a scenario (or a node-link graph, which is one), another graph, or findings.

    Anything unclear counts as a scenario: the loader then says what is wrong with it.
    """
    path = Path(source)
    if bundled_path(source) is not None or not path.exists():
        return "scenario"
    if path.is_dir():
        return "graph"
    if path.suffix.lower() in (".yaml", ".yml") and _looks_like_a_scenario(path):
        return "scenario"
    if is_findings_file(path):
        return "findings"
    graph = detect(path, GRAPH_FORMATS)
    if graph is not None and graph.name != "node-link":
        return "graph"
    if graph is None and detect(path, REPORT_FORMATS) is not None:
        return "findings"
    return "scenario"


def _looks_like_a_scenario(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            head = file.read(64_000)
    except OSError:
        return True
    return re.search(r"(?m)^[\"']?(?:id|graph|generate|entrypoints)[\"']?\s*:", head) is not None


# --- graphs ------------------------------------------------------------------------------------------


def explain_graph(path: Path) -> Explanation:
    """A file (or folder) of any graph format. Raises ScenarioError where it cannot be imported."""
    graph = import_graph([path])
    content = check(GraphFile, graph_json(graph, one_line(path.stem or "graph")), str(path))
    completed = assemble(
        Description(where=str(path), id="graph", nodes=content.nodes, links=content.edges, findings=[], components=[])
    )
    format_ = None if path.is_dir() else detect(path, GRAPH_FORMATS)
    return Explanation(
        kind="graph",
        format="folder" if path.is_dir() else format_.name if format_ else "unknown",
        facts=_graph_facts(graph, completed),
        missing=tuple(_not_said(graph)),
        odd=(*graph.warnings, *oddities(completed)),
        assumed=assumed(completed.assumptions),
    )


def _graph_facts(graph: ImportedGraph, completed: Scenario) -> dict[str, Any]:
    kinds = Counter(service.kind for service in completed.services)
    return {
        "services": len(graph.nodes),
        "of kind": ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
        "calls": len(graph.edges),
        "calls by confidence": _bands([edge.confidence for edge in graph.edges]),
        "exposed": listed([service.name for service in completed.services if service.exposed]),
        "with an image": sum(bool(node.image) for node in graph.nodes),
        "with counted calls": sum(edge.calls is not None for edge in graph.edges),
    }


def _bands(values: Sequence[float]) -> str:
    names = (("sure (.9 on)", 0.9), ("likely (.5 on)", 0.5), ("doubtful", 0.0))
    counts: Counter[str] = Counter(next(name for name, low in names if value >= low) for value in values)
    return ", ".join(f"{name} {counts[name]}" for name, _ in names if counts[name]) or "none"


def _not_said(graph: ImportedGraph) -> list[str]:
    """What decides about money and matching, and how often the sources are silent on it."""
    nodes = [node for node in graph.nodes if node.attributes.get("kind") != "external"]
    said = []
    for field, why in (
        ("data_sensitivity", "sets the loss of a compromise"),
        ("owner", "says who answers for a service and pays"),
        ("replicas", "an upgrade of several replicas need not stop a service"),
    ):
        silent = [node.id for node in nodes if node.attributes.get(field) is None]
        if silent:
            said.append(f"{field} of {len(silent)} of {len(nodes)} services: {why}")
    silent = [node.id for node in nodes if not node.image and not node.labels]
    if silent:
        said.append(f"image and labels of {len(silent)} services: findings find them by their names alone")
    if not any(node.attributes.get("revenue_keur_per_hour") is not None for node in nodes):
        said.append("revenue of entrypoints: downtime is priced by it")
    return said


def oddities(scenario: Scenario) -> tuple[str, ...]:
    """What looks wrong in a complete scenario, or makes its figures of little use."""
    said = []
    radius = spectral_radius(scenario)
    if radius >= 1.0:
        said.append(
            f"lateral movement feeds itself: spectral radius {radius:.2f} of the lateral probabilities, at least 1; "
            "estimates of risk are bounds far above the truth: lower lateral_probability on the calls in circles"
        )
    elif radius >= 0.9:
        said.append(f"lateral movement nearly feeds itself: spectral radius {radius:.2f}; estimates of risk are rough")
    connected = {name for edge in scenario.edges for name in (edge.source, edge.target)}
    alone = [service.name for service in scenario.services if service.name not in connected]
    if len(scenario.services) > 1 and not scenario.edges:
        said.append("no calls: nothing spreads, and nothing fails with anything else")
    elif alone and scenario.edges:
        said.append(f"{len(alone)} services neither call nor are called: {listed(alone)}")
    unreached = _unreached(scenario)
    if unreached:
        said.append(f"{len(unreached)} services are not reached from any entrypoint: {listed(unreached)}")
    stores = [s.name for s in scenario.services if s.exposed and s.kind in ("store", "queue")]
    if stores:
        said.append(f"stores or queues that users reach from outside: {listed(stores)}")
    unlikely = sum(finding.confidence < DOUBTFUL_FINDING for finding in scenario.findings)
    if unlikely:
        said.append(
            f"{unlikely} of {len(scenario.findings)} findings are real with a probability below {DOUBTFUL_FINDING:g}"
        )
    hours = sum(patch.effort_hours for patch in scenario.patches)
    capacity = float(scenario.parameters["capacity_hours"]) * float(scenario.parameters["windows"])
    if hours > 2 * capacity:
        said.append(
            f"{hours:,.0f} h of patch work against {capacity:,.0f} h in all windows (capacity_hours x windows): "
            "much stays open whatever is decided"
        )
    return tuple(said)


def _unreached(scenario: Scenario) -> list[str]:
    """Services on which no revenue depends, external and isolated ones aside; empty where there are no calls."""
    graph = scenario.graph()
    reached = {entry.service for entry in scenario.entrypoints}
    for name in list(reached):
        if name in graph:
            reached |= nx.descendants(graph, name)
    return [
        service.name
        for service in scenario.services
        if service.name not in reached and service.kind != "external" and graph.degree(service.name) > 0
    ]


def spectral_radius(scenario: Scenario) -> float:
    """Of the matrix of lateral probabilities; from 1 on, circles of calls feed compromise faster than it is bounded.

    The largest over the strongly connected parts, each by power iteration on the matrix plus the identity,
    which converges on such parts. A graph without circles has 0.
    """
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(service.name for service in scenario.services)
    for edge in scenario.edges:
        if edge.lateral_probability > 0:
            _add(graph, edge.source, edge.target, edge.lateral_probability)
            if edge.kind == "queue" and edge.consumes:
                _add(graph, edge.target, edge.source, edge.lateral_probability)
    parts = [graph.subgraph(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    return max(map(_power_iteration, parts), default=0.0)


def _add(graph: nx.DiGraph, source: str, target: str, probability: float) -> None:
    known = graph.get_edge_data(source, target, {"p": 0.0})["p"]
    graph.add_edge(source, target, p=known + probability)


def _power_iteration(part: nx.DiGraph) -> float:
    index = {name: number for number, name in enumerate(part)}
    source = np.array([index[u] for u, _ in part.edges])
    target = np.array([index[v] for _, v in part.edges])
    weight = np.array([p for _, _, p in part.edges(data="p")])
    x = np.full(len(index), 1.0 / len(index))
    growth = 1.0
    for _ in range(500):
        y = x + np.bincount(target, weights=weight * x[source], minlength=len(index))
        last, growth = growth, float(y.sum())
        x = y / growth
        if abs(growth - last) < 1e-9:
            break
    return growth - 1.0


def assumed(lines: Iterable[str]) -> tuple[Mapping[str, Any], ...]:
    """The assumptions of a scenario as rows of `what`, `count`, `how` and `source` of the default."""
    rows = []
    for line in lines:
        match = re.fullmatch(r"(.+?) \((\d+)\): (.*)", line, re.DOTALL)
        what, count, how = match.groups() if match else (line, "1", "")
        source = next((text for start, text in _SOURCES if what.startswith(start)), _ASSUMPTION)
        rows.append({"what": what, "count": int(count), "how": how, "source": source})
    return tuple(rows)


# --- findings ----------------------------------------------------------------------------------------


def explain_findings(path: Path) -> Explanation:
    """A report of any format, or imported findings. Raises ScenarioError where it cannot be read."""
    own = is_findings_file(path)
    report = load_findings(path, str(path)) if own else import_findings([path])
    format_ = None if own else detect(path, REPORT_FORMATS)
    found = report.findings
    dates = sorted({finding.epss_date for finding in found if finding.epss_date})
    facts = {
        "findings": len(found),
        "by tool": _counted(f"{finding.tool} ({finding.kind})" for finding in found),
        "by severity": _counted(finding.severity or "not stated" for finding in found),
        "with a CVE": sum(_is_cve(finding) for finding in found),
        "in KEV": sum(finding.kev for finding in found),
        "seen running": sum(finding.seen_running for finding in found),
        "EPSS of": ", ".join(dates) or "no date",
        "suppressed by VEX": len(report.suppressed),
        "VEX statements": len(report.statements),
        "components of SBOMs": len(report.components),
        **{f"counted, {name}": count for name, count in report.totals.items()},
    }
    return Explanation(
        kind="findings",
        format="imported findings" if own else format_.name if format_ else "unknown",
        facts=facts,
        missing=tuple(_silent_on(found)),
        odd=tuple(_odd_findings(report, dates)),
        assumed=assumed(_would_be_assumed(found)),
        suppressed=tuple(
            f"{left.finding.id} of {left.finding.component or left.finding.path or 'the product'}: "
            f"{left.statement.status}, says {left.statement.author or 'an unnamed author'}"
            f"{f' ({left.statement.reason})' if left.statement.reason else ''}; product matched by {left.matched}"
            for left in report.suppressed
        ),
    )


def _is_cve(finding: RawFinding) -> bool:
    return any(text.startswith("CVE-") for text in (finding.id, *finding.aliases))


def _counted(values: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(values).most_common(12)) or "none"


def _placeless(finding: RawFinding) -> bool:
    return not (finding.service or finding.image or finding.path or finding.url or finding.labels)


def _silent_on(found: Sequence[RawFinding]) -> list[str]:
    """What the findings do not say, how often, and what that means."""
    libraries = [finding for finding in found if finding.component]
    code = [finding for finding in found if not finding.component]
    silences = (
        (found, _placeless, "a service, image, path, label or address", "only an SBOM or a mapping file can help"),
        (libraries, lambda f: not f.fixed_version, "a fixed version", "they wait for a release that comes late"),
        (libraries, lambda f: not f.version, "an installed version", "the risk of the upgrade is that of a minor one"),
        (found, lambda f: f.cvss is None and not f.severity, "score and severity", f"CVSS {CVSS_UNKNOWN:g} is taken"),
        (code, lambda f: not f.cwe, "a weakness class (CWE)", "tools' rates over all classes judge them"),
    )  # fmt: skip
    said = []
    for among, silent, what, then in silences:
        count = sum(map(silent, among))
        if count:
            said.append(f"{what}: {count} of {len(among)} findings; {then}")
    return said


def _odd_findings(report: ImportedReport, dates: Sequence[str]) -> list[str]:
    said = [one_line(text, 400) for text in report.warnings]
    if len(dates) > 1:
        said.append(f"EPSS scores of several days ({listed(dates)}): they are not comparable")
    twice = Counter(
        (f.tool, f.id, f.component, f.version, f.service, f.image, f.path, f.line, f.url) for f in report.findings
    )
    again = sum(count - 1 for count in twice.values())
    if again:
        name = shown(twice.most_common(1)[0][0][1])
        said.append(f"{again} findings stand there again with the same tool, place and name (such as {name})")
    if not report.findings and not report.statements and not report.components:
        said.append("nothing in it")
    return said


def _would_be_assumed(found: Sequence[RawFinding]) -> list[str]:
    """What the loader will assume of these findings, in its own words."""
    labelled = sum(finding.cvss is None and bool(finding.severity) for finding in found)
    bare = sum(finding.cvss is None and not finding.severity for finding in found)
    unscored = sum(finding.epss is None and bool(finding.component) for finding in found)
    own = sum(finding.epss is None and not finding.component for finding in found)
    lines = []
    if labelled:
        lines.append(f"cvss of findings ({labelled}): median score of the severity label")
    if bare:
        lines.append(f"cvss of findings ({bare}): neither score nor label: {CVSS_UNKNOWN}")
    if unscored:
        lines.append(f"epss of findings ({unscored}): no score: the median of all CVEs, {EPSS_UNKNOWN}")
    if own:
        lines.append(OWN_CODE_ASSUMED.format(own))
    vectorless = sum(not finding.cvss_vector for finding in found)
    if vectorless:
        lines.append(f"automatable of findings ({vectorless}): drawn, share .179")
        lines.append(f"technical_impact of findings ({vectorless}): drawn, share .40 if automatable else .289")
    return lines
