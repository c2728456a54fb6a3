"""CycloneDX 1.2 to 1.7, JSON and XML: components of SBOMs, findings of VDRs, statements of VEX documents.

A vulnerability of a component of this document is a finding; so is one without an analysis. Its analysis
becomes a VEX statement, which suppresses the finding where it says so. JSON is read as plain structure, for
real files use words that no schema knows; XML is read by cyclonedx-python-lib.
"""

from __future__ import annotations

import json
import re
import warnings as python_warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6

from patchpact.scenarios.errors import ScenarioError, closest
from patchpact.scenarios.importers.reading import xml_root
from patchpact.scenarios.importers.records import Component, ImportedReport, RawFinding, Status
from patchpact.scenarios.importers.reports.fields import Record, counted, json_record
from patchpact.scenarios.importers.reports.packages import package
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases
from patchpact.scenarios.importers.vex import VexStatement, suppressing

_STATES: dict[str, Status] = {
    "resolved": "fixed", "resolved_with_pedigree": "fixed", "exploitable": "affected",
    "in_triage": "under_investigation", "false_positive": "not_affected", "not_affected": "not_affected",
}  # fmt: skip
_METHODS = {"CVSSv2": 2, "CVSSv3": 3, "CVSSv31": 3, "CVSSv4": 4}
_NAMESPACE = re.compile(r"cyclonedx\.org/schema/bom/")
_MARKS = re.compile(r'"bomFormat"\s*:\s*"CycloneDX"|"bom-ref"\s*:')
_LINK = re.compile(r"urn:cdx:(?P<serial>[0-9a-fA-F-]{36})/\d+#(?P<ref>.+)\Z", re.DOTALL)
_RANGED = "names version ranges only, which are not evaluated: the statement suppresses nothing"
_UNREAD = frozenset({
    "licenses", "hashes", "advisories", "externalReferences", "evidence", "credits", "recommendation", "pedigree",
    "swid", "releaseNotes", "signature", "proofOfConcept",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a CycloneDX document."""
    if text.lstrip()[:1] == "<":
        return _NAMESPACE.search(text) is not None
    return text.lstrip()[:1] == "{" and _MARKS.search(text) is not None


def read(text: str, name: str) -> ImportedReport:
    """Components, findings and statements of a document; ScenarioError if it is none or a field has a wrong type."""
    bom = _from_xml(text, name) if text.lstrip()[:1] == "<" else json_record(text, name, _UNREAD)
    del text
    if bom.text("bomFormat") != "CycloneDX":
        raise ScenarioError(name, "bomFormat", "is not CycloneDX", "give a CycloneDX document")
    document = _Document(bom)
    findings: list[RawFinding] = []
    statements: list[VexStatement] = []
    severities: list[str] = []
    vulnerabilities = 0
    for vulnerability in bom.records("vulnerabilities"):
        vulnerabilities += 1
        found, said = document.vulnerability(vulnerability)
        findings += found
        statements += said
        severities += [finding.severity for finding in found]
    totals = {"components": len(document.entries), "vulnerabilities": vulnerabilities, "findings": len(findings)}
    totals |= {"statements": len(statements), **counted("severity", severities)}
    return ImportedReport(
        findings=tuple(findings), statements=tuple(statements), components=tuple(document.components()),
        warnings=tuple(dict.fromkeys(document.warnings)), totals={key: n for key, n in totals.items() if n},
    )  # fmt: skip


@dataclass(frozen=True)
class _Entry:
    """A component, wherever in the document it stands."""

    record: Record
    name: str
    version: str
    type: str
    purl: str

    @property
    def is_package(self) -> bool:
        """Whether it is something that can be patched: not a file, lock file or operating system as such."""
        return bool(self.purl or (self.version and self.type in ("library", "framework", "")))


class _Document:
    """The document with its components by reference."""

    def __init__(self, bom: Record) -> None:
        self.bom, self.warnings = bom, list[str]()
        self.serial = bom.text("serialNumber").removeprefix("urn:uuid:").lower()
        metadata = bom.record("metadata")
        self.time = metadata.moment("timestamp")
        tool = _tool(metadata)
        self.author, self.tool = _author(metadata) or tool, tool or "cyclonedx"
        self.entries = list(_entries(bom.records("components")))
        self.root = next(iter(_entries([metadata.record("component")])), None) if metadata.record("component") else None
        self.by_ref: dict[str, _Entry] = {}
        for entry in [*([self.root] if self.root else []), *self.entries]:
            self._add(entry)
        self.image, self.service, self.labels = self._place()

    def _add(self, entry: _Entry) -> None:
        reference = entry.record.text("bom-ref")
        known = self.by_ref.setdefault(reference, entry) if reference else entry
        if (known.name, known.version, known.purl) != (entry.name, entry.version, entry.purl):
            record = entry.record
            raise ScenarioError(record.where, record.at("bom-ref"), "stands for two different components", "keep one")

    def _place(self) -> tuple[str, str, tuple[str, ...]]:
        """Image, service and labels of what the document describes."""
        labels = [self.serial]
        image = ""
        if self.root:
            named = f"{self.root.name}:{self.root.version}" if self.root.version else self.root.name
            if self.root.type == "container":
                image = named if "sha256:" not in self.root.version else f"{self.root.name}@{self.root.version}"
            else:
                labels.append(self.root.name)
            labels.append(self.root.purl)
            for item in self.root.record.records("properties"):
                if item.text("name") in ("aquasecurity:trivy:RepoTag", "aquasecurity:trivy:RepoDigest"):
                    labels.append(item.text("value"))
        return image, "", tuple(dict.fromkeys(label for label in labels if label and label != image))

    def components(self) -> Iterator[Component]:
        """Everything that can be patched."""
        direct = self._direct()
        others = 0
        for entry in self.entries:
            if not entry.is_package:
                others += 1
                continue
            known = package(entry.name, entry.version, "", entry.purl)
            yield Component(
                known.component, known.version, known.ecosystem, known.purl, entry.record.evidence, self.service,
                self.image, direct is None or entry.record.text("bom-ref") in direct,
            )  # fmt: skip
        if others:
            what = "entries are files, applications or systems, which nobody patches as such"
            self.warnings.append(f"{self.bom.where}: {others} of {len(self.entries)} {what}")

    def _direct(self) -> set[str] | None:
        """References that the root depends on, lock files and systems between them looked through; None if unknown."""
        depends = {r.text("ref"): r.texts("dependsOn") for r in self.bom.records("dependencies")}
        start = self.root.record.text("bom-ref") if self.root else ""
        if not depends.get(start):
            return None
        direct: set[str] = set()
        pending = list(depends[start])
        while pending:
            reference = pending.pop()
            if reference not in direct:
                direct.add(reference)
                entry = self.by_ref.get(reference)
                if entry and not entry.is_package:
                    pending += depends.get(reference, ())
        return direct

    def vulnerability(self, record: Record) -> tuple[list[RawFinding], list[VexStatement]]:
        """Findings and statements of one vulnerability."""
        references = [entry.text("id") for entry in record.records("references")]
        identifier, aliases = id_and_aliases((record.text("id"), *references))
        if not identifier:
            raise ScenarioError(record.where, record.at("id"), "missing", "correct the document")
        analysis = record.record("analysis")
        state = analysis.text("state")
        if state and state not in _STATES:
            raise ScenarioError(
                record.where, analysis.at("state"), "is no state of an analysis", closest(state, _STATES)
            )
        findings = []
        products: dict[str, list[str]] = {}
        for affected in record.records("affects"):
            reference = affected.text("ref")
            link = _LINK.match(reference)
            entry = None if link else self.by_ref.get(reference)
            named = unquote(link["ref"]) if link and not link["ref"].startswith("pkg:") else reference
            named = link["ref"] if link and link["ref"].startswith("pkg:") else named
            if entry is not None or not state:
                findings.append(self._finding(record, affected, entry, named, identifier, aliases))
            if state:
                names = self._products(affected, entry, named, _STATES[state])
                products.setdefault(link["serial"].lower() if link else "", []).extend(names)
        if not record.items("affects"):
            findings += [] if state else [self._finding(record, record, None, "", identifier, aliases)]
            products = {"": []} if state else {}
        details = (analysis.text("justification"), analysis.title("detail"))
        statements = [
            VexStatement(
                ids=(identifier, *aliases), products=tuple(dict.fromkeys(names)), status=_STATES[state],
                author=self.author, reason=": ".join(text for text in details if text), evidence=record.evidence,
                timestamp=analysis.moment("lastUpdated") or analysis.moment("firstIssued") or record.moment("updated")
                or self.time, document=serial,
            )
            for serial, names in products.items() if names or not record.items("affects")
        ]  # fmt: skip
        return findings, statements

    def _products(self, affected: Record, entry: _Entry | None, named: str, status: Status) -> list[str]:
        """Names of the affected thing; with its versions where its purl has none, [] where only ranges say which."""
        name = named
        if entry is not None:
            name = entry.purl or (f"{entry.name}@{entry.version}" if entry.version else entry.name)
        if "@" in name.partition("?")[0].rpartition("/")[2]:
            return [name]
        listed = list(affected.records("versions"))
        versions = [v.text("version") for v in listed if v.text("version") and v.text("status") != "unaffected"]
        if listed and not versions:
            if suppressing(status):
                self.warnings.append(f"{affected.evidence}: {_RANGED}")
            return []
        stem, mark, qualifiers = name.partition("?")
        return [f"{stem}@{version}{mark}{qualifiers}" for version in versions] or [name]

    def _finding(
        self, record: Record, affected: Record, entry: _Entry | None, named: str, identifier: str,
        aliases: tuple[str, ...],
    ) -> RawFinding:  # fmt: skip
        purl = entry.purl if entry else named if named.startswith("pkg:") else ""
        name, version = (entry.name, entry.version) if entry else ("" if purl else named, "")
        known = package(name, version, "", purl)
        ratings = list(record.records("ratings"))
        cvss, vector = best(
            Rating(r.number("score", 0, 10), r.text("vector"), _METHODS.get(r.text("method"), 0))
            for r in sorted(ratings, key=lambda r: r.text("method") not in _METHODS)
            if r.text("method") in _METHODS or not r.text("method")
        )
        severity = next((r.text("severity") for r in ratings if r.text("severity")), "")
        image = self.image
        if entry is not None and entry.type == "container" and not image:
            image = f"{entry.name}:{entry.version}" if entry.version else entry.name
        return RawFinding(
            tool=self.tool, kind="sca", id=identifier,
            evidence=affected.evidence, aliases=aliases,
            cwe=tuple(int(n) for n in _numbers(record)), title=record.title("description") or record.title("detail"),
            component=known.component, version=known.version, ecosystem=known.ecosystem, purl=known.purl,
            service=self.service, image=image, labels=self.labels, cvss=cvss, cvss_vector=vector,
            severity=severity_word(severity),
        )  # fmt: skip


def _numbers(record: Record) -> tuple[int, ...]:
    """The weaknesses: whole numbers by the schema; texts are understood too."""
    holder = [Record({"cwe": item}, record.where, record.at("cwes")) for item in record.items("cwes")]
    return cwe_numbers(item.code("cwe") for item in holder)


def _entries(records: Any) -> Iterator[_Entry]:
    """Components with those nested in them, in the order of the document."""
    for record in records:
        group, name = record.text("group"), record.text("name")
        purl = record.text("purl")
        if not name and not purl:
            raise ScenarioError(record.where, record.at("name"), "missing", "name each component")
        kind = record.text("type")
        joint = "/" if group.startswith("@") or kind not in ("library", "framework") else ":"
        full = f"{group}{joint}{name}" if group else name
        yield _Entry(record, full, record.text("version"), kind, purl)
        yield from _entries(record.records("components"))


def _author(metadata: Record) -> str:
    """Who speaks: authors, else manufacturer or supplier."""
    names = [author.text("name") or author.text("email") for author in metadata.records("authors")]
    names += [metadata.record(key).text("name") for key in ("manufacturer", "manufacture", "supplier")]
    return next((name for name in names if name), "")


def _tool(metadata: Record) -> str:
    """The name of the first tool, in the list of older versions or the object of newer ones."""
    tools = metadata.data.get("tools")
    listed = metadata.records("tools") if isinstance(tools, list) else metadata.record("tools").records("components")
    name = next((tool.text("name") for tool in listed), "").lower()
    return next((known for known in ("trivy", "grype") if known in name), name)


def _from_xml(text: str, name: str) -> Record:
    """The XML document in the shape of the JSON one, through the library's model."""
    root = xml_root(text, name)
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            bom = Bom.from_xml(root)  # type: ignore[attr-defined]
            if bom is None:
                raise ValueError("no bom")
            content = JsonV1Dot6(bom).output_as_string()
    except Exception as error:  # the library lets through whatever its parts raise
        problem = f"cannot be read as CycloneDX XML ({type(error).__name__})"
        raise ScenarioError(name, "file", problem, "give the JSON form") from None
    return Record(json.loads(content), name)
