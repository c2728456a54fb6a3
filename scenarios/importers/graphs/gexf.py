"""GEXF, as Gephi and networkx write it.

Attributes named like fields of the schema are read, and `calls` on edges. Nodes whose ids are mere numbers are called
by their labels. A graph without `defaultedgetype="directed"` is undirected by GEXF's own rule, and refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from patchpact.scenarios.importers.graphs.graphml import read_xml
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import ImportedGraph


def detect(text: str, name: str) -> bool:
    """A root element `gexf`."""
    head = text.lstrip()
    return head.startswith("<") and ("<gexf" in head or ":gexf" in head)


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files. Raises ScenarioError for XML that is unsafe or no GEXF, and for undirected graphs."""
    return read_xml(files, root, _parse, "GEXF", "export it anew as GEXF 1.2, directed", "graph.defaultedgetype")


def _parse(text: str) -> Any:
    content = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff")).encode()
    return nx.read_gexf(io.BytesIO(content))
