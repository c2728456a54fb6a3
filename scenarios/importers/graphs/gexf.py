"""GEXF, as Gephi and networkx write it.

Attributes named like fields of the schema are read, and `calls` on edges. Nodes whose ids are mere numbers are called
by their labels. A graph without `defaultedgetype="directed"` is undirected by GEXF's own rule, and refused.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import networkx as nx

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.graphs.drawn import check_directed, joined
from patchpact.scenarios.importers.graphs.graphml import networkx_graph
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.graphs.traffic import with_traffic
from patchpact.scenarios.importers.reading import Root, read_source, xml_root
from patchpact.scenarios.importers.records import ImportedGraph


def detect(text: str, name: str) -> bool:
    """A root element `gexf`."""
    head = text.lstrip()
    return head.startswith("<") and ("<gexf" in head or ":gexf" in head)


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files. Raises ScenarioError for XML that is unsafe or no GEXF, and for undirected graphs."""
    graphs = []
    for file in files:
        where = str(file)
        text = read_source(file, where)
        xml_root(text, where)
        content = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff")).encode()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                graph = nx.read_gexf(io.BytesIO(content))
        except (
            nx.NetworkXException,
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            problem = f"no GEXF that can be read ({type(error).__name__}: {error})"
            raise ScenarioError(where, "file", problem, "export it anew as GEXF 1.2, directed") from None
        check_directed(graph.is_directed(), where, "graph.defaultedgetype")
        graphs.append(networkx_graph(graph, where, file_name(file, root)))
    return with_traffic(joined(graphs))
