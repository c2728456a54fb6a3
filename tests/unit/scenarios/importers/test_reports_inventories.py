"""SBOMs, documents of vulnerabilities in them, and VEX documents; rows in the project's own columns."""

import json
from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.records import ImportedReport
from patchpact.scenarios.importers.reports import csaf, csv_rows, cyclonedx, openvex, spdx

FIXTURES = Path(__file__).with_name("fixtures") / "reports"


def read(module: Any, name: str) -> ImportedReport:
    text = (FIXTURES / name).read_text()
    assert module.detect(text, name)
    report: ImportedReport = module.read(text, name)
    assert "SECRET" not in repr(report)
    return report


def test_cyclonedx_components_nest_and_lock_files_are_looked_through() -> None:
    report = read(cyclonedx, "cyclonedx.json")
    core, inner = report.components
    assert (core.name, core.ecosystem, core.direct, core.image) == (
        "org.example:core",
        "Maven",
        True,
        "shop/cart:1.4.0",
    )
    assert (inner.name, inner.version, inner.direct) == ("org.example:inner", "1.0", False)
    assert report.totals["components"] == 4 and "2 of 4 entries are files" in report.warnings[0]


def test_cyclonedx_vulnerabilities_of_its_components_are_findings() -> None:
    high, medium, triage = read(cyclonedx, "cyclonedx.json").findings
    assert (high.id, high.cvss, high.severity, high.cwe) == ("CVE-2099-1000", 8.1, "high", (502, 20))
    assert high.cvss_vector == "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H"
    assert (medium.id, medium.aliases) == ("CVE-2099-1001", ("SNYK-JAVA-ORGEXAMPLE-1",))
    assert (triage.tool, triage.purl) == ("sbom-maker", "pkg:maven/org.example/core@2.0")


def test_cyclonedx_analyses_are_statements() -> None:
    said, triage = read(cyclonedx, "cyclonedx.json").statements
    assert (said.status, said.author, said.products) == ("not_affected", "Shop Security", ("org.example:inner@1.0",))
    assert said.reason == "code_not_reachable: Never called."
    assert vars(said)["timestamp"] == "2026-08-02T00:00:00.000000Z"
    assert (triage.status, vars(triage)["timestamp"]) == ("under_investigation", "2026-08-01T08:00:00.000000Z")


def test_cyclonedx_vex_points_into_another_document() -> None:
    report = read(cyclonedx, "cyclonedx_vex.json")
    (said,) = report.statements
    assert report.findings == () and said.products == ("pkg:npm/qs@6.7.0",)
    assert (said.status, vars(said)["document"]) == ("not_affected", "0e0e0e0e-0000-4000-8000-000000000009")
    assert "version ranges only" in report.warnings[0]


def test_cyclonedx_xml_says_the_same() -> None:
    (finding,) = read(cyclonedx, "cyclonedx.xml").findings
    assert (finding.id, finding.cvss, finding.cwe, finding.tool) == ("CVE-2099-1000", 9.8, (502,), "scanner")
    assert finding.component == "org.example:core"


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.5", "1.6"])
def test_cyclonedx_xml_of_other_versions(version: str) -> None:
    text = (FIXTURES / "cyclonedx.xml").read_text().replace("schema/bom/1.4", f"schema/bom/{version}")
    assert len(cyclonedx.read(text, "x.xml").components) == 1


def test_formats_are_known_when_their_name_stands_at_the_end() -> None:
    assert cyclonedx.detect('{"components": [{"bom-ref": "a", "name": "x"}', "sorted.json")
    assert spdx.detect('{"packages": [{"SPDXID": "a", "name": "x"}', "sorted.json")


def test_cyclonedx_lists_of_unaffected_versions_are_no_product() -> None:
    affects = {
        "ref": "pkg:npm/x",
        "versions": [{"version": "1", "status": "affected"}, {"version": "2", "status": "unaffected"}],
    }
    value = {"bomFormat": "CycloneDX", "vulnerabilities": [
        {"id": "CVE-2099-1", "analysis": {"state": "resolved"}, "affects": [affects]}]}  # fmt: skip
    (said,) = cyclonedx.read(json.dumps(value), "x.json").statements
    assert (said.products, said.status) == (("pkg:npm/x@1",), "fixed")


def test_spdx() -> None:
    report = read(spdx, "spdx.json")
    express, qs = report.components
    assert (express.name, express.purl, express.direct) == ("express", "pkg:npm/express@4.17.1", True)
    assert (qs.direct, qs.image) == (False, "shop/cart:1.4.0")
    assert "1 packages have neither version nor purl" in report.warnings[0]
    wrapped = json.dumps({"sbom": json.loads((FIXTURES / "spdx.json").read_text())})
    assert len(spdx.read(wrapped, "github.json").components) == 2


def test_openvex_in_both_forms() -> None:
    first, old, image, other = read(openvex, "openvex.json").statements
    assert first.ids == ("CVE-2022-24999", "GHSA-hrpp-h998-j3pp") and first.author == "Shop Security"
    assert first.reason == "vulnerable_code_not_in_execute_path: Input is checked before."
    assert (old.ids, old.products) == (("CVE-2099-0001",), ("pkg:npm/express@4.17.1",))
    assert vars(image)["subcomponents"] == ("pkg:apk/alpine/libcrypto3@3.1.4-r2",)
    assert vars(image)["timestamp"] == "2023-01-09T00:02:03.647787Z"
    assert other.products == ("pkg:npm/other@1",)


def test_csaf_products_groups_and_relationships() -> None:
    absent, asked, platform = read(csaf, "csaf.json").statements
    assert (absent.products, absent.reason) == (("express@4.17.1",), "component_not_present")
    assert (asked.products, asked.status) == (("pkg:npm/qs@6.7.0",), "under_investigation")
    assert (platform.products, platform.reason) == (("Example Linux 9",), "Built without it.")
    assert vars(platform)["subcomponents"] == ("pkg:apk/alpine/libcrypto3",)


def test_rows() -> None:
    report = read(csv_rows, "rows.csv")
    express, qs = report.findings
    assert (express.service, express.kev, express.epss, express.purl) == ("cart", True, 0.05, "pkg:npm/express@4.17.1")
    assert (express.kind, express.evidence) == ("sca", "rows.csv: line 2")
    assert (qs.severity, qs.cvss, qs.kev) == ("medium", None, False)
    assert [text.split(": ")[1].split(" (")[0] for text in report.warnings] == [
        "column automatable is not carried over", "column source is not carried over"]  # fmt: skip


@pytest.mark.parametrize("column", ["vendor", "vendor_id", "vendors", "released", "release_notes"])
def test_what_scanners_say_of_vendors_and_releases_is_passed_over(column: str) -> None:
    report = csv_rows.read(f"component,cve,{column}\nx,CVE-2099-1,Shop Ltd\n", "rows.csv")
    assert len(report.findings) == 1 and column in " ".join(report.warnings)


def test_rows_in_json() -> None:
    package, pentest = read(csv_rows, "rows.json").findings
    assert (package.cwe, package.labels, package.kev) == ((400,), ("shop/cart",), True)
    assert (pentest.kind, pentest.tool, pentest.url) == ("dast", "pentest", "https://shop.example/cart")
    assert pentest.seen_running and not package.seen_running


@pytest.mark.parametrize(
    ("rows", "field"),
    [("component,cve\nx,\n", "line 2, cve"), ("component,cve\n,CVE-2099-1\n", "line 2, component"),
     ("component,cve,kev\nx,CVE-2099-1,perhaps\n", "line 2, kev"), ("component,cve,epss\nx,CVE-2099-1,1.5\n", "line 2, epss"),
     ("component,cve,kind\nx,CVE-2099-1,magic\n", "line 2, kind"), ("component,cve\nx,CVE-2099-1,y\n", "line 2"),
     ("component,cve,cve\nx,CVE-2099-1,y\n", "line 1, 'cve'")],
)  # fmt: skip
def test_wrong_cells_are_named(rows: str, field: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        csv_rows.read(rows, "rows.csv")
    assert (caught.value.where, caught.value.field) == ("rows.csv", field)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_in_the_words_of_other_tools(delimiter: str) -> None:
    header = [
        "Title",
        "CVE",
        "Vulnerability ID",
        "CWE",
        "Severity",
        "File Path",
        "Line",
        "Component Name",
        "Installed Version",
    ]
    rows = [
        ["Queries", "", "", "89", "High", "cart/a.py", "3", "", ""],
        ["", "CVE-2099-1", "", "", "Critical", "", "", "qs", "6.7.0"],
    ]  # fmt: skip
    text = "\n".join(delimiter.join(cells) for cells in [header, *rows])
    assert csv_rows.detect(text, "export.csv")
    report = csv_rows.read(text, "export.csv")
    code, package = report.findings
    assert (code.id, code.cwe, code.path, code.line, code.severity) == ("CWE-89", (89,), "cart/a.py", 3, "high")
    assert (package.id, package.component, package.version) == ("CVE-2099-1", "qs", "6.7.0")
    (warning,) = report.warnings
    assert "columns not read: 'Vulnerability ID'" in warning, "the second word for a column is left out, and said"


TAGS = """SPDXVersion: SPDX-2.3
SPDXID: SPDXRef-DOCUMENT
DocumentName: cart
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-image

PackageName: shop/cart
SPDXID: SPDXRef-image
PackageVersion: 1.4.0
PrimaryPackagePurpose: CONTAINER

# a comment
PackageName: qs
SPDXID: SPDXRef-qs
PackageVersion: 6.7.0
PackageComment: <text>PackageName: none
PackageVersion: none</text>
ExternalRef: SECURITY cpe23Type cpe:2.3:a:qs:qs:6.7.0:*:*:*:*:*:*:*
ExternalRef: PACKAGE-MANAGER purl pkg:npm/qs@6.7.0
PackageName: nameless
SPDXID: SPDXRef-none
PackageVersion: NOASSERTION
FileName: ./a.py
SPDXID: SPDXRef-file
Relationship: SPDXRef-image DEPENDS_ON SPDXRef-qs
"""


def test_spdx_tag_value_says_the_same() -> None:
    assert spdx.detect(TAGS, "bom.spdx")
    report = spdx.read(TAGS, "bom.spdx")
    (qs,) = report.components
    assert (qs.name, qs.version, qs.purl, qs.image, qs.direct) == (
        "qs",
        "6.7.0",
        "pkg:npm/qs@6.7.0",
        "shop/cart:1.4.0",
        True,
    )
    assert "1 packages have neither version nor purl" in report.warnings[0] and report.totals["packages"] == 3


@pytest.mark.parametrize(
    ("text", "field"),
    [("SPDXVersion: SPDX-2.3\nPackageName\n", "line 2"), ("SPDXVersion: SPDX-3.0\nPackageName: x\n", "spdxVersion"),
     ("SPDXVersion: SPDX-2.3\nPackageComment: <text>open\n", "line 2"), ("SPDXVersion: SPDX-2.3\nExternalRef: x\n", "line 2")],
)  # fmt: skip
def test_wrong_tags_are_named(text: str, field: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        spdx.read(text, "bom.spdx")
    assert (caught.value.where, caught.value.field) == ("bom.spdx", field)
