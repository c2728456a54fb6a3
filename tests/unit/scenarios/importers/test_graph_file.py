"""`import_graph` and `graph_json`: every format loads at once, mixed formats join, what is wrong is said."""

import json
import os
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchpact.scenarios import AssumptionWarning, Scenario, ScenarioError, load_scenario
from patchpact.scenarios.importers.detect import files_by_format
from patchpact.scenarios.importers.graph_file import graph_json, import_graph
from patchpact.scenarios.importers.records import ImportedGraph
from patchpact.scenarios.importers.registry import GRAPH_FORMATS

FIXTURES = Path(__file__).parent / "fixtures" / "graphs"
INPUTS = {
    "jaeger": "jaeger.json",
    "zipkin": "zipkin.json",
    "otel": "otel.prom",
    "kiali": "kiali.json",
    "backstage": "catalog",
    "graphml": "drawn.graphml",
    "gexf": "drawn.gexf",
    "edge-csv": "edges.csv",
    "node-link": "d3.json",
}


def written(graph: ImportedGraph, folder: Path, name: str = "g.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(graph_json(graph, "a graph"), indent=1), encoding="utf-8")
    return path


def loaded(path: Path) -> Scenario:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        return load_scenario(path)


def save(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def nodes(*names: str, **attributes: Any) -> dict[str, Any]:
    return {"nodes": [{"id": name, **attributes} for name in names]}


def deps(*rows: tuple[str, str, int]) -> dict[str, Any]:
    return {"data": [{"parent": a, "child": b, "callCount": n} for a, b, n in rows]}


# every format


@pytest.mark.parametrize(("format_", "name"), INPUTS.items())
def test_every_format_loads_at_once(format_: str, name: str, tmp_path: Path) -> None:
    graph = import_graph([FIXTURES / name], format_)
    assert graph == import_graph([FIXTURES / name])
    scenario = loaded(written(graph, tmp_path))
    assert [service.name for service in scenario.services] == [node.id for node in graph.nodes]
    assert [(e.source, e.target) for e in scenario.edges] == [(e.source, e.target) for e in graph.edges]
    for edge, made in zip(graph.edges, scenario.edges, strict=True):
        assert made.evidence == edge.evidence
        assert made.call_probability == edge.attributes.get("call_probability", made.call_probability)
    assert scenario.id == "a graph"
    assert scenario.entrypoints


@pytest.mark.parametrize("name", INPUTS.values())
def test_every_node_and_edge_has_evidence_and_confidence(name: str) -> None:
    graph = import_graph([FIXTURES / name])
    for record in (*graph.nodes, *graph.edges):
        assert 0 < record.confidence <= 1
        assert any(place in record.evidence for place in ("[", "line ", "node ", "edge ", ".yaml:")), record.evidence


@pytest.mark.parametrize("name", INPUTS.values())
def test_an_import_of_the_import_is_the_same(name: str, tmp_path: Path) -> None:
    graph = import_graph([FIXTURES / name])
    again = import_graph([written(graph, tmp_path)])
    assert graph_json(again, "g") == graph_json(graph, "g")


def test_the_order_of_rows_and_files_does_not_matter(tmp_path: Path) -> None:
    rows = [("a", "b", 20), ("b", "c", 30), ("a", "c", 40), ("c", "d", 5)]
    one = import_graph([save(tmp_path, "x.json", deps(*rows))])
    other = import_graph([save(tmp_path, "x.json", deps(*reversed(rows)))])
    assert [node.id for node in one.nodes] == [node.id for node in other.nodes] == ["a", "b", "c", "d"]
    assert [e.attributes for e in one.edges] == [e.attributes for e in other.edges]
    files = [save(tmp_path, f"{n}.json", deps(row)) for n, row in enumerate(rows)]
    assert [e.calls for e in import_graph(files).edges] == [e.calls for e in import_graph(files[::-1]).edges]


# several formats at once


def test_formats_join_by_name(tmp_path: Path) -> None:
    drawn = save(
        tmp_path, "drawn.json", {**nodes("web", "cart"), "edges": [{"source": "web", "target": "cart", "hard": False}]}
    )
    drawn.write_text(
        drawn.read_text("utf-8").replace('"id": "cart"', '"id": "cart", "replicas": 3, "image_or_build": "c:1"'),
        "utf-8",
    )
    traces = save(tmp_path, "deps.json", deps(("gen-k6", "web", 100), ("web", "cart", 40), ("cart", "redis", 7)))
    graph = import_graph([tmp_path])
    assert [node.id for node in graph.nodes] == ["cart", "gen-k6", "redis", "web"]
    edge = next(e for e in graph.edges if e.target == "cart")
    assert edge.attributes == {"hard": False, "call_probability": 0.4}
    assert edge.evidence == "deps.json: data[1], 40 calls; drawn.json: edges[0]"
    assert edge.confidence == 0.98
    cart = graph.nodes[0]
    assert (cart.attributes, cart.image) == ({"replicas": 3}, "c:1")
    assert graph == import_graph([traces, drawn])


def test_shares_of_the_revenue_come_from_one_source(tmp_path: Path) -> None:
    jaeger = save(tmp_path, "deps.json", deps(("shop", "cart", 30), ("admin", "cart", 10)))
    zipkin = save(tmp_path, "zip.json", deps(("mobile", "cart", 30))["data"])
    graph = import_graph([jaeger, zipkin])
    assert "revenue flows are those of jaeger; those of zipkin are left out" in graph.warnings
    assert sum(e.revenue_keur_per_hour for e in loaded(written(graph, tmp_path)).entrypoints) == pytest.approx(10)


def test_twin_uids_of_joined_files_are_left_out(tmp_path: Path) -> None:
    one = save(tmp_path, "one.json", {"nodes": [{"id": "a", "uid": 3}, {"id": "b", "uid": 5}], "edges": []})
    other = save(tmp_path, "other.json", {"nodes": [{"id": "c", "uid": 3}], "edges": []})
    assert [node.attributes for node in import_graph([one]).nodes] == [{"uid": 3}, {"uid": 5}]
    graph = import_graph([one, other])
    assert [node.attributes for node in graph.nodes] == [{}, {}, {}]
    assert "uids of services left out: two services have the same" in graph.warnings
    loaded(written(graph, tmp_path))


def test_an_overlay_is_applied_to_all_together(tmp_path: Path) -> None:
    traces = save(tmp_path, "deps.json", deps(("web", "cartservice", 40)))
    overlay = save(tmp_path, "overlay.yaml", "rename: {cartservice: cart}\nadd: {nodes: [{id: alone}]}\n")
    graph = import_graph([traces], overlay=overlay)
    assert [node.id for node in graph.nodes] == ["alone", "cart", "web"]
    assert any("ISOLATED: 1 of 3 services neither call nor are called: 'alone'" in text for text in graph.warnings)
    with pytest.raises(ScenarioError, match="no service 'cartsrvice' in the graph; did you mean 'cartservice'"):
        import_graph([traces], overlay=save(tmp_path, "overlay.yaml", "remove: {nodes: [cartsrvice]}\n"))


# what is said loudly


def test_zero_edges_and_no_entrypoint_come_first(tmp_path: Path) -> None:
    graph = import_graph([save(tmp_path, "g.json", {**nodes("a", "b", group=1), "links": []})])
    assert graph.warnings[0].startswith("NO CALLS FOUND")
    assert graph.warnings[1].startswith(
        "NO ENTRYPOINT: no service is marked as exposed; the loader takes services that"
    )
    loaded(written(graph, tmp_path))


def test_isolated_services_are_named(tmp_path: Path) -> None:
    links = {"links": [{"source": "a", "target": "b"}]}
    names = ["a", "b", *(f"n{n:02d}" for n in range(20))]
    graph = import_graph([save(tmp_path, "g.json", {**nodes(*names, exposed=True), **links})])
    assert graph.warnings[0].startswith("ISOLATED: 20 of 22 services neither call nor are called: 'n00', 'n01'")
    assert graph.warnings[0].endswith("...")
    assert not any("ENTRYPOINT" in text for text in graph.warnings)


def test_a_frontend_that_the_loader_takes_is_named(tmp_path: Path) -> None:
    graph = import_graph([save(tmp_path, "e.csv", "source,target\nfrontend,cart\n")])
    assert graph.warnings[0] == (
        "NO ENTRYPOINT: no service is marked as exposed; the loader takes 'frontend': mark them by an overlay"
    )


def test_a_good_graph_is_quiet(tmp_path: Path) -> None:
    content = {**nodes("a", "b", exposed=True), "links": [{"source": "a", "target": "b"}]}
    assert import_graph([save(tmp_path, "g.json", content)]).warnings == ()


@pytest.mark.parametrize("content", [{"data": [], "errors": None}, {"nodes": [], "links": []}])
def test_nothing_at_all_is_an_error(content: Any, tmp_path: Path) -> None:
    path = save(tmp_path, "g.json", content)
    with pytest.raises(ScenarioError, match=r"g\.json: graph: no services found; give other files, or add nodes"):
        import_graph([path])
    overlay = save(tmp_path, "overlay.yaml", "add: {nodes: [{id: a}]}\n")
    assert len(import_graph([path], overlay=overlay).nodes) == 1


def test_doubtful_edges_are_among_the_assumptions(tmp_path: Path) -> None:
    graph = import_graph([save(tmp_path, "d.json", deps(("a", "b", 0), ("b", "c", 20)))])
    assumptions = loaded(written(graph, tmp_path)).assumptions
    assert "confidence of edges (1): below 0.5, taken as there" in assumptions
    assert not any("confidence of services" in line for line in assumptions)


# names that others chose


@pytest.mark.parametrize("name", ["a\x1b]0;x\x07", "a\r\nb", "\x9b31m", "a\u2028b", "", " ", "x" * 201])
def test_hostile_names_are_refused_by_one_clear_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        import_graph([save(tmp_path, "d.json", deps(("web", name, 3)))])
    assert str(error.value).isprintable()
    assert "d.json" in str(error.value)


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "../../etc", "a\u202eb", "a'b\"c", "-1"]
)
def test_other_names_are_kept_as_they_are(name: str, tmp_path: Path) -> None:
    graph = import_graph([save(tmp_path, "d.json", deps(("web", name, 3)))])
    assert name in {service.name for service in loaded(written(graph, tmp_path)).services}
    assert all(text.isprintable() for text in graph.warnings)


@pytest.mark.parametrize("title", ["", "a\nb", "x" * 201])
def test_titles_are_checked(title: str) -> None:
    with pytest.raises(ScenarioError, match="import: name"):
        graph_json(ImportedGraph((), ()), title)


def test_hostile_file_names_do_not_reach_the_evidence(tmp_path: Path) -> None:
    graph = import_graph([save(tmp_path, "a\x1b[31m\n.json", deps(("a", "b", 3)))])
    assert graph.edges[0].evidence == "a\\x1b[31m .json: data[0], 3 calls"
    loaded(written(graph, tmp_path))


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.integers(0, 10**20)), max_size=6))
def test_any_names_load_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("names")
    try:
        graph = import_graph([save(folder, "d.json", deps(*rows))], "jaeger")
    except ScenarioError as error:
        refusal = str(error)
    else:
        refusal = ""
    assert refusal.isprintable()
    if refusal:
        return
    scenario = loaded(written(graph, folder))
    assert {service.name for service in scenario.services} == {name for row in rows for name in row[:2]}


@pytest.mark.parametrize(
    "name", [name for name in INPUTS.values() if name != "catalog"] + ["catalog/services/orders.yaml"]
)
def test_damaged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    """Bytes cut, doubled, changed: a ScenarioError on one line or a graph that loads, never anything else."""
    content = (FIXTURES / name).read_bytes()
    rng = random.Random(name)
    (kind,) = files_by_format([FIXTURES / name], "auto", GRAPH_FORMATS)[0]
    path = tmp_path / "damaged"
    refusals: list[str] = []
    for _ in range(60):
        start = rng.randrange(len(content))
        end = min(len(content), start + rng.choice((1, 1, 2, 9, 40)))
        middle = rng.choice(
            (b"", content[start:end] * 2, bytes([rng.randrange(256)]), b"null", b"-1", b'"', b"}", b"<")
        )
        path.write_bytes(content[:start] + middle + content[end:])
        try:
            graph = import_graph([path], kind.name)
        except ScenarioError as error:
            refusals.append(str(error))
        else:
            loaded(written(graph, tmp_path))
    assert 5 < len(refusals) < 60
    assert all(refusal.isprintable() for refusal in refusals)


# references and sizes


def test_evidence_is_relative_to_the_root(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (
        save(tmp_path / "a", "d.json", deps(("x", "y", 3))),
        save(tmp_path / "b", "d.json", deps(("y", "z", 3))),
    )
    assert [e.evidence for e in import_graph([one]).edges] == ["d.json: data[0], 3 calls"]
    both = [e.evidence for e in import_graph([one, other]).edges]
    assert both == ["a/d.json: data[0], 3 calls", "b/d.json: data[0], 3 calls"]
    assert import_graph([one], root=tmp_path).edges[0].evidence == "a/d.json: data[0], 3 calls"
    assert import_graph([one], root=tmp_path / "b").edges[0].evidence == "d.json: data[0], 3 calls"


def test_a_root_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no such folder"):
        import_graph([FIXTURES / "jaeger.json"], root=tmp_path / "missing")


# graphs of real applications


def shared_graphs() -> list[Path]:
    beside = Path(__file__).resolve().parents[4].parent / "shared" / "data"
    return sorted((Path(os.environ.get("PATCHPACT_SHARED_DATA") or beside) / "graphs").glob("*.json"))


@pytest.mark.skipif(not shared_graphs(), reason="needs the folder of shared data")
def test_published_graphs_are_kept(tmp_path: Path) -> None:
    for path in shared_graphs():
        said = json.loads(path.read_text(encoding="utf-8"))
        graph = import_graph([path])
        assert {node.id for node in graph.nodes} == {node["id"] for node in said["nodes"]}
        assert {(e.source, e.target, e.evidence) for e in graph.edges} == {
            (e["source"], e["target"], e["evidence"]) for e in said["edges"]
        }
        loaded(written(graph, tmp_path))
