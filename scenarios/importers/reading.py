"""Reading what others wrote for other programs: deployment files, exports and reports, without surprises.

Stricter than the programs the files are for where a file could do harm (references that leave a folder,
entities, values that multiply, endless nesting), as lenient as they are elsewhere (anchors, merge keys,
UTF-16). Every refusal is one `ScenarioError` naming the file, the line and the mend. Values are never
shown in it: they may be secrets.

YAML follows the core schema of YAML 1.2, so `no`, `22:22` and `2024-01-01` are texts; it is built straight
from the parser's events, which knows the line of each entry and is five times as fast as the usual loader.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

import yaml
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from patchpact.scenarios.errors import ScenarioError, shown

MAX_SOURCE_BYTES = 256_000_000
MAX_YAML_CHARACTERS = 64_000_000
MAX_YAML_LINE = 2_000_000
MAX_YAML_DEPTH = 64
MAX_YAML_VALUES = 10_000_000
MAX_ALIASED_VALUES = 1_000_000
"""Values that aliases and merge keys may add; the rest has to stand in the file."""
MAX_JSON_DEPTH = 200
MAX_XML_DEPTH = 200

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "binary")}
_CORE_TAGS.add("!")
_STR_TAGS = {"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:binary"}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_ODD_KEY = "a key that is no plain value"
_RENDER = "this looks like a template: give the rendered file (`helm template`), not its source"


class Root:
    """A folder that references may not leave, by `..`, by an absolute path or by a symbolic link."""

    def __init__(self, folder: Path) -> None:
        """`folder` must exist; ScenarioError if it does not."""
        self.folder = _real(folder, str(folder), "folder")
        if not self.folder.is_dir():
            raise ScenarioError(str(folder), "folder", "no such folder", "check the path")

    def resolve(self, name: str | Path, where: str, field: str) -> Path:
        """The real path of a regular file beneath the root; a relative name starts at the root.

        `where` and `field` are the place of the reference. ScenarioError if the path leaves the root,
        if nothing is there, or if it is no regular file (a folder, a pipe, a device).
        """
        path = self.find(name, where, field)
        if path is None:
            raise ScenarioError(where, field, f"no such file: {shown(str(name))}", "check the path")
        return path

    def find(self, name: str | Path, where: str, field: str) -> Path | None:
        """As `resolve`, but None if nothing is there."""
        path = self._beneath(name, where, field)
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise _unreadable(where, field, error) from None
        if not stat.S_ISREG(mode):
            problem = f"{shown(str(name))} is a folder" if stat.S_ISDIR(mode) else f"{shown(str(name))} is no file"
            raise ScenarioError(where, field, problem, "name a regular file")
        return path

    def folder_files(self, name: str | Path, where: str, field: str, at_most: int) -> list[Path]:
        """Real paths of the regular files directly in a folder beneath the root, by name; [] if there is none."""
        folder = self._beneath(name, where, field)
        try:
            entries = sorted(folder.iterdir()) if folder.is_dir() else []
        except OSError as error:
            raise _unreadable(where, field, error) from None
        inside = [entry for entry in entries if entry.is_file() and self.holds(entry)]
        return [entry.resolve() for entry in inside[:at_most]]

    def holds(self, path: Path) -> bool:
        """Whether the path, links followed, lies beneath the root."""
        return self._is_beneath(Path(os.path.realpath(path)))

    def _beneath(self, name: str | Path, where: str, field: str) -> Path:
        path = _real(self.folder / name, where, field)
        if not self._is_beneath(path):
            problem = f"{shown(str(name))} leads out of the folder {shown(str(self.folder))}"
            raise ScenarioError(where, field, problem, "name a file beneath it, or give a higher folder as root")
        return path

    def _is_beneath(self, path: Path) -> bool:
        return path == self.folder or self.folder in path.parents


def _real(path: Path, where: str, field: str) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise _unreadable(where, field, error) from None


def _unreadable(where: str, field: str, error: Exception) -> ScenarioError:
    reason = getattr(error, "strerror", None) or error
    return ScenarioError(where, field, f"cannot be read ({reason})", "check the path")


def read_source(path: Path, where: str, limit: int = MAX_SOURCE_BYTES) -> str:
    """The text of a regular file of at most `limit` bytes: UTF-8, or UTF-16 with a byte order mark.

    ScenarioError if it is missing, no regular file, too large, empty or in another encoding.
    """
    try:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "is no file" if path.exists() else "no such file"
            raise ScenarioError(where, "file", problem, "check the path")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except ScenarioError:
        raise
    except (OSError, ValueError) as error:
        raise _unreadable(where, "file", error) from None
    if len(content) > limit:
        raise ScenarioError(where, "file", f"more than {limit} bytes", "split it or leave out what is not needed")
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if utf16 else "UTF-8"
        raise ScenarioError(where, "file", f"not {encoding} at byte {error.start}", "save it as UTF-8") from None
    if "\0" in text:
        raise ScenarioError(where, "file", "holds zero bytes: binary, or UTF-16 without a mark", "save it as UTF-8")
    if not text or text.isspace():
        raise ScenarioError(where, "file", "empty", "write something into it")
    return text


class Located(dict[Any, Any]):
    """A mapping that knows its line and the line of each key, both from 1."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[Any, int] = {}

    def line_of(self, key: object) -> int:
        """The line of a key, the mapping's own where the key is not in it."""
        return self.lines.get(key, self.line)


class LocatedList(list[Any]):
    """A sequence that knows its line and the line of each item, both from 1."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int = 0) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []

    def line_of(self, index: int) -> int:
        """The line of an item, the sequence's own where there is no such item."""
        return self.lines[index] if index < len(self.lines) else self.line


class Tagged:
    """A value with one of the tags that the caller of `yaml_documents` allows."""

    __slots__ = ("tag", "value")

    def __init__(self, tag: str, value: Any) -> None:
        self.tag, self.value = tag, value


class _Refused(Exception):
    """Content the reader does not take: (line, problem, mend)."""


def yaml_documents(text: str, where: str, tags: Collection[str] = ()) -> list[Any]:
    """The documents of a YAML text that are not empty: `Located`, `LocatedList`, texts, numbers, bools, None.

    Anchors, aliases and merge keys are read; values they add are counted and bounded. `tags` are the local
    tags (`!reset`) that become `Tagged`; any other tag beyond the core ones, a key twice in a mapping, a
    key that is no plain value, NaN and infinities, nesting deeper than 64, lines of more than two million
    characters and more than 64 million characters are refused by ScenarioError.
    """
    if len(text) > MAX_YAML_CHARACTERS:
        raise ScenarioError(where, "file", f"more than {MAX_YAML_CHARACTERS} characters of YAML", "split it")
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_YAML_LINE:
            raise ScenarioError(where, f"line {number}", f"more than {MAX_YAML_LINE} characters", "wrap the line")
    try:
        return _Builder(tags).documents(text)
    except _Refused as refused:
        line, problem, mend = refused.args
        mend = _RENDER if "{{" in text and problem == _ODD_KEY else mend
        raise ScenarioError(where, f"line {line}", problem, mend) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        parts = (getattr(error, name, None) for name in ("context", "problem", "reason"))
        problem = " ".join(str(part) for part in parts if part) or "malformed YAML"
        mend = _RENDER if "{{" in text else "correct the YAML"
        raise ScenarioError(where, place, problem, mend) from None
    except UnicodeError:
        raise ScenarioError(where, "file", "has half a character pair", "save it as UTF-8") from None


class _Builder:
    """Builds values from YAML events, counting what aliases multiply."""

    def __init__(self, tags: Collection[str]) -> None:
        self.tags = frozenset(tags)
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.aliased = 0
        self.values = 0

    def documents(self, text: str) -> list[Any]:
        """All documents that are not empty."""
        made: list[Any] = []
        events = yaml.parse(text, Loader=_Parser)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors.clear()
                value, _ = self._value(next(events), events, 0)
                if value is not None:
                    made.append(value)
        return made

    def _value(self, event: Any, events: Any, depth: int) -> tuple[Any, int]:
        """The value that starts at the event, and how many values it counts with aliases written out."""
        kind = type(event)
        self.values += 1
        if kind is yaml.AliasEvent:
            return self._alias(event)
        line = event.start_mark.line + 1
        if self.values > MAX_YAML_VALUES:
            raise _Refused(line, f"more than {MAX_YAML_VALUES} values", "split the file")
        if depth > MAX_YAML_DEPTH:
            raise _Refused(line, f"nested more than {MAX_YAML_DEPTH} deep", "flatten it")
        tag = event.tag
        local = tag in self.tags
        if tag is not None and not local and tag not in _CORE_TAGS:
            raise _Refused(line, f"the tag {shown(tag)} is not read", "leave the tag out")
        value: Any
        if kind is yaml.ScalarEvent:
            plain = event.implicit[0] or (local and not event.style) or (tag in _CORE_TAGS and tag not in _STR_TAGS)
            value, size = (_plain(event.value, line) if plain else event.value), 1
        elif kind is yaml.MappingStartEvent:
            value, size = self._mapping(line, events, depth)
        else:
            value, size = self._sequence(line, events, depth)
        if local:
            value = Tagged(tag, value)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, size)
        return value, size

    def _alias(self, event: Any) -> tuple[Any, int]:
        line = event.start_mark.line + 1
        if event.anchor not in self.anchors:
            raise _Refused(line, f"the alias {shown(event.anchor)} has no anchor before it", "correct the name")
        value, size = self.anchors[event.anchor]
        self._count(size, line)
        return value, size

    def _count(self, size: int, line: int) -> None:
        self.aliased += size
        if self.aliased > MAX_ALIASED_VALUES:
            raise _Refused(line, f"aliases add more than {MAX_ALIASED_VALUES} values", "write the values out")

    def _sequence(self, line: int, events: Any, depth: int) -> tuple[LocatedList, int]:
        made, size = LocatedList(line), 1
        for event in events:
            if type(event) is yaml.SequenceEndEvent:
                break
            value, counted = self._value(event, events, depth + 1)
            made.append(value)
            made.lines.append(event.start_mark.line + 1)
            size += counted
        return made, size

    def _mapping(self, line: int, events: Any, depth: int) -> tuple[Located, int]:
        made, size = Located(line), 1
        merged: list[tuple[Any, int]] = []
        for event in events:
            if type(event) is yaml.MappingEndEvent:
                break
            key, _ = self._value(event, events, depth + 1)
            key_line = event.start_mark.line + 1
            value, counted = self._value(next(events), events, depth + 1)
            size += counted + 1
            if key == "<<" and type(event) is yaml.ScalarEvent and event.implicit[0]:
                merged.append((value, key_line))
                continue
            if isinstance(key, dict | list | Tagged):
                raise _Refused(key_line, _ODD_KEY, "use a text as key")
            if key in made:
                raise _Refused(key_line, f"{shown(key)} twice in one mapping", "keep one")
            made[key] = value
            made.lines[key] = key_line
        for value, key_line in merged:
            self._merge(made, value, key_line)
        return made, size

    def _merge(self, made: Located, value: Any, line: int) -> None:
        """Entries of `<<` that the mapping has not itself, each with its own line."""
        for source in value if isinstance(value, LocatedList) else [value]:
            if not isinstance(source, Located):
                raise _Refused(line, "a merge key (<<) without a mapping", "merge mappings only")
            self._count(len(source), line)
            for key, item in source.items():
                if key not in made:
                    made[key] = item
                    made.lines[key] = source.lines[key]


def _plain(text: str, line: int) -> Any:
    """What a value without quotes is in the core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INT.match(text):
            return int(text)
        if _NOT_FINITE.match(text):
            raise _Refused(line, "no finite number", "write a finite number, or a text in quotes")
        if _FLOAT.match(text):
            number = float(text)
            if not math.isfinite(number):
                raise _Refused(line, "no finite number", "write a finite number, or a text in quotes")
            return number
    return text


def json_value(text: str, where: str) -> Any:
    """The value of a JSON text (a byte order mark is skipped); 200 MB take seconds.

    ScenarioError for malformed JSON, NaN and infinities (as numbers too large to be finite), a key twice
    in an object, nesting deeper than 200 and half a pair of surrogates.
    """
    text = text.removeprefix("\ufeff")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
        if _deeper_than(value, MAX_JSON_DEPTH):
            raise _Refused(None, f"nested more than {MAX_JSON_DEPTH} deep", "flatten it")
        if re.search(r"\\u[dD][89a-fA-F]", text) or not _encodable(text):
            _check_surrogates(value)
    except json.JSONDecodeError as error:
        raise ScenarioError(where, f"line {error.lineno}", error.msg, "correct the JSON") from None
    except _Refused as refused:
        _, problem, mend = refused.args
        raise ScenarioError(where, "file", problem, mend) from None
    except ValueError:
        raise ScenarioError(where, "file", "a number of too many digits", "write it as a text") from None
    except RecursionError:
        problem = f"nested more than {MAX_JSON_DEPTH} deep"
        raise ScenarioError(where, "file", problem, "flatten it") from None
    return value


def _object(items: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(items)
    if len(made) != len(items):
        seen: set[str] = set()
        twice = next(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(None, f"{shown(twice)} twice in one object", "keep one")
    return made


def _no_constant(name: str) -> Any:
    raise _Refused(None, f"{name} is no finite number", "write a finite number or null")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused(None, "a number too large to be finite", "write a finite number")
    return number


def _deeper_than(value: Any, limit: int) -> bool:
    """Whether containers are nested deeper than that, looked at level by level."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True


def _encodable(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _Refused(None, "half a pair of surrogates in a text", "write the character itself") from None


class _BoundedTree(TreeBuilder):
    """Builds the tree of an XML text, refusing endless nesting."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0

    def start(self, tag: Any, attrs: Any) -> Any:
        """An element begins."""
        self.depth += 1
        if self.depth > MAX_XML_DEPTH:
            raise _Refused(None, f"nested more than {MAX_XML_DEPTH} deep", "flatten it")
        return super().start(tag, attrs)

    def end(self, tag: Any) -> Any:
        """An element ends."""
        self.depth -= 1
        return super().end(tag)


def xml_root(text: str, where: str) -> Element:
    """The root element of an XML text; ScenarioError if it is malformed, nested deeper than 200 or has a DTD.

    Document types, entities and external references are refused before anything is expanded.
    """
    parser = DefusedXMLParser(target=_BoundedTree(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(text.removeprefix("\ufeff"))
        return cast(Element, parser.close())
    except DefusedXmlException:
        raise ScenarioError(where, "file", "has a document type or entities", "leave out the DOCTYPE") from None
    except _Refused as refused:
        _, problem, mend = refused.args
        raise ScenarioError(where, "file", problem, mend) from None
    except ParseError as error:
        line = error.position[0] if getattr(error, "position", None) else 1
        problem = str(error).split(":")[0]
        raise ScenarioError(where, f"line {line}", f"malformed XML ({problem})", "correct the XML") from None
    except (UnicodeEncodeError, ValueError, LookupError) as error:
        problem = f"cannot be read as XML ({type(error).__name__})"
        raise ScenarioError(where, "file", problem, "save it as UTF-8") from None
