"""Edge CSV: a row per call with the columns below, `source` and `target` first of all.

`source,target` may be called `caller,callee` or `from,to`. Cells are separated by commas, semicolons or tabs, as the
header is. A row that repeats a call adds to its `calls`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers.graphs.drawn import drawn_graph, joined
from patchpact.scenarios.importers.graphs.rows import file_name
from patchpact.scenarios.importers.graphs.traffic import with_traffic
from patchpact.scenarios.importers.reading import Root, read_source
from patchpact.scenarios.importers.records import ImportedGraph

COLUMNS = (
    "source", "target", "calls", "kind", "call_probability", "lateral_probability", "hard", "consumes", "evidence",
    "confidence",
)  # fmt: skip
_ENDS = (("source", "target"), ("caller", "callee"), ("from", "to"))
_SAME = {name: ("source", "target")[place] for pair in _ENDS for place, name in enumerate(pair)}


def detect(text: str, name: str) -> bool:
    """A first line with one of the three pairs of names, separated by commas, semicolons or tabs."""
    header = set(_cells(text))
    return any(header.issuperset(pair) for pair in _ENDS)


def read(files: Sequence[Path], root: Root) -> ImportedGraph:
    """The graph of all files. Raises ScenarioError for unknown columns, missing names and malformed cells."""
    graphs = []
    for file in files:
        where = str(file)
        rows = list(_rows(read_source(file, where), where))
        names = {name: place for source, target, _, place in reversed(rows) for name in (target, source)}
        nodes: list[tuple[str, dict[str, Any], str]] = [(name, {}, place) for name, place in names.items()]
        graphs.append(drawn_graph(nodes, rows, where, file_name(file, root)))
    return with_traffic(joined(graphs))


def _separator(text: str) -> str:
    line = text.partition("\n")[0]
    return max(",;\t", key=line.count)


def _cells(text: str) -> list[str]:
    line = text.removeprefix("\ufeff").partition("\n")[0]
    return [re.sub(r'^"|"$', "", cell.strip()).strip().lower() for cell in line.split(_separator(text))]


def _rows(text: str, where: str) -> Iterator[tuple[str, str, Mapping[str, Any], str]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=_separator(text), strict=True)
    try:
        header = _header([cell.strip().lower() for cell in next(reader)], where)
        for cells in reader:
            place = f"line {reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                mend = "quote cells that hold a separator"
                raise ScenarioError(where, place, f"{len(cells)} cells under {len(header)} columns", mend)
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            for end in ("source", "target"):
                if not row[end]:
                    raise ScenarioError(where, f"{place}, {end}", "empty", "name the service")
            yield row.pop("source"), row.pop("target"), row, place
    except csv.Error as error:
        raise ScenarioError(where, f"near line {reader.line_num}", str(error), "correct the CSV") from None


def _header(names: Sequence[str], where: str) -> list[str]:
    """The columns by their first names."""
    header = [_SAME.get(name, name) for name in names]
    for name in header:
        if name not in COLUMNS:
            raise ScenarioError(where, f"line 1, {shown(name)}", "unknown column", closest(name, [*COLUMNS, *_SAME]))
        if header.count(name) > 1:
            raise ScenarioError(where, f"line 1, {name}", "stands twice", "keep one")
    for end in ("source", "target"):
        if end not in header:
            raise ScenarioError(where, "line 1", f"no column {end}", "name the columns source,target,...")
    return header
