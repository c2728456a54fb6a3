"""`load_scenario`: an id, a file, a networkx graph or a Scenario becomes a complete Scenario."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import networkx as nx
import numpy as np

from patchpact.scenarios.assemble import Description, assemble
from patchpact.scenarios.checks import check_scenario
from patchpact.scenarios.errors import AssumptionWarning, ScenarioError, closest, shown
from patchpact.scenarios.files import MAX_YAML_BYTES, parse_csv, parse_json, parse_yaml, read_text
from patchpact.scenarios.generator import generate
from patchpact.scenarios.notes import Notes
from patchpact.scenarios.parameters import NETWORKS, PARAMETERS, Value, flatten_section
from patchpact.scenarios.registry import bundled_path, scenario_ids
from patchpact.scenarios.scenario import Scenario
from patchpact.scenarios.schema import (
    ComponentRow,
    EdgeAttributes,
    FindingRow,
    GenerateSection,
    GraphFile,
    Link,
    M,
    Model,
    Node,
    NodeAttributes,
    ScenarioFile,
    check,
)

GENERATE_OPTIONS = {
    "services": "services",
    "scenario_seed": "seed",
    "tenants": "tenants",
    "vendors": "vendors",
}
"""Overrides of drawn scenarios, beside the parameters."""
_NUMBERS = ("cvss", "epss", "confidence")
_WHOLE = ("uid", "known_window")
_SWITCHES = ("kev", "exposed", "automatable", "unconfirmed", "direct")


def load_scenario(source: str | Path | Scenario | nx.DiGraph, **overrides: Any) -> Scenario:
    """A complete scenario.

    Args:
        source: a bundled id (see `scenario_ids`), the path of a YAML scenario or of a node-link JSON
            graph, a Scenario, or a `networkx.DiGraph`. A sparse graph is completed from defaults.
        overrides: parameters by name (see `PARAMETERS`). Drawn scenarios (`generated-v1`) also take
            `services`, `tenants`, `vendors` and `scenario_seed`; graphs take `scenario_seed`; files
            with findings take `unconfirmed` ("keep" or "drop").

    Warns:
        AssumptionWarning: once, when a graph or a file of the user's was completed from defaults.

    Raises:
        ScenarioError: `<file or graph>: <field>: <problem>; <mend>`, on one line.
    """
    options = {name: overrides.pop(name) for name in (*GENERATE_OPTIONS, "unconfirmed") if name in overrides}
    bundled = False
    if isinstance(source, Scenario):
        _no_options(options, source.id, ())
        check_scenario(source)
        scenario = source
    elif isinstance(source, nx.Graph):
        _no_options(options, "graph", ("scenario_seed", "unconfirmed"))
        scenario = _from_networkx(source, options)
    elif isinstance(source, str | Path):
        scenario, bundled = _from_name(source, options)
    else:
        problem = f"{type(source).__name__} is no scenario"
        raise ScenarioError(
            "load_scenario", "source", problem, "give an id, a path, a Scenario or a nx.DiGraph"
        )
    if overrides:
        scenario = scenario.with_parameters(**overrides)
    if scenario.assumptions and not bundled and not isinstance(source, Scenario):
        lines = "\n  - ".join(scenario.assumptions)
        text = (
            f"{scenario.id}: completed from defaults, {len(scenario.assumptions)} assumptions:\n  - {lines}"
        )
        warnings.warn(text, AssumptionWarning, stacklevel=2)
    return scenario


def _no_options(options: Mapping[str, Any], where: str, allowed: tuple[str, ...]) -> None:
    for name in options:
        if name not in allowed:
            mend = "use it with generated-v1" if name in GENERATE_OPTIONS else "leave it out"
            raise ScenarioError(where, name, "does not apply here", mend)


def _from_name(source: str | Path, options: dict[str, Any]) -> tuple[Scenario, bool]:
    """A bundled id or a path; True when bundled."""
    path = bundled_path(str(source))
    if path is not None:
        try:
            return _bundled(str(source), tuple(sorted(options.items()))), True
        except TypeError:
            return _from_yaml(path, options), True
    path = Path(source)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _from_yaml(path, options), False
    if suffix == ".json":
        _no_options(options, str(path), ("scenario_seed", "unconfirmed"))
        graph = _graph_file(path, str(path))
        return _from_graph_file(graph, str(path), path.stem, options), False
    if isinstance(source, Path) or path.exists() or "/" in str(source):
        raise ScenarioError(
            str(path), "file", "neither .yaml nor .json", "give a YAML scenario or a JSON graph"
        )
    mend = closest(source, scenario_ids())
    raise ScenarioError(str(source), "scenario", "no such id or file", mend)


@lru_cache(maxsize=64)
def _bundled(id_: str, options: tuple[tuple[str, Any], ...]) -> Scenario:
    path = bundled_path(id_)
    assert path is not None
    return _from_yaml(path, dict(options))


def _from_networkx(graph: Any, options: Mapping[str, Any]) -> Scenario:
    """A graph in memory; attributes are those of the schema's `NodeAttributes` and `EdgeAttributes`."""
    if not graph.is_directed() or graph.is_multigraph():
        problem = f"{type(graph).__name__} is not a plain directed graph"
        raise ScenarioError("graph", "type", problem, "convert it with networkx.DiGraph(graph)")
    nodes, links = [], []
    for name, attributes in graph.nodes(data=True):
        stated = check(NodeAttributes, _plain(attributes), "graph", f"nodes[{shown(name)}]")
        nodes.append(_extended(Node, stated, id=_name(name)))
    for source, target, attributes in graph.edges(data=True):
        field = f"edges[{shown(source)} -> {shown(target)}]"
        stated_edge = check(EdgeAttributes, _plain(attributes), "graph", field)
        links.append(_extended(Link, stated_edge, source=_name(source), target=_name(target)))
    title = str(graph.graph.get("id") or graph.graph.get("name") or "graph")[:200]
    return _from_parts(nodes, links, "graph", title, options)


def _name(node: Any) -> str:
    """The name of a node: its own text."""
    text = node if isinstance(node, str) else str(node)
    if not text:
        raise ScenarioError("graph", "nodes['']", "an empty name", "give the node a name")
    return text


def _extended(model: type[M], stated: Model, **more: Any) -> M:
    values = {name: getattr(stated, name) for name in stated.model_fields_set}
    return cast(M, model.model_construct(**values, **more))


def _plain(value: Any) -> Any:
    """numpy scalars as Python's own, tuples as lists."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _graph_file(path: Path, where: str) -> GraphFile:
    return _checked_graph(parse_json(read_text(path, where), where), where, "")


def _checked_graph(data: Any, where: str, prefix: str) -> GraphFile:
    graph = check(GraphFile, data, where, prefix)
    if not graph.directed:
        raise ScenarioError(where, "directed", "the graph is not directed", "write caller -> callee edges")
    if graph.edges and graph.links:
        raise ScenarioError(where, "links", "both edges and links", "keep one of the two")
    return graph


def _from_graph_file(graph: GraphFile, where: str, id_: str, options: Mapping[str, Any]) -> Scenario:
    return _from_parts(graph.nodes, graph.edges or graph.links, where, graph.name or id_, options)


def _from_parts(
    nodes: list[Node], links: list[Link], where: str, id_: str, options: Mapping[str, Any]
) -> Scenario:
    notes = Notes()
    _note_ignored(nodes, links, notes)
    section = check(GenerateSection, {"seed": options.get("scenario_seed", 0)}, where)
    return assemble(
        Description(
            where=where,
            id=id_,
            nodes=nodes,
            links=links,
            seed=section.seed,
            unconfirmed=_unconfirmed(options, "drop", where),
            sources=(f"plugged in: {where}",),
            notes=notes,
        )
    )


def _note_ignored(nodes: list[Node], links: list[Link], notes: Notes) -> None:
    notes.add("label of nodes", "ignored", sum(node.label is not None for node in nodes))
    ignored = sum(link.label is not None or link.weight is not None for link in links)
    notes.add("label and weight of edges", "ignored", ignored)


def _unconfirmed(options: Mapping[str, Any], default: str, where: str) -> str:
    value = options.get("unconfirmed", default)
    if value not in ("keep", "drop"):
        raise ScenarioError(where, "unconfirmed", f"{shown(value)} is unknown", "write keep or drop")
    return str(value)


def _from_yaml(path: Path, options: Mapping[str, Any]) -> Scenario:
    where = path.name if bundled_path(path.stem) == path else str(path)
    content = parse_yaml(read_text(path, where, MAX_YAML_BYTES), where)
    file = check(ScenarioFile, content, where)
    parameters: dict[str, Value] = {}
    for network in NETWORKS:
        parameters |= flatten_section(network, getattr(file, network), where)
    if file.generate is not None:
        return _generated(file, parameters, options, where)
    _no_options(options, where, ("unconfirmed", "scenario_seed"))
    if file.graph is None:
        raise ScenarioError(where, "graph", "missing", "add graph: (a file or nodes and edges) or generate:")
    folder = path.parent
    if isinstance(file.graph, str):
        beside = _beside(folder, file.graph, (".json",), where, "graph")
        graph = _graph_file(beside, file.graph)
    else:
        graph = _checked_graph(file.graph, where, "graph")
    notes = Notes()
    links = graph.edges or graph.links
    _note_ignored(graph.nodes, links, notes)
    seed = check(GenerateSection, {"seed": options.get("scenario_seed", file.seed)}, where).seed
    return assemble(
        Description(
            where=where,
            id=file.id,
            title=file.title,
            text=file.description,
            nodes=graph.nodes,
            links=links,
            findings=_rows(FindingRow, file.findings, folder, where, "findings"),
            components=_rows(ComponentRow, file.components, folder, where, "components"),
            patches=file.patches,
            services=file.services,
            entrypoints=file.entrypoints,
            agents=file.agents,
            vendors=file.vendors,
            unconfirmed=_unconfirmed(options, file.unconfirmed, where),
            seed=seed,
            parameters=parameters,
            sources=file.sources,
            notes=notes,
        )
    )


def _generated(
    file: ScenarioFile, parameters: dict[str, Value], options: Mapping[str, Any], where: str
) -> Scenario:
    """A `generate:` section, with the options laid over it."""
    for name in ("graph", "findings", "components", "patches", "entrypoints"):
        if getattr(file, name) is not None:
            raise ScenarioError(where, name, "does not go with generate", "leave one of the two out")
    if file.services:
        raise ScenarioError(where, "services", "does not go with generate", "leave one of the two out")
    _no_options(options, where, tuple(GENERATE_OPTIONS))
    values = dict(file.generate or {})
    values |= {GENERATE_OPTIONS[name]: value for name, value in options.items()}
    section = check(GenerateSection, values, where, "generate")
    return generate(
        section.services,
        section.seed,
        section.tenants,
        section.vendors,
        id=file.id,
        title=file.title,
        description=file.description,
        parameters=parameters,
        agents=file.agents,
    )


def _beside(folder: Path, name: str, suffixes: tuple[str, ...], where: str, field: str) -> Path:
    """A file that the scenario names, relative to its own folder."""
    if "\0" in name or Path(name).suffix.lower() not in suffixes:
        mend = "give a " + " or ".join(suffixes) + " file"
        raise ScenarioError(where, field, f"{shown(name)} cannot be read", mend)
    path = folder / name
    if not path.is_file():
        raise ScenarioError(where, field, f"no file {shown(name)} beside it", "check the path")
    return path


def _rows(
    model: type[M], given: str | list[Any] | None, folder: Path, where: str, field: str
) -> list[M] | None:
    """Rows of a list, a CSV file or a JSON list."""
    if given is None:
        return None
    if isinstance(given, str):
        path = _beside(folder, given, (".csv", ".json"), where, field)
        text = read_text(path, given)
        if path.suffix.lower() == ".csv":
            rows: Any = parse_csv(text, given, _NUMBERS, _WHOLE, _SWITCHES)
            return [check(model, row, given, f"line {n}") for n, row in enumerate(rows, start=2)]
        rows, where, field = parse_json(text, given), given, "rows"
    else:
        rows = given
    if not isinstance(rows, list):
        raise ScenarioError(where, field, "is no list", "write a list of rows")
    return [check(model, row, where, f"{field}[{n}]") for n, row in enumerate(rows)]


def parameter_rows() -> list[dict[str, Any]]:
    """The parameter table as rows, for docs and `patchpact check`."""
    names = (
        "name",
        "network",
        "unit",
        "type",
        "default",
        "low",
        "high",
        "description",
        "source",
        "confidence",
    )
    rows = []
    for parameter in PARAMETERS.values():
        row = {name: getattr(parameter, name) for name in names}
        if parameter.choices:
            row["low"], row["high"] = "|".join(parameter.choices), ""
        rows.append(row)
    return rows
