"""Reading a report's fields by name and type: unknown fields are passed over, wrong types are one clear error."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.plain import one_line

LONGEST_TEXT = 2_000
LONGEST_TITLE = 200
_MEND = "correct the report, or leave the field out"
_SWITCHES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


def named_type(value: object) -> str:
    """What an error calls a value; never the value itself, which may be a secret."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def wrong_type(where: str, field: str, value: object, expected: str) -> ScenarioError:
    """The error for a value of the wrong type at a field."""
    return ScenarioError(where, field or "file", f"{named_type(value)} where {expected} belongs", _MEND)


def number_of(value: object, where: str, field: str) -> float | None:
    """A finite number out of a number or a numeric text; None for null and empty texts."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong_type(where, field, value, "a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ScenarioError(where, field, "is no number", _MEND) from None
    if not math.isfinite(number):
        raise ScenarioError(where, field, "is no finite number", _MEND)
    return number


def moment_of(text: str, where: str, field: str) -> str:
    """An ISO 8601 time in UTC to the microsecond, so that texts sort by time; without a zone it is UTC."""
    if not text:
        return ""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ScenarioError(where, field, "is no time", "write it as 2026-01-31T12:00:00Z") from None
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Record:
    """An object of a report that knows its file (`where`) and its place in it (`path`)."""

    __slots__ = ("data", "path", "where")

    def __init__(self, data: Mapping[str, Any], where: str, path: str = "") -> None:
        self.data, self.where, self.path = data, where, path

    def __bool__(self) -> bool:
        return bool(self.data)

    @property
    def evidence(self) -> str:
        """File and place, as findings carry it."""
        return f"{self.where}: {self.path}" if self.path else self.where

    def at(self, key: str) -> str:
        """The place of a field."""
        if not self.path:
            return key
        return f"{self.path}, {key}" if self.path.startswith("line ") else f"{self.path}.{key}"

    def text(self, key: str, limit: int = LONGEST_TEXT) -> str:
        """A text on one line; "" where it is missing or null."""
        value = self.data.get(key)
        if value is None:
            return ""
        if type(value) is not str:
            raise wrong_type(self.where, self.at(key), value, "a text")
        plain = value.isprintable() and len(value) <= limit and "  " not in value and value == value.strip()
        return value if plain else one_line(value, limit)

    def title(self, key: str) -> str:
        """The first line of a text, cut to `LONGEST_TITLE`."""
        value = self.data.get(key)
        if isinstance(value, str):
            value = value.strip().partition("\n")[0]
        line = Record({key: value}, self.where, self.path).text(key)
        return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 3].rstrip()}..."

    def code(self, key: str) -> str:
        """A text or whole number, as text: ids that tools write either way."""
        value = self.data.get(key)
        return str(value) if type(value) is int and abs(value) < 10**18 else self.text(key)

    def number(self, key: str, least: float = -math.inf, most: float = math.inf) -> float | None:
        """A number, or a text that is one, between `least` and `most`; None where it is missing, null or empty."""
        number = number_of(self.data.get(key), self.where, self.at(key))
        if number is not None and not least <= number <= most:
            problem = f"is not between {least:g} and {most:g}"
            raise ScenarioError(self.where, self.at(key), problem, _MEND)
        return number

    def whole(self, key: str) -> int | None:
        """A whole number from 0, or a text that is one; None where it is missing, null or empty."""
        number = self.number(key, 0, 2**53)
        if number is not None and number != int(number):
            raise ScenarioError(self.where, self.at(key), "is no whole number", _MEND)
        return None if number is None else int(number)

    def line(self, key: str) -> int | None:
        """A line number; None where it is missing or not positive."""
        number = self.number(key, -(2**53), 2**53)
        return int(number) if number is not None and number >= 1 else None

    def switch(self, key: str) -> bool:
        """A truth value, or a text that is one; False where it is missing."""
        value = self.data.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value.strip().lower() in _SWITCHES:
            return _SWITCHES[value.strip().lower()]
        raise wrong_type(self.where, self.at(key), value, "true or false")

    def moment(self, key: str) -> str:
        """A time, see `moment_of`; "" where it is missing."""
        return moment_of(self.text(key), self.where, self.at(key))

    def record(self, key: str) -> Record:
        """An object; an empty one where it is missing or null."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, dict):
            raise wrong_type(self.where, self.at(key), value, "an object")
        return Record(value or {}, self.where, self.at(key))

    def items(self, key: str) -> list[Any]:
        """A list; an empty one where it is missing or null."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            raise wrong_type(self.where, self.at(key), value, "a list")
        return value or []

    def records(self, key: str) -> Iterator[Record]:
        """The objects of a list, null entries left out."""
        return records_of(self.items(key), self.where, self.at(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list that are not empty; one text counts as a list of one."""
        value = self.data.get(key)
        if isinstance(value, str):
            return (one_line(value, LONGEST_TEXT),) if value.strip() else ()
        made = []
        for index, item in enumerate(self.items(key)):
            if item is not None and not isinstance(item, str):
                raise wrong_type(self.where, f"{self.at(key)}[{index}]", item, "a text")
            if item and item.strip():
                made.append(one_line(item, LONGEST_TEXT))
        return tuple(made)


def records_of(items: Iterable[Any], where: str, path: str) -> Iterator[Record]:
    """The objects of a list, null entries left out."""
    for index, item in enumerate(items):
        if item is not None:
            if not isinstance(item, dict):
                raise wrong_type(where, f"{path}[{index}]", item, "an object")
            yield Record(item, where, f"{path}[{index}]")


def json_report(text: str, name: str, unread: frozenset[str]) -> Any:
    """The value of a JSON report without the entries called `unread`, wherever they stand.

    Reports carry texts that no importer reads (descriptions, links, code, requests), often nine tenths of the
    file; dropped while parsing, they cost no memory and what is secret in them goes nowhere. ScenarioError for
    malformed JSON, NaN, infinities, a key twice in an object and endless nesting.
    """

    def kept(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            raise ScenarioError(name, "file", "a key stands twice in one object", "keep one")
        return made if unread.isdisjoint(made) else {key: item for key, item in items if key not in unread}

    def refused(constant: str) -> float:
        raise ScenarioError(name, "file", f"{constant} is no finite number", "write a finite number or null")

    def finite(digits: str) -> float:
        number = float(digits)
        return number if math.isfinite(number) else refused("a number too large")

    try:
        return json.loads(text, object_pairs_hook=kept, parse_constant=refused, parse_float=finite)
    except json.JSONDecodeError as error:
        raise ScenarioError(name, f"line {error.lineno}", error.msg, "correct the JSON") from None
    except RecursionError:
        raise ScenarioError(name, "file", "nested too deep", "flatten it") from None
    except ScenarioError:
        raise
    except ValueError:
        raise ScenarioError(name, "file", "a number of too many digits", "write it as a text") from None


def json_record(text: str, name: str, unread: frozenset[str] = frozenset()) -> Record:
    """The object that a JSON report is, see `json_report`."""
    value = json_report(text, name, unread)
    if not isinstance(value, dict):
        raise wrong_type(name, "file", value, "an object")
    return Record(value, name)


def public_url(url: str) -> str:
    """Scheme, host, port and path of a URL: its query, fragment and user may hold secrets."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return url.partition("?")[0].partition("#")[0].rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme and host else parts.path


def counted(what: str, labels: Iterable[str]) -> dict[str, int]:
    """Counts by label in the order of first appearance, keys `what label`; labels in lower case."""
    return dict(Counter(f"{what} {label.lower() or 'not stated'}" for label in labels))
