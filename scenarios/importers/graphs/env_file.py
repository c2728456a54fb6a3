"""Variables of compose files: `.env` files, and putting variables into texts.

The forms are compose's: `$X`, `${X}`, `${X:-default}`, `${X-default}`, `${X:+other}`, `${X+other}`, `${X:?message}`,
`${X?message}`, nested ones, and `$$` for a dollar sign. Nothing is taken from this machine's environment, so an
import gives the same everywhere. Values never enter errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from patchpact.scenarios.errors import ScenarioError

MAX_VALUE = 1_000_000
MAX_NESTING = 20
_ENTRY = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.\-]*)\s*(?:([=:])[ \t]*(.*))?\Z", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """A line of an env file: `value` is None where only a name stands; a `literal` value keeps its dollar signs."""

    name: str
    value: str | None
    line: int
    literal: bool = False


def env_entries(text: str) -> list[EnvEntry]:
    """The entries of an env file in order; comments, and lines that are no settings, are passed over."""
    lines = text.split("\n")
    made: list[EnvEntry] = []
    number = 0
    while number < len(lines):
        line, start = lines[number].rstrip("\r"), number + 1
        number += 1
        match = _ENTRY.match(line)
        if line.lstrip().startswith("#") or match is None:
            continue
        name, sign, value = match[1], match[2], (match[3] or "").strip()
        if sign is None:
            made.append(EnvEntry(name, None, start))
        elif value[:1] in ("'", '"'):
            quote = value[0]
            inside, closed = _quoted(value[1:], quote)
            while not closed and number < len(lines) and number - start < 1000:
                more, closed = _quoted(lines[number], quote)
                inside = f"{inside}\n{more}"
                number += 1
            made.append(EnvEntry(name, _unescaped(inside) if quote == '"' else inside, start, literal=quote == "'"))
        else:
            made.append(EnvEntry(name, re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip(), start))
    return made


def _quoted(text: str, quote: str) -> tuple[str, bool]:
    """The text up to the closing quote, and whether there is one."""
    at = 0
    while at < len(text):
        if text[at] == "\\" and quote == '"':
            at += 2
            continue
        if text[at] == quote:
            return text[:at], True
        at += 1
    return text, False


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text, flags=re.DOTALL)


class Variables:
    """Variables by name, each with the place that sets it; those of a parent are seen too.

    `unset` collects names that were asked for without a default and are not set, `demanded` those of `${X:?}`.
    """

    def __init__(self, parent: Variables | None = None) -> None:
        self._values: dict[str, tuple[str, str]] = {}
        self._parent = parent
        self.unset: set[str] = parent.unset if parent else set()
        self.demanded: set[str] = parent.demanded if parent else set()

    def add(self, entries: Iterable[EnvEntry], file: str) -> None:
        """Set the entries of a file, later ones seeing earlier ones. ScenarioError as of `put_in`."""
        for entry in entries:
            if entry.value is None:
                continue
            place = f"{file}: line {entry.line}"
            value = entry.value if entry.literal else self.put_in(entry.value, place, entry.name)
            self._values[entry.name] = (value, place)

    def get(self, name: str) -> str | None:
        """The value, None if it is not set."""
        found = self._found(name)
        return found[0] if found else None

    def place(self, name: str) -> str:
        """The place that sets it, empty if none does."""
        found = self._found(name)
        return found[1] if found else ""

    def _found(self, name: str) -> tuple[str, str] | None:
        if name in self._values:
            return self._values[name]
        return self._parent._found(name) if self._parent else None

    def put_in(self, text: str, where: str = "", field: str = "variables") -> str:
        """The text with its variables replaced; unset ones are empty.

        ScenarioError, naming `where` and `field`, for nesting deeper than 20 and results of more than a
        million characters.
        """
        return self._put_in(text, where, field, 0) if "$" in text else text

    def _put_in(self, text: str, where: str, field: str, depth: int) -> str:
        if depth > MAX_NESTING:
            raise ScenarioError(where, field, f"variables nested more than {MAX_NESTING} deep", "flatten them")
        parts: list[str] = []
        size = at = 0
        while at < len(text):
            dollar = text.find("$", at)
            if dollar == -1:
                dollar = len(text)
            parts.append(text[at:dollar])
            value, at = self._one(text, dollar, where, field, depth)
            parts.append(value)
            size += len(value)
            if size > MAX_VALUE:
                raise ScenarioError(where, field, f"variables make more than {MAX_VALUE} characters", "shorten them")
        return "".join(parts)

    def _one(self, text: str, dollar: int, where: str, field: str, depth: int) -> tuple[str, int]:
        """The value of the variable at a dollar sign, and where the text goes on."""
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            return "$", dollar + 2
        if following == "{" and (name := _NAME.match(text, dollar + 2)):
            end = _closing(text, name.end())
            if end == -1:
                return text[dollar:], len(text)
            return self._braced(name[0], text[name.end() : end], where, field, depth), end + 1
        if name := _NAME.match(text, dollar + 1):
            return self._value(name[0]), name.end()
        return text[dollar : dollar + 1], dollar + 1

    def _value(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            self.unset.add(name)
        return value or ""

    def _braced(self, name: str, rest: str, where: str, field: str, depth: int) -> str:
        if not rest:
            return self._value(name)
        colon = rest.startswith(":")
        sign, argument = (rest[1:2], rest[2:]) if colon else (rest[:1], rest[1:])
        value = self.get(name)
        there = bool(value) if colon else value is not None
        if sign == "-":
            return value or "" if there else self._put_in(argument, where, field, depth + 1)
        if sign == "+":
            return self._put_in(argument, where, field, depth + 1) if there else ""
        if sign == "?" and not there:
            self.demanded.add(name)
        return value or ""


def _closing(text: str, start: int) -> int:
    """The position of the brace that closes the one before `start`, -1 if there is none."""
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return -1
