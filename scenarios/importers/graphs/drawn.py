"""Graphs that somebody drew or wrote down: GraphML, GEXF, node-link JSON, CSV.

They state the fields of the schema by their names; whatever else drawing and layout programs write is left out and
named in one warning. A drawn edge is a claim, not an observation: its confidence is .9 unless it states one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.kind_by_name import call_kind, kind_by_name
from patchpact.scenarios.importers.graphs.rows import graph_edge, graph_node, stated_edge, stated_node
from patchpact.scenarios.importers.graphs.traffic import BY_NAME
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

DRAWN_CONFIDENCE = 0.9
"""An assumption: graphs drawn by hand are a little wrong."""
_NUMBERED = re.compile(r"[A-Za-z]{0,4}[-_]?\d+(?:::?[A-Za-z]{0,4}[-_]?\d+)*\Z")


def drawn_graph(
    nodes: Iterable[tuple[str, Mapping[str, Any], str]],
    edges: Iterable[tuple[str, str, Mapping[str, Any], str]],
    where: str,
    file: str,
    *,
    guess: bool = True,
) -> ImportedGraph:
    """The graph of what one file states.

    Args:
        nodes: name, attributes and place.
        edges: names of both ends, attributes and place.
        where: the file, for errors; `file`: the file, for evidence.
        guess: tell kinds from names where none is stated.

    Raises:
        ScenarioError: for an attribute of the schema with a value it does not take.
    """
    ignored: dict[str, int] = {}
    known_kind = kind_by_name if guess else _no_guess
    known_call = call_kind if guess else _no_guess
    made_nodes: list[GraphNode] = []
    for name, values, place in nodes:
        row = stated_node(values, where, place, ignored)
        evidence = f"{file}: {place}"
        if "kind" not in row and (kind := known_kind(name)):
            row, evidence = {**row, "kind": kind}, evidence + BY_NAME
        made_nodes.append(graph_node(name, row, evidence, DRAWN_CONFIDENCE))
    made_edges: list[GraphEdge] = []
    for source, target, values, place in edges:
        row, calls = stated_edge(values, where, place, ignored)
        if "kind" not in row and (kind := known_call(target)):
            row = {**row, "kind": kind}
        evidence = f"{file}: {place}" + (f", {calls:.12g} calls" if calls is not None else "")
        made_edges.append(graph_edge(source, target, row, evidence, DRAWN_CONFIDENCE, calls))
    return ImportedGraph.merged(made_nodes, made_edges, _of_ignored(ignored, file))


def joined(graphs: Sequence[ImportedGraph]) -> ImportedGraph:
    """Several files' graphs as one."""
    if len(graphs) == 1:
        return graphs[0]
    return ImportedGraph.merged(
        (node for graph in graphs for node in graph.nodes),
        (edge for graph in graphs for edge in graph.edges),
        (warning for graph in graphs for warning in graph.warnings),
    )


def by_label(nodes: Sequence[tuple[str, Mapping[str, Any]]]) -> Callable[[str], str]:
    """How nodes are called: by their labels where ids are mere numbers (`n0`, `17`), else by their ids."""
    labels = {}
    for id_, values in nodes:
        label = next((values[key] for key in ("label", "name") if isinstance(values.get(key), str)), "")
        labels[id_] = " ".join(label.split())
    told = all(labels.values()) and len(set(labels.values())) == len(labels)
    if told and all(_NUMBERED.match(id_) for id_ in labels):
        return lambda id_: labels[id_]
    return lambda id_: id_


def check_directed(directed: bool, where: str, field: str) -> None:
    """ScenarioError for an undirected graph: who calls whom is not in it."""
    if not directed:
        raise ScenarioError(where, field, "the graph is not directed", "write caller -> callee edges")


def _no_guess(name: str) -> str | None:
    return None


def _of_ignored(ignored: Mapping[str, int], file: str) -> list[str]:
    if not ignored:
        return []
    names = ", ".join(shown(name) for name in sorted(ignored)[:12]) + (", ..." if len(ignored) > 12 else "")
    return [f"{file}: attributes that are no fields of a service or a call left out: {names}"]
