"""Reading files that others wrote: bounded, without code, without surprises.

YAML: safe loader only, no anchors or aliases, bounded size, depth and number of values, no
duplicate keys. JSON and CSV likewise. NaN and infinities are refused everywhere.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import yaml

from patchpact.scenarios.errors import ScenarioError, shown

MAX_YAML_BYTES = 4_000_000
MAX_DATA_BYTES = 64_000_000
MAX_DEPTH = 32
MAX_VALUES = 400_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, with duplicate keys refused."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool) or key in seen:
                line = key_node.start_mark.line + 1
                word = "twice in one mapping" if isinstance(key, str | int | float) else "as a key"
                raise _Refused(f"{shown(key)} {word}", "keep one" if key else "use a text", f"line {line}")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Refused(Exception):
    """Content the reader does not take: (problem, mend, place)."""


def read_text(path: Path, where: str, limit: int = MAX_DATA_BYTES) -> str:
    """The text of a regular UTF-8 file of bounded size."""
    try:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "no such file"
            raise ScenarioError(where, "file", problem, "check the path")
        size = path.stat().st_size
        if size > limit:
            problem = f"{size} bytes, more than {limit}"
            raise ScenarioError(where, "file", problem, "split it or leave out what is not needed")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(where, "file", f"not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(where, "file", f"cannot be read ({error})", "check the path") from None


def parse_yaml(text: str, where: str) -> Any:
    """The content of a YAML text; ScenarioError for anything unsafe or malformed."""
    if len(text) > MAX_YAML_BYTES:
        raise ScenarioError(where, "file", "too large", "keep long lists in JSON or CSV files")
    try:
        _check_events(text, where)
        value = yaml.load(text, Loader=_Loader)
    except _Refused as refused:
        problem, mend, place = refused.args
        raise ScenarioError(where, place, problem, mend) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        problem = getattr(error, "problem", None) or "malformed YAML"
        raise ScenarioError(where, place, str(problem), "correct the YAML") from None
    except (RecursionError, ValueError, OverflowError, TypeError) as error:
        raise ScenarioError(where, "file", f"malformed YAML ({error})", "correct the YAML") from None
    _refuse_not_finite(value, where, "")
    return value


def _check_events(text: str, where: str) -> None:
    """Refuse aliases and excessive depth or length before anything is built."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Base)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            place = f"line {event.start_mark.line + 1}" if event.start_mark else "file"
            raise ScenarioError(where, place, "anchors and aliases are not read", "write the value out")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            place = f"line {event.start_mark.line + 1}" if event.start_mark else "file"
            raise ScenarioError(where, place, f"nested more than {MAX_DEPTH} deep", "flatten it")
        if count > MAX_VALUES:
            raise ScenarioError(where, "file", "too many values", "keep long lists in JSON or CSV files")


def _refuse_not_finite(value: Any, where: str, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ScenarioError(where, path or "file", f"{value} is no finite number", "write a finite number")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_not_finite(item, where, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_not_finite(item, where, f"{path}[{index}]")


def parse_json(text: str, where: str) -> Any:
    """The content of a JSON text; ScenarioError for NaN, duplicate keys or malformed JSON."""

    def constant(name: str) -> Any:
        raise ScenarioError(where, "file", f"{name} is no finite number", "write a finite number")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            keys = [key for key, _ in items]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ScenarioError(where, shown(twice), "twice in one object", "keep one")
        return made

    try:
        value = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise ScenarioError(where, f"line {error.lineno}", error.msg, "correct the JSON") from None
    except ScenarioError:
        raise
    except (RecursionError, ValueError) as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ScenarioError(where, "file", problem, "correct the JSON") from None
    return value


_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


def parse_csv(
    text: str, where: str, numbers: tuple[str, ...], whole: tuple[str, ...], switches: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The rows of a CSV text with a header; empty cells are left out."""
    rows: list[dict[str, Any]] = []
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        header = reader.fieldnames or []
        if len(set(header)) != len(header):
            raise ScenarioError(where, "line 1", "a column stands twice", "keep one")
        for cells in reader:
            if None in cells or None in cells.values():
                problem = "more or fewer cells than the header"
                raise ScenarioError(where, f"line {reader.line_num}", problem, "quote cells with commas")
            rows.append(
                {k: _cell(k, v, f"line {reader.line_num}", where, numbers, whole, switches)
                 for k, v in cells.items() if v != ""}
            )  # fmt: skip
    except csv.Error as error:
        raise ScenarioError(where, "file", str(error), "correct the CSV") from None
    return rows


def _cell(
    name: str,
    text: str,
    place: str,
    where: str,
    numbers: tuple[str, ...],
    whole: tuple[str, ...],
    switches: tuple[str, ...],
) -> Any:
    try:
        if name in whole:
            return int(text)
        if name in numbers:
            return float(text)
    except ValueError:
        raise ScenarioError(where, f"{place}, {name}", f"{shown(text)} is no number", "write one") from None
    if name in switches:
        if text.lower() in _YES + _NO:
            return text.lower() in _YES
        raise ScenarioError(where, f"{place}, {name}", f"{shown(text)} is no switch", "write 0 or 1")
    return text
