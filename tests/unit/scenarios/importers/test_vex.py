"""VEX statements suppress findings of exactly their product, by the latest word, and are listed."""

from pathlib import Path
from typing import Any

import pytest

from patchpact.scenarios.importers import vex
from patchpact.scenarios.importers.findings_file import import_findings
from patchpact.scenarios.importers.records import RawFinding, Statement
from patchpact.scenarios.importers.vex import VexStatement

FIXTURES = Path(__file__).with_name("fixtures") / "reports"
PURL = "pkg:apk/alpine/openssl@3.1.4-r2?arch=x86_64&distro=3.19.1"


def finding(**fields: Any) -> RawFinding:
    stated = {
        "tool": "trivy", "kind": "sca", "id": "CVE-2099-1", "evidence": "r.json: [0]", "aliases": ("GHSA-aaaa-bbbb-cccc",),
        "component": "openssl", "version": "3.1.4-r2", "purl": PURL, "image": "docker.io/shop/cart:1.4",
        "labels": (f"shop/cart@sha256:{'a' * 64}",),
    }  # fmt: skip
    return RawFinding(**{**stated, **fields})


def said(*products: str, **fields: Any) -> VexStatement:
    stated = {
        "ids": ("CVE-2099-1",), "status": "not_affected", "author": "Shop", "reason": "not reachable", "evidence": "v: [0]",
    }  # fmt: skip
    return VexStatement(products=products, **{**stated, **fields})


@pytest.mark.parametrize(
    ("product", "matched"),
    [
        ("pkg:apk/alpine/openssl@3.1.4-r2?arch=x86_64", "purl"),
        ("pkg:apk/alpine/openssl@3.1.4-r2", "purl"),
        ("pkg:apk/alpine/openssl", "purl"),
        ("pkg:apk/alpine/openssl@3.1.4-r3", ""),
        ("pkg:apk/alpine/openssl@3.1.4-r2?arch=aarch64", ""),
        ("pkg:apk/alpine/openssl@3.1.4-r2?arch=x86_64&distro=3.19.1&more=1", ""),
        ("pkg:apk/wolfi/openssl@3.1.4-r2", ""),
        ("pkg:deb/alpine/openssl@3.1.4-r2", ""),
        ("pkg:apk/alpine/openssl@3.1.4-r2#sub/path", ""),
        ("pkg:apk/alpine/openss", ""),
        ("pkg:broken", ""),
        ("pkg:oci/cart", "image"),
        (f"pkg:oci/cart@sha256%3A{'a' * 64}", "image"),
        (f"pkg:oci/cart@sha256%3A{'b' * 64}", ""),
        ("pkg:oci/cart?repository_url=docker.io/shop/cart&tag=1.4", "image"),
        ("pkg:oci/cart?repository_url=docker.io/shop/cart&tag=1.5", ""),
        ("pkg:oci/cart?repository_url=ghcr.io/shop/cart", ""),
        ("pkg:docker/shop/cart@1.4", "image"),
        ("pkg:docker/cart-api", ""),
        ("shop/cart:1.4", "image"),
        ("shop/cart", "image"),
        ("shop/cart:1.5", ""),
        ("other/cart:1.4", ""),
        (f"shop/cart@sha256:{'a' * 64}", "image"),
        ("openssl", "component"),
        ("openssl@3.1.4-r2", "component"),
        ("openssl@3.1.4-r3", ""),
        ("open", ""),
        ("cpe:2.3:a:openssl:openssl:3.1.4:*:*:*:*:*:*:*", ""),
    ],
)
def test_products(product: str, matched: str) -> None:
    kept, suppressed, _ = vex.apply([finding()], [said(product)])
    assert [left.matched for left in suppressed] == ([matched] if matched else [])
    assert len(kept) == (0 if matched else 1)


@pytest.mark.parametrize(
    ("own", "product", "fits"),
    [
        ("pkg:rpm/redhat/openssl@1.1.1k-7?epoch=1", "pkg:rpm/redhat/openssl@1:1.1.1k-7", True),
        ("pkg:rpm/redhat/openssl@1:1.1.1k-7", "pkg:rpm/redhat/openssl@1.1.1k-7?epoch=1", True),
        ("pkg:rpm/redhat/openssl@1.1.1k-7?epoch=0", "pkg:rpm/redhat/openssl@1.1.1k-7", True),
        ("pkg:rpm/redhat/openssl@1.1.1k-7?epoch=2", "pkg:rpm/redhat/openssl@1.1.1k-7?epoch=1", False),
        ("pkg:golang/golang.org/x/net@v0.17.0", "pkg:golang/golang.org/x/net@0.17.0", True),
        ("pkg:deb/ubuntu/libstdc%2B%2B6@12.3.0-1", "pkg:deb/ubuntu/libstdc++6@12.3.0-1", True),
        ("pkg:pypi/Some_Pkg@1", "pkg:pypi/some-pkg@1", True),
    ],
)
def test_versions_and_names_are_compared_as_purls_mean_them(own: str, product: str, fits: bool) -> None:
    _, suppressed, _ = vex.apply([finding(purl=own, component="x", image="", labels=())], [said(product)])
    assert bool(suppressed) is fits


def test_no_products_mean_the_whole_document() -> None:
    _, (left,), _ = vex.apply([finding()], [said()])
    assert left.matched == "document"


def test_a_component_inside_a_product_needs_both() -> None:
    statement = said("pkg:oci/cart", subcomponents=("pkg:apk/alpine/openssl",))
    here, elsewhere = finding(), finding(image="shop/web:1", labels=())
    other = finding(purl="pkg:apk/alpine/zlib@1", component="zlib")
    kept, (left,), _ = vex.apply([here, elsewhere, other], [statement])
    assert [one.image for one in kept] == ["shop/web:1", here.image] and left.matched == "image"


def test_ids_match_by_alias_and_whatever_their_case() -> None:
    _, suppressed, _ = vex.apply([finding()], [said("openssl", ids=("ghsa-AAAA-bbbb-cccc",))])
    assert len(suppressed) == 1
    kept, _, warnings = vex.apply([finding()], [said("openssl", ids=("CVE-2099-2",))])
    assert kept == [finding()]
    assert warnings == ["v: [0]: not_affected CVE-2099-2 of openssl (by Shop) fits no finding"]


def test_a_suppression_says_who_and_why() -> None:
    _, (left,), warnings = vex.apply([finding()], [said("openssl")])
    assert left.statement.author == "Shop" and warnings == []
    assert (left.finding.status, left.finding.status_author, left.finding.status_reason) == (
        "not_affected", "Shop", "not reachable")  # fmt: skip


@pytest.mark.parametrize("status", ["affected", "under_investigation"])
def test_other_statuses_suppress_nothing_but_are_carried(status: str) -> None:
    (kept,), suppressed, warnings = vex.apply([finding()], [said("openssl", status=status)])
    assert (kept.status, kept.status_author, suppressed, warnings) == (status, "Shop", [], [])


OLD, NEW = "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("first", "second", "suppresses"),
    [
        (("not_affected", OLD), ("affected", NEW), False),
        (("affected", OLD), ("fixed", NEW), True),
        (("affected", NEW), ("not_affected", OLD), False),
        (("not_affected", ""), ("under_investigation", OLD), False),
        (("affected", ""), ("not_affected", OLD), True),
        (("not_affected", OLD), ("affected", OLD), False),
        (("affected", ""), ("not_affected", ""), False),
    ],
)
def test_the_latest_word_counts(first: tuple[str, str], second: tuple[str, str], suppresses: bool) -> None:
    statements = [said("openssl", status=status, timestamp=time) for status, time in (first, second)]
    for order in (statements, statements[::-1]):
        _, suppressed, warnings = vex.apply([finding()], order)
        assert bool(suppressed) is suppresses
        assert any("contradicted" in text for text in warnings) == (first[1] == second[1])


def test_a_plain_statement_works_too() -> None:
    plain = Statement(("CVE-2099-1",), ("openssl",), "fixed", "A", "", "v")
    assert len(vex.apply([finding()], [plain])[1]) == 1


def test_statements_about_an_sbom_that_is_imported_too_speak_of_it_alone() -> None:
    statement = said("pkg:apk/alpine/openssl@3.1.4-r2", document="serial-1")
    mine, other = finding(labels=("serial-1",)), finding()
    assert vex.apply([mine, other], [statement])[0] == [other]
    assert len(vex.apply([other], [statement])[1]) == 1


def test_many_unmatched_statements_are_counted_beyond_fifty() -> None:
    _, _, warnings = vex.apply([], [said(f"x{number}") for number in range(60)])
    assert len(warnings) == 51 and warnings[-1].startswith("10 more statements")


def test_statements_of_three_formats_apply_to_a_report() -> None:
    files = [FIXTURES / name for name in ("trivy.json", "openvex.json", "csaf.json", "cyclonedx_vex.json")]
    report = import_findings(files)
    found = {left.finding.id: (left.statement.author, left.matched) for left in report.suppressed}
    assert found == {
        "CVE-2014-0224": ("Shop Security", "image"),
        "CVE-2022-24999": ("Shop Security", "purl"),
        "CVE-2099-0001": ("Example PSIRT", "component"),
    }
    assert {finding.id for finding in report.findings} == {"AVD-DS-0002", "aws-access-key-id"}
    unmatched = [text for text in report.warnings if "fits no finding" in text]
    assert len(unmatched) == 3
    assert [vars(one)["timestamp"] for one in report.statements] == sorted(
        vars(one)["timestamp"] for one in report.statements
    )
