"""Weaknesses in code and in the running application: SARIF, Semgrep, Bandit, ZAP, Contrast, Seeker."""

import json
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports import bandit, sarif, seeker, semgrep, zap

FIXTURES = Path(__file__).with_name("fixtures") / "reports"


def read(module: Any, name: str) -> ImportedReport:
    text = (FIXTURES / name).read_text()
    assert module.detect(text, name)
    report: ImportedReport = module.read(text, name)
    assert "SECRET" not in repr(report)
    return report


def result_of(**fields: Any) -> RawFinding:
    """The finding of one result, with one rule `r` of the given tool."""
    rule, tool = fields.pop("rule_fields", {}), fields.pop("tool", "Some Tool")
    driver = {"name": tool, "rules": [{"id": "r", **rule}]}
    result = {"ruleId": "r", "message": {"text": "m"}, **fields}
    text = json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": [result]}]})
    return sarif.read(text, "x.sarif").findings[0]


def test_semgrep_sarif_takes_its_level_from_the_rule_and_its_weakness_from_the_tags() -> None:
    report = read(sarif, "semgrep.sarif")
    (finding,) = report.findings
    assert (finding.tool, finding.kind, finding.severity, finding.cwe) == ("semgrep", "sast", "high", (89,))
    assert (finding.path, finding.line, finding.tool_confidence) == ("src/cart/my db.py", 12, "medium")
    assert "1 results that the source code" in report.warnings[0]


def test_codeql_rules_stand_in_extensions() -> None:
    (finding,) = read(sarif, "codeql.sarif").findings
    assert (finding.cwe, finding.cvss, finding.severity, finding.tool_confidence) == ((79,), 7.8, "high", "high")
    assert (finding.path, finding.line) == ("src/A.java", 4)
    assert finding.labels == ("shop/cart", "https://git.example/shop/cart")


def test_contrast_has_seen_it_running() -> None:
    (finding,) = read(sarif, "contrast.sarif").findings
    assert (finding.tool, finding.kind, finding.seen_running, finding.cwe) == ("contrast", "iast", True, (89,))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "medium"),
        ({"level": "note"}, "low"),
        ({"rule_fields": {"defaultConfiguration": {"level": "error"}}}, "high"),
        ({"level": "note", "rule_fields": {"properties": {"security-severity": "9.1"}}}, "critical"),
    ],
)
def test_sarif_severity(fields: dict[str, Any], expected: str) -> None:
    assert result_of(**fields).severity == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"rule_fields": {"properties": {"tags": ["external/cwe/cwe-022"]}}}, (22,)),
        ({"rule_fields": {"properties": {"cwe": ["CWE-22: x"]}}}, (22,)),
        ({"rule_fields": {"relationships": [{"target": {"id": "22", "toolComponent": {"name": "CWE"}}}]}}, (22,)),
        ({"taxa": [{"id": "22", "toolComponent": {"name": "CWE"}}]}, (22,)),
        ({"properties": {"tags": ["CWE-22", "CWE-23"]}}, (22, 23)),
        ({"rule_fields": {"properties": {"tags": ["2022", "owasp-a1"]}}}, ()),
    ],
)
def test_sarif_weaknesses(fields: dict[str, Any], expected: tuple[int, ...]) -> None:
    assert result_of(**fields).cwe == expected


@pytest.mark.parametrize(
    ("tool", "rule", "kind"),
    [("gosec", "r", "sast"), ("Nuclei", "r", "dast"), ("Whatever", "CVE-2099-1000", "sca"), ("Snyk Open Source", "r", "sca"),
     ("Whatever", "r", "sast"), ("Seeker", "r", "iast")],
)  # fmt: skip
def test_sarif_kind_of_tool(tool: str, rule: str, kind: str) -> None:
    finding = result_of(tool=tool, ruleId=rule)
    assert (finding.kind, finding.seen_running) == (kind, kind in ("dast", "iast"))


def test_sarif_urls_lose_what_may_be_secret() -> None:
    place = {"physicalLocation": {"artifactLocation": {"uri": "https://u:p@shop.example/cart?token=1#x"}}}
    finding = result_of(locations=[place])
    assert (finding.url, finding.path) == ("https://shop.example/cart", "")


def test_sarif_results_that_are_no_failures_are_counted() -> None:
    results = [
        {"ruleId": "r", "kind": "pass"},
        {"ruleId": "r", "baselineState": "absent"},
        {"ruleId": "r", "kind": "open"},
    ]
    text = json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": results}]})
    report = sarif.read(text, "x.sarif")
    assert len(report.findings) == 1 and report.totals == {"findings": 1, "level warning": 1, "left out": 2}


def test_semgrep_json() -> None:
    report = read(semgrep, "semgrep.json")
    first, old, dependency = report.findings
    assert (first.id, first.cwe, first.severity, first.tool_confidence) == (
        "python.sql.tainted",
        (89, 943),
        "high",
        "high",
    )
    assert (first.title, first.line, old.cwe, old.severity) == ("Tainted query", 12, (696,), "info")
    assert (dependency.kind, dependency.id, dependency.component) == ("sca", "CVE-2022-24999", "qs")
    assert "1 results that a comment" in report.warnings[0]


def test_bandit_and_its_own_totals(tmp_path: Path) -> None:
    report = read(bandit, "bandit.json")
    shell, weak = report.findings
    assert (shell.cwe, shell.severity, shell.tool_confidence, shell.line) == ((78,), "high", "high", 3)
    assert (weak.cwe, weak.id, weak.aliases) == ((327,), "B303", ("blacklist",))
    assert report.warnings == ()
    value = json.loads((FIXTURES / "bandit.json").read_text())
    value["results"].pop()
    assert "says 1 results of severity medium, but holds 0" in bandit.read(json.dumps(value), "b.json").warnings[0]


def test_zap_json_has_a_finding_per_instance() -> None:
    report = read(zap, "zap.json")
    get, post, policy = report.findings
    assert (get.id, get.cwe, get.severity, get.tool_confidence) == ("40018-1", (89,), "high", "medium")
    assert (get.url, get.method, get.title) == ("https://shop.example:8443/cart", "GET", "SQL Injection (id)")
    assert (post.url, post.method, post.labels, post.seen_running) == (get.url, "POST", ("shop.example",), True)
    assert (policy.url, policy.cwe) == ("https://shop.example:8443", ())
    assert report.totals["alerts"] == 3 and report.totals["false positives"] == 1


def test_zap_flat_json() -> None:
    (finding,) = read(zap, "zap_flat.json").findings
    assert (finding.id, finding.severity, finding.tool_confidence, finding.cwe) == ("40012", "high", "medium", (79,))


def test_zap_xml() -> None:
    first, second, old = read(zap, "zap.xml").findings
    assert (first.title, second.title) == ("Cookie Without Secure Flag (a)", "Cookie Without Secure Flag (b)")
    assert (old.url, old.severity, old.tool_confidence, old.cwe) == (
        "https://shop.example/old",
        "medium",
        "low",
        (200,),
    )


def test_seeker() -> None:
    report = read(seeker, "seeker.csv")
    first, second = report.findings
    assert (first.id, first.kind, first.cwe, first.severity) == ("SQL-INJECT", "iast", (89,), "high")
    assert (first.path, first.line, first.url) == ("org.shop.Cart.add()", 63, "https://shop.example/cart")
    assert (first.labels, first.tool_confidence, first.seen_running) == (("shop-cart",), "high", True)
    assert (second.line, second.severity, second.url) == (None, "info", "/cart")
    assert "1 findings of status Fixed" in report.warnings[0]
