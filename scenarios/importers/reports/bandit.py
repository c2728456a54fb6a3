"""Bandit's own JSON."""

from __future__ import annotations

import re

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports.fields import Record, counted, json_record
from patchpact.scenarios.importers.reports.scores import severity_word
from patchpact.scenarios.importers.reports.weaknesses import cwe_numbers

_MARKS = re.compile(r'"(?:test_id|issue_confidence|CONFIDENCE\.HIGH)"\s*:')
_CWE_OF_TEST = {
    20: "B313 B314 B315 B316 B317 B318 B319 B320 B405 B406 B407 B408 B409 B410 B411 B506", 22: "B202 B310",
    78: "B102 B307 B404 B601 B602 B603 B604 B605 B606 B607", 79: "B308 B704", 80: "B702 B703", 89: "B608 B610 B611",
    94: "B201 B612 B701", 155: "B609", 259: "B105 B106 B107", 284: "B412", 295: "B323 B501 B507",
    319: "B312 B321 B401 B402 B415 B508 B509", 326: "B505", 327: "B303 B304 B305 B324 B413 B502 B503 B504",
    330: "B311", 377: "B108 B306", 400: "B113", 494: "B615", 502: "B301 B302 B403 B614", 605: "B104",
    703: "B101 B110 B112", 732: "B103", 838: "B613",
}  # fmt: skip
"""Weakness that Bandit 1.9.4 states for its tests (older reports state none)."""
_CWE = {test: number for number, tests in _CWE_OF_TEST.items() for test in tests.split()}
_UNREAD = frozenset({"code", "more_info", "line_range"})
"""Entries dropped while parsing: no finding needs them."""


def detect(text: str, name: str) -> bool:
    """Whether the file begins like a Bandit report."""
    return text.lstrip()[:1] == "{" and _MARKS.search(text) is not None


def read(text: str, name: str) -> ImportedReport:
    """The findings of a Bandit report; ScenarioError if it is none or a field has the wrong type.

    `totals` holds what the report says of itself (`metrics._totals`) as `stated severity ...`.
    """
    report = json_record(text, name, _UNREAD)
    del text
    if "results" not in report.data:
        raise ScenarioError(name, "results", "missing", "give a report of `bandit -f json`")
    findings = [_finding(result) for result in report.records("results")]
    totals = {
        "findings": len(findings),
        **counted("severity", (result.text("issue_severity") for result in report.records("results"))),
    }
    warnings = []
    stated = report.record("metrics").record("_totals")
    for label in ("HIGH", "MEDIUM", "LOW", "UNDEFINED"):
        number = stated.whole(f"SEVERITY.{label}")
        if number:
            totals[f"stated severity {label.lower()}"] = number
        found = totals.get(f"severity {label.lower()}", 0)
        if number is not None and number != found:
            warnings.append(f"{name}: says {number} results of severity {label.lower()}, but holds {found}")
    if errors := len(report.items("errors")):
        warnings.append(f"{name}: Bandit could not read {errors} files")
    return ImportedReport(findings=tuple(findings), warnings=tuple(warnings), totals=totals)


def _finding(result: Record) -> RawFinding:
    test = result.text("test_id")
    if not test:
        raise ScenarioError(result.where, result.at("test_id"), "missing", "correct the report")
    cwe = cwe_numbers([result.record("issue_cwe").code("id")])
    return RawFinding(
        tool="bandit", kind="sast", id=test, evidence=result.evidence,
        aliases=tuple(text for text in (result.text("test_name"),) if text),
        cwe=cwe or ((_CWE[test],) if test in _CWE else ()), title=result.title("issue_text"),
        path=result.text("filename"), line=result.line("line_number"),
        severity=severity_word(result.text("issue_severity")),
        tool_confidence=severity_word(result.text("issue_confidence")),
    )  # fmt: skip
