"""What a user's own file may leave out, and what becomes of it."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from patchpact.envs.core.pack import pack
from patchpact.scenarios import AssumptionWarning, Scenario, ScenarioError, check_scenario, load_scenario

Write = Callable[..., Path]
NODES = [{"id": "web", "kind": "frontend"}, {"id": "api"}, {"id": "db", "kind": "store"}]
EDGES = [{"source": "web", "target": "api"}, {"source": "api", "target": "db"}]


def load_quietly(source: Any, **overrides: Any) -> Scenario:
    """Load, check, and make a world of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        scenario = load_scenario(source, **overrides)
    check_scenario(scenario)
    pack([scenario])
    return scenario


@pytest.fixture
def load(write: Write) -> Callable[..., Scenario]:
    """Loads a file of three services with the given sections."""

    def load_file(nodes: Any = NODES, edges: Any = EDGES, **sections: Any) -> Scenario:
        graph = {"nodes": [dict(node) for node in nodes], "edges": [dict(edge) for edge in edges]}
        return load_quietly(write({"id": "own", "title": "Own", "graph": graph, **sections}))

    return load_file


Load = Callable[..., Scenario]
BARE = {"service": "api", "component": "lib", "cve": "CVE-1"}


def test_a_finding_of_which_only_the_cve_is_known(load: Load) -> None:
    scenario = load(findings=[BARE])
    (finding,) = scenario.findings
    assert (finding.cvss, finding.epss, finding.kev, finding.fixed_version) == (6.5, 0.00697, False, "")
    (patch,) = scenario.patches
    assert (patch.ecosystem, patch.vendor) == ("library", "vendor_1")
    assert patch.release_window >= 6  # no fix is known: the vendor releases it late
    for line in (
        "cvss of findings (1): neither score nor label: 6.5",
        "epss of findings (1): no score: the median of all CVEs, 0.00697",
        "ecosystem of components (1): not stated: library",
    ):
        assert line in scenario.assumptions


def test_severity_stands_for_a_score(load: Load) -> None:
    findings = [BARE | {"cve": f"C-{k}", "severity": label} for k, label in enumerate(("High", "CRITICAL", "odd"))]
    assert [finding.cvss for finding in load(findings=findings).findings] == [7.5, 9.8, 6.5]


def test_components_that_no_list_names(load: Load) -> None:
    components = [{"service": "web", "component": "other", "ecosystem": "npm", "version": "1.0"}]
    scenario = load(findings=[BARE | {"version": "2.0", "fixed_version": "3.0"}], components=components)
    (patch,) = scenario.patches
    assert (patch.service, patch.component, patch.version, patch.fixed_version) == ("api", "lib", "2.0", "3.0")
    assert patch.regression_probability == 0.25


def test_components_say_what_findings_leave_out(load: Load) -> None:
    components = [
        {
            "service": "api",
            "component": "lib",
            "ecosystem": "npm",
            "version": "1.0",
            "direct": False,
            "vendor": "vendor_0",
            "evidence": "package-lock.json:7",
        },
    ]
    (patch,) = load(findings=[BARE | {"fixed_version": "1.0.1"}], components=components).patches
    assert (patch.ecosystem, patch.version, patch.vendor) == ("npm", "1.0", "vendor_0")
    assert patch.evidence == "package-lock.json:7"
    (finding,) = load(findings=[BARE], components=components).findings
    assert finding.confidence == pytest.approx(0.45)


def test_no_findings_at_all(load: Load) -> None:
    scenario = load(findings=[])
    assert scenario.findings == scenario.patches == ()
    assert not any("findings" in line for line in scenario.assumptions)


def test_findings_are_drawn_for_stated_components_only(load: Load) -> None:
    components = [{"service": "api", "component": "lib"}, {"service": "api", "component": "lib"}]
    scenario = load(components=components)
    assert {(patch.service, patch.component) for patch in scenario.patches} == {("api", "lib")}
    assert load(components=[]).patches == ()


def test_nodes_state_their_own_findings(load: Load) -> None:
    nodes = [
        NODES[0] | {"findings": [{"component": "lib", "cve": "CVE-1", "fixed_version": "2"}]},
        NODES[1] | {"findings": []},
        NODES[2],
    ]
    scenario = load(nodes=nodes)
    assert [f.cve for f in scenario.findings if f.service == "web"] == ["CVE-1"]
    assert not [f for f in scenario.findings if f.service == "api"]
    assert [f for f in scenario.findings if f.service == "db"]


def test_findings_of_external_services_are_left_out(load: Load) -> None:
    nodes = [NODES[0], NODES[1] | {"kind": "external"}, NODES[2]]
    scenario = load(nodes=nodes, findings=[BARE])
    assert scenario.findings == ()
    assert "findings left out (1): their service is external, nobody here patches it" in scenario.assumptions


def test_only_an_external_node() -> None:
    graph = nx.DiGraph()
    graph.add_node("partner", kind="external")
    scenario = load_quietly(graph)
    assert scenario.patches == ()
    assert scenario.services[0].loss_keur == 0
    assert [entry.service for entry in scenario.entrypoints] == ["partner"]


def test_no_calls() -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(30))
    scenario = load_quietly(graph)
    assert all(service.exposed for service in scenario.services)
    assert len(scenario.entrypoints) == 16
    assert sum(e.revenue_keur_per_hour for e in scenario.entrypoints) == pytest.approx(10, abs=0.02)


def test_a_circle_of_calls() -> None:
    scenario = load_quietly(nx.DiGraph([(1, 2), (2, 3), (3, 1)]))
    assert [service.exposed for service in scenario.services] == [True, False, False]


@pytest.mark.parametrize(
    ("marked", "kinds", "exposed"),
    [
        ({"api"}, {}, {"api"}),
        (set(), {"web": "frontend"}, {"web"}),
        (set(), {"api": "gateway"}, {"api"}),
        (set(), {}, {"web"}),
        (set(), {"web": "external"}, {"api"}),
    ],
)
def test_exposed(marked: set[str], kinds: dict[str, str], exposed: set[str]) -> None:
    graph = nx.DiGraph([("web", "api"), ("api", "db")])
    for node in graph:
        graph.nodes[node].update({"exposed": True} if node in marked else {})
        graph.nodes[node].update({"kind": kinds[node]} if node in kinds else {})
    scenario = load_quietly(graph)
    assert {service.name for service in scenario.services if service.exposed} == exposed
    assert {entry.service for entry in scenario.entrypoints} == exposed


def test_defaults_by_kind(load: Load) -> None:
    nodes = [
        {"id": "web"},
        {"id": "db", "kind": "store"},
        {"id": "mq", "kind": "queue"},
        {"id": "bank", "kind": "external"},
    ]
    edges = [{"source": "web", "target": other} for other in ("db", "mq", "bank")]
    scenario = load(nodes=nodes, edges=edges)
    assert [edge.kind for edge in scenario.edges] == ["db", "queue", "http"]
    assert [edge.hard for edge in scenario.edges] == [True, False, True]
    assert [edge.consumes for edge in scenario.edges] == [False, True, False]
    web, db, mq, bank = scenario.services
    assert [service.replicas for service in (web, db, mq, bank)] == [2, 1, 1, 2]
    assert 2 <= web.deploy_minutes <= 15
    assert 10 <= db.deploy_minutes <= 60
    p = scenario.parameters
    assert (web.loss_keur, db.loss_keur, bank.loss_keur) == (p["loss_low_keur"], p["loss_personal_keur"], 0)


def test_services_of_the_file_lie_over_the_graph(load: Load) -> None:
    scenario = load(services={"api": {"replicas": 9, "loss_keur": 3, "revenue_keur_per_hour": 4}})
    assert scenario.services[1].replicas == 9
    assert scenario.services[1].loss_keur == 3
    assert [entry.service for entry in scenario.entrypoints] == ["api"]


def test_flows_stated_twice_or_in_half_are_said_so(load: Load) -> None:
    entrypoints = [{"service": "web", "revenue_keur_per_hour": 1}]
    scenario = load(services={"api": {"revenue_keur_per_hour": 4}}, entrypoints=entrypoints)
    assert [entry.service for entry in scenario.entrypoints] == ["web"]
    assert "revenue_keur_per_hour of nodes (1): ignored, entrypoints are stated" in scenario.assumptions
    scenario = load(services={"api": {"revenue_keur_per_hour": 4}, "web": {"exposed": True}})
    what = "revenue of exposed services (1): none, where others state revenue_keur_per_hour and they do not"
    assert what in scenario.assumptions
    scenario = load(services={"api": {"requests_per_hour": 4}})
    assert "requests_per_hour of nodes (1): ignored without revenue_keur_per_hour" in scenario.assumptions


def test_several_it_agents_and_thirty_vendors(load: Load) -> None:
    agents = [{"name": f"it_{k}"} for k in range(3)] + [{"name": "business_0"}]
    agents += [{"name": f"vendor_{k}"} for k in range(30)]
    scenario = load(agents=agents)
    assert [len(scenario.agents_of(role)) for role in ("it", "business", "vendor")] == [3, 1, 30]
    vendors = {patch.vendor for patch in scenario.patches}
    assert vendors <= {f"vendor_{k}" for k in range(30)}
    assert len(vendors) > 1


def test_more_agents_than_votes_are_kept_of_are_refused(load: Load) -> None:
    agents = [{"name": "it_0"}, {"name": "business_0"}, *({"name": f"vendor_{k}"} for k in range(61))]
    assert len(load(agents=agents).agents) == 63
    with pytest.raises(ScenarioError, match="agents: there are 64; at most 63 negotiate in one world"):
        load(agents=[*agents, {"name": "vendor_61"}])


def test_exposed_services_beyond_the_most_flows_are_said_to_earn_nothing() -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from((f"s{k}", {"exposed": True}) for k in range(20))
    with pytest.warns(
        UserWarning, match="entrypoints .16.: .*the 16 with the largest draws of 20, the others earn nothing"
    ):
        assert len(load_scenario(graph).entrypoints) == 16


def test_vendors_by_component_by_ecosystem_or_nobody(load: Load) -> None:
    findings = [
        BARE | {"component": component, "ecosystem": ecosystem, "cve": f"C-{k}"}
        for k, (component, ecosystem) in enumerate((("a", "npm"), ("b", "npm"), ("c", "image"), ("d", "Go")))
    ]
    scenario = load(findings=findings, vendors={"npm": None, "b": "libraries", "image": "vendor_1"})
    assert {patch.component: patch.vendor for patch in scenario.patches} == {
        "a": None,
        "b": "vendor_1",
        "c": "vendor_1",
        "d": "vendor_1",
    }


def test_findings_say_who_fixes_them_and_when(load: Load) -> None:
    findings = [
        BARE | {"fixed_version": "2", "vendor": "libraries", "release_window": 3},
        BARE | {"cve": "CVE-2", "fixed_version": "2", "release_window": 5},
        BARE | {"cve": "CVE-3", "component": "other", "fixed_version": "2"},
    ]
    scenario = load(findings=findings, vendors={"other": None})
    patches = {patch.component: patch for patch in scenario.patches}
    assert (patches["lib"].vendor, patches["lib"].release_window) == ("vendor_1", 5), "the last fix of them is awaited"
    assert patches["other"].vendor is None
    for finding in scenario.findings:
        patch = patches[finding.component]
        assert (finding.vendor, finding.release_window) == (patch.vendor, patch.release_window)
    late = load(findings=[BARE | {"release_window": 1}]).patches[0]
    assert late.release_window == 1 and late.name.endswith("(next release)"), "stated, though no version is known"


@pytest.mark.parametrize(
    ("rows", "sections", "message"),
    [
        ([{"vendor": "librarys"}], {}, r"findings\.CVE-1 of lib\.vendor: nobody plays the vendor 'librarys'"),
        (
            [{"vendor": "vendor_0"}, {"cve": "CVE-2", "vendor": "vendor_1"}],
            {},
            "'vendor_1', but CVE-1 of lib has 'vendor_0'",
        ),
        (
            [{"vendor": "vendor_0"}],
            {"components": [{"service": "api", "component": "lib", "vendor": "vendor_1"}]},
            "'vendor_0', but lib has 'vendor_1'",
        ),
        (
            [{"release_window": 3}],
            {
                "patches": [
                    {
                        "service": "api",
                        "component": "lib",
                        "effort_hours": 4,
                        "downtime_minutes": 5,
                        "regression_probability": 0.1,
                    }
                ]
            },
            "release_window: the file states the patch of 'lib'",
        ),
    ],
)
def test_what_findings_say_of_their_fix_is_said_once(load: Load, rows: Any, sections: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load(findings=[BARE | row for row in rows], **sections)


def test_findings_and_patches_say_the_same(load: Load) -> None:
    scenario = load(findings=[BARE | {"fixed_version": "2"}])
    later = tuple(replace(patch, release_window=9) for patch in scenario.patches)
    with pytest.raises(ScenarioError, match="release_window: '0', its patch has '9'"):
        check_scenario(replace(scenario, patches=later))


def test_agents_by_label(load: Load) -> None:
    agents = [
        {"name": "it_0"},
        {"name": "business_0", "label": "Shop"},
        {"name": "business_1", "label": "Bank"},
        {"name": "vendor_0"},
    ]
    entrypoints = [{"service": "web", "revenue_keur_per_hour": 1, "owner": "Bank"}]
    scenario = load(agents=agents, services={"db": {"owner": "Bank"}}, entrypoints=entrypoints)
    assert [service.owner for service in scenario.services] == ["business_0", "business_0", "business_1"]
    assert scenario.entrypoints[0].owner == "business_1"


def test_every_owner_gets_an_agent_up_to_eight() -> None:
    for attribute in ("owner", "tenant"):
        graph = nx.DiGraph()
        for k in range(24):
            graph.add_node(k, **{attribute: f"team-{k % 12}"})
        scenario = load_quietly(graph)
        assert [agent.label for agent in scenario.agents_of("business")] == [f"team-{k}" for k in range(8)]
        for k in range(12):
            assert scenario.services[k].owner == scenario.services[k + 12].owner
        assert [service.owner for service in scenario.services[:8]] == [f"business_{k}" for k in range(8)]


def test_stated_patches_and_drawn_ones(load: Load) -> None:
    findings = [
        {"service": "db", "component": "engine", "cve": "C-0", "fixed_version": "2", "ecosystem": "image"},
        {"service": "db", "component": "engine", "cve": "C-1", "ecosystem": "image"},
        {"service": "api", "component": "lib", "cve": "C-2", "fixed_version": "2", "ecosystem": "npm"},
    ]
    patches = [
        {
            "service": "api",
            "component": "lib",
            "effort_hours": 4,
            "downtime_minutes": 3,
            "regression_probability": 0,
            "requires": ["db/engine"],
        },
    ]
    scenario = load(findings=findings, patches=patches)
    by_name = {patch.name: patch for patch in scenario.patches}
    assert set(by_name) == {"db/engine", "db/engine (next release)", "api/lib"}
    assert by_name["api/lib"].requires == (by_name["db/engine"].uid,)
    assert by_name["api/lib"].findings == (2,)
    assert by_name["db/engine (next release)"].requires == (by_name["db/engine"].uid,)


def test_a_patch_may_remove_nothing(load: Load) -> None:
    patches = [
        {"service": "api", "component": "base", "effort_hours": 1, "downtime_minutes": 0, "regression_probability": 0}
    ]
    (patch,) = load(findings=[], patches=patches).patches
    assert patch.findings == ()


def test_stated_prerequisites_are_not_added_to(load: Load) -> None:
    findings = [BARE | {"component": f"lib-{k}", "cve": f"C-{k}", "fixed_version": "2"} for k in range(30)]
    findings += [BARE | {"component": "base", "ecosystem": "image", "cve": f"B-{k}", **fixed} for k, fixed in
                 enumerate([{"fixed_version": "2"}, {}])]  # fmt: skip
    assert sum(len(patch.requires) for patch in load(findings=findings).patches) > 5
    waiting = {p.name: p.requires for p in load(findings=findings, prerequisites="stated").patches if p.requires}
    assert len(waiting) == 1 and next(iter(waiting)).endswith("(next release)")


def test_late_fixes_wait_for_the_second_half(load: Load) -> None:
    findings = [BARE | {"component": f"lib-{k}", "cve": f"C-{k}"} for k in range(60)]
    for windows in (1, 2, 3, 12):
        releases = [p.release_window for p in load(findings=findings, world={"windows": windows}).patches]
        assert all(windows // 2 <= release < max(2, windows) for release in releases)
    fixed = [finding | {"fixed_version": "2"} for finding in findings]
    releases = [p.release_window for p in load(findings=fixed).patches]
    assert 0 < sum(release > 0 for release in releases) < 20
    assert max(releases) <= 8
    assert {p.release_window for p in load(findings=fixed, world={"windows": 1}).patches} == {0}
