"""The overlay: what the user knows better than the sources, in YAML.

    rename: {cartservice: cart}                       # first; a name that is taken joins the two services
    remove:
      nodes: [jaeger]                                 # with their calls
      edges: [{source: web, target: legacy}]
    correct:
      nodes: {cart: {kind: service, exposed: false}}
      edges: [{source: web, target: cart, call_probability: 0.4}]
    add:
      nodes: [{id: bank, kind: external}]
      edges: [{source: payment, target: bank, kind: http}]

The other sections use the new names. Nodes and edges take the fields of a graph file; what the overlay
states is sure (confidence 1) unless it says otherwise, and has the overlay as evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.files import parse_yaml, read_text
from patchpact.scenarios.importers.graphs.rows import edge_row, graph_edge, graph_node, node_row
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph
from patchpact.scenarios.schema import Identifier, Link, Model, Node, NodeAttributes, check

Pair = tuple[str, str]
_SURE = 1.0


class EdgeName(Model):
    """A call, by the names of its ends."""

    source: Identifier
    target: Identifier


class Removals(Model):
    """What is not there."""

    nodes: list[Identifier] = Field(default_factory=list)
    edges: list[EdgeName] = Field(default_factory=list)


class Corrections(Model):
    """Fields of what is there."""

    nodes: dict[Identifier, NodeAttributes] = Field(default_factory=dict)
    edges: list[Link] = Field(default_factory=list)


class Additions(Model):
    """What no source names."""

    nodes: list[Node] = Field(default_factory=list)
    edges: list[Link] = Field(default_factory=list)


class OverlayFile(Model):
    """An overlay."""

    rename: dict[Identifier, Identifier] = Field(default_factory=dict)
    remove: Removals = Removals()
    correct: Corrections = Corrections()
    add: Additions = Additions()


def read_overlay(path: Path) -> OverlayFile:
    """The overlay of a YAML file; ScenarioError for unknown fields and malformed values."""
    where = str(path)
    return check(OverlayFile, parse_yaml(read_text(path, where), where), where)


def apply_overlay(graph: ImportedGraph, overlay: OverlayFile, where: str) -> ImportedGraph:
    """The graph with the overlay applied: rename, remove, correct, add.

    Args:
        graph: merged.
        overlay: as read.
        where: the overlay's file, for errors and evidence.

    Raises:
        ScenarioError: for names that are not in the graph, with the closest one, and for additions that are.
    """
    graph = _renamed(graph, overlay.rename, where)
    nodes = {node.id: node for node in graph.nodes}
    edges = {(edge.source, edge.target): edge for edge in graph.edges}
    at = Path(where).name
    renamed = overlay.rename
    for index, name in enumerate(overlay.remove.nodes):
        _known(name, nodes, renamed, where, f"remove.nodes[{index}]")
        del nodes[name]
    gone = set(overlay.remove.nodes)
    edges = {pair: edge for pair, edge in edges.items() if gone.isdisjoint(pair)}
    for index, removed in enumerate(overlay.remove.edges):
        pair = _known_edge((removed.source, removed.target), nodes, edges, renamed, where, f"remove.edges[{index}]")
        del edges[pair]
    for name, stated in overlay.correct.nodes.items():
        _known(name, nodes, renamed, where, f"correct.nodes.{name}")
        nodes[name] = _corrected_node(nodes[name], stated, f"{at}: correct.nodes.{name}")
    for index, link in enumerate(overlay.correct.edges):
        place = f"correct.edges[{index}]"
        pair = _known_edge((link.source, link.target), nodes, edges, renamed, where, place)
        edges[pair] = _corrected_edge(edges[pair], link, f"{at}: {place}")
    for index, node in enumerate(overlay.add.nodes):
        place = f"add.nodes[{index}]"
        if node.id in nodes:
            raise ScenarioError(where, place, f"{shown(node.id)} is in the graph already", "put it under correct.nodes")
        nodes[node.id] = graph_node(node.id, node.model_dump(exclude_unset=True), f"{at}: {place}", _SURE)
    for index, link in enumerate(overlay.add.edges):
        place, pair = f"add.edges[{index}]", (link.source, link.target)
        for end, name in zip(("source", "target"), pair, strict=True):
            _known(name, nodes, renamed, where, f"{place}.{end}")
        if pair in edges:
            problem = f"{shown(pair[0])} -> {shown(pair[1])} is in the graph already"
            raise ScenarioError(where, place, problem, "put it under correct.edges")
        if pair[0] == pair[1]:
            raise ScenarioError(where, place, f"{shown(pair[0])} calls itself", "leave the edge out")
        edges[pair] = graph_edge(*pair, link.model_dump(exclude_unset=True), f"{at}: {place}", _SURE)
    return ImportedGraph(tuple(nodes.values()), tuple(edges.values()), graph.warnings)


def _renamed(graph: ImportedGraph, names: Mapping[str, str], where: str) -> ImportedGraph:
    if not names:
        return graph
    known = {node.id for node in graph.nodes}
    for old in names:
        _known(old, known, {}, where, f"rename.{old}")
    nodes = [replace(node, id=names[node.id]) if node.id in names else node for node in graph.nodes]
    edges = [
        replace(edge, source=names.get(edge.source, edge.source), target=names.get(edge.target, edge.target))
        for edge in graph.edges
    ]
    labelled = [
        replace(node, labels=tuple(dict.fromkeys([*node.labels, old.id]))) if node.id != old.id else node
        for node, old in zip(nodes, graph.nodes, strict=True)
    ]
    return ImportedGraph.merged(labelled, (edge for edge in edges if edge.source != edge.target), graph.warnings)


def _known(name: str, names: Iterable[str], renamed: Mapping[str, str], where: str, field: str) -> None:
    if name in names:
        return
    if name in renamed:
        raise ScenarioError(where, field, f"{shown(name)} was renamed", f"write {shown(renamed[name])}")
    raise ScenarioError(where, field, f"no service {shown(name)} in the graph", closest(name, names))


def _known_edge(
    pair: Pair,
    nodes: Mapping[str, GraphNode],
    edges: Mapping[Pair, GraphEdge],
    renamed: Mapping[str, str],
    where: str,
    field: str,
) -> Pair:
    for end, name in zip(("source", "target"), pair, strict=True):
        _known(name, nodes, renamed, where, f"{field}.{end}")
    if pair not in edges:
        problem = f"no call {shown(pair[0])} -> {shown(pair[1])} in the graph"
        targets = [target for source, target in edges if source == pair[0]]
        mend = f"{shown(pair[0])} calls " + ", ".join(shown(name) for name in targets[:12]) if targets else "remove it"
        raise ScenarioError(where, field, problem, mend)
    return pair


def _corrected_node(node: GraphNode, stated: NodeAttributes, place: str) -> GraphNode:
    over = stated.model_dump(exclude_unset=True)
    row = {**node_row(node), "confidence": _SURE, "evidence": f"{node.evidence}; {place}", **over}
    made = graph_node(node.id, row, place, _SURE)
    return made if "labels" in over else replace(made, labels=node.labels)


def _corrected_edge(edge: GraphEdge, stated: Link, place: str) -> GraphEdge:
    over = stated.model_dump(exclude_unset=True)
    row = {**edge_row(edge), "confidence": _SURE, "evidence": f"{edge.evidence}; {place}", **over}
    return graph_edge(edge.source, edge.target, row, place, _SURE, edge.calls)
