"""Kiali graph JSON: what `/api/namespaces/graph` answers, of any graph type.

Nodes are apps, workloads or services; versions of one app are one service here, as is a service node that leads
to one app only. Requests a second (http, grpc) become requests an hour; bytes a second (tcp) prove a call and
count nothing. Traffic of the source `unknown` comes from outside the mesh: from users where no ingress gateway
is in the graph, else from anywhere, and is left out but for the gateway's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers.graphs.kind_by_name import call_kind, kind_by_name
from patchpact.scenarios.importers.graphs.rows import call_count, file_name, list_field, text_field
from patchpact.scenarios.importers.graphs.traffic import BY_NAME, seen_confidence, with_traffic
from patchpact.scenarios.importers.reading import Root, json_value, read_source
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

MEND = "save the answer of /api/namespaces/graph?namespaces=...&graphType=app"
_UNKNOWN = "unknown"
_SECONDS_PER_HOUR = 3600.0
_NODE_CONFIDENCE = 0.98
_TCP_CONFIDENCE = 0.9
"""Bytes went, so somebody connected (an assumption)."""
_DEFAULT_SECONDS = 60.0


@dataclass(frozen=True)
class _Seen:
    """One node of a file: its data, its place, and the service it becomes; "" is outside the mesh, None nothing."""

    data: Mapping[str, Any]
    place: str
    name: str | None


def detect(text: str, name: str) -> bool:
    """An object with `elements` and Kiali's graph or node types."""
    if not text.lstrip().startswith("{") or '"elements"' not in text:
        return False
    return '"graphType"' in text or '"nodeType"' in text


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files, rates added up. Raises ScenarioError for anything malformed."""
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    outside: dict[str, float] = {}
    warnings: list[str] = []
    for file in files:
        where = str(file)
        data = json_value(read_source(file, where), where)
        elements = data.get("elements") if isinstance(data, dict) else None
        if not isinstance(elements, dict):
            raise ScenarioError(where, "elements", "missing", MEND)
        duration = data.get("duration")
        seconds = float(duration) if isinstance(duration, int | float) and duration > 0 else _DEFAULT_SECONDS
        seen = _nodes(list_field(elements, "nodes", where, MEND), where, file_name(file, root))
        rows = list_field(elements, "edges", where, MEND)
        calls = list(_edges(rows, seen, seconds, where, file_name(file, root)))
        made = list(_services(seen))
        nodes += made
        gateways = {node.id for node in made if node.attributes.get("exposed")}
        passed_over: set[str] = set()
        for edge in calls:
            if edge.source:
                edges.append(edge)
            elif not gateways or edge.target in gateways:
                outside[edge.target] = outside.get(edge.target, 0.0) + (edge.calls or 0.0)
            else:
                passed_over.add(edge.target)
        if passed_over:
            named = ", ".join(shown(name) for name in sorted(passed_over)[:5])
            warnings.append(
                f"{file_name(file, root)}: traffic from outside the mesh that does not come by the ingress gateway "
                f"left out, as its source is unknown; it reaches {named}"
            )
    graph = ImportedGraph.merged(nodes, edges, warnings)
    return with_traffic(graph, outside, _SECONDS_PER_HOUR)


def _nodes(rows: Sequence[Any], where: str, file: str) -> dict[str, _Seen]:
    """The nodes by Kiali's id; a name that stands in several namespaces is told apart by them."""
    found: dict[str, tuple[Mapping[str, Any], str, str | None]] = {}
    spaces: dict[str, set[tuple[str, str]]] = {}
    for index, row in enumerate(rows):
        place = ("elements", "nodes", index, "data")
        data = row.get("data") if isinstance(row, dict) else None
        id_ = text_field(data, "id", where, place)
        if id_ in found:
            raise ScenarioError(where, f"elements.nodes[{index}].data.id", f"{shown(id_)} stands twice", "keep one")
        assert isinstance(data, dict)
        name = _name(data)
        found[id_] = (data, f"{file}: elements.nodes[{index}]", name)
        if name:
            spaces.setdefault(name, set()).add(_space(data))
    seen = {}
    for id_, (data, at, name) in found.items():
        if name and len(spaces[name]) > 1:
            several_clusters = len({cluster for cluster, _ in spaces[name]}) > 1
            cluster, namespace = _space(data)
            name = f"{name}.{namespace}" + (f".{cluster}" if several_clusters else "")
        seen[id_] = _Seen(data, at, name)
    return seen


def _space(data: Mapping[str, Any]) -> tuple[str, str]:
    return str(data.get("cluster") or ""), str(data.get("namespace") or "")


def _name(data: Mapping[str, Any]) -> str | None:
    """The service a node stands for; "" for sources outside the mesh, None for boxes and dead ends."""
    kind = data.get("nodeType")
    if kind == "box" or data.get("isBox") or data.get("isGroup") or data.get("isWaypoint"):
        return None
    order = {"service": ("service",), "workload": ("workload", "app"), "app": ("app", "workload")}.get(
        str(kind), ("app", "workload", "service", "aggregate")
    )
    for field in order:
        name = data.get(field)
        if isinstance(name, str) and name and name not in (_UNKNOWN, "BlackHoleCluster"):
            return name
    return None if kind == "service" else ""


def _edges(rows: Sequence[Any], seen: dict[str, _Seen], seconds: float, where: str, file: str) -> Iterator[GraphEdge]:
    """Calls between services by name; the source "" is outside the mesh. Renames service nodes that lead to one app."""
    ends = []
    for index, row in enumerate(rows):
        data = row.get("data") if isinstance(row, dict) else None
        place = ("elements", "edges", index, "data")
        source, target = (text_field(data, end, where, place) for end in ("source", "target"))
        assert isinstance(data, dict)
        for end, id_ in (("source", source), ("target", target)):
            if id_ not in seen:
                problem = f"no node {shown(id_)}"
                raise ScenarioError(where, f"elements.edges[{index}].data.{end}", problem, closest(id_, seen))
        ends.append((index, source, target, data))
    _join_services(seen, [(source, target) for _, source, target, _ in ends])
    for index, source, target, data in ends:
        caller, callee = seen[source].name, seen[target].name
        if caller is None or not callee or caller == callee or data.get("waypoint"):
            continue
        at = f"elements.edges[{index}]"
        protocol, rate = _rate(data.get("traffic"), where, f"{at}.data.traffic")
        evidence = f"{file}: {at}" + (f", {rate:.6g} requests a second" if rate is not None else f", {protocol}")
        kind = call_kind(callee) or (protocol if protocol in ("http", "grpc") else None)
        confidence = seen_confidence(rate * seconds) if rate is not None else _TCP_CONFIDENCE
        if rate is None and protocol != "tcp":
            confidence = seen_confidence(0)
        yield GraphEdge(caller, callee, evidence, confidence, {"kind": kind} if kind else {}, rate)


def _join_services(seen: dict[str, _Seen], ends: Sequence[tuple[str, str]]) -> None:
    """A service node whose calls all go to one app takes that app's name."""
    targets: dict[str, set[str | None]] = {}
    for source, target in ends:
        if seen[source].data.get("nodeType") == "service":
            targets.setdefault(source, set()).add(seen[target].name)
    for id_, names in targets.items():
        name = next(iter(names))
        if len(names) == 1 and name:
            seen[id_] = _Seen(seen[id_].data, seen[id_].place, name)


def _rate(traffic: Any, where: str, field: str) -> tuple[str, float | None]:
    """Protocol and requests a second; None where the protocol counts bytes or nothing was seen."""
    if not isinstance(traffic, dict):
        return "idle", None
    protocol = str(traffic.get("protocol") or "idle")
    rates = traffic.get("rates")
    value = rates.get(protocol) if isinstance(rates, dict) else None
    if value is None or protocol not in ("http", "grpc"):
        return protocol, None
    return protocol, call_count(value, where, f"{field}.rates.{protocol}")


def _services(seen: Mapping[str, _Seen]) -> Iterator[GraphNode]:
    for one in seen.values():
        if not one.name:
            continue
        data = one.data
        attributes, guessed = _attributes(data, one.name)
        destinations = data.get("destServices")
        labels = [str(data[field]) for field in ("app", "workload", "service") if data.get(field)]
        if isinstance(destinations, list):
            labels += [str(to["name"]) for to in destinations if isinstance(to, dict) and to.get("name")]
        if data.get("namespace") not in (None, _UNKNOWN):
            labels += [f"{data['namespace']}/{label}" for label in labels]
        labels = [label for label in dict.fromkeys(labels) if label not in (one.name, _UNKNOWN)]
        evidence = one.place + (BY_NAME if guessed else "")
        yield GraphNode(one.name, evidence, _NODE_CONFIDENCE, attributes, labels=tuple(labels))


def _attributes(data: Mapping[str, Any], name: str) -> tuple[dict[str, Any], bool]:
    """Kind and exposure as Kiali marks them; True where only the name told the kind."""
    gateway = data.get("isGateway")
    hosts = (
        {key for key, info in gateway.items() if isinstance(info, dict) and info.get("hostnames")}
        if isinstance(gateway, dict)
        else set()
    )
    if "egressInfo" in hosts or re.search(r"egress-?gateway", name):
        return {"kind": "gateway", "exposed": False}, False
    if gateway or data.get("isK8sGatewayAPI") or re.search(r"ingress-?gateway", name):
        return {"kind": "gateway", "exposed": True}, False
    dead_end = data.get("nodeType") == "service" and data.get("isInaccessible")
    if data.get("isServiceEntry") or dead_end or name == "PassthroughCluster":
        return {"kind": "external"}, False
    kind = kind_by_name(name)
    return ({"kind": kind}, True) if kind else ({}, False)
