"""Real reports: each parses, and its counts are those of the report itself. Skipped where they are not there."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios.importers.detect import files_by_format
from patchpact.scenarios.importers.findings_file import findings_json, import_findings, load_findings
from patchpact.scenarios.importers.registry import REPORT_FORMATS

ROOT = Path(os.environ.get("PATCHPACT_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data")) / "reports"
EXPECTED = {
    "bandit_dd.json": ("bandit", 47), "codeql_v2.13.sarif": ("sarif", 2), "contrast_iast.sarif.json": ("sarif", 2),
    "csaf_vex.json": ("csaf", 0), "cyclonedx_log4j.json": ("cyclonedx", 8), "cyclonedx_sbom_npm.json": ("cyclonedx", 1),
    "cyclonedx_vuln_1.4.json": ("cyclonedx", 0), "grype_no_epss.json": ("grype", 9),
    "grype_with_epss.json": ("grype", 15), "openvex.json": ("openvex", 0), "seeker_iast.csv": ("seeker", 2),
    "semgrep_native.json": ("semgrep", 3), "semgrep_oss_v1.67.0.sarif": ("sarif", 2), "trivy_alpine310.sarif": ("sarif", 4),
    "trivy_kubernetes.json": ("trivy", 20), "trivy_legacy_many_vulns.json": ("trivy", 93),
    "trivy_scheme2_many_vulns.json": ("trivy", 5), "vex_cyclonedx.json": ("cyclonedx", 0), "zap_some_2.9.0.xml": ("zap", 14),
    "zap_v2.10.0_oldfmt.json": ("zap", 2), "zap_v2.11.1.json": ("zap", 2),
}  # fmt: skip


def path_of(name: str) -> Path:
    if not (ROOT / name).is_file():
        pytest.skip("the real reports are not here")
    return ROOT / name


def every(value: Any, key: str) -> list[Any]:
    """All values of a key, wherever it stands."""
    if isinstance(value, dict):
        return [item for k, v in value.items() for item in ([v] if k == key else every(v, key))]
    return [item for entry in value for item in every(entry, key)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", EXPECTED)
def test_real_reports_parse(name: str, tmp_path: Path) -> None:
    path = path_of(name)
    format, count = EXPECTED[name]
    report = import_findings([path])
    assert [one.name for one in files_by_format([path], "auto", REPORT_FORMATS)[0]] == [format]
    assert len(report.findings) == count
    (tmp_path / "f.json").write_text(json.dumps(findings_json(report)))
    assert load_findings(tmp_path / "f.json", "f") == report


def test_every_real_report_is_named_here() -> None:
    path_of("openvex.json")
    assert {path.name for path in ROOT.iterdir() if path.suffix != ".md"} == set(EXPECTED)


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("trivy") and name.endswith(".json")])
def test_trivy_counts_by_severity(name: str) -> None:
    value = json.loads(path_of(name).read_text())
    rows = [row for key in ("Vulnerabilities", "Misconfigurations") for rows in every(value, key) for row in rows]
    rows = [row for row in rows if "Results" not in row] or rows
    if name == "trivy_kubernetes.json":
        results = [result for results in every(value, "Results") for result in results]
        rows = [row for one in results for key in ("Vulnerabilities", "Misconfigurations") for row in one.get(key, [])]
    severities = Counter(f"severity {row['Severity'].lower()}" for row in rows)
    totals = import_findings([path_of(name)]).totals
    assert {key: count for key, count in totals.items() if key.startswith("severity ")} == severities


@pytest.mark.parametrize("name", ["grype_no_epss.json", "grype_with_epss.json"])
def test_grype_counts_by_severity(name: str) -> None:
    matches = json.loads(path_of(name).read_text())["matches"]
    severities = Counter(f"severity {match['vulnerability']['severity'].lower()}" for match in matches)
    assert import_findings([path_of(name)]).totals == {"findings": len(matches), **severities}


def test_bandit_counts_are_its_own() -> None:
    stated = json.loads(path_of("bandit_dd.json").read_text())["metrics"]["_totals"]
    report = import_findings([path_of("bandit_dd.json")])
    counts = Counter(finding.severity for finding in report.findings)
    assert (counts["medium"], counts["low"], counts["high"]) == (
        stated["SEVERITY.MEDIUM"], stated["SEVERITY.LOW"], stated["SEVERITY.HIGH"])  # fmt: skip
    assert not any("but holds" in text for text in report.warnings)


def test_zap_counts_are_its_own() -> None:
    totals = import_findings([path_of("zap_some_2.9.0.xml")]).totals
    assert totals["stated instances"] == totals["findings"] == 17 and totals["alerts"] == 7


def test_cyclonedx_counts_are_its_own() -> None:
    value = json.loads(path_of("cyclonedx_sbom_npm.json").read_text())
    totals = import_findings([path_of("cyclonedx_sbom_npm.json")]).totals
    assert (totals["components"], totals["vulnerabilities"]) == (
        len(value["components"]),
        len(value["vulnerabilities"]),
    )


def test_an_analysis_that_says_not_affected_removes_the_finding() -> None:
    report = import_findings([path_of("cyclonedx_vuln_1.4.json")])
    (left,) = report.suppressed
    assert (left.finding.id, left.matched) == ("CVE-2018-7489", "purl")
    assert left.statement.reason.startswith("code_not_reachable")
