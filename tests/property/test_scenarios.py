"""Whatever is read becomes a consistent scenario or one line of error; names and order change nothing drawn."""

import copy
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from patchpact.scenarios import (
    EDGE_KINDS,
    PARAMETERS,
    SENSITIVITIES,
    SERVICE_KINDS,
    AssumptionWarning,
    Scenario,
    ScenarioError,
    check_scenario,
    generate,
    load_scenario,
    scenario_ids,
)
from patchpact.scenarios.registry import DATA
from patchpact.scenarios.schema import (
    AgentRow,
    ComponentRow,
    EdgeAttributes,
    EntrypointRow,
    FindingRow,
    GenerateSection,
    GraphFile,
    Link,
    Model,
    NodeAttributes,
    PatchRow,
    ScenarioFile,
)

MODELS: tuple[type[Model], ...] = (
    AgentRow, ComponentRow, EntrypointRow, FindingRow, GenerateSection, GraphFile, Link, NodeAttributes, PatchRow,
    ScenarioFile,
)  # fmt: skip
FIELDS = sorted({"id", *(name for model in MODELS for name in model.model_fields)})
WORDS = sorted(
    {*FIELDS, *PARAMETERS, *SERVICE_KINDS, *EDGE_KINDS, *SENSITIVITIES}
    | {
        "web",
        "db",
        "lib",
        "web/lib",
        "it_0",
        "business_0",
        "vendor_0",
        "vendor_7",
        "keep",
        "graph.json",
        "findings.csv",
    }
    | {"enabled", "partial", "critical", "CVE-1", "1.2.3", ""}
)

numbers = st.one_of(
    st.integers(-3, 12), st.integers(), st.floats(0, 1), st.floats(), st.sampled_from([10**40, 2**31, 2**63, -0.0])
)
texts = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(FIELDS), texts), inner, max_size=5)
    ),
    max_leaves=12,
)


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes values out instead of anchors and aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def loaded(call: Callable[..., Scenario], *arguments: Any, **named: Any) -> Scenario | str:
    """What a call makes: a consistent scenario with at most one warning, or the one line of its error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            scenario = call(*arguments, **named)
        except ScenarioError as error:
            line = str(error)
            assert line.isprintable()
            assert len(line) < 1400
            assert ": " in line
            assert "; " in line
            return line
    assert all(warning.category is AssumptionWarning for warning in caught)
    assert len(caught) == (bool(scenario.assumptions) and arguments[0] not in scenario_ids())
    check_scenario(scenario)
    return scenario


SHOP: dict[str, Any] = {
    "id": "shop",
    "title": "A shop",
    "graph": {
        "nodes": [
            {"uid": 0, "id": "web", "kind": "frontend", "exposed": True},
            {"uid": 1, "id": "db", "kind": "store"},
        ],
        "edges": [{"source": "web", "target": "db", "kind": "db"}],
    },
    "entrypoints": [{"service": "web", "revenue_keur_per_hour": 2.0}],
    "findings": [
        {
            "service": "web",
            "component": "lib",
            "cve": "CVE-1",
            "cvss": 7.5,
            "epss": 0.1,
            "kev": False,
            "version": "1.0",
        },
        {"service": "db", "component": "engine", "cve": "CVE-2", "severity": "high", "fixed_version": "2.0"},
    ],
    "components": [{"service": "web", "component": "lib", "ecosystem": "npm", "version": "1.0"}],
    "patches": [
        {"service": "web", "component": "lib", "effort_hours": 1, "downtime_minutes": 2, "regression_probability": 0.1},
    ],
    "services": {"db": {"replicas": 1}},
    "agents": [{"name": "it_0"}, {"name": "business_0", "label": "Shop"}, {"name": "vendor_0", "vote_weight": 2}],
    "vendors": {"npm": None},
    "world": {"windows": 4},
    "exploitation": {},
    "value": {"enabled": True},
    "responsibility": {"share_it": 0.25},
    "governance": {"quota": 0.5},
}


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


PLACES = list(places(SHOP))


def change(tree: Any, path: tuple[Any, ...], value: Any, how: str) -> None:
    """Replace, delete, or double the value at a place; or add a field beside it."""
    for key in path[:-1]:
        if not isinstance(tree, dict | list) or (isinstance(tree, dict) and key not in tree):
            return
        if isinstance(tree, list) and (not isinstance(key, int) or key >= len(tree)):
            return
        tree = tree[key]
    key = path[-1]
    if isinstance(tree, list) and isinstance(key, int) and key < len(tree):
        if how == "delete":
            del tree[key]
        elif how == "double":
            tree.append(copy.deepcopy(tree[key]))
        else:
            tree[key] = value
    elif isinstance(tree, dict):
        if how == "delete":
            tree.pop(key, None)
        elif how == "add":
            tree[random.Random(str(value)).choice(FIELDS)] = value
        else:
            tree[key] = value


changes = st.lists(
    st.tuples(st.sampled_from(PLACES), values, st.sampled_from(["replace", "replace", "delete", "double", "add"])),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "findings.csv").write_text("service,component,cve\nweb,lib,CVE-1\n", encoding="utf-8")
    (folder / "graph.json").write_text('{"nodes": [{"id": "web"}], "edges": []}', encoding="utf-8")
    return folder


def fuzz_changed_scenarios(folder: Path, edits: list[tuple[tuple[Any, ...], Any, str]]) -> None:
    content = copy.deepcopy(SHOP)
    for path, value, how in edits:
        change(content, path, value, how)
    file = folder / "shop.yaml"
    file.write_text(yaml.dump(content, Dumper=Dumper, allow_unicode=True), encoding="utf-8")
    result = loaded(load_scenario, file)
    if isinstance(result, str):
        assert result.startswith((f"{file}: ", "graph.json: ", "findings.csv: "))
    else:
        assert loaded(load_scenario, file) == result


@settings(max_examples=120)
@given(edits=changes)
def test_changed_scenarios(folder: Path, edits: list[tuple[tuple[Any, ...], Any, str]]) -> None:
    fuzz_changed_scenarios(folder, edits)


@pytest.mark.slow
@settings(max_examples=4000)
@given(edits=changes)
def test_many_changed_scenarios(folder: Path, edits: list[tuple[tuple[Any, ...], Any, str]]) -> None:
    fuzz_changed_scenarios(folder, edits)


@settings(max_examples=100)
@given(content=values)
def test_any_values_as_a_scenario_or_a_graph(folder: Path, content: Any) -> None:
    text = yaml.dump(content, Dumper=Dumper, allow_unicode=True)
    for name in ("any.yaml", "any.json"):
        (folder / name).write_text(text, encoding="utf-8")
        loaded(load_scenario, folder / name)
    loaded(load_scenario, content)


@settings(max_examples=120)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_as_a_file(folder: Path, content: bytes) -> None:
    for name in ("bytes.yaml", "bytes.json"):
        (folder / name).write_bytes(content)
        assert isinstance(loaded(load_scenario, folder / name), str)
    (folder / "bytes.csv").write_bytes(content)
    text = yaml.dump(SHOP | {"findings": "bytes.csv"}, Dumper=Dumper)
    (folder / "csv.yaml").write_text(text, encoding="utf-8")
    loaded(load_scenario, folder / "csv.yaml")


bundled_files = sorted(path for path in DATA.iterdir() if path.suffix in (".yaml", ".json", ".csv"))


def fuzz_damaged_files(folder: Path, path: Path, damages: list[tuple[float, str, bytes]], rows: int = 40) -> None:
    """A bundled file with bytes changed, cut out or put in."""
    content = path.read_bytes()
    if path.suffix == ".csv":
        content = b"".join(content.splitlines(keepends=True)[:rows])
    for place, how, piece in damages:
        start = int(place * len(content))
        end = start + (0 if how == "insert" else len(piece))
        content = content[:start] + (b"" if how == "delete" else piece) + content[end:]
    (folder / path.name).write_bytes(content)
    if path.suffix == ".csv":
        app = path.stem.partition("@")[0].removesuffix("_findings").removesuffix("_components")
        section = "findings" if path.stem.endswith("findings") else "components"
        file = folder / "damaged.yaml"
        graph = folder / f"{app}.json"
        graph.write_bytes((DATA / f"{app}.json").read_bytes())
        file.write_text(yaml.dump({"id": "d", "title": "D", "graph": graph.name, section: path.name}), encoding="utf-8")
        loaded(load_scenario, file)
        return
    if path.suffix == ".yaml":
        for beside in DATA.glob("*.json"):
            (folder / beside.name).write_bytes(beside.read_bytes())
        for beside in DATA.glob("*.csv"):
            lines = beside.read_bytes().splitlines(keepends=True)[:rows]
            (folder / beside.name).write_bytes(b"".join(lines))
    loaded(load_scenario, folder / path.name)


damages = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.sampled_from(["replace", "insert", "delete"]),
        st.one_of(
            st.binary(min_size=1, max_size=4), st.sampled_from([b"-", b"\n", b",", b'"', b"9", b"nan", b"{", b"]"])
        ),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=120)
@given(path=st.sampled_from(bundled_files), damage=damages)
def test_damaged_files(folder: Path, path: Path, damage: list[tuple[float, str, bytes]]) -> None:
    fuzz_damaged_files(folder, path, damage)


@pytest.mark.slow
@settings(max_examples=4000)
@given(path=st.sampled_from(bundled_files), damage=damages)
def test_many_damaged_files(folder: Path, path: Path, damage: list[tuple[float, str, bytes]]) -> None:
    fuzz_damaged_files(folder, path, damage)


attributes = st.dictionaries(st.sampled_from([*NodeAttributes.model_fields, "odd"]), values, max_size=2)
calls = st.dictionaries(st.sampled_from([*EdgeAttributes.model_fields, "odd"]), values, max_size=2)
hashables = st.one_of(
    scalars.filter(lambda value: value is not None), st.tuples(scalars, scalars), st.frozensets(numbers)
)


@settings(max_examples=100)
@given(
    nodes=st.lists(st.tuples(hashables, attributes), max_size=4),
    edges=st.lists(st.tuples(hashables, hashables, calls), max_size=4),
)
def test_graphs_with_any_attributes(nodes: list[Any], edges: list[Any]) -> None:
    graph = nx.DiGraph()
    for name, stated in nodes:
        graph.add_node(name, **stated)
    for source, target, stated in edges:
        graph.add_edge(source, target, **stated)
    result = loaded(load_scenario, graph)
    assert not isinstance(result, str) or result.startswith("graph: ")


names = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=10)


@st.composite
def plain_graphs(draw: st.DrawFn) -> nx.DiGraph:
    """Graphs of up to 8 nodes, any calls (circles too), and some stated attributes: all of them load."""
    labels = draw(
        st.lists(
            st.one_of(names, st.integers(), st.tuples(st.integers(), names)), min_size=1, max_size=8, unique_by=str
        )
    )
    pool = st.sampled_from(["lib", "grpc", "engine"])
    shipped = st.lists(pool, max_size=2, unique=True).map(lambda found: [{"component": name} for name in found])
    found = st.lists(st.tuples(pool, st.sampled_from(["CVE-1", "CVE-2"])), max_size=2, unique=True).map(
        lambda pairs: [{"component": component, "cve": cve} for component, cve in pairs]
    )
    stated = st.fixed_dictionaries(
        {},
        optional={
            "kind": st.sampled_from(SERVICE_KINDS),
            "exposed": st.booleans(),
            "revenue_keur_per_hour": st.floats(0, 100),
            "owner": st.sampled_from(["a", "b", "c"]),
            "tenant": st.sampled_from(["x", "y"]),
            "components": shipped,
            "findings": found,
        },
    )
    chosen = st.sets(
        st.sampled_from(["kind", "exposed", "revenue_keur_per_hour", "owner", "tenant", "components", "findings"])
    )
    keep = draw(chosen)
    graph = nx.DiGraph()
    for label in labels:
        graph.add_node(label, **{name: value for name, value in draw(stated).items() if name in keep})
    for source in labels:
        for target in labels:
            if source != target and draw(st.integers(0, 3)) == 0:
                graph.add_edge(source, target)
    return graph


@settings(max_examples=200)
@given(graph=plain_graphs(), seed=st.integers(0, 2**63 - 1))
def test_every_plain_graph_loads(graph: nx.DiGraph, seed: int) -> None:
    scenario = loaded(load_scenario, graph, scenario_seed=seed)
    assert isinstance(scenario, Scenario)
    assert [service.name for service in scenario.services] == [str(node) for node in graph]
    assert loaded(load_scenario, nx.node_link_data(graph), scenario_seed=seed) == scenario
    for node, stated in graph.nodes(data=True):
        ships = {patch.component for patch in scenario.patches if patch.service == str(node)}
        lists = [stated[name] for name in ("findings", "components") if name in stated]
        if stated.get("kind") == "external":
            assert not ships
        elif lists:
            assert ships == {row["component"] for row in lists[0]}
        else:
            assert ships


OPTIONS = [*PARAMETERS, "services", "tenants", "scenario_seed", "unconfirmed", "self", "id", "widows", "", "a b"]
overrides = st.dictionaries(st.sampled_from(OPTIONS), values, min_size=1, max_size=3)


@settings(max_examples=100)
@given(id_=st.sampled_from(scenario_ids()), named=overrides)
def test_any_overrides(id_: str, named: dict[str, Any]) -> None:
    services = named.get("services")
    if isinstance(services, int) and services > 200:
        named["services"] = 200  # larger ones are asked for elsewhere
    result = loaded(load_scenario, id_, **named)
    assert id_ in (result if isinstance(result, str) else result.id)


def described(scenario: Scenario) -> dict[str, Any]:
    """All of a scenario by uid, without a name of a service."""
    uid = {service.name: service.uid for service in scenario.services}

    def rows(kind: str, **fields: Any) -> list[Any]:
        return [replace(row, **{name: of(row) for name, of in fields.items()}) for row in getattr(scenario, kind)]

    return {
        "services": rows("services", name=lambda s: ""),
        "edges": rows("edges", source=lambda e: uid[e.source], target=lambda e: uid[e.target]),
        "entrypoints": rows("entrypoints", service=lambda e: uid[e.service]),
        "findings": rows("findings", service=lambda f: uid[f.service]),
        "patches": rows("patches", service=lambda p: uid[p.service], name=lambda p: p.name.removeprefix(p.service)),
        "agents": scenario.agents,
        "assumptions": sorted(scenario.assumptions),
    }


def renamed(graph: nx.DiGraph, labels: list[Any], order: random.Random) -> nx.DiGraph:
    """The graph under other names, its nodes and edges in another order."""
    name = dict(zip(graph, labels, strict=True))
    nodes, edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
    order.shuffle(nodes)
    order.shuffle(edges)
    made = nx.DiGraph(id=graph.graph.get("id", "graph"))
    made.add_nodes_from((name[node], dict(stated)) for node, stated in nodes)
    made.add_edges_from((name[source], name[target], dict(stated)) for source, target, stated in edges)
    return made


def bare(graph: nx.DiGraph) -> nx.DiGraph:
    """Only uids, kinds and calls."""
    made = nx.DiGraph()
    made.add_nodes_from(
        (node, {"uid": stated["uid"], "kind": stated["kind"]}) for node, stated in graph.nodes(data=True)
    )
    made.add_edges_from(graph.edges)
    return made


@st.composite
def worlds(draw: st.DrawFn) -> nx.DiGraph:
    """A graph with uids: bundled, drawn, or any; with all attributes, or bare."""
    origin = draw(st.sampled_from(["bundled", "drawn", "any", "any"]))
    if origin == "any":
        graph = draw(plain_graphs())
        nx.set_node_attributes(graph, {node: 3 * k for k, node in enumerate(graph)}, "uid")
        return graph
    if origin == "bundled":
        graph = load_scenario(draw(st.sampled_from([id_ for id_ in scenario_ids() if "large" not in id_]))).graph()
    else:
        size, seed, tenants = draw(st.integers(1, 30)), draw(st.integers(0, 10**6)), draw(st.integers(1, 3))
        graph = generate(size, seed, tenants=tenants).graph()
    return bare(graph) if draw(st.booleans()) else graph


@settings(max_examples=100)
@given(graph=worlds(), seed=st.integers(0, 10**9), order=st.randoms(use_true_random=False), data=st.data())
def test_names_and_order_change_nothing_drawn(graph: nx.DiGraph, seed: int, order: random.Random, data: Any) -> None:
    labels = data.draw(st.lists(names, min_size=len(graph), max_size=len(graph), unique=True))
    before = loaded(load_scenario, graph, scenario_seed=seed)
    after = loaded(load_scenario, renamed(graph, labels, order), scenario_seed=seed)
    assert isinstance(before, Scenario)
    assert isinstance(after, Scenario)
    assert described(after) == described(before)


@settings(max_examples=60)
@given(order=st.randoms(use_true_random=False), labels=st.lists(names, min_size=2, max_size=2, unique=True))
def test_names_and_order_of_a_file(folder: Path, order: random.Random, labels: list[str]) -> None:
    """Rows of a YAML file in another order, services under other names, uids kept."""
    content = copy.deepcopy(SHOP)
    del content["patches"]
    content["findings"].append({"service": "db", "component": "engine", "cve": "CVE-1"})
    for section in ("findings", "entrypoints", "agents"):
        for uid, row in enumerate(content[section]):
            row["uid"] = uid
    other = copy.deepcopy(content)
    name = dict(zip(("web", "db"), labels, strict=True))
    for row in other["graph"]["nodes"]:
        row["id"] = name[row["id"]]
    for row in other["graph"]["edges"]:
        row.update(source=name[row["source"]], target=name[row["target"]])
    for section in ("findings", "entrypoints", "components"):
        for row in other[section]:
            row["service"] = name[row["service"]]
        order.shuffle(other[section])
    other["services"] = {name[key]: value for key, value in other["services"].items()}
    order.shuffle(other["graph"]["nodes"])
    order.shuffle(other["agents"])
    results = []
    for tree in (content, other):
        file = folder / "order.yaml"
        file.write_text(yaml.dump(tree, Dumper=Dumper, allow_unicode=True, sort_keys=False), encoding="utf-8")
        results.append(loaded(load_scenario, file))
    before, after = results
    assert isinstance(before, Scenario)
    assert isinstance(after, Scenario)
    assert described(after) == described(before)
