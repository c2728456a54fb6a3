"""Istio manifests among Kubernetes documents, and alone."""

from __future__ import annotations

from pathlib import Path

from patchpact.scenarios.importers.graphs import istio
from patchpact.scenarios.importers.graphs.hosts import STATED
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import ImportedGraph

FIXTURES = Path(__file__).parent / "fixtures" / "istio"


def _read(*names: str) -> ImportedGraph:
    return istio.read([FIXTURES / name for name in names], Root(FIXTURES))


def test_routes_systems_and_permissions() -> None:
    graph = _read("books.yaml", "mesh.yaml")
    edges = {(edge.source, edge.target): edge.confidence for edge in graph.edges}
    assert set(edges) == {
        ("istio-ingressgateway", "page"),
        ("istio-ingressgateway", "reviews-v2"),
        ("reviews-v2", "books.example.com"),
        ("reviews-v1", "page"),
        ("page", "reviews-v1"),
        ("page", "reviews-v2"),
    }
    assert edges["page", "reviews-v1"] < edges["istio-ingressgateway", "page"], "permission is no proof"
    assert min(edges.values()) >= STATED


def test_the_gateway_is_the_entrypoint_and_the_system_external() -> None:
    nodes = {node.id: node for node in _read("books.yaml", "mesh.yaml").nodes}
    assert [name for name, node in nodes.items() if node.attributes.get("exposed")] == ["istio-ingressgateway"]
    assert nodes["istio-ingressgateway"].attributes["kind"] == "gateway"
    assert nodes["books.example.com"].attributes["kind"] == "external"
    assert set(nodes) == {"page", "reviews-v1", "reviews-v2", "istio-ingressgateway", "books.example.com"}


def test_evidence_names_the_document() -> None:
    edges = {(edge.source, edge.target): edge.evidence for edge in _read("books.yaml", "mesh.yaml").edges}
    assert edges["istio-ingressgateway", "reviews-v2"] == "mesh.yaml: line 16 (VirtualService/page)"
    assert edges["page", "reviews-v1"] == "mesh.yaml: line 40 (AuthorizationPolicy/reviews)"


def test_alone_routes_end_at_the_hosts_they_name() -> None:
    graph = _read("mesh.yaml")
    assert {(edge.source, edge.target) for edge in graph.edges} == {
        ("istio-ingressgateway", "page"), ("istio-ingressgateway", "reviews"),
    }  # fmt: skip


def test_an_account_that_many_share_tells_little(tmp_path: Path) -> None:
    text = (FIXTURES / "books.yaml").read_text().replace("serviceAccountName: page, ", "")
    (tmp_path / "books.yaml").write_text(text)
    (tmp_path / "mesh.yaml").write_text((FIXTURES / "mesh.yaml").read_text().replace("sa/page", "sa/default"))
    graph = istio.read([tmp_path / "books.yaml", tmp_path / "mesh.yaml"], Root(tmp_path))
    shared = [edge for edge in graph.edges if "AuthorizationPolicy" in edge.evidence]
    assert shared and all(edge.confidence < STATED for edge in shared)


def test_detect() -> None:
    assert istio.detect((FIXTURES / "mesh.yaml").read_text(), "mesh.yaml")
    assert not istio.detect((FIXTURES / "books.yaml").read_text(), "books.yaml")
