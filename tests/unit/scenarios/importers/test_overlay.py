"""The overlay renames, removes, corrects and adds, and refuses what does not fit."""

import re
from pathlib import Path

import pytest

from patchpact.scenarios import ScenarioError
from patchpact.scenarios.importers.overlay import apply_overlay, read_overlay
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

GRAPH = ImportedGraph(
    (
        GraphNode("web", "web.yaml:1", 0.9, {"kind": "frontend"}, "shop/web:1", ("shop-web",)),
        GraphNode("cartservice", "cart.yaml:1", 0.8, {"replicas": 2}),
        GraphNode("cart", "deps.json: data[0]", 0.9, {"kind": "service"}),
        GraphNode("jaeger", "jaeger.yaml:1", 0.9),
    ),
    (
        GraphEdge("web", "cartservice", "web.yaml:7", 0.8, {"kind": "grpc"}),
        GraphEdge("web", "cart", "deps.json: data[0]", 0.9, {"call_probability": 0.5}, 12),
        GraphEdge("cart", "cartservice", "x", 0.2),
        GraphEdge("cart", "jaeger", "cart.yaml:9", 0.9),
    ),
    ("said before",),
)


def overlaid(tmp_path: Path, text: str, graph: ImportedGraph = GRAPH) -> ImportedGraph:
    path = tmp_path / "overlay.yaml"
    path.write_text(text, encoding="utf-8")
    return apply_overlay(graph, read_overlay(path), str(path))


def pairs(graph: ImportedGraph) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in graph.edges]


def node(graph: ImportedGraph, name: str) -> GraphNode:
    return next(one for one in graph.nodes if one.id == name)


def edge(graph: ImportedGraph, source: str, target: str) -> GraphEdge:
    return next(one for one in graph.edges if (one.source, one.target) == (source, target))


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    assert overlaid(tmp_path, "# nothing\nadd: {}\n") == GRAPH


def test_a_name_that_is_taken_joins(tmp_path: Path) -> None:
    graph = overlaid(tmp_path, "rename: {cartservice: cart}\n")
    assert [one.id for one in graph.nodes] == ["web", "cart", "jaeger"]
    assert pairs(graph) == [("web", "cart"), ("cart", "jaeger")]
    cart = node(graph, "cart")
    assert (cart.attributes, cart.confidence, cart.labels) == (
        {"kind": "service", "replicas": 2},
        0.9,
        ("cartservice",),
    )
    joined = edge(graph, "web", "cart")
    assert joined.attributes == {"kind": "grpc", "call_probability": 0.5}
    assert joined.evidence == "deps.json: data[0]; web.yaml:7"
    assert graph.warnings == ("said before",)


def test_names_may_be_exchanged(tmp_path: Path) -> None:
    graph = overlaid(tmp_path, "rename: {web: jaeger, jaeger: web}\n")
    assert node(graph, "jaeger").image == "shop/web:1"
    assert ("cart", "web") in pairs(graph)


def test_removed_services_take_their_calls_along(tmp_path: Path) -> None:
    graph = overlaid(tmp_path, "remove: {nodes: [jaeger, cartservice], edges: [{source: web, target: cart}]}\n")
    assert [one.id for one in graph.nodes] == ["web", "cart"]
    assert pairs(graph) == []


def test_corrections_are_sure_and_keep_the_rest(tmp_path: Path) -> None:
    text = """
    correct:
      nodes:
        web: {exposed: true, kind: null}
        cart: {confidence: 0.6, image_or_build: "shop/cart:2", labels: [basket]}
      edges:
      - {source: web, target: cart, call_probability: 0.25, hard: false}
    """
    graph = overlaid(tmp_path, text)
    web, cart = node(graph, "web"), node(graph, "cart")
    assert (web.attributes, web.confidence) == ({"exposed": True}, 1.0)
    assert (web.image, web.labels) == ("shop/web:1", ("shop-web",))
    assert web.evidence == "web.yaml:1; overlay.yaml: correct.nodes.web"
    assert (cart.confidence, cart.image, cart.labels) == (0.6, "shop/cart:2", ("basket",))
    call = edge(graph, "web", "cart")
    assert call.attributes == {"call_probability": 0.25, "hard": False}
    assert (call.confidence, call.calls) == (1.0, 12)
    assert call.evidence == "deps.json: data[0]; overlay.yaml: correct.edges[0]"


def test_additions_have_the_overlay_as_evidence(tmp_path: Path) -> None:
    text = """
    rename: {cartservice: basket}
    add:
      nodes: [{id: bank, kind: external}, {id: batch, confidence: 0.5, evidence: we know}]
      edges: [{source: basket, target: bank, kind: http}]
    """
    graph = overlaid(tmp_path, text)
    assert node(graph, "bank") == GraphNode("bank", "overlay.yaml: add.nodes[0]", 1.0, {"kind": "external"})
    assert node(graph, "batch") == GraphNode("batch", "we know", 0.5)
    assert edge(graph, "basket", "bank") == GraphEdge(
        "basket", "bank", "overlay.yaml: add.edges[0]", 1.0, {"kind": "http"}
    )


BAD = [
    ("ad: {}", "ad: unknown field; did you mean 'add'"),
    ("[1]", "write a mapping"),
    ("add: {node: []}", r"add\.node: unknown field; did you mean 'nodes'"),
    ("add: {nodes: [{id: cart}]}", r"add\.nodes\[0\]: 'cart' is in the graph already; put it under correct\.nodes"),
    ("add: {nodes: [{kind: store}]}", r"add\.nodes\[0\]\.id: missing"),
    ("add: {nodes: [{id: x, knd: store}]}", r"add\.nodes\[0\]\.knd: unknown field; did you mean 'kind'"),
    ("add: {nodes: [{id: \"a\\eb\"}]}", "control character"),
    ("add: {edges: [{source: web, target: crt}]}", r"add\.edges\[0\]\.target: no service 'crt' in the graph; did you mean 'cart'"),
    ("add: {edges: [{source: web, target: cart}]}", r"add\.edges\[0\]: 'web' -> 'cart' is in the graph already"),
    ("add: {edges: [{source: web, target: web}]}", "'web' calls itself"),
    ("add: {edges: [{source: web, target: jaeger, call_probability: 2}]}", r"call_probability: 2.* at most 1"),
    ("add: {edges: [{source: web, target: jaeger, call_probability: .nan}]}", "finite number"),
    ("remove: {nodes: [jeager]}", r"remove\.nodes\[0\]: no service 'jeager' in the graph; did you mean 'jaeger'"),
    ("remove: {nodes: [cart, cart]}", r"remove\.nodes\[1\]: no service 'cart'"),
    ("remove: {edges: [{source: web, target: jaeger}]}", r"no call 'web' -> 'jaeger' in the graph; 'web' calls 'cartservice', 'cart'"),
    ("remove: {nodes: [cart], edges: [{source: web, target: cart}]}", r"remove\.edges\[0\]\.target: no service 'cart'"),
    ("remove: {edges: [web]}", r"remove\.edges\[0\]: 'web'"),
    ("correct: {nodes: {crt: {kind: store}}}", r"correct\.nodes\.crt: no service 'crt' in the graph; did you mean 'cart'"),
    ("correct: {nodes: {cart: {kind: stor}}}", r"correct\.nodes\.cart\.kind: 'stor' is unknown; did you mean 'store'"),
    ("correct: {edges: [{source: jaeger, target: web}]}", "no call 'jaeger' -> 'web' in the graph; remove it"),
    ("rename: {crt: basket}", r"rename\.crt: no service 'crt' in the graph; did you mean 'cart'"),
    ("rename: {cart: 'a\nb'}", "control character|line break"),
    ("rename: {cart: basket}\nremove: {nodes: [cart]}", r"remove\.nodes\[0\]: 'cart' was renamed; write 'basket'"),
    ("add: &a {nodes: []}\nremove: *a", "anchors and aliases are not read"),
    ("add: {}\nadd: {}", "'add' twice in one mapping"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD)
def test_one_clear_error(text: str, message: str, tmp_path: Path) -> None:
    if "a\nb" in text:
        text = text.replace("'a\nb'", '"a\\nb"')
    with pytest.raises(ScenarioError) as error:
        overlaid(tmp_path, text)
    assert re.search(message, str(error.value))
    assert "overlay.yaml" in str(error.value)


def test_a_missing_overlay_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such file"):
        read_overlay(tmp_path / "overlay.yaml")
