"""From findings or amounts to the leaves that are signed for, and the tree over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pymerkle import InclusionProof, InmemoryTree, InvalidProof, verify_inclusion
from pymerkle.hasher import MerkleHasher

from patchpact.ecosystem.claims.records import MAX_AMOUNT, MAX_LEAVES, Inclusion, Kind, Leaf
from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.files import read_text
from patchpact.scenarios.importers.findings_file import is_findings_file, load_findings
from patchpact.scenarios.importers.plain import one_line
from patchpact.scenarios.importers.reading import json_value
from patchpact.scenarios.importers.reports.fields import Record
from patchpact.scenarios.importers.reports.rows import csv_rows, header_of
from patchpact.scenarios.loaders import read_rows
from patchpact.scenarios.schema import FindingRow

ALGORITHM = "sha256"
OPEN = ("affected", "under_investigation")
"""States of a finding that is open."""


@dataclass(frozen=True)
class Source:
    """What is signed for: leaves without their commitments, and the parts of the total by name."""

    kind: Kind
    leaves: tuple[Leaf, ...]
    parts: Mapping[str, int]


def read_source_of_leaves(path: Path, known: Mapping[str, str], day: date) -> Source:
    """Leaves of a findings file (`patchpact import findings`, or a scenario's CSV) or of amounts (CSV: name,amount).

    Args:
        path: the file.
        known: the day (YYYY-MM-DD) on which each known exploited CVE became known.
        day: the day of the scan.

    Raises:
        ScenarioError: for a file of neither kind, a known exploited finding without a day, or one known after `day`.
    """
    where = str(path)
    if path.suffix.lower() == ".csv" and {"name", "amount"} <= set(header_of(read_text(path, where))):
        source = _amounts(path, where)
    elif path.suffix.lower() == ".csv":
        source = _rows(path, known, day)
    elif is_findings_file(path):
        source = _report(path, where, known, day)
    else:
        read_text(path, where)
        mend = "give what `patchpact import findings` writes, a scenario's findings (CSV), or a CSV of name,amount"
        raise ScenarioError(where, "file", "holds neither findings nor amounts", mend)
    if not 1 <= len(source.leaves) <= MAX_LEAVES:
        raise ScenarioError(where, "file", f"{len(source.leaves)} leaves", f"give 1 to {MAX_LEAVES}")
    return source


def _amounts(path: Path, where: str) -> Source:
    parts: dict[str, int] = {}
    for row in csv_rows(read_text(path, where), where, ("name", "amount")):
        name, text = one_line(row.text("name"), 200), row.text("amount").strip()
        if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > MAX_AMOUNT:
            raise ScenarioError(
                where, row.at("amount"), f"{shown(text)} is no whole number from 0 to 2^48", "count in smaller units"
            )
        if name in parts:
            raise ScenarioError(where, row.at("name"), f"{shown(name)} stands twice", "keep one")
        parts[name] = int(text)
    leaves = (Leaf(what="amount", name=name, amount=value) for name, value in parts.items())
    return Source("amounts", tuple(leaves), parts)


def _rows(path: Path, known: Mapping[str, str], day: date) -> Source:
    leaves, services = [], Counter[str]()
    for n, row in enumerate(read_rows(FindingRow, path.name, path.parent, str(path), "findings") or ()):
        place = f"rows[{n}].kev"
        leaves.append(
            Leaf(
                what="finding",
                name=row.cve,
                service=row.service,
                component=row.component,
                version=row.version,
                kev=row.kev,
                known=_known((row.cve,), known, day, str(path), place) if row.kev else None,
            )
        )
        services[row.service] += 1
    return Source("findings", tuple(leaves), services)


def _report(path: Path, where: str, known: Mapping[str, str], day: date) -> Source:
    report = load_findings(path, where)
    leaves = [
        Leaf(
            what="component",
            name=one_line(c.name),
            service=one_line(c.service or c.image),
            version=one_line(c.version),
            component=one_line(c.purl),
        )
        for c in report.components
    ]
    services = Counter[str]()
    for n, finding in enumerate(report.findings):
        service, is_open = one_line(finding.service or finding.image), finding.status in OPEN
        kev = finding.kev and is_open
        names = (finding.id, *finding.aliases)
        leaves.append(
            Leaf(
                what="finding",
                name=one_line(finding.id),
                service=service,
                component=one_line(finding.component or finding.path or finding.url),
                version=one_line(finding.version),
                kev=kev,
                known=_known(names, known, day, where, f"findings[{n}].kev") if kev else None,
            )
        )
        services[service] += is_open
    return Source("findings", tuple(leaves), services)


def _known(names: Sequence[str], known: Mapping[str, str], day: date, where: str, place: str) -> str:
    """The day on which a known exploited finding became known."""
    found = next((known[name.upper()] for name in names if name.upper() in known), None)
    if found is None:
        problem = f"no day on which {shown(names[0])} became known"
        raise ScenarioError(where, place, problem, "say it in --known FILE (the KEV catalogue, or a CSV of cve,known)")
    if date.fromisoformat(found) > day:
        raise ScenarioError(where, place, f"{shown(names[0])} became known on {found}, after {day}", "correct --date")
    return found


def read_known(path: Path) -> dict[str, str]:
    """The day (YYYY-MM-DD) on which each CVE became known.

    Args:
        path: CISA's KEV catalogue as published (JSON or CSV: `cveID`, `dateAdded`), or a CSV of `cve,known`.

    Raises:
        ScenarioError: for a file of another form, or a day that is none.
    """
    where = str(path)
    text = read_text(path, where)
    if text.lstrip()[:1] == "{":
        rows = list(Record(json_value(text, where), where).records("vulnerabilities"))
        names = ("cveID", "dateAdded")
    else:
        names = ("cveID", "dateAdded") if "cveID" in header_of(text) else ("cve", "known")
        rows = list(csv_rows(text, where, names))
    found: dict[str, str] = {}
    for row in rows:
        day = row.text(names[1]).strip()
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError:
            raise ScenarioError(where, row.at(names[1]), f"{shown(day)} is no day", "write it as 2026-01-31") from None
        cve = row.text(names[0]).strip().upper()
        found[cve] = min(day, found.get(cve, day))
    return found


def tree_of(contents: Sequence[bytes]) -> InmemoryTree:
    """The Merkle tree over the leaves' contents (RFC 9162, section 2.1)."""
    return InmemoryTree.init_from_entries(list(contents), algorithm=ALGORITHM)


def inclusion(tree: InmemoryTree, index: int, leaf: Leaf, salt: str) -> Inclusion:
    """The leaf at `index` (from 1) with its way to the root."""
    proof = tree.prove_inclusion(index)
    path = [digest.hex() for digest in proof.path]
    return Inclusion(index=index, leaf=leaf, salt=salt, rule=list(proof.rule), path=path)


def is_included(shown_leaf: Inclusion, root: str, leaves: int) -> bool:
    """Whether the leaf shown is the tree's at that index, for a tree of that root and number of leaves."""
    base = MerkleHasher(ALGORITHM).hash_buff(shown_leaf.leaf.content(bytes.fromhex(shown_leaf.salt)))
    path = [bytes.fromhex(digest) for digest in shown_leaf.path]
    proof = InclusionProof(ALGORITHM, True, leaves, shown_leaf.index, list(shown_leaf.rule), path)
    try:
        verify_inclusion(base, bytes.fromhex(root), proof, shown_leaf.index, leaves, ALGORITHM)
    except InvalidProof:
        return False
    return True
