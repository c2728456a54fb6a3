"""EPSS and KEV of one day each, the day always said, days never mixed in silence."""

import csv
import gzip
import os
from pathlib import Path

import pytest

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers import snapshots
from patchpact.scenarios.importers.findings_file import import_findings
from patchpact.scenarios.importers.records import RawFinding
from patchpact.scenarios.importers.snapshots import EpssSnapshot, KevSnapshot

FIXTURES = Path(__file__).with_name("fixtures") / "reports"
VULNS = Path(os.environ.get("PATCHPACT_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data")) / "vulns"


def finding(
    identifier: str, epss: float | None = None, date: str = "", kev: bool = False, **more: tuple[str, ...]
) -> RawFinding:
    return RawFinding("t", "sca", identifier, "e", epss=epss, epss_date=date, kev=kev, **more)


EPSS = EpssSnapshot("2026-08-16", {"CVE-2099-1": 0.4, "CVE-2099-2": 0.2}, "epss.csv")
KEV = KevSnapshot("2026-08-01", frozenset({"CVE-2099-2"}), "kev.json")


def test_epss_forms(tmp_path: Path) -> None:
    plain = snapshots.read_epss(FIXTURES / "epss.csv")
    assert (plain.date, dict(plain.scores)) == ("2026-09-01", {"CVE-2022-24999": 0.02, "CVE-2014-0224": 0.9})
    packed = tmp_path / "epss_scores-2026-09-01.csv.gz"
    packed.write_bytes(gzip.compress((FIXTURES / "epss.csv").read_bytes()))
    assert snapshots.read_epss(packed).scores == plain.scores
    api = snapshots.read_epss(FIXTURES / "epss_api.json")
    assert (api.date, dict(api.scores)) == ("2026-09-02", {"CVE-2022-24999": 0.03})


def test_kev_forms() -> None:
    catalogue = snapshots.read_kev(FIXTURES / "kev.json")
    assert (catalogue.date, catalogue.ids) == ("2026-09-01", {"CVE-2022-24999"})
    table = snapshots.read_kev(FIXTURES / "kev.csv")
    assert (table.date, len(table.ids)) == ("2026-08-31", 2)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("cve,epss\nCVE-2099-1,0.1\n", "no date"),
        ("#score_date:2026-09-01\ncve,epss\nCVE-2099-1,1.1\n", "line 3, epss: is not between 0 and 1"),
        ("#score_date:2026-09-01\ncve,epss\nCVE-2099-1,\n", "missing"),
        ("#score_date:2026-09-01\ncve,epss\nnot a cve,0.1\n", "no CVE id"),
        ("#score_date:2026-09-01\ncve,epss\nCVE-2099-1,0.1\nCVE-2099-1,0.2\n", "two scores"),
        ('{"data": [{"cve": "CVE-2099-1", "epss": "0.1", "date": "2026-01-01"}, '
         '{"cve": "CVE-2099-2", "epss": "0.1", "date": "2026-01-02"}]}', "several days"),
        ('{"data": []}', "no scores"),
    ],
)  # fmt: skip
def test_wrong_epss_files_are_refused(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "epss"
    path.write_text(content)
    with pytest.raises(ScenarioError, match=problem):
        snapshots.read_epss(path)


def test_a_cut_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kev.json"
    path.write_text((FIXTURES / "kev.json").read_text().replace('"count": 1', '"count": 2'))
    with pytest.raises(ScenarioError, match="says 2 entries but holds 1"):
        snapshots.read_kev(path)


def test_the_snapshot_replaces_scores_of_other_days() -> None:
    (made,), notes = snapshots.enrich([finding("CVE-2099-1", 0.9, "2025-06-18")], EPSS, KEV)
    assert (made.epss, made.epss_date) == (0.4, "2026-08-16")
    assert "EPSS of 2025-06-18 in a report is replaced by that of 2026-08-16: 1 findings" in notes


def test_what_the_snapshot_lacks_keeps_its_own_day_and_is_listed() -> None:
    (made,), notes = snapshots.enrich([finding("CVE-2099-9", 0.9, "2025-06-18")], EPSS, KEV)
    assert (made.epss, made.epss_date) == (0.9, "2025-06-18")
    assert any(text.startswith("EPSS of 2025-06-18 in a report stays") for text in notes)


def test_scores_of_the_same_day_are_nothing_to_tell() -> None:
    _, notes = snapshots.enrich([finding("CVE-2099-1", 0.4, "2026-08-16")], EPSS, KEV)
    assert notes == [
        "EPSS of 2026-08-16 (epss.csv, 2 CVEs): scores 1 of 1 findings with a CVE",
        "KEV of 2026-08-01 (kev.json, 1 CVEs): holds 0 of 1 findings with a CVE",
    ]


def test_aliases_count_and_other_findings_are_left_alone() -> None:
    rule = finding("java/xss")
    (advisory, same), _ = snapshots.enrich([finding("GHSA-x", aliases=("CVE-2099-2",)), rule], EPSS, KEV)
    assert (advisory.epss, advisory.kev) == (0.2, True) and same is rule


def test_a_reports_own_word_on_exploitation_stands_and_is_listed() -> None:
    (made,), notes = snapshots.enrich([finding("CVE-2099-1", kev=True)], EPSS, KEV)
    assert made.kev and "KEV of 2026-08-01 lacks 1 findings that a report says are exploited: they stay so" in notes


def test_the_users_files_replace_the_bundled_ones() -> None:
    report = import_findings([FIXTURES / "grype.json"], epss=FIXTURES / "epss.csv", kev=FIXTURES / "kev.json")
    assert [(one.epss, one.epss_date, one.kev) for one in report.findings] == [
        (0.02, "2026-09-01", True), (0.9, "2026-09-01", True)]  # fmt: skip
    said = "\n".join(report.warnings)
    assert "EPSS of 2026-09-01" in said and "KEV of 2026-09-01" in said and "bundled" not in said


def test_the_bundled_snapshot_says_its_days() -> None:
    report = import_findings([FIXTURES / "grype.json"])
    assert report.findings[1].epss_date == "2026-08-16"
    assert any(text.startswith("EPSS of 2026-08-16 (bundled, 3,180 CVEs)") for text in report.warnings)
    assert any(text.startswith("KEV of 2025-08-25 (bundled, 1,404 CVEs)") for text in report.warnings)


def test_the_bundled_snapshot_is_of_one_day_and_as_its_sources_say() -> None:
    if not VULNS.is_dir():
        pytest.skip("the sources are not here")
    epss, kev = snapshots.bundled()
    with (VULNS / "kev.csv").open() as file:
        catalogue = list(csv.DictReader(file))
    with (VULNS / "cves.csv").open() as file:
        rows = [row for row in [*csv.DictReader(file), *catalogue] if row["epss"]]
    assert kev.ids == {row["cve_id"] for row in catalogue}
    assert {row["epss_date"] for row in rows} == {epss.date}
    assert dict(epss.scores) == {row["cve_id"]: float(row["epss"]) for row in rows}
