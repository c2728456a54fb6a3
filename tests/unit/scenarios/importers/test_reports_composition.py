"""Software composition: Trivy, Grype, OSV, and SARIF that states packages."""

import json
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios.importers.findings_file import import_findings
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.reports import grype, osv, sarif, trivy

FIXTURES = Path(__file__).with_name("fixtures") / "reports"


def read(module: Any, name: str) -> ImportedReport:
    text = (FIXTURES / name).read_text()
    assert module.detect(text, name)
    report: ImportedReport = module.read(text, name)
    assert "SECRET" not in repr(report)
    return report


def only(report: ImportedReport, identifier: str) -> RawFinding:
    (found,) = [finding for finding in report.findings if finding.id == identifier]
    return found


def test_trivy_states_the_package_the_place_and_the_score_of_the_severitys_source() -> None:
    report = read(trivy, "trivy.json")
    openssl = only(report, "CVE-2014-0224")
    assert openssl == RawFinding(
        tool="trivy", kind="sca", id="CVE-2014-0224", evidence="trivy.json: Results[0].Vulnerabilities[0]", cwe=(326,),
        title="a made up title", component="libcrypto3", version="3.1.4-r2", fixed_version="3.1.4-r3",
        ecosystem="Alpine", purl="pkg:apk/alpine/libcrypto3@3.1.4-r2?arch=x86_64&distro=3.19.1",
        image="registry.example/shop/cart:1.4.0",
        labels=("registry.example/shop/cart:latest", "registry.example/shop/cart@sha256:" + "a" * 64),
        cvss=7.4, cvss_vector="CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N", severity="high",
    )  # fmt: skip
    library = only(report, "CVE-2022-24999")
    assert (library.aliases, library.path, library.cvss) == (("GHSA-hrpp-h998-j3pp",), "app/package-lock.json", 8.7)
    assert (library.purl, library.ecosystem, library.fixed_version) == ("pkg:npm/qs@6.7.0", "npm", "6.10.3, 6.7.3")


def test_trivy_misconfigurations_and_secrets_are_findings_and_the_rest_is_listed() -> None:
    report = read(trivy, "trivy.json")
    check = only(report, "AVD-DS-0002")
    assert (check.kind, check.path, check.line, check.severity, check.component) == (
        "sast",
        "Dockerfile",
        7,
        "high",
        "",
    )
    secret = only(report, "aws-access-key-id")
    assert (secret.cwe, secret.path, secret.line, secret.title) == ((798,), "app/.env", 3, "AWS Access Key ID")
    assert any("2 licences" in text for text in report.warnings)
    assert any("says 2 misconfigurations failed, but holds 1" in text for text in report.warnings)
    assert any("1 vulnerabilities that Trivy's source says" in text for text in report.warnings)
    assert (
        report.totals["vulnerabilities"] == 4 and report.totals["findings"] == 6 and report.totals["severity high"] == 3
    )


def test_trivy_lists_packages_with_direct_and_indirect_ones() -> None:
    components = read(trivy, "trivy.json").components
    assert [(one.name, one.direct) for one in components] == [("libcrypto3", True), ("express", True), ("qs", False)]


def test_trivy_legacy_list() -> None:
    report = read(trivy, "trivy_legacy.json")
    system, library = report.findings
    assert (system.image, system.path, system.ecosystem) == ("shop/cart:1", "", "Debian")
    assert system.purl == "pkg:deb/debian/openssl@1:1.0.1-1"
    assert (library.image, library.path, library.component) == ("shop/cart:1", "app/go.sum", "golang.org/x/net")
    assert library.purl == "pkg:golang/golang.org/x/net@v0.17.0"


def test_trivy_of_a_cluster_names_workloads_as_services() -> None:
    report = read(trivy, "trivy_cluster.json")
    package, check = report.findings
    assert (package.service, package.image) == ("cart", "shop/cart:1")
    assert package.labels == ("shop/cart", "shop/cart:1", "shop/cart@sha256:" + "b" * 64)
    assert (check.service, check.labels, check.path) == ("", ("shop/cart", "cart"), "Service/cart")
    assert any("could not scan Job load (image not found)" in text for text in report.warnings)


def test_trivy_operator_resources() -> None:
    (finding,) = read(trivy, "trivy_operator.json").findings
    assert (finding.service, finding.image, finding.cvss) == ("cart", "index.docker.io/shop/cart:1", 7.4)
    assert (finding.purl, finding.labels) == ("pkg:deb/debian/openssl@1.0.1-1", ("shop/cart", "server"))


def test_trivy_without_any_findings_is_recognised() -> None:
    text = json.dumps({"SchemaVersion": 2, "ArtifactName": "x", "ArtifactType": "filesystem"})
    assert trivy.detect(text, "x.json") and trivy.read(text, "x.json").findings == ()


def test_grype_goes_by_the_cve_behind_an_advisory() -> None:
    report = read(grype, "grype.json")
    library = only(report, "CVE-2022-24999")
    assert library.aliases == ("GHSA-hrpp-h998-j3pp",) and library.cwe == (1321,)
    assert (library.epss, library.epss_date, library.kev) == (0.01, "2025-06-18", False)
    assert (library.cvss, library.fixed_version, library.path) == (7.5, "6.7.3", "/app/package-lock.json")
    assert (library.image, library.labels) == ("shop/cart:1", ("shop/cart@sha256:" + "b" * 64,))
    system = only(report, "CVE-2014-0224")
    assert (system.cvss, system.kev, system.ecosystem) == (6.8, True, "Debian")
    assert report.warnings == () and report.totals["suppressed by VEX"] == 1


def test_grype_of_the_first_versions() -> None:
    (finding,) = read(grype, "grype_old.json").findings
    assert (finding.cvss, finding.fixed_version, finding.labels, finding.image) == (6.5, "4.17.5", (), "")
    assert (finding.epss, finding.purl) == (None, "pkg:npm/lodash@4.17.4")


def test_osv_scanner_groups_are_one_finding() -> None:
    report = read(osv, "osv_scanner.json")
    first, second = report.findings
    assert (first.tool, first.id, first.aliases) == ("osv-scanner", "CVE-2022-24999", ("GHSA-hrpp-h998-j3pp",))
    assert (first.cvss, first.fixed_version, first.cwe, first.severity) == (7.5, "6.7.3", (1321,), "high")
    assert (second.id, second.tool_confidence, second.path) == ("GHSA-aaaa-bbbb-cccc", "low", "app/package-lock.json")


def test_osv_records_have_no_version() -> None:
    report = read(osv, "osv_record.json")
    (finding,) = report.findings
    assert (finding.id, finding.aliases, finding.component) == ("CVE-2023-45288", ("GO-2024-2687",), "golang.org/x/net")
    assert (finding.version, finding.fixed_version, finding.purl) == ("", "0.23.0", "pkg:golang/golang.org/x/net")
    assert "not what you run" in report.warnings[0]


def test_withdrawn_osv_records_are_left_out() -> None:
    record = json.loads((FIXTURES / "osv_record.json").read_text()) | {"withdrawn": "2026-01-02T00:00:00Z"}
    report = osv.read(json.dumps([record]), "records.json")
    assert report.findings == () and "1 records that were withdrawn" in report.warnings[1]


def test_trivy_sarif_keeps_the_package_of_its_message() -> None:
    (finding,) = read(sarif, "trivy.sarif").findings
    assert (finding.tool, finding.kind, finding.component, finding.version) == (
        "trivy",
        "sca",
        "libcrypto3",
        "3.1.4-r2",
    )
    assert (finding.fixed_version, finding.cvss, finding.severity) == ("3.1.4-r3", 7.4, "high")
    assert (finding.image, finding.ecosystem) == ("shop/cart:1", "Linux")


def test_grype_sarif_keeps_the_package_of_its_sentence() -> None:
    sentence = "The path /a reports qs at version 6.7.0  which is a vulnerable (npm) package"
    result = {"ruleId": "CVE-2022-24999-qs", "message": {"text": sentence}}
    text = json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Grype"}}, "results": [result]}]})
    (finding,) = sarif.read(text, "x.sarif").findings
    assert (finding.id, finding.component, finding.version) == ("CVE-2022-24999", "qs", "6.7.0")
    assert finding.aliases == ("CVE-2022-24999-qs",)


def test_what_a_tool_left_out_by_vex_is_listed_with_author_and_product(tmp_path: Path) -> None:
    """Trivy (`--vex`) and Grype apply VEX themselves: their suppressions are ours, and count for no other package."""
    image, package = "shop/cart:1", {"PkgName": "qs", "InstalledVersion": "6.7.0", "Severity": "HIGH"}
    said = {
        "Type": "vulnerability", "Status": "not_affected", "Statement": "code_not_reachable", "Source": "team.vex.json",
        "Finding": {"VulnerabilityID": "CVE-2022-24999", **package},
    }  # fmt: skip
    ignored = {"Type": "vulnerability", "Status": "ignored", "Source": ".trivyignore", "Finding": said["Finding"]}
    other = {"VulnerabilityID": "CVE-2022-24999", "PkgName": "express", "InstalledVersion": "4.17.1"}
    result = {
        "Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": [other],
        "ExperimentalModifiedFindings": [said, ignored],
    }  # fmt: skip
    (tmp_path / "t.json").write_text(json.dumps({"SchemaVersion": 2, "ArtifactName": image, "Results": [result]}))
    report = import_findings([tmp_path / "t.json"])
    assert [finding.component for finding in report.findings] == ["express"]
    (left,) = report.suppressed
    assert left.statement.author == "team.vex.json (read by trivy)" and left.statement.reason == "code_not_reachable"
    assert (left.finding.component, left.finding.status, left.matched) == ("qs", "not_affected", "image")
    assert any("1 findings that Trivy's own rules" in text for text in report.warnings)
    assert report.totals["findings"] == 1

    (left,) = import_findings([FIXTURES / "grype.json"]).suppressed
    assert (left.finding.id, left.statement.author) == ("CVE-2099-0009", "a VEX file that grype read")


@pytest.mark.parametrize(
    ("tool", "text", "logical", "purl", "component"),
    [
        ("docker scout", "  Package  : pkg:npm/qs@6.7.0 \n  Fixed version  : 6.7.3 \n", "", "pkg:npm/qs@6.7.0", "qs"),
        ("docker scout", "found", "pkg:npm/qs@6.7.0", "pkg:npm/qs@6.7.0", "qs"),
        ("Snyk Open Source", "This file introduces a vulnerable qs package.", "qs@6.7.0", "", "qs"),
        ("Snyk Open Source", "found", "no package here", "", ""),
    ],
)
def test_sarif_packages_in_purls_and_logical_locations(
    tool: str, text: str, logical: str, purl: str, component: str
) -> None:
    place = {"physicalLocation": {"artifactLocation": {"uri": "package.json"}}}
    result = {
        "ruleId": "CVE-2022-24999", "message": {"text": text},
        "locations": [{**place, "logicalLocations": [{"fullyQualifiedName": logical}]}],
    }  # fmt: skip
    run = {"tool": {"driver": {"name": tool}}, "results": [result]}
    (finding,) = sarif.read(json.dumps({"version": "2.1.0", "runs": [run]}), "x.sarif").findings
    assert (finding.component, finding.purl, finding.path) == (component, purl, "package.json")
    assert finding.version == ("6.7.0" if component else "") and finding.kind == "sca"
