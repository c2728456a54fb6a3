"""What a graph, a report or a scenario lacks, what is odd, and what is assumed, with its source."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from patchpact.scenarios import PARAMETERS, Edge, Scenario, load_scenario
from patchpact.scenarios.importers.explain import (
    assumed,
    explain_findings,
    explain_graph,
    kind_of,
    oddities,
    spectral_radius,
)
from patchpact.scenarios.importers.findings_file import findings_json
from patchpact.scenarios.importers.records import ImportedReport, RawFinding

SHOP = Path(__file__).resolve().parents[4] / "examples" / "shop"


@pytest.fixture
def toy() -> Scenario:
    return load_scenario("toy-v1")


def with_lateral(toy: Scenario, calls: list[tuple[int, int, float, str]]) -> Scenario:
    """The toy with these calls alone: caller, callee, lateral probability, kind."""
    names = [service.name for service in toy.services]
    edges = tuple(
        Edge(uid, names[u], names[v], kind, 0.5, p, True, kind == "queue")  # type: ignore[arg-type]
        for uid, (u, v, p, kind) in enumerate(calls)
    )
    return replace(toy, edges=edges)


@pytest.mark.parametrize(
    ("calls", "radius"),
    [
        ([(0, 1, 0.9, "http"), (1, 2, 0.9, "http"), (0, 2, 0.9, "http")], 0.0),
        ([(0, 1, 0.9, "http"), (1, 0, 0.4, "http")], 0.6),
        ([(0, 1, 0.8, "http"), (1, 2, 0.8, "http"), (2, 0, 0.8, "http")], 0.8),
        ([(0, 1, 0.5, "queue"), (2, 1, 0.5, "queue")], 0.5 * 2**0.5),
    ],
)
def test_spectral_radius(toy: Scenario, calls: list[tuple[int, int, float, str]], radius: float) -> None:
    assert spectral_radius(with_lateral(toy, calls)) == pytest.approx(radius, abs=1e-5)


def test_spectral_radius_of_a_large_graph(toy: Scenario) -> None:
    rng = np.random.default_rng(0)
    services = tuple(replace(toy.services[0], uid=n, name=f"s{n}") for n in range(300))
    pairs = sorted({(int(u), int(v)) for u, v in rng.integers(0, 300, (1500, 2)) if u != v})
    large = with_lateral(replace(toy, services=services, entrypoints=()), [(u, v, 0.3, "http") for u, v in pairs])
    matrix = nx.to_numpy_array(
        nx.DiGraph([(e.source, e.target, {"p": e.lateral_probability}) for e in large.edges]), weight="p"
    )
    assert spectral_radius(large) == pytest.approx(max(abs(np.linalg.eigvals(matrix))), rel=1e-4)
    assert any("spectral radius" in text and "at least 1" in text for text in oddities(large))


def test_bundled_scenarios_are_not_odd_about_lateral_movement(toy: Scenario) -> None:
    assert not any("spectral" in text for text in oddities(toy))


def test_oddities_of_a_scenario(write: Callable[..., Path]) -> None:
    graph = {
        "nodes": [
            {"id": "web", "exposed": True}, {"id": "db", "kind": "store", "exposed": True},
            {"id": "batch"}, {"id": "files"}, {"id": "alone"},
        ],
        "links": [{"source": "web", "target": "db"}, {"source": "batch", "target": "files"}],
    }  # fmt: skip
    with pytest.warns(match="completed from defaults"):
        scenario = load_scenario(write(json.dumps(graph), "g.json"))
    scenario = replace(scenario, entrypoints=tuple(e for e in scenario.entrypoints if e.service == "web"))
    text = "\n".join(oddities(scenario.with_parameters(capacity_hours=0.1)))
    assert "1 services neither call nor are called: alone" in text
    assert "2 services are not reached from any entrypoint: batch, files" in text
    assert "stores or queues that users reach from outside: db" in text
    assert "h of patch work against 1 h in all windows" in text
    unlikely = replace(scenario, findings=tuple(replace(f, confidence=0.01) for f in scenario.findings))
    assert any("are real with a probability below" in line for line in oddities(unlikely))


def test_every_assumption_has_a_source() -> None:
    rows = assumed(load_scenario("generated-v1").assumptions)
    assert rows
    assert all(row["source"] and row["count"] > 0 for row in rows)
    (loss,) = assumed(["loss_keur of services (3): by data_sensitivity (loss_*_keur), 0 for external ones"])
    assert PARAMETERS["loss_low_keur"].source in loss["source"]
    assert (loss["what"], loss["count"]) == ("loss_keur of services", 3)


def test_a_graph_is_explained() -> None:
    told = explain_graph(SHOP / "compose.yaml")
    assert (told.kind, told.format) == ("graph", "compose")
    assert (told.facts["services"], told.facts["calls"]) == (6, 8)
    assert told.facts["exposed"] == "storefront"
    assert any(text.startswith("data_sensitivity of 6 of 6 services") for text in told.missing)
    assert any(text.startswith("revenue of entrypoints") for text in told.missing)
    assert {"agents", "entrypoints", "loss_keur of services"} <= {row["what"] for row in told.assumed}
    assert "not-a-real-one" not in json.dumps(told.as_dict())


def test_a_graph_of_no_use_is_said_loudly(write: Callable[..., Path]) -> None:
    path = write("services:\n  a: {image: 'x:1'}\n  b: {image: 'y:1'}\n", "compose.yaml")
    odd = " ".join(explain_graph(path).odd)
    assert "NO CALLS" in odd
    assert "NO ENTRYPOINT" in odd


def test_a_report_is_explained() -> None:
    told = explain_findings(SHOP / "semgrep.sarif")
    assert (told.kind, told.format) == ("findings", "sarif")
    assert told.facts["findings"] == 3
    assert told.facts["by tool"] == "semgrep (sast) 3"
    trivy = explain_findings(SHOP / "trivy.json")
    assert "a fixed version: 1 of 17 findings; they wait for a release that comes late" in trivy.missing
    assert {row["what"] for row in trivy.assumed} >= {"cvss of findings", "epss of findings"}


def test_imported_findings_are_explained(tmp_path: Path) -> None:
    made = [
        RawFinding("t", "sca", "CVE-1", "e", component="c", epss=0.1, epss_date="2026-01-01"),
        RawFinding("t", "sca", "CVE-1", "f", component="c", epss=0.1, epss_date="2026-01-01"),
        RawFinding("t", "sast", "rule", "g", path="a.py", epss=0.2, epss_date="2026-02-01"),
    ]
    path = tmp_path / "f.json"
    path.write_text(json.dumps(findings_json(ImportedReport(tuple(made)))), encoding="utf-8")
    told = explain_findings(path)
    assert told.format == "imported findings"
    odd = " ".join(told.odd)
    assert "EPSS scores of several days" in odd
    assert "1 findings stand there again" in odd
    missing = " ".join(told.missing)
    assert "a service, image, path, label or address: 2 of 3" in missing
    assert "a weakness class (CWE): 1 of 1" in missing


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("s.yaml", "id: x\ntitle: y\nservices: {a: {image: b}}\n", "scenario"),
        ("s.yaml", "titel: y\n", "scenario"),
        ("compose.yaml", "services:\n  a:\n    image: b\n", "graph"),
        ("g.json", '{"nodes": [{"id": "a"}], "links": []}', "scenario"),
        ("z.json", '[{"parent": "a", "child": "b", "callCount": 3}]', "graph"),
        ("t.json", '{"SchemaVersion": 2, "ArtifactName": "x", "Results": []}', "findings"),
        ("v.json", '{"@context": "https://openvex.dev/ns/v0.2.0", "statements": []}', "findings"),
        ("f.json", '{"patchpact_findings": 1, "findings": []}', "findings"),
        ("junk.bin", "\x00\x01", "scenario"),
    ],
)
def test_kinds_of_files(name: str, content: str, kind: str, write: Callable[..., Path]) -> None:
    assert kind_of(str(write(content, name))) == kind


def test_kinds_of_names(tmp_path: Path) -> None:
    assert kind_of("toy-v1") == "scenario"
    assert kind_of("no such thing") == "scenario"
    assert kind_of(str(tmp_path)) == "graph"


def test_hostile_explanations_are_plain_data() -> None:
    told: dict[str, Any] = explain_graph(SHOP / "compose.yaml").as_dict()
    assert json.loads(json.dumps(told)) == told
