"""Nodes and edges of imported graphs as rows of the schema, and back.

A record keeps `evidence`, `confidence`, the image and further names beside its attributes; a row of
`scenarios.schema.GraphFile` has them all in one mapping.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.reading import Root
from patchpact.scenarios.importers.records import GraphEdge, GraphNode
from patchpact.scenarios.schema import EdgeAttributes, Model, NodeAttributes, check, field_path

CALLS_FIELDS = ("calls", "callCount", "call_count", "requests")
"""What a drawn edge may call the number of its calls."""
_SWITCHES = {"exposed", "hard", "consumes"}
_WHOLE = {"uid", "replicas"}
_NUMBERS = {
    "deploy_minutes", "loss_keur", "requests_per_hour", "revenue_keur_per_hour", "confidence", "call_probability",
    "lateral_probability",
}  # fmt: skip
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NOT_READ = {"label", "weight"}
_LONGEST_LABEL = 200


def file_name(path: Path, root: Root) -> str:
    """The file as evidence names it: relative to the root, else its own name, on one printable line."""
    real = Path(os.path.realpath(path))
    name = real.relative_to(root.folder).as_posix() if root.folder in real.parents else path.name
    return one_line(name, 400)


def stated(
    model: type[Model], values: Mapping[str, Any], where: str, field: str, ignored: dict[str, int]
) -> dict[str, Any]:
    """Those of `values` that are fields of the schema, checked; texts that say a number or a switch are read so.

    Args:
        model: `NodeAttributes` or `EdgeAttributes`.
        values: what the source states, by name; None and empty texts are left out.
        where, field: the place, for errors.
        ignored: counts, by name, what is no field of the schema; added to.

    Raises:
        ScenarioError: for a value that the schema does not take.
    """
    row = {}
    for name, value in values.items():
        if value is None or value == "":
            continue
        if name not in model.model_fields or name in _NOT_READ:
            ignored[name] = ignored.get(name, 0) + 1
        else:
            row[name] = _read(name, value, where, f"{field}.{name}")
    check(model, row, where, field)
    return row


def _read(name: str, value: Any, where: str, field: str) -> Any:
    """A text as the switch or number that it stands for; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if name in _SWITCHES:
        if text.lower() not in _YES_NO:
            raise ScenarioError(where, field, f"{shown(value)} is no switch", "write true or false")
        return _YES_NO[text.lower()]
    if name in _WHOLE or name in _NUMBERS:
        try:
            return int(text) if name in _WHOLE else float(text)
        except ValueError:
            raise ScenarioError(where, field, f"{shown(value)} is no number", "write a number") from None
    return text


def graph_node(name: str, row: Mapping[str, Any], evidence: str, confidence: float) -> GraphNode:
    """The record of a row (`scenarios.schema.NodeAttributes`); what it does not state is as given."""
    beside = ("id", "evidence", "confidence", "image_or_build", "labels")
    return GraphNode(
        id=name,
        evidence=row.get("evidence") or evidence,
        confidence=confidence if row.get("confidence") is None else float(row["confidence"]),
        attributes={key: value for key, value in row.items() if key not in beside and value is not None},
        image=row.get("image_or_build") or "",
        labels=tuple(row.get("labels") or ()),
    )


def graph_edge(
    source: str, target: str, row: Mapping[str, Any], evidence: str, confidence: float, calls: float | None = None
) -> GraphEdge:
    """The record of a row (`scenarios.schema.EdgeAttributes`); what it does not state is as given."""
    beside = ("source", "target", "evidence", "confidence")
    return GraphEdge(
        source=source,
        target=target,
        evidence=row.get("evidence") or evidence,
        confidence=confidence if row.get("confidence") is None else float(row["confidence"]),
        attributes={key: value for key, value in row.items() if key not in beside and value is not None},
        calls=calls,
    )


def node_row(node: GraphNode) -> dict[str, Any]:
    """The node as a row of `scenarios.schema.Node`. Labels that do not fit on a line are left out."""
    row: dict[str, Any] = {"id": node.id, **node.attributes}
    if node.image:
        row["image_or_build"] = node.image
    labels = [text for text in node.labels if text and len(text) <= _LONGEST_LABEL and text.isprintable()]
    if labels:
        row["labels"] = labels
    return {**row, "evidence": node.evidence, "confidence": node.confidence}


def edge_row(edge: GraphEdge) -> dict[str, Any]:
    """The edge as a row of `scenarios.schema.Link`."""
    return {
        "source": edge.source,
        "target": edge.target,
        **edge.attributes,
        "evidence": edge.evidence,
        "confidence": edge.confidence,
    }


def stated_edge(
    values: Mapping[str, Any], where: str, field: str, ignored: dict[str, int]
) -> tuple[dict[str, Any], float | None]:
    """An edge's row, and its number of calls if one of `CALLS_FIELDS` states it."""
    rest = dict(values)
    calls = None
    for name in CALLS_FIELDS:
        if rest.get(name) not in (None, ""):
            calls = call_count(rest.pop(name), where, f"{field}.{name}")
    return stated(EdgeAttributes, rest, where, field, ignored), calls


def stated_node(values: Mapping[str, Any], where: str, field: str, ignored: dict[str, int]) -> dict[str, Any]:
    """A node's row."""
    return stated(NodeAttributes, values, where, field, ignored)


def call_count(value: Any, where: str, field: str) -> float:
    """A number of calls (whole, or a rate; a text of digits is read) of at least 0 and at most 1e18."""
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1e18:
        raise ScenarioError(where, field, f"{shown(value)} is no number of calls", "write a number from 0 on")
    return float(number)


def text_field(row: Any, name: str, where: str, place: tuple[int | str, ...]) -> str:
    """A text that must stand in a JSON object."""
    field = field_path((*place, name))
    if not isinstance(row, dict):
        raise ScenarioError(where, field_path(place), f"{shown(row)} is no object", "write an object")
    value = row.get(name)
    if value is None:
        raise ScenarioError(where, field, "missing", "add it")
    if not isinstance(value, str) or not value.strip():
        raise ScenarioError(where, field, f"{shown(value)} is no name", "write a text")
    return value


def list_field(row: Any, name: str, where: str, mend: str) -> list[Any]:
    """A list that must stand in the JSON object at the top of a file; null counts as empty."""
    if not isinstance(row, dict):
        raise ScenarioError(where, "file", f"{shown(row)} is no object", mend)
    if name not in row:
        raise ScenarioError(where, name, "missing", f"{mend}; {closest(name, row)}" if row else mend)
    value = row[name]
    if value is None:
        return []
    if not isinstance(value, list):
        raise ScenarioError(where, name, f"{shown(value)} is no list", mend)
    return value
