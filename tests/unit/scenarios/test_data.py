"""The bundled data says what its sources say. The figures below were read from the sources, not from the data."""

import csv
import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from patchpact.scenarios import Scenario, load_scenario
from patchpact.scenarios.findings import CVSS_OF_SEVERITY
from patchpact.scenarios.registry import DATA, bundled_path, scenario_ids


@dataclass(frozen=True)
class Facts:
    """Counts of the sources, findings for Linux and from sources that may be copied."""

    graph: str
    release: str
    nodes: int
    calls: int
    external: frozenset[str]
    findings: int
    open_lower_bound: int
    cves: int
    kev: frozenset[str]
    other_platforms: frozenset[str]
    """CVEs that cannot apply on Linux."""


WINDOWS_ONLY = frozenset({"CVE-2023-45283", "CVE-2025-0913"})
FACTS = {
    "boutique-v1": Facts(
        "online_boutique", "online_boutique@v0.8.1", 12, 16, frozenset({"loadgenerator"}), 736, 81, 229,
        frozenset({"CVE-2023-44487"}), WINDOWS_ONLY | {"CVE-2026-39824"},
    ),
    "otel-demo-v1": Facts(
        "otel_demo", "otel_demo@1.6.0", 22, 37, frozenset({"load-generator"}), 577, 85, 284,
        frozenset(), WINDOWS_ONLY | {"CVE-2022-41716", "CVE-2022-41720", "CVE-2022-41722"},
    ),
    "bank-of-anthos-v1": Facts(
        "bank_of_anthos", "bank_of_anthos@v0.6.2", 9, 12, frozenset({"loadgenerator"}), 446, 60, 142,
        frozenset({"CVE-2025-24813"}), frozenset(),
    ),
    "sock-shop-v1": Facts(
        "sock_shop", "sock_shop", 16, 17, frozenset({"user-sim"}), 650, 205, 326,
        frozenset({"CVE-2020-1938", "CVE-2022-22965", "CVE-2023-44487", "CVE-2025-24813"}),
        WINDOWS_ONLY | {"CVE-2020-0601", "CVE-2019-9634", "CVE-2022-29804"},
    ),
    "robot-shop-v1": Facts(
        "robot_shop", "robot_shop", 14, 21, frozenset({"load-gen", "payment-gateway"}), 396, 179, 288,
        frozenset({"CVE-2022-22965", "CVE-2023-44487", "CVE-2025-24813"}), WINDOWS_ONLY | {"CVE-2024-4577"},
    ),
    "sock-shop-2023-v1": Facts(
        "sock_shop", "sock_shop@source-2023-12", 16, 17, frozenset({"user-sim"}), 783, 204, 325,
        frozenset({"CVE-2020-1938", "CVE-2022-22965", "CVE-2023-44487", "CVE-2025-24813"}),
        WINDOWS_ONLY | {"CVE-2020-0601", "CVE-2019-9634", "CVE-2022-29804", "CVE-2022-30580", "CVE-2022-41716"},
    ),
    "dsb-social-v1": Facts(
        "dsb_social_network", "dsb_social_network", 25, 33, frozenset(), 132, 85, 16,
        frozenset({"CVE-2025-14847"}), frozenset(),
    ),
    "dsb-hotel-v1": Facts(
        "dsb_hotel", "dsb_hotel", 23, 31, frozenset(), 968, 8, 94,
        frozenset(), frozenset({"CVE-2025-0913", "CVE-2026-39824"}),
    ),
    "teastore-v1": Facts(
        "teastore", "teastore@v1.4.1", 7, 13, frozenset(), 268, 8, 118,
        frozenset({"CVE-2023-44487", "CVE-2025-24813"}), frozenset(),
    ),
    "piggymetrics-v1": Facts(
        "piggymetrics", "piggymetrics", 16, 33, frozenset({"exchange-rates-api", "smtp-gmail"}), 265, 102, 67,
        frozenset({"CVE-2020-1938", "CVE-2022-22965", "CVE-2023-44487", "CVE-2025-24813"}), frozenset(),
    ),
    "petclinic-v1": Facts(
        "spring_petclinic", "spring_petclinic@v3.0.9", 12, 30, frozenset({"openai"}), 221, 21, 93,
        frozenset({"CVE-2021-39226", "CVE-2023-44487", "CVE-2025-24813"}), frozenset(),
    ),
}  # fmt: skip
FIRST = ("boutique-v1", "otel-demo-v1", "bank-of-anthos-v1", "sock-shop-v1", "robot-shop-v1")
"""The scenarios over which the medians of scores were counted; kept, since other scenarios' scores hang on them."""
DRAWN = {"eshop-v1": ("dotnet_eshop", 13, 26), "bookinfo-v1": ("istio_bookinfo", 9, 10)}
"""Graphs whose components and findings nobody recorded: the file's name, nodes and calls."""
applications = pytest.mark.parametrize("id_", FACTS)


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def findings_of(id_: str) -> list[dict[str, str]]:
    return rows_of(f"{FACTS[id_].release}_findings.csv")


def graph_of(id_: str) -> dict[str, Any]:
    return json.loads((DATA / f"{FACTS[id_].graph}.json").read_text(encoding="utf-8"))


@applications
def test_sizes(id_: str) -> None:
    facts, graph, rows = FACTS[id_], graph_of(id_), findings_of(id_)
    assert (len(graph["nodes"]), len(graph["edges"])) == (facts.nodes, facts.calls)
    assert {node["id"] for node in graph["nodes"] if node["kind"] == "external"} == facts.external
    assert len(rows) == facts.findings
    assert len({row["cve"] for row in rows}) == facts.cves
    assert {row["cve"] for row in rows if row["kev"] == "1"} == facts.kev
    assert sum(row["unconfirmed"] == "1" for row in rows) == facts.open_lower_bound


@applications
def test_what_is_left_out(id_: str) -> None:
    rows = findings_of(id_)
    assert not {row["cve"] for row in rows} & FACTS[id_].other_platforms
    assert not any("victims" in row["source"] for row in rows)
    assert all("@" in row["source"] for row in rows)


@applications
def test_the_loaded_scenario_is_the_data(id_: str) -> None:
    facts, scenario = FACTS[id_], load_scenario(id_)
    keep = yaml.safe_load(bundled_path(id_).read_text(encoding="utf-8")).get("unconfirmed") == "keep"  # type: ignore[union-attr]
    assert (len(scenario.services), len(scenario.edges)) == (facts.nodes, facts.calls)
    rows = {
        row["uid"]: row
        for row in findings_of(id_)
        if row["service"] not in facts.external and (keep or row["unconfirmed"] == "0")
    }
    assert {str(finding.uid) for finding in scenario.findings} == set(rows)
    for finding in scenario.findings:
        row = rows[str(finding.uid)]
        assert (finding.service, finding.component, finding.cve) == (row["service"], row["component"], row["cve"])
        assert finding.fixed_version == row["fixed_version"]
        assert finding.kev == (row["kev"] == "1")
        if row["epss"]:
            assert finding.epss == float(row["epss"])
        if row["cvss"]:
            assert finding.cvss == float(row["cvss"])
        if row["automatable"]:
            assert finding.automatable == (row["automatable"] == "1")
        if row["technical_impact"]:
            assert finding.technical_impact == row["technical_impact"]
        if row["unconfirmed"] == "1":
            assert finding.confidence <= 0.3
        else:
            assert 0.25 < finding.confidence <= 0.95


@applications
def test_unconfirmed_findings_are_dropped_unless_asked_for(id_: str) -> None:
    kept = len(load_scenario(id_, unconfirmed="keep").findings)
    dropped = len(load_scenario(id_, unconfirmed="drop").findings)
    external = FACTS[id_].external
    assert kept - dropped == sum(
        row["unconfirmed"] == "1" and row["service"] not in external for row in findings_of(id_)
    )


@applications
def test_every_row_belongs_to_a_service(id_: str) -> None:
    names = {node["id"] for node in graph_of(id_)["nodes"]}
    assert {row["service"] for row in findings_of(id_)} <= names
    assert {row["service"] for row in rows_of(f"{FACTS[id_].release}_components.csv")} <= names
    ends = {edge[end] for edge in graph_of(id_)["edges"] for end in ("source", "target")}
    assert ends <= names


@applications
def test_every_component_and_call_has_evidence(id_: str) -> None:
    rows = rows_of(f"{FACTS[id_].release}_components.csv")
    shipped = {(row["service"], row["component"]) for row in rows}
    assert {(row["service"], row["component"]) for row in findings_of(id_)} <= shipped
    assert all(":" in row["evidence"] for row in rows)
    assert all(edge["evidence"] for edge in graph_of(id_)["edges"])
    assert all(patch.evidence for patch in load_scenario(id_).patches)


@applications
def test_uids_are_unique(id_: str) -> None:
    graph = graph_of(id_)
    for rows in (graph["nodes"], graph["edges"], findings_of(id_)):
        assert [int(row["uid"]) for row in rows] == list(range(len(rows)))


@applications
def test_one_cve_in_several_services_is_one_attempt(id_: str) -> None:
    numbers, services = defaultdict(set), defaultdict(set)
    scenario = load_scenario(id_)
    for finding in scenario.findings:
        numbers[finding.cve].add(finding.cve_uid)
        services[finding.cve].add(finding.service)
    assert all(len(uids) == 1 for uids in numbers.values())
    assert len({uid for uids in numbers.values() for uid in uids}) == len(numbers)
    assert max(map(len, services.values())) > 1


@pytest.mark.parametrize(
    ("id_", "cve", "epss", "cvss", "services"),
    [
        ("boutique-v1", "CVE-2023-48795", 0.93305, 5.9, 4),
        ("bank-of-anthos-v1", "CVE-2025-1094", 0.90030, 8.1, 2),
        ("bank-of-anthos-v1", "CVE-2025-24813", 0.99925, 9.8, 3),
        ("sock-shop-v1", "CVE-2022-22965", 0.99677, 9.8, 4),
        ("robot-shop-v1", "CVE-2023-44487", 0.99999, 7.5, 5),
        ("dsb-social-v1", "CVE-2025-14847", 0.83007, 7.5, 6),
        ("piggymetrics-v1", "CVE-2022-22965", 0.99677, 9.8, 4),
    ],
)
def test_some_cves(id_: str, cve: str, epss: float, cvss: float, services: int) -> None:
    found = [finding for finding in load_scenario(id_).findings if finding.cve == cve]
    assert {(finding.epss, finding.cvss) for finding in found} == {(epss, cvss)}
    assert len({finding.service for finding in found}) == services


def test_boutique_is_a_shop_of_eleven_services() -> None:
    scenario = load_scenario("boutique-v1")
    assert {s.name for s in scenario.services if s.kind != "external"} == {
        "frontend",
        "checkoutservice",
        "cartservice",
        "productcatalogservice",
        "currencyservice",
        "paymentservice",
        "shippingservice",
        "emailservice",
        "recommendationservice",
        "adservice",
        "redis-cart",
    }
    assert {s.name for s in scenario.services if s.exposed} == {"frontend"}
    calls = {(edge.source, edge.target) for edge in scenario.edges}
    assert {
        ("frontend", "checkoutservice"),
        ("checkoutservice", "paymentservice"),
        ("cartservice", "redis-cart"),
    } <= calls


@pytest.mark.parametrize("id_", DRAWN)
def test_what_nobody_recorded_is_drawn_and_said_to_be(id_: str) -> None:
    name, nodes, calls = DRAWN[id_]
    scenario, graph = load_scenario(id_), json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    assert (len(graph["nodes"]), len(graph["edges"])) == (nodes, calls)
    assert (len(scenario.services), len(scenario.edges)) == (nodes, calls)
    assert all(edge["evidence"] for edge in graph["edges"])
    assert all(finding.cve.startswith("GEN-") for finding in scenario.findings)
    for what in ("components of services", "findings"):
        assert any(line.startswith(f"{what} (") and "drawn" in line for line in scenario.assumptions)
    ships = {patch.service for patch in scenario.patches}
    assert ships == {service.name for service in scenario.services if service.kind != "external"}


def test_clients_that_only_send_do_not_consume() -> None:
    queues = {(e.source, e.target): e.consumes for e in load_scenario("eshop-v1").edges if e.kind == "queue"}
    assert len(queues) == 7
    assert [source for (source, _), consumes in queues.items() if not consumes] == ["order-processor"]


def test_the_newer_sock_shop_has_the_older_findings_and_one_toolchain_more() -> None:
    older, newer = (
        {(f.service, f.component) for f in load_scenario(id_).findings} for id_ in ("sock-shop-v1", "sock-shop-2023-v1")
    )
    assert newer - older == {("user", "stdlib")}
    assert older - newer == {("front-end", "sshpk")}


def test_median_scores_of_severity_labels() -> None:
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for id_ in FIRST:
        for row in findings_of(id_):
            if row["cvss"] and row["severity"]:
                scores[row["severity"]][row["cve"]] = float(row["cvss"])
    for label in ("critical", "high", "medium", "low"):
        assert statistics.median(scores[label].values()) == CVSS_OF_SEVERITY[label]


def patched_findings(scenario: Scenario) -> list[int]:
    return sorted(uid for patch in scenario.patches for uid in patch.findings)


@pytest.mark.parametrize("id_", scenario_ids())
def test_every_bundled_scenario(id_: str) -> None:
    scenario = load_scenario(id_)
    assert scenario.title
    assert scenario.description
    assert scenario.sources
    assert patched_findings(scenario) == [finding.uid for finding in scenario.findings]
    assert not any(
        s.kind == "external" for s in scenario.services if any(p.service == s.name for p in scenario.patches)
    )


def test_toy_states_everything() -> None:
    assert load_scenario("toy-v1").assumptions == ()
