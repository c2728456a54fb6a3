"""Jaeger, Zipkin, OpenTelemetry and Kiali: counted calls become probabilities and shares of the revenue."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios import ScenarioError
from patchpact.scenarios.importers.graph_file import import_graph
from patchpact.scenarios.importers.graphs.kind_by_name import call_kind, kind_by_name
from patchpact.scenarios.importers.graphs.traffic import seen_confidence, with_traffic
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

FIXTURES = Path(__file__).parent / "fixtures" / "graphs"
Save = Callable[[str, Any], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def calls(graph: ImportedGraph) -> dict[tuple[str, str], Any]:
    return {(edge.source, edge.target): edge.attributes.get("call_probability") for edge in graph.edges}


def of(graph: ImportedGraph, name: str) -> dict[str, Any]:
    return dict(next(node for node in graph.nodes if node.id == name).attributes)


def edge(graph: ImportedGraph, source: str, target: str) -> GraphEdge:
    return next(one for one in graph.edges if (one.source, one.target) == (source, target))


# the rules


def plain(*edges: tuple[str, str, float | None], **attributes: Any) -> ImportedGraph:
    names = dict.fromkeys(name for source, target, _ in edges for name in (source, target))
    return ImportedGraph(
        tuple(GraphNode(name, "here", 1.0, attributes.get(name, {})) for name in names),
        tuple(GraphEdge(source, target, "here", 1.0, {}, count) for source, target, count in edges),
    )


def test_a_call_is_as_likely_as_its_share_of_the_calls_that_enter_the_caller() -> None:
    graph = with_traffic(plain(("a", "b", 200), ("c", "b", 200), ("b", "d", 100), ("b", "e", 900)))
    assert calls(graph)["b", "d"] == 0.25
    assert calls(graph)["b", "e"] == 1.0  # several calls for each request


def test_calls_of_a_root_are_shares_of_its_own() -> None:
    graph = with_traffic(plain(("a", "b", 30), ("a", "c", 10)))
    assert calls(graph) == {("a", "b"): 0.75, ("a", "c"): 0.25}
    assert any("nobody was seen to call (1: 'a')" in warning for warning in graph.warnings)


def test_users_that_the_source_counts_apart_enter() -> None:
    graph = with_traffic(plain(("a", "b", 30), ("b", "a", 20)), {"a": 100.0})
    assert calls(graph)["a", "b"] == 0.25
    assert of(graph, "a") == {"exposed": True, "revenue_keur_per_hour": 10.0}
    assert of(graph, "b") == {}
    assert not any("nobody" in warning for warning in graph.warnings)


def test_calls_to_oneself_do_not_count() -> None:
    graph = with_traffic(plain(("a", "b", 100), ("b", "b", 300), ("b", "c", 50)))
    assert calls(graph) == {("a", "b"): 1.0, ("b", "b"): None, ("b", "c"): 0.5}


def test_what_is_stated_stays() -> None:
    graph = plain(("a", "b", 100), a={"exposed": False, "revenue_keur_per_hour": 3.0})
    graph = ImportedGraph(graph.nodes, (GraphEdge("a", "b", "here", 1.0, {"call_probability": 0.1}, 100),))
    made = with_traffic(graph)
    assert calls(made)["a", "b"] == 0.1
    assert made.nodes == graph.nodes


def test_load_generators_stand_for_users() -> None:
    graph = with_traffic(plain(("gen", "a", 300), ("gen", "b", 100), ("c", "a", 50), gen={"kind": "external"}))
    assert [of(graph, name).get("revenue_keur_per_hour") for name in ("a", "b", "c")] == [7.5, 2.5, None]
    assert of(graph, "gen") == {"kind": "external"}


def test_rates_become_requests_an_hour() -> None:
    graph = with_traffic(plain(("a", "b", 2.0)), calls_per_hour=3600.0)
    assert of(graph, "a")["requests_per_hour"] == 7200
    assert "requests_per_hour" not in of(with_traffic(plain(("a", "b", 2.0))), "a")


def test_at_most_sixteen_flows_the_largest() -> None:
    graph = with_traffic(plain(*((f"root{n:02d}", "b", n + 1) for n in range(20))))
    flows = {node.id: node.attributes["revenue_keur_per_hour"] for node in graph.nodes if "exposed" in node.attributes}
    assert sorted(flows) == [f"root{n:02d}" for n in range(4, 20)]
    assert sum(flows.values()) == pytest.approx(10)


def test_confidence_grows_with_the_calls() -> None:
    assert seen_confidence(0) < 0.5 < seen_confidence(3) < seen_confidence(10) < 1


@pytest.mark.parametrize(
    ("name", "kind", "call"),
    [
        ("orders-db", "store", "db"),
        ("Redis-Cart", "store", "cache"),
        ("postgresql:orders", "store", "db"),
        ("mongo0", "store", "db"),
        ("kafka", "queue", "queue"),
        ("kafka-consumer", None, None),
        ("mysql-exporter", None, None),
        ("api-gateway", "gateway", None),
        ("frontend", "frontend", None),
        ("load-generator", "external", None),
        ("loadgen", "external", None),
        ("payload-generator-service", None, None),
        ("cart", None, None),
        ("123", None, None),
        ("", None, None),
    ],
)
def test_what_names_tell(name: str, kind: str | None, call: str | None) -> None:
    assert (kind_by_name(name), call_kind(name)) == (kind, call)


# Jaeger and Zipkin


def test_jaeger() -> None:
    graph = import_graph([FIXTURES / "jaeger.json"])
    assert calls(graph) == {
        ("storefront", "basket"): 0.3,
        ("storefront", "search"): 0.7,
        ("basket", "basket-redis"): 1.0,
        ("basket", "pricing"): 0.2,
        ("pricing", "orders-db"): 0.05,
    }
    assert edge(graph, "basket", "pricing").evidence == "jaeger.json: data[3], 60 calls"
    assert edge(graph, "pricing", "orders-db").confidence < edge(graph, "basket", "pricing").confidence
    assert edge(graph, "basket", "basket-redis").attributes["kind"] == "cache"
    assert of(graph, "storefront") == {"kind": "frontend", "exposed": True, "revenue_keur_per_hour": 10.0}
    assert "calls of a service to itself left out: 1" in graph.warnings


def test_jaeger_of_its_storage_with_counts_as_texts(save: Save) -> None:
    row = {"parent": "a", "child": "b", "callCount": "12", "source": "jaeger"}
    for content in ({"dependencies": [row]}, {"data": [row], "errors": []}):
        graph = import_graph([save("deps.json", content)])
        assert edge(graph, "a", "b").calls == 12
    assert edge(import_graph([save("deps.json", [row])], "jaeger"), "a", "b").evidence == "deps.json: [0], 12 calls"


def test_calls_of_several_files_add_up(save: Save) -> None:
    day = [{"parent": "a", "child": "b", "callCount": 2}, {"parent": "a", "child": "c", "callCount": 4}]
    graph = import_graph([save("one.json", {"data": day}), save("two.json", {"data": day[:1]})])
    assert edge(graph, "a", "b").calls == 4
    assert calls(graph)["a", "b"] == 0.5
    assert edge(graph, "a", "b").evidence == "one.json: data[0], 2 calls; two.json: data[0], 2 calls"


def test_an_edge_without_calls_is_in_doubt(save: Save) -> None:
    graph = import_graph([save("deps.json", {"data": [{"parent": "a", "child": "b"}]})])
    assert edge(graph, "a", "b").confidence < 0.5
    assert calls(graph)["a", "b"] is None


def test_zipkin() -> None:
    graph = import_graph([FIXTURES / "zipkin.json"])
    assert calls(graph) == {
        ("loadgenerator", "web"): 1.0,
        ("web", "orders"): 0.25,
        ("web", "mysql"): 0.1,
        ("orders", "mysql"): 0.9,
    }
    assert edge(graph, "web", "orders").evidence == "zipkin.json: [1], 100 calls, 7 failed"
    assert of(graph, "loadgenerator")["kind"] == "external"
    assert of(graph, "web")["exposed"] is True
    assert of(graph, "mysql")["kind"] == "store"
    assert not any("nobody was seen" in warning for warning in graph.warnings)


# OpenTelemetry


def test_otel() -> None:
    graph = import_graph([FIXTURES / "otel.prom"])
    assert "user" not in {node.id for node in graph.nodes}
    assert calls(graph) == {
        ("web", "cart"): 0.4,
        ("cart", "carts"): 1.0,
        ("cart", "mailer"): 0.1,
        ("mailer", "smtp.example.org"): 1.0,
    }
    assert edge(graph, "web", "cart").evidence == "otel.prom: line 6, 400 calls, 12 failed"
    assert [edge(graph, "cart", name).attributes["kind"] for name in ("carts", "mailer")] == ["db", "async"]
    assert of(graph, "carts")["kind"] == "store"
    assert of(graph, "smtp.example.org")["kind"] == "external"
    assert of(graph, "web") == {"exposed": True, "revenue_keur_per_hour": 10.0}
    assert "series without a client or a server left out: 1" in graph.warnings


def test_otel_by_a_query() -> None:
    graph = import_graph([FIXTURES / "otel_query.json"])
    assert calls(graph) == {("web", "cart"): 0.4}
    assert edge(graph, "web", "cart").evidence == "otel_query.json: data.result[1], 20 calls, 2 failed"


def test_otel_by_a_range_query_takes_the_last_value(save: Save) -> None:
    series = {"metric": {"client": "a", "server": "b"}, "values": [[1, "5"], [2, "9"]]}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [series]}}
    assert edge(import_graph([save("q.json", answer)]), "a", "b").calls == 9


def test_otel_names_with_escapes_and_exemplars(save: Save) -> None:
    line = 'traces_service_graph_request_total{client="a \\"b\\" {c}",server="d,e"} 12 # {trace_id="x"} 1.0 1.0\n'
    assert calls(import_graph([save("m.txt", line)])) == {('a "b" {c}', "d,e"): 1.0}


# Kiali


def test_kiali() -> None:
    graph = import_graph([FIXTURES / "kiali.json"])
    assert calls(graph) == {
        ("istio-ingressgateway", "web"): 1.0,
        ("web", "cart"): 0.4,
        ("cart", "mongo"): None,
        ("cart", "pay.example.com"): 0.25,
    }
    assert {node.id for node in graph.nodes} == {"istio-ingressgateway", "web", "cart", "mongo", "pay.example.com"}
    gateway = of(graph, "istio-ingressgateway")
    assert (gateway["kind"], gateway["exposed"], gateway["requests_per_hour"]) == ("gateway", True, 36000)
    assert of(graph, "pay.example.com") == {"kind": "external"}
    assert edge(graph, "cart", "mongo").attributes == {"kind": "db"}
    assert edge(graph, "cart", "pay.example.com").attributes["kind"] == "grpc"
    labels = next(node.labels for node in graph.nodes if node.id == "cart")
    assert {"cart-svc", "cart-v1", "cart-v2", "shop/cart"} <= set(labels)
    assert any("it reaches 'mongo'" in warning for warning in graph.warnings)


def kiali(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> dict[str, Any]:
    wrapped = {"nodes": [{"data": node} for node in nodes], "edges": [{"data": edge} for edge in edges]}
    return {"graphType": "workload", "elements": wrapped}


def http(source: str, target: str, rate: str = "1.0") -> dict[str, Any]:
    return {"source": source, "target": target, "traffic": {"protocol": "http", "rates": {"http": rate}}}


def test_kiali_tells_equal_names_apart_by_namespace(save: Save) -> None:
    nodes = [
        {"id": str(n), "nodeType": "workload", "workload": name, "namespace": space}
        for n, (name, space) in enumerate([("api", "blue"), ("api", "green"), ("web", "blue")])
    ]
    graph = import_graph([save("k.json", kiali(nodes, [http("2", "0"), http("0", "1")]))])
    assert set(calls(graph)) == {("web", "api.blue"), ("api.blue", "api.green")}


def test_kiali_without_a_gateway_takes_unknown_sources_as_users(save: Save) -> None:
    nodes = [
        {"id": "u", "nodeType": "unknown", "app": "unknown"},
        {"id": "a", "nodeType": "app", "app": "a"},
        {"id": "b", "nodeType": "app", "app": "b"},
        {"id": "e", "nodeType": "app", "app": "istio-egressgateway"},
    ]
    graph = import_graph([save("k.json", kiali(nodes, [http("u", "a", "2.0"), http("a", "b", "0.5"), http("b", "e")]))])
    assert calls(graph)["a", "b"] == 0.25
    assert of(graph, "a") == {"exposed": True, "revenue_keur_per_hour": 10.0, "requests_per_hour": 7200.0}
    assert of(graph, "istio-egressgateway") == {"kind": "gateway", "exposed": False}


# what is refused

GOOD = {"parent": "a", "child": "b", "callCount": 1}
BAD: list[tuple[str, Any, str]] = [
    ("jaeger", {"data": [GOOD, {"parent": "a", "callCount": 1}]}, r"data\[1\]\.child: missing; add it"),
    ("jaeger", {"data": [{**GOOD, "child": 7}]}, r"data\[0\]\.child: 7 is no name"),
    ("jaeger", {"data": [{**GOOD, "callCount": -1}]}, r"data\[0\]\.callCount: -1 is no number of calls"),
    ("jaeger", {"data": [{**GOOD, "callCount": True}]}, "True is no number of calls"),
    ("jaeger", {"data": [{**GOOD, "callCount": "many"}]}, "'many' is no number of calls"),
    ("jaeger", {"data": [{**GOOD, "callCount": "nan"}]}, "'nan' is no number of calls"),
    ("jaeger", {"data": {"a": GOOD}}, "data: .* is no list"),
    ("jaeger", {"data": ["a"]}, r"data\[0\]: 'a' is no object"),
    ("jaeger", {"date": [GOOD]}, "data: missing; .*did you mean 'date'"),
    ("jaeger", {"data": None, "errors": [{"code": 404, "msg": "x"}]}, "Jaeger answered with an error"),
    ("jaeger", {"data": [{"traceID": "1", "spans": []}]}, "holds traces, not dependencies; save the answer of"),
    ("jaeger", '{"data": [{"parent": "a", "parent": "b"}]}', "'parent' twice in one object"),
    ("jaeger", '{"data": [{"parent": "a", "child": "b", "callCount": NaN}]}', "NaN is no finite number"),
    ("jaeger", {"data": [{**GOOD, "parent": "a\x1b[31m"}]}, r"data\[0\].*service\.id: 'a\\x1b\[31m' has a line break or control"),
    ("jaeger", {"data": [{**GOOD, "parent": "a\nb"}]}, "line break or control character; leave it out"),
    ("jaeger", {"data": [{**GOOD, "parent": "a" * 201}]}, "shorten it"),
    ("zipkin", {"a": 1}, "is no list; save the answer of /api/v2/dependencies"),
    ("zipkin", [{**GOOD, "errorCount": "x"}], r"\[0\]\.errorCount"),
    ("otel", "up 1\n", "no series traces_service_graph_request_total"),
    ("otel", 'traces_service_graph_request_total{client="a",server="b" 5\n', "line 1: no sample of Prometheus text"),
    ("otel", '\ntraces_service_graph_request_total{client="a",server="b"} NaN\n', "line 2: nan is no number of calls"),
    ("otel", 'traces_service_graph_request_total{client="a",server="b"} -4\n', "line 1: -4 is no number of calls"),
    ("otel", {"status": "error", "error": "bad query"}, "Prometheus answered 'bad query'"),
    ("otel", {"data": {"result": [{"metric": {}}]}}, r"data\.result\[0\]: no series with metric and value"),
    ("otel", {"data": {"result": [{"metric": {"client": "a", "server": "b"}, "value": [1, "NaN"]}]}}, "'NaN' is no number"),
    ("kiali", {"elements": []}, "elements: missing"),
    ("kiali", {"elements": {"nodes": [{}], "edges": []}}, r"elements\.nodes\[0\]\.data: None is no object"),
    ("kiali", kiali([{"id": "a", "app": "a"}] * 2, []), r"elements\.nodes\[1\]\.data\.id: 'a' stands twice"),
    ("kiali", kiali([{"id": "abc", "app": "a"}], [http("abc", "abd")]), "target: no node 'abd'; did you mean 'abc'"),
    ("kiali", kiali([{"id": n, "nodeType": "app", "app": n} for n in "ab"], [http("a", "b", "-1")]), "'-1' is no number"),
]  # fmt: skip


@pytest.mark.parametrize(("format_", "content", "message"), BAD)
def test_one_clear_error(format_: str, content: Any, message: str, save: Save) -> None:
    path = save("bad.txt", content)
    with pytest.raises(ScenarioError) as error:
        import_graph([path], format_)
    assert re.search(message, str(error.value))
    assert "bad.txt" in str(error.value)
    assert str(error.value).isprintable()
