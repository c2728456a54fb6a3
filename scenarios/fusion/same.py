"""Which statements of several tools are about the same thing in the same service.

Never across services. Two sorts of statements, grouped apart:

**Advisories** (a component, a package URL or an id like CVE-... or GHSA-... is named): same component, by the last
part of its name in lower case with `_` and `.` as `-`, and a common id among id and aliases. Versions do not
separate: two copies of a library in a service are one finding. A statement without a component (a DAST or IAST tool
that saw a CVE) speaks for every component of the service with that id (all of a tool's statements for the first,
one for each other).

**Weaknesses** (everything else): same family of CWE (`families.csv`; a CWE that the table does not know is its own
family, a statement without CWE goes by the tool's rule), and the same place:

- in source: same file, and lines that follow each other with gaps of at most LINE_GAP. A path that is the end of
  exactly one longer path of the service is that file (`src/a.py` and `app/src/a.py`). A statement without a line
  joins the file's only place, else it is a place of its own;
- in the running application: same URL path (host and query left out, numbers and UUIDs as one), and same method
  where both name one;
- between the two: a URL is the place in source that an IAST tool names together with that URL, else the only place
  whose file is called like the last part of the URL (`/login-form` and `LoginForm.java`), unless that is a name
  that every project has (`index`, `main`, ...). Ambiguous links are not made.
- A statement without any place goes by the tool's rule.

Time grows as n log n.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from urllib.parse import urlsplit

from patchpact.scenarios.fusion.tables import Tables, Weakness
from patchpact.scenarios.importers.records import RawFinding

LINE_GAP = 3
COMMON_STEMS = frozenset(
    (
        "index", "main", "app", "application", "server", "api", "home", "default", "view", "views", "route", "routes",
        "controller", "handler", "handlers", "model", "models", "util", "utils", "service", "services", "test",
        "init", "config", "urls", "admin", "user", "users", "get", "post", "data",
    )
)  # fmt: skip
"""File names that say nothing about which URL they serve."""
_ADVISORY = re.compile(
    r"(CVE|GO|PYSEC|RUSTSEC|OSV|DSA|DLA|USN|RHSA|RHBA|ALAS2?|NSWG|TEMP|ELSA|MAL)-[0-9]|GHSA-[0-9a-z]{4}-|SNYK-[A-Z]+-",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"[0-9]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Sort = Literal["advisory", "weakness"]


@dataclass(frozen=True)
class Group:
    """Statements about one thing in one service, in a fixed order.

    `place` is a text for people; `context` is what silence is judged within: the source file's suffix for
    weaknesses, the ecosystem for advisories.
    """

    service: str
    sort: Sort
    weakness: Weakness
    place: str
    context: str
    statements: tuple[RawFinding, ...]


def group(matched: Iterable[tuple[str, RawFinding]], tables: Tables) -> list[Group]:
    """Groups of statements; every statement stands in one, those without component perhaps in several."""
    advisories: dict[str, list[RawFinding]] = defaultdict(list)
    families: dict[tuple[str, str], list[RawFinding]] = defaultdict(list)
    for service, finding in sorted(matched, key=lambda pair: (pair[0], order(pair[1]))):
        if is_advisory(finding):
            advisories[service].append(finding)
        else:
            families[service, tables.weakness(finding.cwe, finding.id).family].append(finding)
    found = [one for service, statements in advisories.items() for one in _advisories(service, statements, tables)]
    paths = _full_paths(families)
    for (service, _), statements in families.items():
        found.extend(_weaknesses(service, statements, paths[service], tables))
    return found


def is_advisory(finding: RawFinding) -> bool:
    """Whether a statement is about a published advisory of a component rather than a weakness of own code."""
    return bool(finding.component or finding.purl) or _ADVISORY.match(finding.id) is not None


def order(finding: RawFinding) -> tuple[str, ...]:
    """A total order of statements that does not depend on where they stood in the input."""
    line = f"{finding.line or 0:09d}"
    return (finding.tool, finding.id, finding.component, finding.path, line, finding.url, finding.method,
            finding.evidence, repr(finding))  # fmt: skip


# Advisories.


def component_name(finding: RawFinding) -> str:
    """The component as groups know it: last part of its name, lower case, one separator."""
    name = finding.component
    if not name and finding.purl:
        name = finding.purl.split("?")[0].split("#")[0].rpartition("@")[0] or finding.purl.split("?")[0]
    last = re.split(r"[/:]", name.rstrip("/:"))[-1]
    return re.sub(r"[-_.]+", "-", last.lower())


def ids_of(finding: RawFinding) -> tuple[str, ...]:
    """All names of the advisory, in upper case."""
    return tuple(dict.fromkeys(name.upper() for name in (finding.id, *finding.aliases) if name))


def _advisories(service: str, statements: Sequence[RawFinding], tables: Tables) -> list[Group]:
    named = [(component_name(one), one) for one in statements]
    sets = _Sets(len(named))
    first: dict[tuple[str, str], int] = {}
    for index, (component, one) in enumerate(named):
        for name in ids_of(one):
            sets.join(index, first.setdefault((component, name), index))
    members = sets.members()
    by_id: dict[str, list[int]] = defaultdict(list)
    for root, indices in members.items():
        if named[root][0]:
            for name in dict.fromkeys(name for index in indices for name in ids_of(named[index][1])):
                by_id[name].append(root)
    added: dict[int, list[int]] = defaultdict(list)
    alone = []
    for root, indices in members.items():
        names = dict.fromkeys(name for index in indices for name in ids_of(named[index][1]))
        homes = dict.fromkeys(home for name in names for home in by_id[name]) if not named[root][0] else {}
        one_each = list({named[index][1].tool: index for index in indices}.values())
        for count, home in enumerate(homes):
            added[home].extend(one_each if count else indices)
        if not homes:
            alone.append(root)
    found = []
    for root in alone:
        mine = tuple(named[index][1] for index in sorted([*members[root], *added[root]]))
        weakness = _common([tables.weakness(one.cwe, one.id) for one in mine if one.cwe])
        ecosystem = next((one.ecosystem.lower() for one in mine if one.ecosystem), "")
        place = named[root][0] or mine[0].url or mine[0].path
        found.append(Group(service, "advisory", weakness or Weakness("advisory", "advisory"), place, ecosystem, mine))
    return found


def _common(weaknesses: Sequence[Weakness]) -> Weakness | None:
    """The weakness named most often, by name where several are."""
    if not weaknesses:
        return None
    counts: dict[Weakness, int] = {}
    for one in weaknesses:
        counts[one] = counts.get(one, 0) + 1
    return min(counts, key=lambda one: (-counts[one], one.name))


# Weaknesses.


def segments(path: str) -> tuple[str, ...]:
    """A path's parts, last first, without scheme, root and dots."""
    plain = path.replace("\\", "/").removeprefix("file:")
    return tuple(part for part in reversed(plain.split("/")) if part not in ("", ".", ".."))


def _full_paths(families: Mapping[tuple[str, str], Sequence[RawFinding]]) -> dict[str, dict[tuple[str, ...], str]]:
    """By service: the file that a path's parts mean, as the longest path that ends so, if there is just one."""
    parts: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for (service, _), statements in families.items():
        parts[service].update(segments(one.path) for one in statements if one.path)
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for service, ways in parts.items():
        known = sorted(ways)
        full = list(range(len(known)))
        for index in range(len(known) - 2, -1, -1):
            end = bisect_left(known, (*known[index], "\U0010ffff"), index + 1)
            if end > index + 1 and full[index + 1] == full[end - 1]:
                full[index] = full[index + 1]
        found[service] = {way: "/".join(reversed(known[full[index]])) for index, way in enumerate(known)}
    return found


def url_place(url: str) -> str:
    """A URL's path with numbers and UUIDs as `{}`; the text itself if it is no URL."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = url
    parts = [part for part in path.split("/") if part]
    return "/" + "/".join("{}" if _NUMBERED.fullmatch(part) else part for part in parts)


def _stem(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rsplit(".", 1)[0].lower())


def _weaknesses(
    service: str, statements: Sequence[RawFinding], full: Mapping[tuple[str, ...], str], tables: Tables
) -> list[Group]:
    """Groups of one family in one service."""
    sets = _Sets(len(statements))
    files = _by_file(statements, full)
    for indices in files.values():
        _join_lines(statements, indices, sets)
    only_place = {name: len({sets.root(index) for index in indices}) == 1 for name, indices in files.items()}
    urls = _by_url(statements)
    for indices in urls.values():
        for index in indices[1:]:
            sets.join(indices[0], index)
    seen_at: dict[str, set[int]] = defaultdict(set)
    by_stem: dict[str, set[str]] = defaultdict(set)
    for name, indices in files.items():
        by_stem[_stem(name.rsplit("/", 1)[-1])].add(name)
        for index in indices:
            if statements[index].url:
                seen_at[url_place(statements[index].url)].add(sets.root(index))
    for (place, _), indices in urls.items():
        stem = _stem(place.rsplit("/", 1)[-1])
        named = by_stem.get(stem, set()) if len(stem) > 2 and stem not in COMMON_STEMS else set()
        if len(seen_at[place]) == 1:
            sets.join(indices[0], next(iter(seen_at[place])))
        elif not seen_at[place] and len(named) == 1 and only_place[next(iter(named))]:
            sets.join(indices[0], files[next(iter(named))][0])
    first: dict[str, int] = {}
    for index, one in enumerate(statements):
        if not one.path and not one.url:
            sets.join(index, first.setdefault(one.id, index))
    return [_weakness_group(service, [statements[i] for i in indices], tables) for indices in sets.members().values()]


def _by_file(statements: Sequence[RawFinding], full: Mapping[tuple[str, ...], str]) -> dict[str, list[int]]:
    files: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(statements):
        if one.path:
            files[full[segments(one.path)]].append(index)
    return files


def _join_lines(statements: Sequence[RawFinding], indices: Sequence[int], sets: _Sets) -> None:
    """Lines of one file that follow each other closely; those without a line join an only place."""
    placed = sorted((statements[index].line or 0, index) for index in indices if statements[index].line is not None)
    for (line, index), (after, following) in pairwise(placed):
        if after - line <= LINE_GAP:
            sets.join(index, following)
    without = [index for index in indices if statements[index].line is None]
    for index in without[1:]:
        sets.join(without[0], index)
    if without and len({sets.root(index) for _, index in placed}) == 1:
        sets.join(without[0], placed[0][1])


def _by_url(statements: Sequence[RawFinding]) -> dict[tuple[str, str], list[int]]:
    """Statements with a URL and no file, by (path, method); without a method they join a path's only method."""
    methods: dict[str, set[str]] = defaultdict(set)
    running = [(index, url_place(one.url), one.method.upper()) for index, one in enumerate(statements)
               if one.url and not one.path]  # fmt: skip
    for _, place, method in running:
        if method:
            methods[place].add(method)
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, place, method in running:
        only = next(iter(methods[place])) if len(methods[place]) == 1 else method
        found[place, only].append(index)
    return found


def _weakness_group(service: str, statements: Sequence[RawFinding], tables: Tables) -> Group:
    weakness = _common([tables.weakness(one.cwe, one.id) for one in statements])
    placed = [one for one in statements if one.path]
    suffix = ""
    if placed:
        name = segments(placed[0].path)[0] if segments(placed[0].path) else ""
        suffix = name.rpartition(".")[2].lower() if "." in name else ""
        line = f":{placed[0].line}" if placed[0].line is not None else ""
        place = f"{placed[0].path}{line}"
    else:
        place = next((f"{one.method} {one.url}".strip() for one in statements if one.url), statements[0].id)
    return Group(service, "weakness", weakness or Weakness("", ""), place, suffix, tuple(statements))


class _Sets:
    """Union-find over the numbers below n."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, one: int, other: int) -> None:
        """The smaller number becomes the root."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low

    def members(self) -> dict[int, list[int]]:
        """Numbers by root, both rising."""
        found: dict[int, list[int]] = {}
        for one in range(len(self._parent)):
            found.setdefault(self.root(one), []).append(one)
        return found
