"""The importers: a format's name, its module and what it reads. A new one is ONE module plus one line here.

A graph module has `detect(text, name) -> bool` and `read(files, root) -> ImportedGraph`; a report module has
`detect(text, name) -> bool` and `read(text, name) -> ImportedReport`. `detect` looks at the beginning of a
file (at most 64 kB) and its name, never at other files. Order is the order of detection: strict formats first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A format that can be imported; modules are loaded when they are asked for."""

    name: str
    module: str
    reads: str


GRAPH_FORMATS: tuple[Format, ...] = (
    Format("compose", "patchpact.scenarios.importers.graphs.compose", "docker compose files"),
    Format("kiali", "patchpact.scenarios.importers.graphs.kiali", "Kiali graph JSON"),
    Format("jaeger", "patchpact.scenarios.importers.graphs.jaeger", "Jaeger dependencies JSON"),
    Format("zipkin", "patchpact.scenarios.importers.graphs.zipkin", "Zipkin dependencies JSON"),
    Format("node-link", "patchpact.scenarios.importers.graphs.node_link", "networkx node-link JSON"),
    Format("otel", "patchpact.scenarios.importers.graphs.otel", "OpenTelemetry service graph in Prometheus text"),
    Format("graphml", "patchpact.scenarios.importers.graphs.graphml", "GraphML"),
    Format("gexf", "patchpact.scenarios.importers.graphs.gexf", "GEXF"),
    Format("backstage", "patchpact.scenarios.importers.graphs.backstage", "Backstage catalog YAML"),
    Format("istio", "patchpact.scenarios.importers.graphs.istio", "Istio manifests"),
    Format("kubernetes", "patchpact.scenarios.importers.graphs.kubernetes", "Kubernetes manifests"),
    Format("edge-csv", "patchpact.scenarios.importers.graphs.edge_csv", "CSV with a row per edge"),
)

REPORT_FORMATS: tuple[Format, ...] = (
    Format("openvex", "patchpact.scenarios.importers.reports.openvex", "OpenVEX"),
    Format("csaf", "patchpact.scenarios.importers.reports.csaf", "CSAF 2.0 advisories and VEX"),
    Format("cyclonedx", "patchpact.scenarios.importers.reports.cyclonedx", "CycloneDX SBOM, VDR and VEX"),
    Format("spdx", "patchpact.scenarios.importers.reports.spdx", "SPDX 2, JSON and tag-value"),
    Format("sarif", "patchpact.scenarios.importers.reports.sarif", "SARIF 2.1 of any tool"),
    Format("trivy", "patchpact.scenarios.importers.reports.trivy", "Trivy JSON, all shapes"),
    Format("grype", "patchpact.scenarios.importers.reports.grype", "Grype JSON"),
    Format("osv", "patchpact.scenarios.importers.reports.osv", "OSV records and osv-scanner JSON"),
    Format("semgrep", "patchpact.scenarios.importers.reports.semgrep", "Semgrep's own JSON"),
    Format("bandit", "patchpact.scenarios.importers.reports.bandit", "Bandit JSON"),
    Format("zap", "patchpact.scenarios.importers.reports.zap", "OWASP ZAP JSON and XML"),
    Format("seeker", "patchpact.scenarios.importers.reports.seeker", "Seeker IAST CSV"),
    Format("csv", "patchpact.scenarios.importers.reports.csv_rows", "CSV or JSON rows in this project's columns"),
)
