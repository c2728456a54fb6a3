"""Scenarios into arrays."""

import numpy as np
import pytest
import small_worlds as sw
from scipy import integrate, stats

from patchpact.envs.core import pack
from patchpact.scenarios import AgentSpec, Entrypoint, ScenarioError, load_scenario


@pytest.mark.parametrize(
    ("median", "log_sd"), [(2e-4, 3.8), (0.1, 1.0), (0.5, 0.3), (1.0, 2.0), (1e-9, 6.0), (0.9, 6.0)]
)
def test_breadth_atoms_keep_the_mean_of_the_clipped_breadth(median, log_sd):
    atoms, weights = pack.breadth_atoms(median, log_sd)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all() and (atoms >= 0).all() and (atoms <= 1).all()
    cap = -np.log(median) / log_sd
    body, _ = integrate.quad(lambda z: median * np.exp(log_sd * z) * stats.norm.pdf(z), -12, cap, limit=400)
    assert float(atoms @ weights) == pytest.approx(body + stats.norm.sf(cap), rel=1e-6)


def test_a_certain_breadth_has_one_atom():
    for median, expected in ((0.3, 0.3), (1.0, 1.0)):
        atoms, weights = pack.breadth_atoms(median, 0.0)
        assert set(atoms) == {expected} and weights.sum() == pytest.approx(1.0)


def test_findings_of_one_cve_agree_on_the_worst():
    findings = [
        sw.finding(0, 0, cve=0, epss=0.1, known_window=None),
        sw.finding(1, 0, cve=0, epss=0.4, kev=True, known_window=3),
        sw.finding(2, 0, cve=0, epss=0.2, known_window=2),
        sw.finding(3, 0, cve=3, epss=0.2, known_window=None),
    ]
    static = pack.pack([sw.scenario([sw.service(0)], (), findings, [sw.patch(n, 0) for n in range(4)])])
    assert static.cve["epss"].tolist() == [0.4, 0.2]
    assert static.cve["kev"].tolist() == [1, 0]
    assert static.cve["known"].tolist() == [2, -1]
    assert [int(c["user1"] - c["user0"]) for c in static.cve] == [3, 1]


def test_agents_sit_by_role_then_uid():
    agents = (
        AgentSpec(0, "vendor_0", "vendor", "", 1, 1.0),
        AgentSpec(1, "business_1", "business", "", 1, 1.0),
        AgentSpec(2, "business_0", "business", "", 1, 1.0),
        AgentSpec(3, "it_0", "it", "", 1, 1.0),
    )
    seated = pack.seats(sw.one_service(agents=agents))
    assert [agent.name for agent in seated] == ["it_0", "business_1", "business_0", "vendor_0"]


def test_an_unknown_role_is_answered_with_the_closest():
    agents = (*sw.seats(), AgentSpec(9, "vendors_0", "vendors", "", 1, 1.0))
    with pytest.raises(ScenarioError, match=r"agents.vendors_0.role: 'vendors' is unknown.*vendor"):
        pack.pack([sw.one_service(agents=agents)])


def test_share_of_a_flow_behind_calls():
    """Hard calls carry their probability, soft ones a tenth of it, two ways join as if independent; stores have one update."""
    services = [sw.service(0), sw.service(1), sw.service(2, kind="store", replicas=4), sw.service(3)]
    edges = [
        sw.edge(0, 0, 1, call_probability=0.5),
        sw.edge(1, 0, 2, call_probability=0.4),
        sw.edge(2, 1, 2, call_probability=0.8),
        sw.edge(3, 0, 3, call_probability=0.5, hard=False),
    ]
    static = pack.pack([sw.scenario(services, edges, soft_degradation=0.1)])
    weight = {}
    for v, s in enumerate(static.service):
        for link in static.link[s["link0"] : s["link1"]]:
            weight[v] = float(link["weight"])
    assert weight == pytest.approx({0: 1 / 2, 1: 0.5 / 2, 2: 1 - (1 - 0.4) * (1 - 0.5 * 0.8), 3: 0.05 / 2})


def test_queue_edges_go_both_ways_where_the_client_consumes():
    services = [sw.service(n) for n in range(3)]
    edges = [sw.edge(0, 0, 1, kind="queue", consumes=True), sw.edge(1, 2, 1, kind="queue", consumes=False)]
    static = pack.pack([sw.scenario(services, edges)])
    pairs = {
        (u, int(e["other"]))
        for u in range(3)
        for e in static.outgoing[static.service["out0"][u] : static.service["out1"][u]]
    }
    assert pairs == {(0, 1), (1, 0), (2, 1)}
    assert len({int(e["uid"]) for e in static.outgoing}) == 3
    assert static.scenario["acyclic"][0] == 0


def test_a_batch_lays_its_scenarios_one_behind_the_other():
    worlds = [load_scenario(name) for name in ("toy-v1", "sock-shop-v1", "toy-v1")]
    static = pack.pack(worlds)
    for head, world in zip(static.scenario, worlds, strict=True):
        assert (head["ns"], head["np"], head["na"]) == (len(world.services), len(world.patches), len(world.agents))
        rows = static.service[head["s0"] : head["s0"] + head["ns"]]
        assert rows["uid"].tolist() == [s.uid for s in world.services]
        patches = static.patch[head["p0"] : head["p0"] + head["np"]]
        assert patches["uid"].tolist() == [p.uid for p in world.patches]
        for row, p in zip(patches, world.patches, strict=True):
            found = static.finding[row["find0"] : row["find1"]]
            assert sorted(found["uid"].tolist()) == sorted(p.findings)
    alone = pack.pack(worlds[:1])
    assert np.array_equal(static.scenario["money_scale"][[0, 2]], np.repeat(alone.scenario["money_scale"], 2))


def test_a_flow_of_somebody_else_counts_for_its_owner():
    flows = (Entrypoint(0, "s0", 1.0, 1.0, "business_1"), Entrypoint(1, "s0", 1.0, 1.0, "business_1"))
    static = pack.pack([sw.one_service(agents=sw.seats(businesses=2), entrypoints=flows)])
    assert static.agent["flows"].tolist() == [0, 0, 2, 0]
    assert static.agent["services"].tolist() == [0, 1, 0, 0]
