"""Semgrep's own JSON, code and supply chain."""

from __future__ import annotations

import re

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports.fields import Record, counted, json_record
from patchpact.scenarios.importers.reports.packages import package
from patchpact.scenarios.importers.reports.scores import severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers, id_and_aliases

_EMPTY = re.compile(r'"results"\s*:\s*\[\s*\]')
_UNREAD = frozenset({
    "metavars", "lines", "dataflow_trace", "fix", "fixed_lines", "references", "source", "time", "skipped_rules",
    "paths", "shortlink",
})  # fmt: skip
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a Semgrep report."""
    if text.lstrip()[:1] != "{":
        return False
    return '"check_id"' in text or bool(_EMPTY.search(text) and '"errors"' in text and '"generated_at"' not in text)


def read(text: str, name: str) -> ImportedReport:
    """The findings of a Semgrep report; ScenarioError if it is none or a field has the wrong type."""
    report = json_record(text, name, _UNREAD)
    del text
    if "results" not in report.data:
        raise ScenarioError(name, "results", "missing", "give a report of `semgrep --json`")
    findings, severities, ignored = [], [], 0
    for result in report.records("results"):
        if result.record("extra").switch("is_ignored"):
            ignored += 1
            continue
        findings.append(_finding(result))
        severities.append(result.record("extra").text("severity"))
    warnings = [f"{name}: not imported: {ignored} results that a comment in the code ignores"] if ignored else []
    if errors := len(report.items("errors")):
        warnings.append(f"{name}: Semgrep reports {errors} errors; it may have missed files")
    totals = {"findings": len(findings), **counted("severity", severities)}
    return ImportedReport(findings=tuple(findings), warnings=tuple(warnings), totals=totals)


def _finding(result: Record) -> RawFinding:
    extra = result.record("extra")
    metadata, rule = extra.record("metadata"), result.text("check_id")
    if not rule:
        raise ScenarioError(result.where, result.at("check_id"), "missing", "correct the report")
    dependency = extra.record("sca_info").record("dependency_match").record("found_dependency")
    known = package(dependency.text("package"), dependency.text("version"), dependency.text("ecosystem"))
    advisory = metadata.text("sca-vuln-database-identifier") if dependency else ""
    identifier, aliases = id_and_aliases((advisory, rule))
    return RawFinding(
        tool="semgrep", kind="sca" if dependency else "sast", id=identifier, evidence=result.evidence, aliases=aliases,
        cwe=cwe_numbers(metadata.texts("cwe")), title=extra.title("message"), component=known.component,
        version=known.version, ecosystem=known.ecosystem, purl=known.purl, path=result.text("path"),
        line=result.record("start").line("line"), severity=severity_word(extra.text("severity")),
        tool_confidence=severity_word(metadata.text("confidence")),
    )  # fmt: skip
