"""`import_graph`: files of any known format become one service graph; `graph_json` writes it as a graph file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.detect import AUTO, OWN_MARK, files_by_format
from patchpact.scenarios.importers.graphs.rows import edge_row, node_row
from patchpact.scenarios.importers.overlay import apply_overlay, read_overlay
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph
from patchpact.scenarios.importers.registry import GRAPH_FORMATS, Format
from patchpact.scenarios.schema import Link, Name, Node, check, check_value

MARK_VERSION = 1
_REVENUE = ("revenue_keur_per_hour", "requests_per_hour")
R = TypeVar("R", GraphNode, GraphEdge)


def import_graph(
    files: Sequence[Path], format: str = AUTO, overlay: Path | None = None, root: Path | None = None
) -> ImportedGraph:
    """The service graph of all files together.

    Args:
        files: files, and folders that are gone through (`detect.files_by_format` says how).
        format: a name of `registry.GRAPH_FORMATS`; `auto` tells each file's format from its content.
        overlay: a YAML file of additions, removals and corrections (`overlay`).
        root: the folder that references in the files may not leave; by default the one that holds all files.

    Returns:
        Nodes sorted by name and edges by their ends, each once, with evidence and confidence; names as the sources have
        them. `warnings` say what was left out or assumed, and loudly if there are no edges, services without any or no
        entrypoint.

    Raises:
        ScenarioError: for a file that cannot be read, an unknown format, an overlay that does not fit, names or values
            that the schema refuses, and a graph without any service.
    """
    sources, warnings = files_by_format(files, format, GRAPH_FORMATS)
    sources = _with_mesh(sources)
    folder = Root(root if root is not None else _common_folder(files))
    graphs = {format_.name: import_module(format_.module).read(paths, folder) for format_, paths in sources.items()}
    graph = _joined(graphs, warnings)
    if overlay is not None:
        graph = apply_overlay(graph, read_overlay(overlay), str(overlay))
    graph = _without_twin_uids(graph)
    if not graph.nodes:
        raise ScenarioError(_named(files), "graph", "no services found", "give other files, or add nodes by an overlay")
    _check(graph)
    nodes = tuple(sorted(graph.nodes, key=lambda node: node.id))
    edges = tuple(sorted(graph.edges, key=lambda edge: (edge.source, edge.target)))
    return ImportedGraph(nodes, edges, tuple(dict.fromkeys([*_loud(nodes, edges), *graph.warnings])))


def graph_json(graph: ImportedGraph, name: str) -> dict[str, Any]:
    """The graph as node-link JSON in the schema's `GraphFile`, which `load_scenario` reads.

    `name` is its title, at most 200 characters on one line. Raises ScenarioError for another.
    """
    title = check_value(Name, name, "import", "name")
    return {
        "directed": True,
        "multigraph": False,
        "graph": {OWN_MARK: MARK_VERSION},
        "name": title,
        "nodes": [node_row(node) for node in graph.nodes],
        "edges": [edge_row(edge) for edge in graph.edges],
    }


def _common_folder(files: Sequence[Path]) -> Path:
    folders = [os.path.realpath(path if path.is_dir() else path.parent) for path in files]
    return Path(os.path.commonpath(folders))


def _named(files: Sequence[Path]) -> str:
    return str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


def _with_mesh(sources: dict[Format, list[Path]]) -> dict[Format, list[Path]]:
    """Manifests of a mesh name the services of the cluster's other manifests: they are read together."""
    by_name = {format_.name: format_ for format_ in sources}
    if not {"istio", "kubernetes"} <= set(by_name):
        return sources
    together = sorted([*sources[by_name["istio"]], *sources[by_name["kubernetes"]]])
    kept = {format_: paths for format_, paths in sources.items() if format_.name != "kubernetes"}
    return kept | {by_name["istio"]: together}


def _joined(graphs: Mapping[str, ImportedGraph], warnings: Iterable[str]) -> ImportedGraph:
    """One graph; shares of the revenue come from one format only, as shares of several do not add up."""
    parts: list[ImportedGraph] = []
    told_by = ""
    told: list[str] = []
    for name, graph in graphs.items():
        if not any(field in node.attributes for node in graph.nodes for field in _REVENUE):
            parts.append(graph)
        elif not told_by:
            told_by = name
            parts.append(graph)
        else:
            parts.append(replace(graph, nodes=tuple(_without(node, _REVENUE) for node in graph.nodes)))
            told.append(f"revenue flows are those of {told_by}; those of {name} are left out")
    merged = ImportedGraph.merged(
        (node for part in parts for node in part.nodes),
        (edge for part in parts for edge in part.edges),
        [*told, *(warning for part in parts for warning in part.warnings), *warnings],
    )
    return _closed(merged)


def _closed(graph: ImportedGraph) -> ImportedGraph:
    """Without calls to oneself, which a scenario does not know, and with a node at both ends of each edge."""
    edges = tuple(edge for edge in graph.edges if edge.source != edge.target)
    warnings = list(graph.warnings)
    if len(edges) < len(graph.edges):
        warnings.append(f"calls of a service to itself left out: {len(graph.edges) - len(edges)}")
    known = {node.id for node in graph.nodes}
    missing = {
        name: GraphNode(name, edge.evidence, edge.confidence)
        for edge in reversed(edges)
        for name in (edge.source, edge.target)
        if name not in known
    }
    return ImportedGraph((*graph.nodes, *missing.values()), edges, tuple(warnings))


def _without(record: R, fields: Iterable[str]) -> R:
    kept = {key: value for key, value in record.attributes.items() if key not in fields}
    return replace(record, attributes=kept)


def _without_twin_uids(graph: ImportedGraph) -> ImportedGraph:
    """Without uids where two nodes or two edges have the same, as joined files may."""
    nodes, edges = graph.nodes, graph.edges
    warnings = list(graph.warnings)
    if _twins(nodes):
        nodes = tuple(_without(node, ("uid",)) for node in nodes)
        warnings.append("uids of services left out: two services have the same")
    if _twins(edges):
        edges = tuple(_without(edge, ("uid",)) for edge in edges)
        warnings.append("uids of calls left out: two calls have the same")
    return ImportedGraph(nodes, edges, tuple(warnings))


def _twins(records: Iterable[GraphNode] | Iterable[GraphEdge]) -> bool:
    uids = [record.attributes["uid"] for record in records if "uid" in record.attributes]
    return len(set(uids)) < len(uids)


def _check(graph: ImportedGraph) -> None:
    """ScenarioError, at the evidence, for what the schema refuses (names with control characters above all)."""
    for node in graph.nodes:
        check(Node, node_row(node), node.evidence, "service")
    for edge in graph.edges:
        check(Link, edge_row(edge), edge.evidence, "call")


def _loud(nodes: Sequence[GraphNode], edges: Sequence[GraphEdge]) -> list[str]:
    """What makes a graph of little use."""
    said = []
    if not edges:
        said.append("NO CALLS FOUND: a scenario of services that do not call each other; add edges by an overlay")
    connected = {name for edge in edges for name in (edge.source, edge.target)}
    alone = [shown(node.id) for node in nodes if node.id not in connected]
    if edges and alone:
        few = ", ".join(alone[:12]) + (", ..." if len(alone) > 12 else "")
        said.append(f"ISOLATED: {len(alone)} of {len(nodes)} services neither call nor are called: {few}")
    if not any(node.attributes.get("exposed") for node in nodes):
        fronts = [shown(node.id) for node in nodes if node.attributes.get("kind") in ("frontend", "gateway")]
        then = f"the loader takes {', '.join(fronts[:5])}" if fronts else "the loader takes services that nobody calls"
        said.append(f"NO ENTRYPOINT: no service is marked as exposed; {then}: mark them by an overlay")
    return said
