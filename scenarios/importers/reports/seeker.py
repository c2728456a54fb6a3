"""Seeker's CSV export (IAST). Columns with requests, parameters and proofs are never read: they may hold secrets."""

from __future__ import annotations

import re
from collections import Counter

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports.fields import Record, counted, public_url
from patchpact.scenarios.importers.reports.rows import csv_rows, header_of
from patchpact.scenarios.importers.reports.scores import severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers

_SETTLED = frozenset({"fixed", "closed", "ignored", "false positive", "not a problem", "not exploitable"})
_CONFIDENCES = {"verified": "high", "unverified": "low", "suspicious": "medium"}
_LOCATION = re.compile(r"(?P<path>.*?):(?P<line>\d{1,9})\Z", re.DOTALL)


def detect(text: str, name: str) -> bool:
    """Whether the first line has Seeker's columns."""
    return {"CheckerKey", "VulnerabilityName"} <= set(header_of(text))


def read(text: str, name: str) -> ImportedReport:
    """The findings of a Seeker export; ScenarioError if it is none or malformed.

    What is settled in Seeker (fixed, closed, ignored, ...) is counted in a warning.
    """
    findings, severities, settled = [], [], Counter[str]()
    for row in csv_rows(text, name, required=("CheckerKey", "VulnerabilityName")):
        if row.text("Status").lower() in _SETTLED:
            settled[row.text("Status")] += 1
            continue
        findings.append(_finding(row))
        severities.append(row.text("Severity"))
    warnings = [f"{name}: not imported: {number} findings of status {status}" for status, number in settled.items()]
    totals = {"findings": len(findings), **counted("severity", severities)}
    if settled:
        totals["settled"] = settled.total()
    return ImportedReport(findings=tuple(findings), warnings=tuple(warnings), totals=totals)


def _finding(row: Record) -> RawFinding:
    rule = row.text("CheckerKey")
    if not rule:
        raise ScenarioError(row.where, row.at("CheckerKey"), "empty", "correct the export")
    location = row.text("CodeLocation")
    place = _LOCATION.match(location)
    return RawFinding(
        tool="seeker", kind="iast", id=rule, evidence=row.evidence, cwe=cwe_numbers([row.text("CWE-SANS")]),
        title=row.title("VulnerabilityName"), path=place["path"] if place else location,
        line=int(place["line"]) or None if place else None,
        url=public_url(row.text("LastDetectionURL") or row.text("URL")),
        labels=tuple(text for text in (row.text("ProjectKey"),) if text), severity=severity_word(row.text("Severity")),
        tool_confidence=_CONFIDENCES.get(row.text("VerificationTag").lower(), ""), seen_running=True,
    )  # fmt: skip
