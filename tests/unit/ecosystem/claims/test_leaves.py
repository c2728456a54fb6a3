"""What is signed for: findings as patchpact keeps them, and amounts."""

import json
from datetime import date
from pathlib import Path

import pytest

from patchpact.ecosystem.claims.leaves import (
    Inclusion,
    inclusion,
    is_included,
    read_known,
    read_source_of_leaves,
    tree_of,
)
from patchpact.ecosystem.claims.records import Leaf
from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.importers.findings_file import findings_json
from patchpact.scenarios.importers.records import Component, ImportedReport, RawFinding

DAY = date(2026, 1, 31)
KNOWN = {"CVE-2021-44228": "2026-01-20", "CVE-2022-0001": "2026-02-01"}


def report(tmp_path: Path, *findings: RawFinding, components: tuple[Component, ...] = ()) -> Path:
    file = tmp_path / "findings.json"
    file.write_text(json.dumps(findings_json(ImportedReport(findings, components=components))), encoding="utf-8")
    return file


def finding(id_: str, **fields) -> RawFinding:
    return RawFinding(tool="trivy", kind="sca", id=id_, evidence="r.json: [0]", **fields)


def test_an_imported_report_becomes_leaves(tmp_path: Path) -> None:
    file = report(
        tmp_path,
        finding("CVE-2021-44228", kev=True, service="web", component="log4j", version="2.14"),
        finding("GHSA-1", kev=True, aliases=("cve-2021-44228",), image="shop/web"),
        finding("CVE-2022-0001", kev=True, status="fixed", service="web"),
        finding("rule-1", path="a\x1b.py"),
        components=(Component("log4j", "2.14", "Maven", "pkg:maven/log4j@2.14", "sbom.json: [0]", service="web"),),
    )
    source = read_source_of_leaves(file, KNOWN, DAY)
    assert source.kind == "findings"
    assert source.leaves == (
        Leaf(what="component", name="log4j", service="web", version="2.14", component="pkg:maven/log4j@2.14"),
        Leaf(
            what="finding", name="CVE-2021-44228", service="web", component="log4j", version="2.14", kev=True,
            known="2026-01-20",
        ),
        Leaf(what="finding", name="GHSA-1", service="shop/web", kev=True, known="2026-01-20"),
        Leaf(what="finding", name="CVE-2022-0001", service="web"),  # fixed: not open, so no age
        Leaf(what="finding", name="rule-1", component="a\\x1b.py"),
    )  # fmt: skip
    assert source.parts == {"web": 1, "shop/web": 1, "": 1}  # open ones


def test_a_scenario_s_findings_become_leaves(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    text = "service,component,version,cve,kev\nweb,log4j,2.14,CVE-2021-44228,1\nweb,x,1,CVE-2020-1,0\ndb,x,1,CVE-2020-1,0\n"
    file.write_text(text, encoding="utf-8")
    source = read_source_of_leaves(file, KNOWN, DAY)
    assert [(leaf.name, leaf.service, leaf.known) for leaf in source.leaves] == [
        ("CVE-2021-44228", "web", "2026-01-20"),
        ("CVE-2020-1", "web", None),
        ("CVE-2020-1", "db", None),
    ]
    assert source.parts == {"web": 2, "db": 1}


def test_amounts_become_leaves(tmp_path: Path) -> None:
    file = tmp_path / "kg.csv"
    file.write_text("name,amount\nplant, 12\nfleet,0\n", encoding="utf-8")
    source = read_source_of_leaves(file, {}, DAY)
    assert (source.kind, source.parts) == ("amounts", {"plant": 12, "fleet": 0})
    assert source.leaves[0] == Leaf(what="amount", name="plant", amount=12)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.csv", "service,component,cve,kev\nw,c,CVE-1-1,1\n", "no day on which 'CVE-1-1' became known; say it in --known"),
        ("f.csv", "service,component,cve,kev\nw,c,CVE-2022-0001,1\n", "known on 2026-02-01, after 2026-01-31"),
        ("f.csv", "service,cve\nw,CVE-1-1\n", "component: missing"),
        ("f.csv", "service,component,cve\n", "0 leaves; give 1 to"),
        ("f.csv", "name,amount\na,-1\n", "'-1' is no whole number from 0 to 2^48"),
        ("f.csv", "name,amount\na,1.5\n", "'1.5' is no whole number"),
        ("f.csv", "name,amount\na,281474976710657\n", "is no whole number"),
        ("f.csv", "name,amount\na,1\na,2\n", "'a' stands twice"),
        ("f.json", '{"a": 1}', "holds neither findings nor amounts"),
        ("f.json", '{"patchpact_findings": 9}', "is not 1"),
        ("f.txt", "hello", "holds neither"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        read_source_of_leaves(file, KNOWN, DAY)
    assert message in str(caught.value) and name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ("cve,known\ncve-2021-44228,2021-12-10\nCVE-2021-44228,2021-12-09\n", {"CVE-2021-44228": "2021-12-09"}),
        ("cveID,vendor,dateAdded\nCVE-2021-44228,Apache,2021-12-10\n", {"CVE-2021-44228": "2021-12-10"}),
        (
            '{"count": 1, "vulnerabilities": [{"cveID": "CVE-2021-44228", "dateAdded": "2021-12-10"}]}',
            {"CVE-2021-44228": "2021-12-10"},
        ),
    ],
)
def test_days_are_read_from_the_catalogue_or_an_own_list(tmp_path: Path, content: str, known: dict[str, str]) -> None:
    file = tmp_path / "kev"
    file.write_text(content, encoding="utf-8")
    assert read_known(file) == known


@pytest.mark.parametrize("content", ["cve,known\nCVE-1-1,tomorrow\n", "cve\nCVE-1-1\n", '{"vulnerabilities": [{}]}'])
def test_a_list_of_days_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "kev.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"kev\.csv: "):
        read_known(file)


def test_inclusion_holds_for_its_leaf_index_and_tree_alone() -> None:
    leaves = [Leaf(what="finding", name=str(i)) for i in range(7)]
    tree = tree_of([leaf.content(bytes(32)) for leaf in leaves])
    root = tree.get_root().hex()
    for i, leaf in enumerate(leaves, 1):
        one = inclusion(tree, i, leaf, "00" * 32)
        assert is_included(one, root, 7)
        wrong = [
            one.model_copy(update={"leaf": leaves[i % 7]}),
            one.model_copy(update={"index": i % 7 + 1}),
            one.model_copy(update={"salt": "01" * 32}),
            one.model_copy(update={"path": one.path[:-1]}),
            one.model_copy(update={"path": [*one.path, one.path[-1]]}),
            one.model_copy(update={"rule": [*one.rule, 0], "path": [*one.path, one.path[-1]]}),
            one.model_copy(update={"rule": [], "path": []}),
        ]
        assert not [other for other in wrong if is_included(other, root, 7)]
        assert not is_included(one, "00" * 32, 7)
    assert Inclusion.model_validate(json.loads(one.model_dump_json())) == one
