"""GraphML, GEXF, edge CSV, node-link JSON and Backstage: graphs that somebody wrote down."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from patchpact.scenarios import ScenarioError
from patchpact.scenarios.importers.graph_file import import_graph
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

FIXTURES = Path(__file__).parent / "fixtures" / "graphs"
Save = Callable[[str, Any], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def node(graph: ImportedGraph, name: str) -> GraphNode:
    return next(one for one in graph.nodes if one.id == name)


def edge(graph: ImportedGraph, source: str, target: str) -> GraphEdge:
    return next(one for one in graph.edges if (one.source, one.target) == (source, target))


def names(graph: ImportedGraph) -> list[str]:
    return [one.id for one in graph.nodes]


def pairs(graph: ImportedGraph) -> list[tuple[str, str]]:
    return [(one.source, one.target) for one in graph.edges]


# GraphML and GEXF


def test_graphml() -> None:
    graph = import_graph([FIXTURES / "drawn.graphml"])
    assert pairs(graph) == [("cart", "cart-db"), ("web", "cart")]
    assert edge(graph, "web", "cart").attributes == {"call_probability": 0.25}
    assert edge(graph, "web", "cart").evidence == "drawn.graphml: edge e0"
    assert node(graph, "web").attributes == {"exposed": True}
    assert node(graph, "cart").attributes == {"kind": "service"}
    assert node(graph, "cart-db").evidence == "drawn.graphml: node n2 (kind by its name)"
    assert any("left out: 'colour'" in warning for warning in graph.warnings)


def test_gexf_with_counted_calls() -> None:
    graph = import_graph([FIXTURES / "drawn.gexf"])
    assert pairs(graph) == [("cart", "cart-db"), ("web", "cart")]
    assert edge(graph, "cart", "cart-db").attributes == {"kind": "db", "call_probability": 0.25}
    assert edge(graph, "web", "cart").evidence == "drawn.gexf: edge 0, 80 calls"
    assert node(graph, "web").attributes["exposed"] is True


@pytest.mark.parametrize("suffix", ["graphml", "gexf"])
def test_what_networkx_writes(suffix: str, tmp_path: Path) -> None:
    drawn = nx.DiGraph()
    drawn.add_node("web", exposed=True, replicas=3, loss_keur=12.5)
    drawn.add_node("cart:v2/ä", kind="service")
    drawn.add_edge("web", "cart:v2/ä", hard=False, call_probability=0.5)
    path = tmp_path / f"g.{suffix}"
    getattr(nx, f"write_{suffix}")(drawn, path)
    graph = import_graph([path])
    assert names(graph) == ["cart:v2/ä", "web"]
    assert node(graph, "web").attributes == {"exposed": True, "replicas": 3, "loss_keur": 12.5}
    assert edge(graph, "web", "cart:v2/ä").attributes == {"hard": False, "call_probability": 0.5}


def test_parallel_edges_are_one(tmp_path: Path) -> None:
    drawn = nx.MultiDiGraph()
    drawn.add_edge("a", "b", calls=3)
    drawn.add_edge("a", "b", calls=4)
    nx.write_graphml(drawn, tmp_path / "g.graphml")
    assert edge(import_graph([tmp_path / "g.graphml"]), "a", "b").calls == 7


def test_labels_name_nodes_only_where_they_tell_them_apart(save: Save) -> None:
    text = (FIXTURES / "drawn.graphml").read_text(encoding="utf-8")
    assert names(import_graph([save("twin.graphml", text.replace(">cart-db<", ">cart<"))])) == ["n0", "n1", "n2"]
    for numbered, name in (("n0", "a"), ("n1", "b"), ("n2", "c")):
        text = text.replace(f'"{numbered}"', f'"{name}"')
    assert names(import_graph([save("named.graphml", text)])) == ["a", "b", "c"]


def test_utf_16_and_prefixes(tmp_path: Path) -> None:
    text = (FIXTURES / "drawn.gexf").read_text(encoding="utf-8").replace("UTF-8", "UTF-16")
    (tmp_path / "g.gexf").write_bytes(text.encode("utf-16"))
    assert len(import_graph([tmp_path / "g.gexf"]).edges) == 2


# edge CSV


def test_edge_csv_with_other_names_and_semicolons() -> None:
    graph = import_graph([FIXTURES / "edges.csv"])
    first = edge(graph, "web", "cart")
    assert first.attributes == {"kind": "grpc", "hard": True, "call_probability": 1.0}
    assert (first.calls, first.evidence) == (100, "edges.csv: line 2, 80 calls; edges.csv: line 4, 20 calls")
    assert edge(graph, "cart", "cart-db").attributes["call_probability"] == 0.2


@pytest.mark.parametrize("header", ["source,target", "Caller,Callee", "from\tto", '"from";"to"', "target,source"])
def test_headers(header: str, save: Save) -> None:
    separator = re.sub(r'[\w"]', "", header)
    graph = import_graph([save("e.csv", f"\ufeff{header}\r\na{separator}b\r\n\r\n")])
    assert pairs(graph) == ([("b", "a")] if header.startswith("target") else [("a", "b")])


def test_edge_csv_states_what_it_states(save: Save) -> None:
    text = (
        'source,target,call_probability,lateral_probability,consumes,evidence,confidence\n"a,b",c,.5,0.1,no,seen,0.4\n'
    )
    one = edge(import_graph([save("e.csv", text)]), "a,b", "c")
    assert one.attributes == {"call_probability": 0.5, "lateral_probability": 0.1, "consumes": False}
    assert (one.evidence, one.confidence) == ("seen", 0.4)


# node-link JSON


def test_d3() -> None:
    graph = import_graph([FIXTURES / "d3.json"])
    assert pairs(graph) == [("cart", "cart-db"), ("web", "cart")]
    assert edge(graph, "web", "cart").evidence == "d3.json: links[0]"
    assert any("'group', 'value', 'x'" in warning for warning in graph.warnings)


@pytest.mark.parametrize("field", ["links", "edges"])
def test_what_networkx_makes(field: str, save: Save) -> None:
    drawn = nx.DiGraph()
    drawn.add_node(("a", 1), kind="frontend", uid=7)
    drawn.add_edge(("a", 1), 5, hard=True)
    graph = import_graph([save("g.json", nx.node_link_data(drawn, edges=field))])
    assert pairs(graph) == [("('a', 1)", "5")]
    assert node(graph, "('a', 1)").attributes == {"kind": "frontend", "uid": 7}


def test_the_schemas_own_fields_are_kept(save: Save) -> None:
    rows = [{"component": "lib", "cve": "CVE-1", "cvss": 5.0}]
    first = {
        "id": "a",
        "image_or_build": "shop/a:1",
        "labels": ["x"],
        "evidence": "said",
        "confidence": 0.3,
        "findings": rows,
    }
    links = [{"source": "a", "target": "b", "confidence": 0.2, "evidence": "heard", "consumes": True}]
    graph = import_graph([save("g.json", {"nodes": [first, {"id": "b"}], "edges": links})])
    one = node(graph, "a")
    assert (one.image, one.labels, one.evidence, one.confidence) == ("shop/a:1", ("x",), "said", 0.3)
    assert one.attributes == {"findings": rows}
    assert edge(graph, "a", "b") == GraphEdge("a", "b", "heard", 0.2, {"consumes": True})


# Backstage


def test_backstage_and_its_locations() -> None:
    graph = import_graph([FIXTURES / "catalog" / "catalog-info.yaml"])
    assert pairs(graph) == [
        ("Shop-Web", "orders"),
        ("Shop-Web", "rates-api"),
        ("orders", "orders-store"),
        ("reports", "orders-store"),
    ]
    called = edge(graph, "Shop-Web", "orders")
    assert (called.attributes, called.evidence) == ({"kind": "grpc"}, "catalog-info.yaml:16")
    assert edge(graph, "orders", "orders-store").evidence == "services/orders.yaml:10"
    assert edge(graph, "reports", "orders-store").evidence == "services/orders.yaml:23"
    web = node(graph, "Shop-Web")
    assert web.attributes == {"kind": "frontend", "exposed": True, "owner": "team-shop"}
    assert web.labels == ("The shop", "shop-web-pod")
    assert node(graph, "orders-store").attributes == {"kind": "store", "owner": "team-orders"}
    assert node(graph, "rates-api").attributes == {"kind": "external"}
    text = " ".join(graph.warnings)
    assert "'ui-kit'" in text and "'rates-api'" in text and "'https://example.org/other.yaml' is not fetched" in text


def test_a_folder_of_a_catalog_is_the_same_graph() -> None:
    folder, file = FIXTURES / "catalog", FIXTURES / "catalog" / "catalog-info.yaml"
    assert pairs(import_graph([folder])) == pairs(import_graph([file]))


def entity(name: str, kind: str = "Component", space: str | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name} if space is None else {"name": name, "namespace": space}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"type": "service", **spec},
    }


def test_the_catalogs_json(save: Save) -> None:
    items = [
        entity("web", consumesApis=["API:Default/Cart-API"], dependsOn=["component:cart", "system:shop"]),
        entity("cart", providesApis=["cart-api"], dependsOn=["resource:events"]),
        entity("events", "Resource", type="kafka-topic"),
    ]
    graph = import_graph([save("entities.json", items)])
    assert pairs(graph) == [("cart", "events"), ("web", "cart")]
    assert edge(graph, "web", "cart").attributes == {"kind": "http"}
    assert edge(graph, "cart", "events").attributes == {"kind": "queue"}
    assert any("neither components nor resources" in warning for warning in graph.warnings)


def test_equal_names_are_told_apart(save: Save) -> None:
    items = [
        entity("api", space="blue", dependsOn=["component:green/api", "resource:api"]),
        entity("api", space="green"),
        entity("api", "Resource", space="blue", type="database"),
    ]
    graph = import_graph([save("entities.json", items)])
    assert pairs(graph) == [
        ("component:blue/api", "green/api"),
        ("component:blue/api", "resource:blue/api"),
    ]


# what is refused

XML = '<?xml version="1.0"?>\n'
DTD = (
    XML + '<!DOCTYPE graphml [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>\n<graphml><graph edgedefault="directed"/></graphml>'
)
EXTERNAL = XML + '<!DOCTYPE gexf SYSTEM "file:///etc/hostname">\n<gexf/>'
NAMED = {"nodes": [{"id": "cart"}, {"id": "web"}]}
BAD: list[tuple[str, Any, str]] = [
    ("graphml", DTD, "has a document type or entities"),
    ("gexf", EXTERNAL, "has a document type or entities"),
    ("graphml", "<graphml><graph>", "malformed XML"),
    ("graphml", "<other/>", "no GraphML that can be read"),
    ("graphml", '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected"><node id="a"/></graph></graphml>', "edgedefault: the graph is not directed"),
    ("gexf", '<gexf xmlns="http://www.gexf.net/1.2draft"><graph><nodes><node id="a"/></nodes></graph></gexf>', "defaultedgetype: the graph is not directed"),
    ("gexf", "<gexf/>", "no GEXF that can be read"),
    ("gexf", "<a>" * 300 + "</a>" * 300, "nested more than 200 deep"),
    ("edge-csv", "source,target,cals\n", "line 1, 'cals': unknown column; did you mean 'calls'"),
    ("edge-csv", "source,callee,caller\n", "line 1, source: stands twice"),
    ("edge-csv", "source,calls\n", "no column target"),
    ("edge-csv", "source,target\na\n", "line 2: 1 cells under 2 columns"),
    ("edge-csv", "source,target\na,\n", "line 2, target: empty"),
    ("edge-csv", "source,target,kind\na,b,htp\n", r"line 2\.kind: 'htp' is unknown; did you mean 'http'"),
    ("edge-csv", "source,target,calls\na,b,-3\n", "line 2.calls: '-3' is no number of calls"),
    ("edge-csv", "source,target,calls\na,b,inf\n", "'inf' is no number of calls"),
    ("edge-csv", "source,target,call_probability\na,b,nan\n", r"line 2\.call_probability"),
    ("edge-csv", "source,target,call_probability\na,b,2\n", "at most 1"),
    ("edge-csv", "source,target,hard\na,b,maybe\n", "'maybe' is no switch; write true or false"),
    ("edge-csv", 'source,target\n"a,b\n', "near line"),
    ("edge-csv", "source,target\na," + "b" * 200_000 + "\n", "field larger than field limit"),
    ("node-link", [], "is no object"),
    ("node-link", {"edges": []}, "nodes: missing"),
    ("node-link", {"nodes": {}}, "nodes: {} is no list"),
    ("node-link", {"nodes": ["a"], "links": []}, r"nodes\[0\]: 'a' is no object"),
    ("node-link", {"nodes": [{"kind": "store"}], "links": []}, r"nodes\[0\]\.id: missing"),
    ("node-link", {"nodes": [{"id": "a"}, {"id": "a"}], "links": []}, r"nodes\[1\]\.id: 'a' stands twice"),
    ("node-link", {"nodes": [{"id": "a\x07"}], "links": []}, r"nodes\[0\]\.id: 'a\\x07' has a line break or control"),
    ("node-link", {"nodes": [{"id": "a", "kind": "stoer"}], "links": []}, r"nodes\[0\]\.kind: 'stoer' is unknown; did you mean 'store'"),
    ("node-link", {**NAMED, "links": [{"source": "web", "target": "crt"}]}, r"links\[0\]\.target: no node 'crt'; did you mean 'cart'"),
    ("node-link", {**NAMED, "links": [{"source": 9, "target": 0}]}, r"links\[0\]\.source: no node '9'"),
    ("node-link", {**NAMED, "links": [{"source": "web"}]}, r"links\[0\]\.target: missing"),
    ("node-link", {**NAMED, "links": [3]}, r"links\[0\]: 3 is no object"),
    ("node-link", {**NAMED, "directed": False, "links": []}, "directed: the graph is not directed"),
    ("node-link", {**NAMED, "links": [{"source": 0, "target": 1}], "edges": [{"source": 0, "target": 1}]}, "both edges and links"),
    ("node-link", "[" * 100_000, "nested more than 200 deep"),
    ("backstage", "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n" + "".join(f"c{n}: &c{n} [{', '.join([('*b' if n == 0 else f'*c{n - 1}')] * 10)}]\n" for n in range(8)), "aliases add more than"),
    ("backstage", "- 3\n", "is no entity"),
    ("backstage", [entity("")], "metadata.name: '' is no name"),
    ("backstage", [entity("a"), entity("A")], "component 'A' stands twice, first at"),
    ("backstage", [entity("a", dependsOn="b")], r"spec\.dependsOn: 'b' is no list"),
    ("backstage", [entity("a", dependsOn=["a b c"])], r"spec\.dependsOn\[0\]: 'a b c' is no entity reference"),
    ("backstage", [entity("a", kind="Location", target="../../secret.yaml")], "leads out of the folder"),
    ("backstage", [entity("a", kind="Location", targets=["missing.yaml"])], "no such file"),
]  # fmt: skip


@pytest.mark.parametrize(("format_", "content", "message"), BAD)
def test_one_clear_error(format_: str, content: Any, message: str, save: Save) -> None:
    path = save("in/bad.txt", content)
    with pytest.raises(ScenarioError) as error:
        import_graph([path], format_)
    assert re.search(message, str(error.value))
    assert "bad.txt" in str(error.value)
    assert str(error.value).isprintable()


def test_locations_do_not_leave_the_root_by_links(save: Save, tmp_path: Path) -> None:
    save("outside/secret.yaml", json.dumps(entity("secret")))
    catalog = save("in/catalog.yaml", json.dumps(entity("all", kind="Location", targets=["./link.yaml"])))
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "outside" / "secret.yaml")
    with pytest.raises(ScenarioError, match="leads out of the folder"):
        import_graph([catalog])
    assert names(import_graph([catalog], root=tmp_path)) == ["secret"]
    catalog.write_text(json.dumps(entity("all", kind="Location", targets=["./l*.yaml", "../outside/*.yaml"])), "utf-8")
    with pytest.raises(ScenarioError, match="no services found"):
        import_graph([catalog])
