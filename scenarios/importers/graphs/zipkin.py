"""Zipkin dependencies: the answer of `/api/v2/dependencies`, a bare list of parent, child, `callCount`, `errorCount`.

The time the calls were counted over is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.graphs.jaeger import dependencies
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.graphs.traffic import seen_graph, with_traffic
from patchpact.scenarios.importers.reading import Root, json_value, read_source
from patchpact.scenarios.importers.records import GraphEdge, ImportedGraph

MEND = "save the answer of /api/v2/dependencies?endTs=...&lookback=..."


def detect(text: str, name: str) -> bool:
    """A list whose objects have a parent and a child."""
    if not text.lstrip().startswith("["):
        return False
    return bool(re.search(r'"parent"\s*:', text) and re.search(r'"child"\s*:', text))


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files, calls added up. Raises ScenarioError for anything malformed."""
    edges: list[GraphEdge] = []
    for file in files:
        where = str(file)
        rows = json_value(read_source(file, where), where)
        if not isinstance(rows, list):
            raise ScenarioError(where, "file", f"{shown(rows)} is no list", MEND)
        edges += dependencies(rows, where, file_name(file, root), "")
    return with_traffic(seen_graph(edges))
