"""The mapping file: which service a finding belongs to, said by the user where names leave it open.

A YAML list of rules. `service` names a service of the graph; every other field is a pattern in which `*` stands
for any text (slashes too), `?` for one character and `[ab]` for one of several, capital letters or not:

    - {service: cart, image: "registry.example/shop/cart*"}
    - {service: cart, path: "src/cart/*", label: "shop/*"}
    - {service: payment, component: openssl, image: "*/base:*"}

A rule holds where all its patterns do. Rules go before everything that is found out by names, and a finding
goes to the services of all rules that hold: an image may be shared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from fnmatch import translate
from pathlib import Path

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.files import parse_yaml, read_text
from patchpact.scenarios.importers.records import RawFinding
from patchpact.scenarios.schema import Identifier, Line, Model, check

PATTERNS = ("image", "path", "purl", "label", "component", "url")
"""Fields of a rule that hold patterns."""


class MappingRule(Model):
    """One rule of a mapping file."""

    service: Identifier
    image: Line | None = None
    path: Line | None = None
    purl: Line | None = None
    label: Line | None = None
    component: Line | None = None
    url: Line | None = None


def read_mapping(path: Path, services: Collection[str]) -> tuple[MappingRule, ...]:
    """The rules of a mapping file.

    Args:
        path: of the YAML file.
        services: names of the graph's services.

    Raises:
        ScenarioError: for a file that is no list of rules, an unknown service or field, a rule without a pattern.
    """
    where = str(path)
    content = parse_yaml(read_text(path, where), where)
    if not isinstance(content, list):
        mend = "write a list: - {service: cart, image: '*/cart:*'}"
        raise ScenarioError(where, "file", f"{shown(content)} is no list of rules", mend)
    rules = []
    known = set(services)
    for number, item in enumerate(content):
        rule = check(MappingRule, item, where, f"[{number}]")
        if rule.service not in known:
            problem = f"no service {shown(rule.service)} in the graph"
            raise ScenarioError(where, f"[{number}].service", problem, closest(rule.service, services))
        stated = [name for name in PATTERNS if getattr(rule, name) is not None]
        if not stated:
            raise ScenarioError(where, f"[{number}]", "has no pattern", f"add one of {', '.join(PATTERNS)}")
        for name in stated:
            if not getattr(rule, name).strip():
                raise ScenarioError(where, f"[{number}].{name}", "empty", "write a pattern, or leave it out")
        rules.append(rule)
    return tuple(rules)


class RuleIndex:
    """Answers which rules hold for a finding, without trying every rule on every finding.

    A pattern is looked up by its text before the first wildcard, so only patterns that begin like the
    value are tried; patterns that begin with a wildcard are tried once for each distinct value.
    """

    def __init__(self, rules: Sequence[MappingRule]) -> None:
        self._rules = rules
        self._needed: list[int] = []
        self._fields: dict[str, _Patterns] = {}
        self._used: set[int] = set()
        for number, rule in enumerate(rules):
            stated = {name: text for name in PATTERNS if (text := getattr(rule, name)) is not None}
            self._needed.append(len(stated))
            for name, text in stated.items():
                self._fields.setdefault(name, _Patterns()).add(text, number)

    def services_of(self, finding: RawFinding) -> dict[str, int]:
        """Services that the rules give the finding to, each with the number (from 1) of its first rule."""
        hits: dict[int, int] = {}
        for name, patterns in self._fields.items():
            fitting: set[int] = set()
            for value in values_of(finding, name):
                fitting |= patterns.fitting(value)
            for number in fitting:
                hits[number] = hits.get(number, 0) + 1
        found: dict[str, int] = {}
        for number in sorted(number for number, count in hits.items() if count == self._needed[number]):
            self._used.add(number)
            found.setdefault(self._rules[number].service, number + 1)
        return found

    def unused(self) -> list[int]:
        """Numbers (from 1) of the rules that have held for no finding so far."""
        return [number + 1 for number in range(len(self._rules)) if number not in self._used]


def values_of(finding: RawFinding, name: str) -> Sequence[str]:
    """What a rule's pattern of that name is compared with; nothing where the report is silent."""
    if name == "label":
        return tuple(text for text in (*finding.labels, finding.service) if text)
    text: str = getattr(finding, name)
    return (text,) if text else ()


class _Patterns:
    """The patterns of one field, by what stands before their first wildcard."""

    def __init__(self) -> None:
        self._by_start: dict[str, list[tuple[re.Pattern[str], int]]] = {}
        self._lengths: list[int] = []
        self._known: dict[str, frozenset[int]] = {}

    def add(self, text: str, number: int) -> None:
        folded = text.casefold()
        start = re.split(r"[*?\[]", folded, maxsplit=1)[0]
        self._by_start.setdefault(start, []).append((re.compile(translate(folded)), number))
        self._lengths = sorted({*self._lengths, len(start)})

    def fitting(self, value: str) -> frozenset[int]:
        if value not in self._known:
            folded = value.casefold()
            found = set()
            for length in self._lengths:
                if length > len(folded):
                    break
                for pattern, number in self._by_start.get(folded[:length], ()):
                    if pattern.match(folded):
                        found.add(number)
            self._known[value] = frozenset(found)
        return self._known[value]
