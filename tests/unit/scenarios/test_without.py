"""Services taken away: all else is the world that it was, draws included."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario, ScenarioError, load_scenario

HIDDEN = ("effort", "regression", "truth")


def test_what_is_left_is_as_it_was() -> None:
    full, less = load_scenario("symbiosis-v1"), load_scenario("symbiosis-v1", without="business_1, orders")
    gone = {"bakery-shop", "bakery-stock", "bakery-db", "orders"}
    for kind in ("services", "entrypoints", "findings"):
        rows = getattr(full, kind)
        left = [row for row in rows if getattr(row, "service", getattr(row, "name", "")) not in gone]
        assert list(getattr(less, kind)) == left and len(left) < len(rows)
    assert [edge for edge in full.edges if not {edge.source, edge.target} & gone] == list(less.edges)
    assert [agent for agent in full.agents if agent.name != "business_1"] == list(less.agents)
    uids = {patch.uid for patch in less.patches}
    for patch in full.patches:
        assert (patch.uid in uids) == (patch.service not in gone)
    before = {patch.uid: patch for patch in full.patches}
    for patch in less.patches:
        assert set(patch.requires) == set(before[patch.uid].requires) & uids
    assert less.title.endswith(", without business_1, orders") and less.assumptions == full.assumptions
    assert less == full.without(("business_1", "orders")) and full.without("orders").without("business_1") != full
    assert load_scenario("symbiosis-v1") == full


def test_draws_of_what_is_left_are_as_they_were() -> None:
    """Hidden efforts, regressions and reach of every patch, and when each CVE becomes known, world by world."""
    seeds = np.arange(16, dtype=np.uint64)
    drawn = []
    for options in ({}, {"without": ["business_5"]}):
        world: Scenario = load_scenario("symbiosis-v1", **options)
        engine = Engine([world], len(seeds))
        engine.reset(seeds)
        found = engine.state.patch.reshape(len(seeds), -1)[:, : len(world.patches)]
        values = {p.uid: [found[name][:, n] for name in HIDDEN] for n, p in enumerate(world.patches)}
        cves = engine.state.cve.reshape(len(seeds), -1)
        known = {-1 - int(uid): [cves["known_day"][:, n]] for n, uid in enumerate(engine.static.cve["uid"])}
        drawn.append(values | known)
    full, less = drawn
    assert 0 < len(less) < len(full)
    for uid, values in less.items():
        assert all(np.array_equal(a, b) for a, b in zip(values, full[uid], strict=True)), uid


def test_of_a_graph() -> None:
    graph = nx.DiGraph([("web", "orders"), ("web", "search"), ("orders", "db")])
    graph.nodes["web"]["revenue_keur_per_hour"] = 1.0
    with pytest.warns(match="completed from defaults"):
        assert [service.name for service in load_scenario(graph, without="search").services] == ["web", "orders", "db"]


def test_a_flow_goes_with_its_owner() -> None:
    world = load_scenario("symbiosis-v1")
    (mine, *_) = (entry for entry in world.entrypoints if entry.owner == "business_0")
    moved = tuple(replace(e, owner="business_1") if e == mine else e for e in world.entrypoints)
    less = replace(world, entrypoints=moved).without("business_1")
    assert mine.service in {service.name for service in less.services}
    assert "business_1" not in {entry.owner for entry in less.entrypoints} | {agent.name for agent in less.agents}


def test_one_name_and_none() -> None:
    world = load_scenario("symbiosis-v1")
    assert world.without("orders") == world.without(["orders"]) != world
    assert world.without([]) == world == load_scenario("symbiosis-v1", without="")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("ordrs", "without: no service or business agent 'ordrs'; did you mean 'orders'?"),
        ("vendor_0", "no service or business agent 'vendor_0'"),
        (3, "without: 3 is no list of names; give names with commas"),
        ([1], "is no list of names"),
        (",".join(f"business_{n}" for n in range(6)), "leaves no service; take fewer away"),
    ],
)
def test_mistakes_are_one_line(names: object, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("symbiosis-v1", without=names)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_world_without_revenue_is_refused() -> None:
    world = load_scenario("boutique-v1")
    earning = ",".join(sorted({entry.service for entry in world.entrypoints}))
    with pytest.raises(ScenarioError, match="leaves no flow of revenue"):
        load_scenario("boutique-v1", without=earning)
