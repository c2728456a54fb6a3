"""What `load_scenario` takes, and what it says about what it assumed."""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import yaml

from patchpact.scenarios import AssumptionWarning, Scenario, ScenarioError, load_scenario, scenario_ids

Write = Callable[..., Path]


@pytest.fixture
def graph() -> nx.DiGraph:
    graph = nx.DiGraph([("web", "orders"), ("orders", "db")])
    graph.nodes["web"].update(kind="frontend", exposed=True)
    graph.nodes["db"]["kind"] = "store"
    return graph


def load_quietly(source: Any, **overrides: Any) -> Scenario:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        return load_scenario(source, **overrides)


def line_of(source: Any, **overrides: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_quietly(source, **overrides)
    line = str(caught.value)
    assert line.isprintable()
    return line


def world(scenario: Scenario) -> tuple[object, ...]:
    return (scenario.services, scenario.edges, scenario.entrypoints, scenario.findings, scenario.patches)


@pytest.mark.parametrize("id_", scenario_ids())
def test_bundled_ids_warn_nothing_and_are_named_like_their_file(id_: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scenario = load_scenario(id_)
    assert scenario.id == id_
    assert load_scenario(id_) is scenario
    assert load_scenario(id_, windows=3).parameters["windows"] == 3
    assert load_scenario(id_) is scenario


def test_a_bundled_world_does_not_change_with_a_word() -> None:
    """The same file by path is the same world; only there its assumptions are warned of."""
    import patchpact.scenarios.registry as registry

    for id_ in ("boutique-v1", "generated-v1"):
        path = registry.bundled_path(id_)
        with pytest.warns(AssumptionWarning):
            by_path = load_scenario(path)
        assert by_path == load_scenario(id_)


def test_a_complete_file_warns_nothing(shop: dict[str, Any], write: Write) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scenario = load_scenario(write(shop))
    assert scenario.assumptions == ()
    assert scenario.id == "shop"
    assert scenario.parameters["windows"] == 4
    assert [patch.requires for patch in scenario.patches] == [(1,), ()]


def test_a_path_may_be_text_or_any_path(shop: dict[str, Any], write: Write, tmp_path: Path) -> None:
    path = write(shop)

    class PathLike:
        def __fspath__(self) -> str:
            return str(path)

    scenarios = [load_scenario(source) for source in (path, str(path), PathLike())]
    assert scenarios[0] == scenarios[1] == scenarios[2]
    assert load_scenario(write(shop, "SHOP.YML")) == scenarios[0]


def test_a_relative_path(shop: dict[str, Any], write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(shop).parent)
    assert load_scenario("shop.yaml").id == "shop"


def test_a_bare_graph_is_completed_with_one_warning(graph: nx.DiGraph) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scenario = load_scenario(graph)
    assert [warning.category for warning in caught] == [AssumptionWarning]
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert scenario.assumptions
    assert all(line in text for line in scenario.assumptions)
    assert f"{len(scenario.assumptions)} assumptions" in text
    topics = (
        "kind of services",
        "data_sensitivity of services",
        "replicas of services",
        "deploy_minutes of services",
        "loss_keur of services",
        "kind of edges",
        "call_probability of edges",
        "lateral_probability of edges",
        "hard of edges",
        "agents",
        "owner of services",
        "entrypoints",
        "requests_per_hour of entrypoints",
        "components of services",
        "findings",
        "automatable of findings",
        "technical_impact of findings",
        "vendor of patches",
        "effort_hours of patches",
        "downtime_minutes of patches",
        "regression_probability",
        "fee_keur of patches",
        "prerequisites of patches",
    )
    missing = [topic for topic in topics if not any(line.startswith(topic) for line in scenario.assumptions)]
    assert not missing


def test_what_a_graph_states_is_not_assumed(graph: nx.DiGraph) -> None:
    for node in graph:
        graph.nodes[node].update(
            kind="service",
            exposed=node == "web",
            data_sensitivity="low",
            replicas=3,
            deploy_minutes=4.0,
            loss_keur=7.0,
            owner="me",
            components=[],
            findings=[],
        )
    graph.nodes["web"].update(revenue_keur_per_hour=3.0, requests_per_hour=10.0)
    for edge in graph.edges:
        graph.edges[edge].update(
            kind="grpc", call_probability=0.5, lateral_probability=0.25, hard=False, consumes=False
        )
    scenario = load_quietly(graph)
    assert [line.partition(" (")[0] for line in scenario.assumptions] == ["agents"]
    assert {service.replicas for service in scenario.services} == {3}
    assert [(e.service, e.revenue_keur_per_hour, e.requests_per_hour) for e in scenario.entrypoints] == [
        ("web", 3.0, 10.0)
    ]
    assert {(e.kind, e.call_probability, e.lateral_probability, e.hard) for e in scenario.edges} == {
        ("grpc", 0.5, 0.25, False)
    }
    assert scenario.findings == scenario.patches == ()


def test_one_seed_one_world(graph: nx.DiGraph) -> None:
    assert load_quietly(graph) == load_quietly(graph, scenario_seed=0)
    other = load_quietly(graph, scenario_seed=np.int64(7))
    assert other == load_quietly(graph, scenario_seed=7)
    assert world(other) != world(load_quietly(graph))


@pytest.mark.parametrize(
    "names",
    [
        (1, 2, 3),
        (1.5, -2, 10**30),
        ((0, 1), (0, (1, "x")), ()),
        ("ä", "日本", "a b/c.d"),
        (frozenset("a"), b"b", None.__class__),
        (np.int64(4), np.str_("s"), True),
        ("'", '"', "{}"),
    ],
)
def test_nodes_of_any_kind(names: tuple[Any, ...]) -> None:
    graph = nx.DiGraph([(names[0], names[1]), (names[1], names[2])])
    scenario = load_quietly(graph)
    assert [service.name for service in scenario.services] == [str(name) for name in names]
    assert [(e.source, e.target) for e in scenario.edges] == [
        (str(names[0]), str(names[1])),
        (str(names[1]), str(names[2])),
    ]
    assert scenario.patches


def test_attributes_may_be_numpy_scalars(graph: nx.DiGraph) -> None:
    graph.nodes["web"].update(exposed=np.bool_(True), replicas=np.int32(5), deploy_minutes=np.float32(2.5))
    graph.nodes["web"]["components"] = ({"component": np.str_("lib"), "version": "1.0"},)
    graph.edges["web", "orders"]["call_probability"] = np.float64(0.125)
    scenario = load_quietly(graph)
    web = scenario.services[0]
    assert (web.exposed, web.replicas, web.deploy_minutes) == (True, 5, 2.5)
    assert type(web.replicas) is int
    assert scenario.edges[0].call_probability == 0.125
    assert {patch.component for patch in scenario.patches if patch.service == "web"} == {"lib"}


def test_views_and_frozen_graphs(graph: nx.DiGraph) -> None:
    expected = world(load_quietly(graph))
    assert world(load_quietly(nx.freeze(graph))) == expected
    assert world(load_quietly(graph.subgraph(list(graph)))) == expected
    assert world(load_quietly(graph.reverse().reverse(copy=False))) == expected


@pytest.mark.parametrize("key", ["edges", "links"])
@pytest.mark.parametrize("names", [("web", "db"), (1, 2), ((0, 1), (0, (1, 2))), (0.5, 1.5)])
def test_node_link_data(key: str, names: tuple[Any, Any], write: Write) -> None:
    graph = nx.DiGraph([names])
    graph.nodes[names[0]]["kind"] = "frontend"
    data = nx.node_link_data(graph, edges=key)
    expected = world(load_quietly(graph))
    assert world(load_quietly(data)) == expected
    path = write(json.dumps(data), "graph.json")
    from_file = load_quietly(path)
    assert world(from_file) == expected
    assert from_file.id == "graph"
    assert world(load_quietly(str(path), scenario_seed=3)) == world(load_quietly(graph, scenario_seed=3))


def test_a_scenario_goes_through_and_takes_parameters() -> None:
    toy = load_scenario("toy-v1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_scenario(toy) is toy
        assert load_scenario(toy, windows=5) == toy.with_parameters(windows=5)
        boutique = load_scenario("boutique-v1")
        assert boutique.assumptions
        assert load_scenario(boutique) is boutique


def test_options_of_drawn_scenarios() -> None:
    scenario = load_scenario("generated-v1", services=33, tenants=3, vendors=4, scenario_seed=9, windows=5)
    assert len(scenario.services) == 33
    assert len(scenario.agents_of("business")) == 3
    assert len(scenario.agents_of("vendor")) == 4
    assert scenario.parameters["windows"] == 5
    assert "33 services" in scenario.title
    assert scenario.parameters["attempt_multiplier"] == load_scenario("generated-v1").parameters["attempt_multiplier"]


def test_unconfirmed_findings_are_dropped_or_kept(shop: dict[str, Any], write: Write) -> None:
    shop["findings"][0]["unconfirmed"] = True
    del shop["findings"][0]["confidence"]
    path = write(shop)
    assert len(load_quietly(path).findings) == 1
    kept = load_quietly(path, unconfirmed="keep").findings
    assert [finding.confidence for finding in kept] == [0.3, 1.0]


def test_files_beside_the_scenario(shop: dict[str, Any], write: Write) -> None:
    expected = load_scenario(write(shop))
    graph, rows = shop["graph"], shop["findings"]
    write(json.dumps(graph), "graph.json")
    header = list(rows[0])
    cells = [[str(int(v)) if isinstance(v, bool) else str(v) for v in row.values()] for row in rows]
    write("\n".join(",".join(line) for line in [header, *cells]), "findings.csv")
    write(json.dumps(rows), "findings.json")
    for name in ("findings.csv", "findings.json"):
        assert load_scenario(write(shop | {"graph": "graph.json", "findings": name})) == expected


def test_the_readers_example_is_read(repository: Path, write: Write) -> None:
    """The scenario in CONTRIBUTING.md."""
    text = (repository / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    scenario = load_quietly(write(example))
    assert scenario.id == "shop-v1"
    assert len(scenario.services) == 3
    assert [patch.name for patch in scenario.patches] == ["orders/web-framework"]


def test_sections_are_named_like_networks(shop: dict[str, Any], write: Write) -> None:
    shop |= {
        "world": {"windows": 3},
        "exploitation": {"breadth_median": 1e-3},
        "value": {"enabled": False, "capacity_hours": 12},
        "responsibility": {"responsibility_enabled": False},
        "governance": {"voting": "majority", "quota": 0.5},
    }
    parameters = load_scenario(write(shop)).parameters
    expected = {
        "windows": 3,
        "breadth_median": 1e-3,
        "value_enabled": False,
        "capacity_hours": 12.0,
        "responsibility_enabled": False,
        "governance_enabled": True,
        "voting": "majority",
        "quota": 0.5,
    }
    assert {name: parameters[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("source", "overrides", "parts"),
    [
        (None, {}, ("load_scenario: source: NoneType is no scenario", "nx.DiGraph")),
        (b"toy-v1", {}, ("bytes is no scenario",)),
        (7, {}, ("int is no scenario",)),
        ("toy-v2", {}, ("toy-v2: scenario: no such id or file", "did you mean 'toy-v1'?")),
        ("", {}, ("scenario: no such id or file", "'boutique-v1'")),
        (".", {}, ("no such id or file",)),
        ("x" * 5000, {}, ("no such id or file",)),
        ("toy\0v1", {}, ("no such id or file",)),
        ("no/such/file", {}, ("no/such/file: file: no such file",)),
        ("none.yaml", {}, ("none.yaml: file: no such file", "check the path")),
        ("none.json", {}, ("none.json: file: no such file",)),
        ("x" * 5000 + ".yaml", {}, (".yaml: file: ",)),
        ("a\0.yaml", {}, (".yaml: file: ",)),
        ("/", {}, ("/: file: is a folder",)),
        (os.devnull, {}, ("/dev/null: file: no such file",)),
        ("toy-v1", {"widows": 3}, ("toy-v1: widows: unknown parameter", "did you mean 'windows'?")),
        ("toy-v1", {"windows": 0}, ("toy-v1: windows: 0 is out of range", "1..520 (windows)")),
        ("toy-v1", {"windows": "3"}, ("'3' is not a whole number",)),
        ("toy-v1", {"windows": float("nan")}, ("nan is not a whole number",)),
        ("toy-v1", {"windows": 10**5000}, ("is not a whole number",)),
        ("toy-v1", {"windows": [3]}, ("[3] is not a whole number",)),
        ("toy-v1", {"services": 3}, ("toy-v1.yaml: services: does not apply here", "use it with generated-v1")),
        ("toy-v1", {"unconfirmed": "maybe"}, ("unconfirmed: 'maybe' is unknown", "keep or drop")),
        ("toy-v1", {"scenario_seed": -1}, ("scenario_seed: -1 should be", "at least 0")),
        ("generated-v1", {"services": 0}, ("generated-v1.yaml: generate.services: 0", "at least 1")),
        ("generated-v1", {"services": [3]}, ("generate.services: [3]", "write a whole number")),
        ("generated-v1", {"unconfirmed": "keep"}, ("unconfirmed: does not apply here",)),
        (nx.DiGraph([(1, 2)]), {"tenants": 3}, ("graph: tenants: does not apply here",)),
        (nx.MultiDiGraph([(1, 2)]), {}, ("graph: type: MultiDiGraph is not", "networkx.DiGraph(graph)")),
        (nx.Graph([(1, 2)]), {}, ("graph: type: Graph is not a plain directed graph",)),
        (nx.DiGraph(), {}, ("graph: nodes: the graph has no services", "add at least one node")),
        (nx.DiGraph([(1, 1)]), {}, ("graph: edges[0]: '1' calls itself", "leave the edge out")),
        (nx.DiGraph([(1, "1")]), {}, ("graph: nodes[1].id: '1' stands twice",)),
        (nx.DiGraph([("", "a")]), {}, ("graph: nodes['']",)),
        (nx.DiGraph([("a\nb", "a")]), {}, ("graph: nodes['a\\nb']", "line break")),
        (nx.DiGraph([("\ud800", "a")]), {}, ("graph: nodes['\\ud800']",)),
        (nx.DiGraph([("x" * 201, "a")]), {}, ("graph: nodes[", "at most 200", "shorten it")),
        ({}, {}, ("graph: nodes: missing", "add it")),
        (nx.node_link_data(nx.MultiDiGraph([(1, 2)])), {}, ("graph: multigraph",)),
        (nx.node_link_data(nx.Graph([(1, 2)])), {}, ("graph: directed: the graph is not directed",)),
    ],
)
def test_sources_that_are_none(source: Any, overrides: dict[str, Any], parts: tuple[str, ...]) -> None:
    line = line_of(source, **overrides)
    assert all(part in line for part in parts), line


def test_a_file_of_another_kind(write: Write) -> None:
    for path in (write("x", "shop.txt"), str(write("x", "shop"))):
        assert line_of(path).endswith("neither .yaml nor .json; give a YAML scenario or a JSON graph")


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        ({"exposd": True}, ("graph: nodes['web'].exposd: unknown field", "did you mean 'exposed'?")),
        ({3: True}, ("graph: nodes['web'].3: unknown field",)),
        ({"kind": "databse"}, ("graph: nodes['web'].kind: 'databse' is unknown",)),
        ({"kind": "gatway"}, ("did you mean 'gateway'?",)),
        ({"replicas": 2.5}, ("nodes['web'].replicas: 2.5 should be a valid integer", "write a whole number")),
        ({"replicas": 0}, ("replicas: 0 should be", "write a number of at least 1")),
        ({"replicas": 10**5000}, ("replicas: ", "at most 100000")),
        ({"replicas": np.array([1, 2])}, ("replicas: array([1, 2])",)),
        ({"exposed": "yes"}, ("exposed: 'yes'", "write true or false")),
        ({"loss_keur": float("nan")}, ("loss_keur: nan should be a finite number",)),
        ({"loss_keur": float("inf")}, ("loss_keur: inf should be a finite number",)),
        ({"revenue_keur_per_hour": -1}, ("revenue_keur_per_hour: -1 should be", "at least 0")),
        ({"uid": -1}, ("uid: -1",)),
        ({"uid": 1}, ("graph: nodes.uid: 1 stands twice",)),
        ({"findings": {"cve": "C"}}, ("findings: {'cve': 'C'} should be a valid list", "write a list")),
        ({"findings": [7]}, ("findings[0]: 7 should be", "write a mapping")),
        ({"findings": [{"component": "c"}]}, ("findings[0].cve: missing",)),
        (
            {"findings": [{"component": "c", "cve": "C", "service": "db"}]},
            ("nodes.web.findings.C of c.service", "'db'"),
        ),
        ({"findings": [{"component": "c", "cve": "C"}] * 2}, ("findings.C of c: stands twice on 'web'",)),
        ({"components": [{"component": ""}]}, ("components[0].component: ''",)),
    ],
)
def test_wrong_attributes(graph: nx.DiGraph, attributes: dict[Any, Any], parts: tuple[str, ...]) -> None:
    graph.nodes["web"].update(attributes)
    graph.nodes["db"]["uid"] = 1
    line = line_of(graph)
    assert all(part in line for part in parts), line


def test_wrong_attributes_of_an_edge(graph: nx.DiGraph) -> None:
    graph.edges["web", "orders"]["hrad"] = True
    assert line_of(graph) == "graph: edges['web' -> 'orders'].hrad: unknown field; did you mean 'hard'?"
    graph.edges["web", "orders"].pop("hrad")
    graph.edges["web", "orders"]["call_probability"] = 1.5
    assert "call_probability: 1.5 should be" in line_of(graph)


def test_an_attribute_that_holds_itself(graph: nx.DiGraph) -> None:
    loop: list[Any] = []
    loop.append(loop)
    graph.nodes["web"]["findings"] = loop
    assert "deep" in line_of(graph)


def test_a_node_without_a_text() -> None:
    class Mute:
        def __str__(self) -> str:
            raise RuntimeError("no")

        __repr__ = __str__

    assert "has no text (RuntimeError)" in line_of(nx.DiGraph([(Mute(), "a")]))


def test_labels_and_weights_are_ignored_and_said_so(graph: nx.DiGraph) -> None:
    graph.nodes["web"]["label"] = {"any": ["thing"]}
    graph.edges["web", "orders"]["weight"] = "heavy"
    assumptions = load_quietly(graph).assumptions
    assert "label of nodes (1): ignored" in assumptions
    assert "label and weight of edges (1): ignored" in assumptions


def test_yaml_of_safe_dump_round_trips(shop: dict[str, Any], write: Write) -> None:
    scenario = load_scenario(write(shop))
    text = yaml.safe_dump(shop, default_flow_style=True)
    assert load_scenario(write(text)) == scenario
