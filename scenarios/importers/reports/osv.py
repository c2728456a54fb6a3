"""OSV: records of the database (one, a list, or `vulns`) and reports of osv-scanner.

A record says which packages are affected, not that anybody runs them: it becomes one finding per package,
without a version. In a report the scanner's groups count: ids that stand for the same thing are one finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports.fields import Record, counted, json_report, records_of, wrong_type
from patchpact.scenarios.importers.reports.packages import Package, package
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_of_score, severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases

_VERSIONS = {"CVSS_V2": 2, "CVSS_V3": 3, "CVSS_V4": 4}
_SCANNER = re.compile(r'"packages"\s*:\s*\[|"results"\s*:\s*\[\s*\]|"experimental_config"')
_RECORD = re.compile(r'"(?:affected|schema_version|vulns)"\s*:')
_UNREAD = frozenset({
    "references", "versions", "ecosystem_specific", "credits", "licenses", "license_violations",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like an OSV record or a report of osv-scanner; pip-audit's looks alike and is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    scanner = '"results"' in text and _SCANNER.search(text) is not None and '"errors"' not in text
    return scanner or bool(_RECORD.search(text) and '"id"' in text and '"fix_versions"' not in text)


def read(text: str, name: str) -> ImportedReport:
    """The findings of a report or of records; ScenarioError if it is none or a field has the wrong type."""
    value = json_report(text, name, _UNREAD)
    del text
    if isinstance(value, dict) and "results" in value:
        return _report(Record(value, name))
    if isinstance(value, list):
        records: Iterable[Record] = records_of(value, name, "")
    elif isinstance(value, dict):
        whole = Record(value, name)
        records = whole.records("vulns") if "vulns" in value else [whole]
    else:
        raise wrong_type(name, "file", value, "an object or a list")
    findings: list[RawFinding] = []
    count = withdrawn = 0
    for record in records:
        count += 1
        if not record.text("id"):
            raise ScenarioError(name, record.at("id"), "missing", "give OSV records")
        if record.text("withdrawn"):
            withdrawn += 1
            continue
        findings += _of_record(record)
    warnings = [f"{name}: OSV records say what is affected, not what you run: give an osv-scanner report if you can"]
    if withdrawn:
        warnings.append(f"{name}: not imported: {withdrawn} records that were withdrawn")
    totals = {"records": count, "findings": len(findings)}
    return ImportedReport(findings=tuple(findings), warnings=tuple(warnings), totals=totals)


def _of_record(record: Record) -> Iterator[RawFinding]:
    seen = set()
    for affected in record.records("affected"):
        named = affected.record("package")
        known = package(named.text("name"), "", named.text("ecosystem"), named.text("purl"))
        fixes = tuple(_fixes(affected))
        if known.component and (known, fixes) not in seen:
            seen.add((known, fixes))
            yield _finding([record], known, fixes, affected.evidence, "", "")


def _report(report: Record) -> ImportedReport:
    findings: list[RawFinding] = []
    for result in report.records("results"):
        source = result.record("source")
        path, kind = source.text("path"), source.text("type")
        for entry in result.records("packages"):
            findings += _of_package(entry, "" if kind == "docker" else path, path if kind == "docker" else "")
    labels = [severity_of_score(finding.cvss) if finding.cvss else finding.severity for finding in findings]
    totals = {"findings": len(findings), **counted("severity", labels)}
    return ImportedReport(findings=tuple(findings), totals=totals)


def _of_package(entry: Record, path: str, image: str) -> Iterator[RawFinding]:
    """One finding per group of the scanner; vulnerabilities in no group are groups of their own."""
    named = entry.record("package")
    known = package(named.text("name") or named.text("commit"), named.text("version"), named.text("ecosystem"))
    if not known.component:
        raise ScenarioError(entry.where, named.at("name"), "missing", "correct the report")
    records = {record.text("id"): record for record in entry.records("vulnerabilities")}
    grouped: set[str] = set()
    groups = []
    for group in entry.records("groups"):
        members = [identifier for identifier in group.texts("ids") if identifier in records]
        grouped.update(members)
        if members:
            groups.append((members, group))
    empty = Record({}, entry.where, entry.path)
    groups += [([identifier], empty) for identifier in records if identifier not in grouped]
    for members, group in groups:
        parts = [records[identifier] for identifier in members]
        fixes = tuple(fix for part in parts for fix in _fixes_for(part, named))
        finding = _finding(parts, known, fixes, parts[0].evidence, path, image, group.number("max_severity", 0, 10))
        yield replace(finding, tool_confidence="low") if _uncalled(group, members) else finding


def _uncalled(group: Record, members: list[str]) -> bool:
    """Whether the scanner's call analysis found that no vulnerable function is called."""
    analysis = group.record("experimentalAnalysis")
    known = [analysis.record(member) for member in members if member in analysis.data]
    return bool(known) and all("called" in entry.data and not entry.switch("called") for entry in known)


def _finding(
    records: list[Record], known: Package, fixes: tuple[str, ...], evidence: str, path: str, image: str,
    score: float | None = None,
) -> RawFinding:  # fmt: skip
    names = [text for record in records for text in (record.text("id"), *record.texts("aliases"))]
    identifier, aliases = id_and_aliases(names)
    details = [record.record("database_specific") for record in records]
    cvss, vector = best(
        Rating(None, rating.text("score"), _VERSIONS.get(rating.text("type"), 0))
        for record in records for rating in _ratings(record)
    )  # fmt: skip
    label = next((text for detail in details if (text := _label(detail))), "")
    return RawFinding(
        tool="osv-scanner" if path or image else "osv", kind="sca", id=identifier, evidence=evidence, aliases=aliases,
        cwe=cwe_numbers(text for detail in details for text in _cwe(detail)),
        title=next((text for record in records if (text := record.title("summary") or record.title("details"))), ""),
        component=known.component, version=known.version, fixed_version=", ".join(dict.fromkeys(fixes)),
        ecosystem=known.ecosystem, purl=known.purl, image=image, path=path,
        cvss=cvss if cvss is not None else score or None, cvss_vector=vector, severity=severity_word(label),
    )  # fmt: skip


def _ratings(record: Record) -> Iterator[Record]:
    """CVSS vectors of the record, then of its affected packages."""
    yield from (rating for rating in record.records("severity") if rating.text("type") in _VERSIONS)
    for affected in record.records("affected"):
        yield from (rating for rating in affected.records("severity") if rating.text("type") in _VERSIONS)


def _label(detail: Record) -> str:
    """The label of a database that writes one (GitHub's), whatever others keep under the name."""
    value = detail.data.get("severity")
    return detail.text("severity") if isinstance(value, str) else ""


def _cwe(detail: Record) -> tuple[str, ...]:
    value: Any = detail.data.get("cwe_ids")
    return detail.texts("cwe_ids") if isinstance(value, list) else ()


def _fixes_for(record: Record, named: Record) -> Iterator[str]:
    """Fixed versions of the package at hand, of all packages where the record names it otherwise."""
    entries = list(record.records("affected"))
    mine = [entry for entry in entries if entry.record("package").text("name") == named.text("name")]
    for entry in mine or entries:
        yield from _fixes(entry)


def _fixes(affected: Record) -> Iterator[str]:
    for span in affected.records("ranges"):
        if span.text("type") != "GIT":
            yield from (event.text("fixed") for event in span.records("events") if event.text("fixed"))
