"""Packages, scores and ids, as all report formats spell them."""

import pytest

from patchpact.scenarios.importers.reports.fields import public_url
from patchpact.scenarios.importers.reports.packages import ImageName, image_name, package
from patchpact.scenarios.importers.reports.scores import Rating, best, severity_of_score
from patchpact.scenarios.importers.reports.weaknesses import advisory_in, cwe_numbers, id_and_aliases


@pytest.mark.parametrize(
    ("name", "version", "kind", "purl", "expected"),
    [
        ("log4j-core", "2", "java-archive", "pkg:maven/org.apache.logging.log4j/log4j-core@2", ("org.apache.logging.log4j:log4j-core", "Maven")),
        ("org.a:b", "2", "jar", "", ("org.a:b", "Maven", "pkg:maven/org.a/b@2")),
        ("@s/n", "1", "npm", "", ("@s/n", "npm", "pkg:npm/%40s/n@1")),
        ("Some_Pkg", "1", "python", "", ("some-pkg", "PyPI", "pkg:pypi/some-pkg@1")),
        ("stdlib", "1.21", "go-module", "", ("stdlib", "Go", "pkg:golang/stdlib@1.21")),
        ("openssl", "3", "redhat", "", ("openssl", "Red Hat", "pkg:rpm/redhat/openssl@3")),
        ("openssl", "3", "Alpine:v3.19", "", ("openssl", "Alpine", "pkg:apk/alpine/openssl@3")),
        ("x", "1", "something new", "", ("x", "something new", "")),
        ("x", "1", "", "pkg:broken", ("x", "", "")),
        ("", "", "", "pkg:oci/cart@sha256%3Aaa?repository_url=r/cart", ("cart", "image")),
    ],
)  # fmt: skip
def test_packages(name: str, version: str, kind: str, purl: str, expected: tuple[str, ...]) -> None:
    made = package(name, version, kind, purl)
    assert (made.component, made.ecosystem) == expected[:2]
    if len(expected) > 2:
        assert made.purl == expected[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis", ImageName("redis", "", "")),
        ("docker.io/library/redis:6.0.5", ImageName("redis", "6.0.5", "")),
        ("registry:5000/team/app:1@sha256:ab", ImageName("registry:5000/team/app", "1", "sha256:ab")),
        ("Not an image!", None),
        ("https://x/y", None),
    ],
)
def test_image_names(text: str, expected: ImageName | None) -> None:
    assert image_name(text) == expected


V2, V3 = "AV:N/AC:M/Au:N/C:P/I:P/A:P", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N"


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ([], (None, "")),
        ([Rating(None, V2)], (6.8, V2)),
        ([Rating(None, f"({V2})")], (6.8, V2)),
        ([Rating(None, V2), Rating(None, V4), Rating(None, V3)], (9.8, V3)),
        ([Rating(None, V2), Rating(None, V4)], (8.7, V4)),
        ([Rating(5.0, V3), Rating(None, V3)], (5.0, V3)),
        ([Rating(0.0)], (None, "")),
        ([Rating(0.0, V3)], (9.8, V3)),
        ([Rating(7.5, "CVSS:3.1/nonsense", 3)], (7.5, "")),
        ([Rating(6.6, "AV:N/AC:M/Au:S/C:C/I:C/A:C", 2), Rating(6.6, "CVSS:3.1/AV:N/AC:H/PR:H/UI:N/S:U/C:H/I:H/A:H", 3)],
         (6.6, "CVSS:3.1/AV:N/AC:H/PR:H/UI:N/S:U/C:H/I:H/A:H")),
    ],
)  # fmt: skip
def test_the_score_to_go_by(ratings: list[Rating], expected: tuple[float | None, str]) -> None:
    assert best(ratings) == expected


def test_labels_of_scores() -> None:
    assert [severity_of_score(s) for s in (0.0, 0.1, 3.9, 4.0, 6.9, 7.0, 8.9, 9.0)] == [
        "", "low", "low", "medium", "medium", "high", "high", "critical"]  # fmt: skip


def test_ids_and_weaknesses() -> None:
    assert id_and_aliases(["ghsa-HRPP-h998-j3pp", "", "cve-2022-24999"]) == ("CVE-2022-24999", ("GHSA-hrpp-h998-j3pp",))
    assert advisory_in("CVE-2022-24999-qs") == "CVE-2022-24999" and advisory_in("java/xss") == ""
    assert cwe_numbers(["CWE-79: x", "external/cwe/cwe-079", "89", "-1", "0", "CWE-0", "none"]) == (79, 89)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@h:8/a?b=c#d", "https://h:8/a"),
        ("/cart?x=1", "/cart"),
        ("http://[broken/a?token=1", "http://[broken/a"),
        ("", ""),
    ],
)
def test_urls_keep_no_secrets(url: str, expected: str) -> None:
    assert public_url(url) == expected
