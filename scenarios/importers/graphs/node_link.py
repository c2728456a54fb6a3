"""Node-link JSON, as networkx (`links` or `edges`) and d3 write it, and this project's own graph files.

Ends of links may be names, positions in `nodes` (d3, where nodes have no `id`) or the nodes themselves (d3, after a
layout). What drawing programs add (`group`, `x`, ...) is left out. Fields of the schema are kept as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers.graphs.drawn import check_directed, drawn_graph, joined
from patchpact.scenarios.importers.graphs.rows import file_name, list_field
from patchpact.scenarios.importers.graphs.traffic import with_traffic
from patchpact.scenarios.importers.reading import Root, json_value, read_source
from patchpact.scenarios.importers.records import ImportedGraph
from patchpact.scenarios.schema import Identifier, check_value

MEND = "write {nodes: [{id: ...}], links: [{source: ..., target: ...}]}"


def detect(text: str, name: str) -> bool:
    """An object with a list `nodes` that is no Kiali or Cytoscape graph."""
    head = text.lstrip()
    return head.startswith("{") and '"elements"' not in head and bool(re.search(r'"nodes"\s*:\s*\[', head))


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files. Raises ScenarioError for undirected graphs, unknown ends and names that stand twice."""
    graphs = []
    for file in files:
        where = str(file)
        data = json_value(read_source(file, where), where)
        nodes = list_field(data, "nodes", where, MEND)
        check_directed(data.get("directed") is not False, where, "directed")
        field = "edges" if data.get("edges") or "links" not in data else "links"
        if data.get("edges") and data.get("links"):
            raise ScenarioError(where, "links", "both edges and links", "keep one of the two")
        links = list_field(data, field, where, MEND)
        names = _names(nodes, where)
        graphs.append(
            drawn_graph(
                _nodes(nodes, names), _links(links, names, field, where), where, file_name(file, root), guess=False
            )
        )
    return with_traffic(joined(graphs))


def _names(nodes: Sequence[Any], where: str) -> dict[str, int]:
    """Positions by name; nodes without `id` go by `name` or `label`."""
    for index, node in enumerate(nodes):
        if not isinstance(node, dict):
            raise ScenarioError(where, f"nodes[{index}]", f"{shown(node)} is no object", MEND)
    names: dict[str, int] = {}
    for index, node in enumerate(nodes):
        key = next((key for key in ("id", "name", "label") if node.get(key) is not None), "id")
        if key not in node:
            raise ScenarioError(where, f"nodes[{index}].id", "missing", "add it")
        name = check_value(Identifier, node[key], where, f"nodes[{index}].{key}")
        if name in names:
            raise ScenarioError(where, f"nodes[{index}].{key}", f"{shown(name)} stands twice", "keep one")
        names[name] = index
    return names


def _nodes(nodes: Sequence[Any], names: Mapping[str, int]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for name, index in names.items():
        values = {key: value for key, value in nodes[index].items() if key not in ("id", "name", "label")}
        yield name, values, f"nodes[{index}]"


def _links(
    links: Sequence[Any], names: Mapping[str, int], field: str, where: str
) -> Iterator[tuple[str, str, Mapping[str, Any], str]]:
    order = list(names)
    for index, link in enumerate(links):
        place = f"{field}[{index}]"
        if not isinstance(link, dict):
            raise ScenarioError(where, place, f"{shown(link)} is no object", MEND)
        source, target = (_end(link, end, names, order, where, place) for end in ("source", "target"))
        values = {
            key: value for key, value in link.items() if key not in ("source", "target", "label", "weight", "key")
        }
        yield source, target, values, place


def _end(
    link: Mapping[str, Any], end: str, names: Mapping[str, int], order: Sequence[str], where: str, place: str
) -> str:
    value = link.get(end)
    if isinstance(value, dict):
        value = next((value[key] for key in ("id", "name", "label") if value.get(key) is not None), None)
    if value is None:
        raise ScenarioError(where, f"{place}.{end}", "missing", "name a node")
    name: str = check_value(Identifier, value, where, f"{place}.{end}")
    if name in names:
        return name
    if isinstance(value, int) and 0 <= value < len(order):
        return order[value]
    raise ScenarioError(where, f"{place}.{end}", f"no node {shown(name)}", f"{closest(name, names)}, or add the node")
