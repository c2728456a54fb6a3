"""GraphML, as networkx, yEd, igraph and Gephi write it.

Data keys named like fields of the schema (`kind`, `exposed`, `call_probability`, ...) are read, and `calls` on edges.
Nodes whose ids are mere numbers are called by their labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.graphs.drawn import by_label, check_directed, drawn_graph, joined
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.graphs.traffic import with_traffic
from patchpact.scenarios.importers.reading import Root, read_source, xml_root
from patchpact.scenarios.importers.records import ImportedGraph

_WRITTEN_BY_READERS = {"id", "label", "name", "x", "y", "shape_type"}
"""What the reader adds or what names nodes; no loss."""


def detect(text: str, name: str) -> bool:
    """A root element `graphml`, with any prefix."""
    head = text.lstrip()
    return head.startswith("<") and ("<graphml" in head or ":graphml" in head)


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files. Raises ScenarioError for XML that is unsafe or no GraphML, and for undirected graphs."""
    mend = "write it with networkx.write_graphml or export it anew"
    return read_xml(files, root, nx.parse_graphml, "GraphML", mend, "graph.edgedefault")


def read_xml(
    files: Sequence[Path], root: Root, parse: Callable[[str], Any], form: str, mend: str, direction: str
) -> ImportedGraph:
    """Files that networkx parses, checked for what could do harm before.

    Args:
        files: to read.
        root: see ``Root``.
        parse: text to networkx graph; whatever it raises on bad content becomes one ScenarioError.
        form: name of the format; ``mend``: what to do about a file that is none.
        direction: the field that says whether the graph is directed.
    """
    graphs = []
    for file in files:
        where = str(file)
        text = read_source(file, where)
        xml_root(text, where)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # keys without a type are read as texts
                graph = parse(text)
        except (
            nx.NetworkXException,
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            problem = f"no {form} that can be read ({type(error).__name__}: {error})"
            raise ScenarioError(where, "file", problem, mend) from None
        check_directed(graph.is_directed(), where, direction)
        graphs.append(networkx_graph(graph, where, file_name(file, root)))
    return with_traffic(joined(graphs))


def networkx_graph(graph: Any, where: str, file: str) -> ImportedGraph:
    """A directed networkx graph with the attributes a reader gave it; ids become texts."""
    nodes = [(str(id_), values) for id_, values in graph.nodes(data=True)]
    name = by_label(nodes)

    def edges() -> Iterator[tuple[str, str, Mapping[str, Any], str]]:
        for index, (source, target, values) in enumerate(graph.edges(data=True)):
            place = f"edge {values.get('id') or index}"
            yield name(str(source)), name(str(target)), _without(values), place

    return drawn_graph(((name(id_), _without(values), f"node {id_}") for id_, values in nodes), edges(), where, file)


def _without(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _WRITTEN_BY_READERS}
