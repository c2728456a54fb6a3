"""Reports together, and the project's own file of findings: nothing lost, nothing repeated, nothing unsaid."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.findings_file import (
    findings_json,
    import_findings,
    is_findings_file,
    load_findings,
)
from patchpact.scenarios.importers.records import Component, ImportedReport, RawFinding, Status, Suppression, ToolKind
from patchpact.scenarios.importers.vex import VexStatement

FIXTURES = Path(__file__).with_name("fixtures") / "reports"
TEXTS = st.lists(st.text(max_size=6), max_size=2).map(tuple)
BY_TYPE = {
    "str": st.text(max_size=10), "tuple[str, ...]": TEXTS, "tuple[int, ...]": st.lists(st.integers(1, 2000), max_size=2).map(tuple),
    "bool": st.booleans(), "int | None": st.none() | st.integers(1, 10**6), "Status": st.sampled_from(get_args(Status)),
    "ToolKind": st.sampled_from(get_args(ToolKind)),
}  # fmt: skip
BY_NAME = {"epss": st.none() | st.floats(0, 1), "cvss": st.none() | st.floats(0, 10),
           "timestamp": st.sampled_from(["", "2026-01-31T12:00:00.000000Z"])}  # fmt: skip


def records(kind: Any) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{f.name: BY_NAME.get(f.name, BY_TYPE.get(str(f.type))) for f in fields(kind)})


REPORTS = st.builds(
    ImportedReport,
    findings=st.lists(records(RawFinding), max_size=3).map(tuple),
    statements=st.lists(records(VexStatement), max_size=2).map(tuple),
    components=st.lists(records(Component), max_size=2).map(tuple),
    suppressed=st.lists(st.builds(Suppression, records(RawFinding), records(VexStatement), st.text(max_size=5)), max_size=2).map(tuple),
    warnings=TEXTS,
    totals=st.dictionaries(st.text(max_size=6), st.integers(0, 10**6), max_size=3),
)  # fmt: skip


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(report=REPORTS)
def test_the_own_file_loses_nothing(tmp_path: Path, report: ImportedReport) -> None:
    path = tmp_path / "findings.json"
    path.write_text(json.dumps(findings_json(report)))
    assert is_findings_file(path)
    again = load_findings(path, "findings.json")
    assert again == report
    assert json.dumps(findings_json(again)) == path.read_text()


def test_importing_is_deterministic() -> None:
    files = sorted(FIXTURES.glob("[g-z]*.json"))
    files = [path for path in files if not path.name.startswith("kev")]
    first, second = (json.dumps(findings_json(import_findings(files))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"patchpact_findings": 2}, "patchpact_findings"),
        ({"extra": []}, "'extra'"),
        ({"findings": {}}, "findings"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x"}]}, "findings[0].evidence"),
        ({"findings": [{"tool": "t", "kind": "magic", "id": "x", "evidence": ""}]}, "findings[0].kind"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x", "evidence": "", "cvss": "7"}]}, "findings[0].cvss"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x", "evidence": "", "epss": 2}]}, "findings[0].epss"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x", "evidence": "", "line": 1.5}]}, "findings[0].line"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x", "evidence": "", "cwe": ["79"]}]}, "findings[0].cwe"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x", "evidence": "", "kev": 1}]}, "findings[0].kev"),
        ({"findings": [{"tool": "t", "kind": "sca", "id": "x", "evidence": "", "titel": ""}]}, "findings[0].'titel'"),
        ({"totals": {"a": "1"}}, "totals.'a'"),
        ({"warnings": [1]}, "warnings[0]"),
    ],
)
def test_a_wrong_own_file_is_refused(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    path = tmp_path / "f.json"
    path.write_text(json.dumps(findings_json(ImportedReport()) | change))
    with pytest.raises(ScenarioError) as caught:
        load_findings(path, "f.json")
    assert (caught.value.where, caught.value.field) == ("f.json", field)


def test_repetitions_in_a_report_are_kept_once_and_counted() -> None:
    report = import_findings([FIXTURES / "trivy.json"])
    assert len([one for one in report.findings if one.id == "CVE-2099-0001"]) == 1
    assert any("1 findings of this report only repeat others" in text for text in report.warnings)
    assert report.totals["findings"] == len(report.findings) + 1


def test_several_formats_at_once_and_a_folder(tmp_path: Path) -> None:
    together = import_findings([FIXTURES / "grype.json", FIXTURES / "zap.json", FIXTURES / "seeker.csv"])
    assert {one.tool for one in together.findings} == {"grype", "zap", "seeker"}
    assert together.totals["findings"] == len(together.findings) == 7
    for name in ("grype.json", "zap.json", "seeker.csv"):
        (tmp_path / name).write_text((FIXTURES / name).read_text())
    assert len(import_findings([tmp_path]).findings) == 7
    assert len(import_findings([FIXTURES / "zap.json", FIXTURES / "zap.json"]).findings) == 3


def test_a_statement_that_comes_later_counts_for_findings_imported_before(tmp_path: Path) -> None:
    own = tmp_path / "findings.json"
    own.write_text(json.dumps(findings_json(import_findings([FIXTURES / "trivy.json"]))))
    report = import_findings([own, FIXTURES / "openvex.json"])
    assert {left.finding.id for left in report.suppressed} == {"CVE-2014-0224", "CVE-2022-24999"}
    own.write_text(json.dumps(findings_json(report)))
    again = import_findings([own])
    assert (again.findings, again.suppressed, again.statements) == (
        report.findings,
        report.suppressed,
        report.statements,
    )


def test_other_files_are_no_findings_files(tmp_path: Path) -> None:
    assert not is_findings_file(FIXTURES / "trivy.json") and not is_findings_file(tmp_path / "absent")


MEASURED = """
import sys, time
from pathlib import Path
from patchpact.scenarios.importers.findings_file import import_findings
start = time.process_time()
report = import_findings([Path(sys.argv[1])])
seconds = time.process_time() - start
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(len(report.findings), seconds, int(peak) * 1024)
"""


def _many_trivy(path: Path) -> None:
    """100,000 findings with long texts, one of them beyond Latin-1, which doubles the text in memory."""
    about = "A flaw in a made up library lets somebody do something that they should not be able to do. " * 6
    common = {
        "Severity": "HIGH", "Title": about[:80], "Description": about, "InstalledVersion": "1.0.0", "FixedVersion": "1.0.1",
        "References": [f"https://example.org/advisories/{number}" for number in range(8)], "CweIDs": ["CWE-79"],
        "CVSS": {source: {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "V3Score": 9.8} for source in ("nvd", "ghsa")},
    }  # fmt: skip
    rows = [
        common | {"VulnerabilityID": f"CVE-2099-{10_000 + n}", "PkgName": f"library-{n % 500}"} for n in range(100_000)
    ]
    rows[0] = rows[0] | {"Title": "→"}
    results = [{"Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": rows}]
    value = {"SchemaVersion": 2, "ArtifactName": "shop", "Results": results}
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")


def _many_sarif(path: Path) -> None:
    results = [
        {"ruleId": "r", "message": {"text": "m"}, "codeFlows": [{"threadFlows": [{"locations": [{"index": i} for i in range(10)]}]}],
         "locations": [{"physicalLocation": {"artifactLocation": {"uri": f"src/{n % 900}.py"}, "region": {"startLine": n + 1}}}]}
        for n in range(100_000)
    ]  # fmt: skip
    driver = {"name": "CodeQL", "rules": [{"id": "r", "properties": {"tags": ["external/cwe/cwe-079"]}}]}
    path.write_text(
        json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}, indent=1)
    )


@pytest.mark.slow
@pytest.mark.parametrize("made", [_many_trivy, _many_sarif])
def test_a_hundred_thousand_findings_take_seconds_and_less_than_a_gigabyte(tmp_path: Path, made: Any) -> None:
    path = tmp_path / "many.json"
    made(path)
    run = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    count, seconds, peak_bytes = (float(part) for part in run.stdout.split())
    assert count == 100_000 and seconds < 20 and peak_bytes < 1e9
