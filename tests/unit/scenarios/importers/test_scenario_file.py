"""A graph and reports become a scenario that loads at once, with nothing dropped and nothing half-written."""

import csv
import io
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from patchpact.scenarios import PARAMETERS, AssumptionWarning, Scenario, ScenarioError, load_scenario
from patchpact.scenarios.fusion import FusedFinding
from patchpact.scenarios.importers import scenario_file
from patchpact.scenarios.importers.finding_rows import COLUMNS, csv_text, rows_of, ssvc_of, weakness_name
from patchpact.scenarios.importers.findings_file import findings_json, import_findings
from patchpact.scenarios.importers.plain import csv_cell, one_line, yaml_text
from patchpact.scenarios.importers.records import ImportedReport, RawFinding
from patchpact.scenarios.importers.scenario_file import ScenarioReport, write_scenario

SHOP = Path(__file__).resolve().parents[4] / "examples" / "shop"
REPORTS = [SHOP / name for name in ("trivy.json", "semgrep.sarif", "zap.json", "openvex.json")]
HOSTILE = '=cmd|"/c calc"!A1\u202e\x1b]0;x\x07'


def load(path: Path) -> Scenario:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        return load_scenario(path)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ScenarioReport]:
    out = tmp_path_factory.mktemp("shop") / "corner.yaml"
    return out, write_scenario(SHOP / "graph.json", REPORTS, out)


def own_report(path: Path, *findings: RawFinding) -> Path:
    path.write_text(json.dumps(findings_json(ImportedReport(findings))), encoding="utf-8")
    return path


def library(**fields: Any) -> RawFinding:
    base = {
        "tool": "trivy", "kind": "sca", "id": "CVE-2024-1", "evidence": "r.json: [0]", "component": "lib",
        "version": "1.0.0", "fixed_version": "1.0.1", "ecosystem": "npm", "service": "basket",
    }  # fmt: skip
    return RawFinding(**(base | fields))  # type: ignore[arg-type]


def test_what_is_written_loads(written: tuple[Path, ScenarioReport]) -> None:
    out, report = written
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "corner.yaml",
        "corner_findings.csv",
        "corner_graph.json",
    ]
    scenario = load(out)
    assert scenario.id == "corner"
    assert len(scenario.services) == report.counts["services"] == 6
    assert len(scenario.edges) == report.counts["calls"] == 8
    assert len(scenario.findings) == report.counts["rows"] == len(rows(out.with_name("corner_findings.csv")))
    assert len(scenario.patches) == report.counts["patches"]
    assert all(finding.known_window == 0 for finding in scenario.findings)
    assert all(0 < finding.confidence < 1 for finding in scenario.findings)


def test_nothing_is_dropped(written: tuple[Path, ScenarioReport]) -> None:
    _, report = written
    counts = report.counts
    assert counts["matched"] + counts["unmatched"] == counts["findings"]
    assert counts["unmatched"] == len(report.unmatched) == 1
    assert report.unmatched[0].finding.path == "tools/loadtest/fill.py"
    (left,) = report.suppressed
    assert (left.finding.id, left.statement.author) == ("CVE-2021-45046", "Corner Shop security")
    text = "\n".join(report.lines)
    assert "tools/loadtest/fill.py" in text
    assert "Corner Shop security" in text
    plain = report.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["unmatched"][0]["evidence"].startswith(str(SHOP / "semgrep.sarif"))
    assert plain["suppressed"][0]["matched"] == "purl"


def test_weaknesses_of_own_code_and_packages(written: tuple[Path, ScenarioReport]) -> None:
    scenario = load(written[0])
    by_cve = {(finding.service, finding.cve): finding for finding in scenario.findings}
    own = by_cve["basket", "CWE-89 at src/basket/orders.py:42"]
    assert own.component == "own code: src/basket/orders.py"
    assert own.epss == 0.0283  # nobody scores it: the mean of all CVEs, and said so
    assert "epss of own code (3): nobody scores it: the mean of all CVEs, 0.0283" in written[1].assumptions
    patch = next(patch for patch in scenario.patches if own.uid in patch.findings)
    assert (patch.vendor, patch.fixed_version) == (None, "changed code")
    system = [patch for patch in scenario.patches if patch.service == "storefront" and "OS packages" in patch.component]
    assert len({patch.component for patch in system}) == 1  # one rebuilt image, and one that waits for its fix
    assert {patch.release_window > 0 or patch.fixed_version for patch in system} == {True, "rebuilt image"}
    assert by_cve["storefront", "CVE-2022-24999"].fixed_version == "6.5.3"
    assert by_cve["checkout", "CVE-2022-22965"].automatable
    assert by_cve["checkout", "CVE-2022-22965"].technical_impact == "total"


def test_the_same_weakness_of_two_tools_is_one_finding(written: tuple[Path, ScenarioReport]) -> None:
    scripting = [
        row for row in rows(written[0].with_name("corner_findings.csv"))
        if row["service"] == "storefront" and row["cve"].startswith("CWE-79")
    ]  # fmt: skip
    assert len(scripting) == 1
    assert scripting[0]["source"].startswith("semgrep, zap")


def test_the_yaml_explains_itself(written: tuple[Path, ScenarioReport]) -> None:
    text = written[0].read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    for parameter in PARAMETERS.values():
        line = next(line for line in text.splitlines() if line.startswith(f"  {parameter.name}: "))
        assert f"({parameter.confidence})" in line
        assert parameter.unit in line or parameter.unit == "-"
        value = content[parameter.network][parameter.name]
        assert float(value) == parameter.default if isinstance(parameter.default, float) else value == parameter.default
    assert "# assumed" in text
    assert [entry["service"] for entry in content["entrypoints"]] == ["storefront"]
    assert "EPSS scores of" in text
    assert all(len(line) < 1_200 for line in text.splitlines())


def test_a_file_of_imported_findings_gives_the_same(written: tuple[Path, ScenarioReport], tmp_path: Path) -> None:
    own = tmp_path / "findings.json"
    own.write_text(json.dumps(findings_json(import_findings(REPORTS))), encoding="utf-8")
    out = tmp_path / "corner.yaml"
    write_scenario(SHOP / "graph.json", [own], out)
    assert out.with_name("corner_findings.csv").read_text() == written[0].with_name("corner_findings.csv").read_text()


def test_a_mapping_settles_what_is_unmatched(tmp_path: Path, write: Callable[..., Path]) -> None:
    mapping = write("- {service: catalog, path: 'tools/*'}\n", "map.yaml")
    report = write_scenario(SHOP / "graph.json", REPORTS, tmp_path / "s.yaml", mapping, title='Corner: "shop"\n# x')
    assert not report.unmatched
    assert load(tmp_path / "s.yaml").title == 'Corner: "shop" # x'


def test_small_probabilities_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlikely(matched: Any, exposed: Any, ran: Any = ()) -> list[FusedFinding]:
        return [FusedFinding(s, f, (f,), (f.tool,), (), 0.0001, 0.0, 0.001, {}) for s, f in matched]

    monkeypatch.setattr(scenario_file, "fuse", unlikely)
    report = write_scenario(SHOP / "graph.json", [own_report(tmp_path / "f.json", library())], tmp_path / "s.yaml")
    (finding,) = load(tmp_path / "s.yaml").findings
    assert finding.confidence == 0.0001
    assert report.counts["doubtful"] == 1


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    graph = json.loads((SHOP / "graph.json").read_text())
    for place in (graph["nodes"][0], *graph["edges"]):
        for key, value in place.items():
            if value == "basket":
                place[key] = "=basket # {x}: \u202e*"
    path = tmp_path / "g.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    hostile = library(
        service="=basket # {x}: \u202e*", component=HOSTILE, id="@SUM(1)", version="-1", fixed_version="+2\nnew: line",
        evidence="=x\r\n=y", severity="high",
    )  # fmt: skip
    write_scenario(path, [own_report(tmp_path / "f.json", hostile)], tmp_path / "s.yaml", title=HOSTILE)
    for row in csv.reader((tmp_path / "s_findings.csv").read_text(encoding="utf-8").splitlines()):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    text = (tmp_path / "s.yaml").read_text(encoding="utf-8")
    assert all(c.isprintable() or c == "\n" for c in text)
    (finding,) = load(tmp_path / "s.yaml").findings
    assert finding.service == "=basket # {x}: \u202e*"
    assert finding.component == one_line(HOSTILE)
    assert finding.fixed_version == "+2 new: line"


def test_more_owners_than_agents(tmp_path: Path) -> None:
    nodes = [{"id": f"s{n}", "owner": f"team {n}", "exposed": True} for n in range(12)]
    path = tmp_path / "g.json"
    path.write_text(json.dumps({"nodes": nodes, "links": []}), encoding="utf-8")
    write_scenario(path, [own_report(tmp_path / "f.json", library(service="s1"))], tmp_path / "s.yaml")
    scenario = load(tmp_path / "s.yaml")
    assert len(scenario.agents_of("business")) == 8
    assert {service.owner for service in scenario.services} == {agent.name for agent in scenario.agents_of("business")}


def test_counted_requests_share_the_revenue(tmp_path: Path) -> None:
    nodes = [{"id": f"s{n}", "exposed": True, "requests_per_hour": 100.0 * n} for n in range(4)]
    path = tmp_path / "g.json"
    path.write_text(json.dumps({"nodes": nodes, "links": []}), encoding="utf-8")
    write_scenario(path, [own_report(tmp_path / "f.json", library(service="s1"))], tmp_path / "s.yaml")
    flows = {e.service: (e.requests_per_hour, e.revenue_keur_per_hour) for e in load(tmp_path / "s.yaml").entrypoints}
    assert flows.keys() == {"s1", "s2", "s3"}
    assert flows["s3"] == (300, 5.0)
    assert sum(revenue for _, revenue in flows.values()) == pytest.approx(10, abs=0.001)


def fails(message: str, *arguments: Any, **more: Any) -> None:
    with pytest.raises(ScenarioError) as caught:
        write_scenario(*arguments, **more)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_name_the_file_and_leave_nothing(tmp_path: Path) -> None:
    graph, out = SHOP / "graph.json", tmp_path / "out" / "s.yaml"
    out.parent.mkdir()
    elsewhere = own_report(tmp_path / "f.json", library(service="", image="other/thing:1"))
    fails("none of 1 belongs to a service; first: no service is called like", graph, [elsewhere], out)
    fails("findings: none", graph, [own_report(tmp_path / "e.json")], out)
    fails("name at least one report", graph, [], out)
    fails("end it with .yaml", graph, REPORTS, out.with_suffix(".json"))
    fails("no such folder", graph, REPORTS, tmp_path / "no" / "s.yaml")
    fails("patchpact import graph", SHOP / "compose.yaml", REPORTS, out)
    fails("patchpact import graph", REPORTS[0], REPORTS, out)
    mapping = tmp_path / "s_findings.csv"
    mapping.write_text("x")
    fails("would be overwritten", graph, [mapping], tmp_path / "s.yaml")
    broken = tmp_path / "g.json"
    broken.write_text('{"nodes": [{"id": "a"}, {"id": "a"}]}')
    fails(f"{broken}: nodes[1].id: 'a' stands twice", broken, REPORTS, out)
    assert list(out.parent.iterdir()) == []


def test_a_failure_while_writing_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "s.yaml"
    write_scenario(SHOP / "graph.json", REPORTS, out)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space"):
            write_scenario(SHOP / "graph.json", REPORTS[:1], out)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            write_scenario(SHOP / "graph.json", REPORTS[:1], out)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_rows_of_one_weakness_are_joined() -> None:
    def fused(probability: float, **fields: Any) -> FusedFinding:
        finding = library(purl="pkg:deb/debian/openssl", ecosystem="Debian", **fields)
        return FusedFinding("web", finding, (finding,), ("trivy",), (), probability, 0, 1, {})

    (row,) = rows_of([fused(0.4, component="openssl", kev=True, cvss=9.0), fused(0.8, component="libssl3", cvss=7.0)])
    assert (row["component"], row["ecosystem"], row["confidence"]) == ("OS packages (Debian)", "image", 0.8)
    assert (row["cvss"], row["kev"], row["fixed_version"]) == (9.0, True, "rebuilt image")
    assert row["source"].endswith("stands for 2")
    assert csv_text([row]).splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"component": "lib", "id": "CVE-1"}, "CVE-1"),
        ({"cwe": (89, 20), "path": "src/x.py", "line": 12}, "CWE-89 at src/x.py:12"),
        ({"path": "Dockerfile", "id": "DS002"}, "DS002 at Dockerfile"),
        ({"cwe": (79,), "url": "https://u:p@h.example/search?token=secret", "method": "GET"}, "CWE-79 at GET /search"),
        ({"id": "rule"}, "rule at rule"),
    ],
)
def test_names_of_weaknesses(fields: dict[str, Any], name: str) -> None:
    assert weakness_name(RawFinding(**({"tool": "t", "kind": "sast", "id": "r", "evidence": "e"} | fields))) == name


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", (True, "total")),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", (False, "total")),
        ("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", (True, "partial")),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", (False, "total")),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", (None, None)),
        ("", (None, None)),
    ],
)
def test_ssvc_of_vectors(vector: str, expected: tuple[bool | None, str | None]) -> None:
    assert ssvc_of(vector) == expected


def test_plain_texts() -> None:
    assert one_line("a\n b\x1b[0m\u202e") == "a b\\x1b[0m\\u202e"
    long = [one_line("x" * 300 + end) for end in "ab"]
    assert len(long[0]) == len(long[1]) == 200
    assert long[0] != long[1]
    for text in ("a: b # c", "\u202e\U0001f600\n\"'\\", "no", "1e3", "\x85\u2028"):
        assert yaml.safe_load(f"x: {yaml_text(text)}") == {"x": text}
        assert yaml_text(text).isprintable()
    assert [csv_cell(text) for text in ("=1", "-1", "@a/b", "a=1", "")] == ["'=1", "'-1", "'@a/b", "a=1", ""]


def test_many_findings_of_many_services(tmp_path: Path) -> None:
    nodes = [{"id": f"svc-{n}", "exposed": n == 0, "image_or_build": f"acme/svc-{n}:1"} for n in range(500)]
    links = [{"source": f"svc-{n // 2}", "target": f"svc-{n}"} for n in range(1, 500)]
    path = tmp_path / "g.json"
    path.write_text(json.dumps({"nodes": nodes, "links": links}), encoding="utf-8")
    many = [
        library(id=f"CVE-2024-{n}", service="", image=f"acme/svc-{n % 500}:1", component=f"lib{n % 37}")
        for n in range(5_000)
    ]
    report = own_report(tmp_path / "f.json", *many)
    start = time.process_time()
    assert write_scenario(path, [report], tmp_path / "s.yaml").counts["rows"] == 5_000
    assert time.process_time() - start < 6  # about 1 s; a hundred thousand take some 15
