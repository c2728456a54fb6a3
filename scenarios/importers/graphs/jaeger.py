"""Jaeger dependencies: the answer of `/api/dependencies`, a list of parent, child and `callCount`.

Jaeger wraps the list in `data` (its HTTP interface) or `dependencies` (its storage and gRPC, where counts are texts);
a bare list is read as well when the format is named. The time the calls were counted over is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.rows import call_count, file_name, list_field, text_field
from patchpact.scenarios.importers.graphs.traffic import seen_edge, seen_graph, with_traffic
from patchpact.scenarios.importers.reading import Root, json_value, read_source
from patchpact.scenarios.importers.records import GraphEdge, ImportedGraph

MEND = "save the answer of /api/dependencies?endTs=...&lookback=..."


def detect(text: str, name: str) -> bool:
    """An object with parents and children, or Jaeger's empty answer."""
    if not text.lstrip().startswith("{") or '"nodes"' in text:
        return False
    if re.search(r'"parent"\s*:', text) and re.search(r'"child"\s*:', text):
        return True
    empty = re.search(r'"data"\s*:\s*(\[\s*\]|null)', text) and '"errors"' in text
    return bool(empty) or ('"traceID"' in text and '"spans"' in text)


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files, calls added up. Raises ScenarioError for anything malformed."""
    edges: list[GraphEdge] = []
    for file in files:
        where = str(file)
        data = json_value(read_source(file, where), where)
        if isinstance(data, list):
            edges += dependencies(data, where, file_name(file, root), "")
            continue
        if isinstance(data, dict) and data.get("errors"):
            raise ScenarioError(where, "errors", f"Jaeger answered with an error: {shown(data['errors'])}", MEND)
        field = "dependencies" if isinstance(data, dict) and "dependencies" in data else "data"
        rows = list_field(data, field, where, MEND)
        if rows and isinstance(rows[0], dict) and "spans" in rows[0]:
            raise ScenarioError(where, field, "holds traces, not dependencies", MEND)
        edges += dependencies(rows, where, file_name(file, root), field)
    return with_traffic(seen_graph(edges))


def dependencies(rows: Sequence[Any], where: str, name: str, field: str) -> Iterator[GraphEdge]:
    """Edges of rows with `parent`, `child`, `callCount` and, where Zipkin counts them, `errorCount`.

    Args:
        rows: the list.
        where: the file, for errors; `name`: the file, for evidence.
        field: where the list stands in the file ("" for the file itself).
    """
    for index, row in enumerate(rows):
        place = (field, index) if field else (index,)
        at = f"{field}[{index}]"
        parent, child = (text_field(row, end, where, place) for end in ("parent", "child"))
        calls = call_count(row.get("callCount", 0), where, f"{at}.callCount")
        edge = seen_edge(parent, child, calls, f"{name}: {at}")
        errors = call_count(row.get("errorCount", 0), where, f"{at}.errorCount")
        if errors:
            edge = GraphEdge(
                edge.source,
                edge.target,
                f"{edge.evidence}, {errors:.12g} failed",
                edge.confidence,
                edge.attributes,
                calls,
            )
        yield edge
