"""OpenTelemetry service graphs: `traces_service_graph_request_total` of Grafana Tempo or the collector's connector.

Read as Prometheus text (a scrape, `/federate`) or as the JSON answer of Prometheus' `/api/v1/query`. Series that differ
in other labels (dimensions, instances) are added up. `connection_type` tells what the callee is: `database` a
store, `messaging_system` a consumer behind a broker, `virtual_node` a peer that sends no traces: users on the
client's side, an external system on the server's. Counters run since a start that is not in them, so calls are
shares, no rates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.kind_by_name import call_kind, kind_by_name
from patchpact.scenarios.importers.graphs.rows import call_count, file_name
from patchpact.scenarios.importers.graphs.traffic import seen_confidence, seen_graph, seen_node, with_traffic
from patchpact.scenarios.importers.reading import Root, json_value, read_source
from patchpact.scenarios.importers.records import GraphEdge, GraphNode, ImportedGraph

_SERIES = re.compile(r"\w*service_graph_request(_failed)?(?:_total)?\Z")
_LINE = re.compile(r"\s*\w*service_graph_request(?:_failed)?(?:_total)?\s*\{")
_TYPES = "counter|gauge|histogram|summary|untyped|unknown"
USERS = {"user", "users", "unknown", "internet", "browser"}
"""Clients without traces that stand for whoever sends requests from outside."""
MEND = "save the answer of /metrics of Tempo's metrics generator or of the collector's servicegraph connector"


@dataclass
class _Pair:
    """What was counted for a client and a server, all series together."""

    evidence: str
    calls: float = 0.0
    failed: float = 0.0
    types: set[str] = field(default_factory=set)
    virtual: str = ""


def detect(text: str, name: str) -> bool:
    """Prometheus text with type lines or service-graph series, or a query's answer with clients and servers."""
    if text.lstrip().startswith("{"):
        return '"resultType"' in text and '"client"' in text and '"server"' in text
    if re.search(r"(?m)^\s*\w*service_graph_request\w*\s*\{", text):
        return True
    return bool(re.search(rf"(?m)^# TYPE \S+ (?:{_TYPES})\s*$", text))


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files, calls added up. Raises ScenarioError where there is no service graph in a file."""
    pairs: dict[tuple[str, str], _Pair] = {}
    nameless = 0
    for file in files:
        where, name = str(file), file_name(file, root)
        text = read_source(file, where)
        samples = _answer(text, where) if text.lstrip().startswith("{") else _text(text, where)
        found = False
        for place, failed, labels, value in samples:
            found = True
            ends = (labels.get("client", ""), labels.get("server", ""))
            if not all(end.strip() for end in ends):
                nameless += 1
                continue
            pair = pairs.setdefault(ends, _Pair(f"{name}: {place}"))
            count = call_count(value, where, place)
            if failed:
                pair.failed += count
            else:
                pair.calls += count
            pair.types.add(labels.get("connection_type", ""))
            pair.virtual = pair.virtual or labels.get("virtual_node", "")
        if not found:
            problem = "no series traces_service_graph_request_total with client and server"
            raise ScenarioError(where, "file", problem, MEND)
    warnings = [f"series without a client or a server left out: {nameless}"] if nameless else []
    return _graph(pairs, warnings)


def _text(text: str, where: str) -> Iterator[tuple[str, bool, Mapping[str, str], Any]]:
    """Place, whether failed calls, labels and value of each sample of Prometheus text."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not _LINE.match(line):
            continue
        try:
            sample = next(iter(text_string_to_metric_families(line))).samples[0]
        except (ValueError, IndexError, KeyError, StopIteration):
            raise ScenarioError(where, f"line {number}", "no sample of Prometheus text", "correct the line") from None
        match = _SERIES.match(sample.name)
        yield f"line {number}", bool(match and match[1]), sample.labels, sample.value


def _answer(text: str, where: str) -> Iterator[tuple[str, bool, Mapping[str, str], Any]]:
    """The same of Prometheus' JSON; of a range the last value. Sums have no name: they count calls."""
    answer = json_value(text, where)
    data = answer.get("data")
    rows = data.get("result") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        problem = f"Prometheus answered {shown(answer.get('error', 'without data.result'))}"
        raise ScenarioError(where, "data.result", problem, "save the answer of /api/v1/query")
    for index, row in enumerate(rows):
        place = f"data.result[{index}]"
        metric = row.get("metric") if isinstance(row, dict) else None
        last = (row.get("value") or (row.get("values") or [None])[-1]) if isinstance(row, dict) else None
        if not isinstance(metric, dict) or not isinstance(last, list) or len(last) != 2:
            raise ScenarioError(where, place, "no series with metric and value", "save the answer of /api/v1/query")
        match = _SERIES.match(str(metric.get("__name__", "service_graph_request")))
        if match:
            yield place, bool(match[1]), {key: str(value) for key, value in metric.items()}, last[1]


def _graph(pairs: Mapping[tuple[str, str], _Pair], warnings: Sequence[str]) -> ImportedGraph:
    outside: dict[str, float] = {}
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    for (client, server), pair in pairs.items():
        evidence = f"{pair.evidence}, {pair.calls:.12g} calls"
        if pair.failed:
            evidence += f", {pair.failed:.12g} failed"
        attributes: dict[str, Any] = {}
        if "virtual_node" in pair.types:
            if client in USERS or pair.virtual == "client":
                outside[server] = outside.get(server, 0.0) + pair.calls
                nodes.append(seen_node(server, evidence))
                continue
            kind = kind_by_name(server) or "external"
            nodes.append(GraphNode(server, evidence, seen_confidence(pair.calls), {"kind": kind}))
        elif "database" in pair.types:
            attributes["kind"] = "cache" if call_kind(server) == "cache" else "db"
            nodes.append(GraphNode(server, evidence, seen_confidence(pair.calls), {"kind": "store"}))
        elif "messaging_system" in pair.types:
            attributes["kind"] = "queue" if kind_by_name(server) == "queue" else "async"
        if not attributes and (guess := call_kind(server)):
            attributes["kind"] = guess
        edges.append(GraphEdge(client, server, evidence, seen_confidence(pair.calls), attributes, pair.calls))
    return with_traffic(seen_graph(edges, nodes, warnings), outside)
