"""Reading files that others wrote: bounded, without code, without surprises.

YAML: the core schema of YAML 1.2 (so `no` and `2024-01-01` are texts and `1e-3` is a number), no
tags, anchors or aliases, no duplicate keys. YAML and JSON: bounded size and depth, no NaN, no
infinities. CSV: a header of known columns, and as many cells in each row.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from patchpact.scenarios.errors import ScenarioError, closest, shown

MAX_YAML_BYTES = 4_000_000
MAX_DATA_BYTES = 64_000_000
MAX_DEPTH = 32
MAX_VALUES = 400_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN = (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", "~|null|Null|NULL|", ("~", "n", "N", "")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,99})", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
)
"""What a value without quotes may be beside a text: tag, pattern, first characters."""


class _Refused(Exception):
    """Content the reader does not take: (place, problem, mend)."""


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader with the plain values above, and duplicate keys refused."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the base class names it so)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            place = f"line {key_node.start_mark.line + 1}"
            if not isinstance(key, str | int | float):
                raise _Refused(place, f"{shown(key)} as a key", "use a text")
            if key in seen:
                raise _Refused(place, f"{shown(key)} twice in one mapping", "keep one")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_float(self, node: Any) -> float:
        text = node.value.lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _name, _pattern, _first in _PLAIN:
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
_Loader.add_constructor(f"{_TAG}float", _Loader.construct_yaml_float)


def read_text(path: Path, where: str, limit: int = MAX_DATA_BYTES) -> str:
    """The text of a regular UTF-8 file of bounded size."""
    try:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "no such file"
            raise ScenarioError(where, "file", problem, "check the path")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ScenarioError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ScenarioError(where, "file", f"cannot be read ({reason})", "check the path") from None
    if len(content) > limit:
        raise ScenarioError(where, "file", f"more than {limit} bytes", "split it or leave out what is not needed")
    if not content.strip():
        raise ScenarioError(where, "file", "empty", "write something into it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(where, "file", f"not UTF-8 at byte {error.start}", "save it as UTF-8") from None


def parse_yaml(text: str, where: str) -> Any:
    """The content of a YAML text; ScenarioError for anything unsafe or malformed."""
    try:
        _check_events(text)
        value = yaml.load(text, Loader=_Loader)
    except _Refused as refused:
        raise ScenarioError(where, *refused.args) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        parts = (getattr(error, name, None) for name in ("context", "problem", "reason"))
        problem = " ".join(str(part) for part in parts if part) or "malformed YAML"
        raise ScenarioError(where, place, problem, "correct the YAML") from None
    _check_values(value, where)
    return value


def _check_events(text: str) -> None:
    """Refuse tags, anchors, aliases and excessive depth or length before anything is built."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Base)):
        place = f"line {event.start_mark.line + 1}" if event.start_mark else "file"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(place, "anchors and aliases are not read", "write the value out")
        if tag := getattr(event, "tag", None):
            raise _Refused(place, f"the tag {shown(tag)} is not read", "leave the tag out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _Refused(place, f"nested more than {MAX_DEPTH} deep", "flatten it")
        if count > MAX_VALUES:
            raise _Refused("file", "too many values", "keep long lists in JSON or CSV files")


def _check_values(value: Any, where: str, path: str = "", depth: int = 0) -> None:
    """Refuse NaN, infinities and excessive depth."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ScenarioError(where, path or "file", f"{value} is no finite number", "write a finite number")
    if depth >= MAX_DEPTH and isinstance(value, dict | list):
        raise ScenarioError(where, path, f"nested more than {MAX_DEPTH} deep", "flatten it")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_values(item, where, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_values(item, where, f"{path}[{index}]", depth + 1)


def parse_json(text: str, where: str) -> Any:
    """The content of a JSON text; ScenarioError for NaN, duplicate keys or malformed JSON."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ScenarioError(where, shown(twice), "twice in one object", "keep one")
        return made

    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise ScenarioError(where, f"line {error.lineno}", error.msg, "correct the JSON") from None
    except ScenarioError:
        raise
    except (RecursionError, ValueError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ScenarioError(where, "file", problem, "correct the JSON") from None
    _check_values(value, where)
    return value


_SHIELDED = re.compile(r"'[=+\-@\t\r]")
"""An apostrophe that keeps a spreadsheet from running the cell: it is not part of the value."""
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def parse_csv(
    text: str, where: str, columns: Collection[str], whole: Collection[str], numbers: Collection[str],
    switches: Collection[str],
) -> list[tuple[int, dict[str, Any]]]:  # fmt: skip
    """Rows with their line numbers. The header names some of `columns`; empty cells are left out."""
    rows: list[tuple[int, dict[str, Any]]] = []
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        header = reader.fieldnames or []
        for column in header:
            if column not in columns:
                raise ScenarioError(where, f"line 1, {column}", "unknown column", closest(column, columns))
        if len(set(header)) != len(header):
            raise ScenarioError(where, "line 1", "a column stands twice", "keep one")
        for cells in reader:
            line = reader.line_num
            if None in cells or None in cells.values():
                problem = "more or fewer cells than the header"
                raise ScenarioError(where, f"line {line}", problem, "quote cells with commas")
            row: dict[str, Any] = {}
            for column, cell in cells.items():
                field = f"line {line}, {column}"
                if cell == "":
                    continue
                if _SHIELDED.match(cell):
                    cell = cell[1:]
                if column in switches:
                    row[column] = _switch(cell, where, field)
                elif column in whole or column in numbers:
                    row[column] = _number(int if column in whole else float, cell, where, field)
                else:
                    row[column] = cell
            rows.append((line, row))
    except csv.Error as error:
        raise ScenarioError(where, f"near line {reader.line_num}", str(error), "correct the CSV") from None
    return rows


def _switch(cell: str, where: str, field: str) -> bool:
    value = _SWITCH.get(cell.strip().lower())
    if value is None:
        raise ScenarioError(where, field, f"{shown(cell)} is no switch", "write 0 or 1")
    return value


def _number(kind: type[int] | type[float], cell: str, where: str, field: str) -> float:
    try:
        return kind(cell)
    except ValueError:
        mend = "write a whole number" if kind is int else "write a number"
        raise ScenarioError(where, field, f"{shown(cell)} is no number", mend) from None
