"""From counted calls to call probabilities and shares of the revenue flow.

A tracing backend or a mesh counts the calls on each edge over some time. With `n(u, v)` the calls of u to v:

- `call_probability` of (u, v) is `n(u, v)` divided by the calls that entered u in the same time, at most 1: how likely
  a request at u calls v. Where u was never seen to be called (a root of the graph: traffic enters it uncounted),
  the calls that left u take their place, as if each request made one call; this is too low for a root that calls
  several services at each request, and the import says so.
- Requests enter at services that users or load generators call, at services marked as exposed that nobody else calls,
  and, where there are neither, at the roots. These become `exposed`, and share the revenue in proportion
  to the requests: `revenue_keur_per_hour` is the default total of an imported graph
  (`scenarios.topology.TOTAL_REVENUE_KEUR_PER_HOUR`), as sources count requests, not money. `requests_per_hour` is
  stated only where the source has rates.

Calls of a service to itself are left out on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from patchpact.scenarios.errors import shown
from patchpact.scenarios.importers.graphs.kind_by_name import call_kind, kind_by_name
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph
from patchpact.scenarios.topology import MAX_FLOWS, TOTAL_REVENUE_KEUR_PER_HOUR

FEW_CALLS = 10
_SURE, _FEW, _NONE = 0.98, 0.9, 0.3
BY_NAME = " (kind by its name)"


def seen_confidence(calls: float) -> float:
    """How sure an edge is on which that many calls were counted: .98, .9 below ten, .3 for none (assumptions).

    One call may be a stray of a wrong clock or a probe; an edge without calls is remembered, not seen.
    """
    if calls <= 0:
        return _NONE
    return _SURE if calls >= FEW_CALLS else _FEW


def seen_node(name: str, evidence: str, confidence: float = _SURE) -> GraphNode:
    """A service known by name only: its kind is told from the name where that is possible."""
    kind = kind_by_name(name)
    if kind is None:
        return GraphNode(name, evidence, confidence)
    return GraphNode(name, evidence + BY_NAME, confidence, {"kind": kind})


def seen_edge(source: str, target: str, calls: float, evidence: str) -> GraphEdge:
    """Counted calls of one service to another; their kind is told from the callee's name where that is possible."""
    kind = call_kind(target)
    attributes = {} if kind is None else {"kind": kind}
    text = f"{evidence}, {calls:.12g} calls"
    return GraphEdge(source, target, text, seen_confidence(calls), attributes, calls)


def seen_graph(
    edges: Iterable[GraphEdge], nodes: Iterable[GraphNode] = (), warnings: Iterable[str] = ()
) -> ImportedGraph:
    """The merged graph of counted calls; a node that is only an end of an edge is added by `seen_node`."""
    edges = list(edges)
    known: dict[str, GraphNode] = {}
    for edge in edges:
        for name in (edge.source, edge.target):
            if name not in known:
                known[name] = seen_node(name, edge.evidence, max(edge.confidence, _FEW))
    return ImportedGraph.merged([*nodes, *known.values()], edges, warnings)


def with_traffic(
    graph: ImportedGraph, outside: Mapping[str, float] | None = None, calls_per_hour: float | None = None
) -> ImportedGraph:
    """The graph with call probabilities, exposure and shares of the revenue flow, by the module's rules.

    Args:
        graph: merged; edges carry `calls`. What nodes and edges state already is kept.
        outside: calls, by service, that entered from users the source counts without a node of their own.
        calls_per_hour: how many calls an hour one counted call stands for (3600 for rates a second); None where
            the time of counting is unknown.
    """
    entering: dict[str, float] = dict(outside or {})
    leaving: dict[str, float] = {}
    for edge in graph.edges:
        if edge.calls and edge.source != edge.target:
            entering[edge.target] = entering.get(edge.target, 0.0) + edge.calls
            leaving[edge.source] = leaving.get(edge.source, 0.0) + edge.calls
    edges = tuple(_with_probability(edge, entering, leaving) for edge in graph.edges)
    users = _requests_of_users(graph, dict(outside or {}), leaving)
    nodes = tuple(_with_flows(graph.nodes, users, calls_per_hour))
    warnings = list(graph.warnings)
    external = {node.id for node in nodes if node.attributes.get("kind") == "external"}
    roots = sorted(name for name in leaving if not entering.get(name) and name not in external)
    if roots:
        warnings.append(
            f"call probabilities of services that nobody was seen to call ({len(roots)}: {_few(roots)}) are shares of "
            "their own calls: correct them by an overlay if a request makes several"
        )
    if users and nodes != graph.nodes:
        warnings.append(
            f"users' requests enter at {len(users)} of {len(nodes)} services ({_few(list(users))}), which share "
            f"{TOTAL_REVENUE_KEUR_PER_HOUR:g} k€ an hour, a default, by counted calls"
        )
    return ImportedGraph(nodes, edges, tuple(warnings))


def _few(names: Sequence[str]) -> str:
    return ", ".join(shown(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")


def _with_probability(edge: GraphEdge, entering: Mapping[str, float], leaving: Mapping[str, float]) -> GraphEdge:
    if not edge.calls or "call_probability" in edge.attributes or edge.source == edge.target:
        return edge
    base = entering.get(edge.source) or leaving[edge.source]
    share = float(f"{min(1.0, edge.calls / base):.6g}")
    return replace(edge, attributes={**edge.attributes, "call_probability": share})


def _requests_of_users(graph: ImportedGraph, users: dict[str, float], leaving: Mapping[str, float]) -> dict[str, float]:
    """Calls that enter from outside, by service, the most first and at most `MAX_FLOWS`."""
    called = {edge.target for edge in graph.edges if edge.source != edge.target}
    internal = {node.id for node in graph.nodes if node.attributes.get("kind") != "external"}
    closed = {node.id for node in graph.nodes if node.attributes.get("exposed") is False}
    for edge in graph.edges:
        if edge.calls and edge.source not in internal and edge.source not in called and edge.target in internal:
            users[edge.target] = users.get(edge.target, 0.0) + edge.calls
    for node in graph.nodes:
        if node.attributes.get("exposed") and node.id not in called and node.id not in users:
            users[node.id] = leaving.get(node.id, 0.0)
    if not users:
        users = {name: calls for name, calls in leaving.items() if name in internal and name not in called}
    counted = [(name, calls) for name, calls in users.items() if calls > 0 and name not in closed]
    return dict(sorted(counted, key=lambda item: (-item[1], item[0]))[:MAX_FLOWS])


def _with_flows(
    nodes: Iterable[GraphNode], users: Mapping[str, float], calls_per_hour: float | None
) -> Iterable[GraphNode]:
    nodes = list(nodes)
    stated = any("revenue_keur_per_hour" in node.attributes for node in nodes)
    total = sum(users.values())
    for node in nodes:
        if node.id not in users or stated:
            yield node
            continue
        share = users[node.id] / total
        flow = {
            "exposed": True,
            "revenue_keur_per_hour": float(f"{TOTAL_REVENUE_KEUR_PER_HOUR * share:.6g}"),
        }
        if calls_per_hour is not None:
            flow["requests_per_hour"] = min(1e9, float(f"{users[node.id] * calls_per_hour:.6g}"))
        yield replace(node, attributes={**flow, **node.attributes})
