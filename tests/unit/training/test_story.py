"""A story is the episode that ``evaluate.play`` plays, told whole."""

import json
from itertools import pairwise

import numpy as np
import pytest

from patchpact.agents.policies import Joint, Policy, act_all, make_policy
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training.evaluate import agents_of, play
from patchpact.training.story import OUTCOMES, record


def sampled(scenario: str, **parameters: object) -> Scenario:
    return load_scenario(scenario, **parameters).with_parameters(incident_loss="sampled")


@pytest.mark.parametrize("scenario", ["toy-v1", "boutique-v1", "generated-v1"])
@pytest.mark.parametrize("policy", ["net-gain", "random", "myopic-selfish"])
@pytest.mark.parametrize("seed", [3, 11])
def test_it_is_the_episode_that_is_played(scenario: str, policy: str, seed: int) -> None:
    world, cast = sampled(scenario), make_policy(policy)
    story, totals = record(world, cast, seed, policy), play(world, cast, [seed])
    assert story["totals"] == {name: totals[name][0] for name in story["totals"]}
    assert tuple(name for name, _ in story["agents"]) == agents_of(world)
    np.testing.assert_allclose(story["accounts"], totals["accounts_keur"][0], rtol=1e-4)
    assert story["illegal_actions"] == totals["illegal_actions"][0]
    motions = [motion for window in story["story"] for motion in window["motions"]]
    assert len(motions) == totals["motions_proposed"][0]
    assert sum(motion["passed"] for motion in motions) == totals["motions_passed"][0]
    blockers = [agent for motion in motions for agent in motion.get("blocked_by", [])]
    assert [blockers.count(n) for n in range(len(story["agents"]))] == totals["blocked"][0].tolist()
    outcomes = [item["outcome"] for window in story["story"] for item in window["plan"]]
    assert set(outcomes) <= set(OUTCOMES)
    assert len(outcomes) == totals["motions_passed"][0]
    assert outcomes.count("done") == totals["patches_done"][0]
    assert outcomes.count("rolled back") + outcomes.count("caught") == totals["patches_failed"][0]
    hits = sum(len(window["hit"]) for window in story["story"])
    assert hits == sum(window["incidents"] for window in story["story"])
    assert hits + story["tail"]["incidents"] == totals["incidents"][0]


def test_joint_planners_are_told_too() -> None:
    class Together:
        def __init__(self, policies: dict[str, Policy]) -> None:
            self.policies = policies

        def act(self, observations, rng):  # type: ignore[no-untyped-def]
            return act_all(self.policies, observations, rng)

    single = make_policy("net-gain")
    joint = Joint("together", lambda worlds: Together({role: single(role) for role in worlds.roles}))
    world = sampled("boutique-v1")
    assert record(world, joint, 4, "same") == record(world, single, 4, "same")


def test_money_adds_up() -> None:
    world = sampled("boutique-v1")
    story = record(world, make_policy("myopic-selfish"), 5)
    balance = {name: 0.0 for name, _ in story["agents"]}
    for window in story["story"]:
        for _, giver, taker, amount in window["money"]:
            if giver in balance:
                balance[giver] -= amount
            if taker in balance:
                balance[taker] += amount
        np.testing.assert_allclose(list(balance.values()), window["accounts"], atol=1e-3, rtol=1e-3)
    if story["tail"]["damage_keur"] == 0.0:
        np.testing.assert_allclose(story["accounts"], story["story"][-1]["accounts"], atol=1e-3, rtol=1e-3)
    damage = sum(row[3] for window in story["story"] for row in window["money"] if row[0] == "damage")
    assert damage + story["tail"]["damage_keur"] == pytest.approx(story["totals"]["damage_keur"], rel=1e-4)


def test_whoever_rejects_a_failed_motion_blocks_it() -> None:
    story = record(sampled("boutique-v1"), make_policy("myopic-selfish"), 5)
    motions = [motion for window in story["story"] for motion in window["motions"]]
    failed = [motion for motion in motions if not motion["passed"]]
    assert failed
    for motion in motions:
        assert ("blocked_by" in motion) != motion["passed"]
        rejecting = [who for who, vote in motion["votes"] if vote == "reject"]
        asking = [who for who, vote in motion["votes"] if vote.startswith("ask")]
        assert set(motion.get("blocked_by", [])) <= {*rejecting, *asking}
        if not motion["passed"]:
            assert set(rejecting) <= set(motion["blocked_by"])


def test_levers_and_payments_are_told() -> None:
    stories = [record(sampled("boutique-v1"), make_policy("random"), seed) for seed in range(3)]
    windows = [window for story in stories for window in story["story"]]
    levers = [lever for window in windows for lever in window["levers"]]
    assert any(price > 0 for _, _, price in levers)
    paid = sum(keur for w in windows for m in w["motions"] for *_, keur in m.get("payments", []))
    booked = sum(row[3] for window in windows for row in window["money"] if row[0] == "side_payment")
    assert paid == pytest.approx(booked, rel=1e-3)


def test_without_governance_nobody_votes() -> None:
    story = record(sampled("boutique-v1", governance_enabled=False), make_policy("net-gain"), 2)
    motions = [motion for window in story["story"] for motion in window["motions"]]
    assert motions
    assert all(motion["passed"] and not motion["votes"] for motion in motions)
    assert sum(len(window["plan"]) for window in story["story"]) == len(motions)


def test_it_is_compact_json_with_a_drawing() -> None:
    world = sampled("boutique-v1")
    story = record(world, make_policy("net-gain"), 2, "net-gain")
    text = json.dumps(story, separators=(",", ":"), allow_nan=False)
    assert json.loads(text) == story
    assert len(text) < 40_000
    assert record(world, make_policy("net-gain"), 2, "net-gain") == story
    width, height, *_ = story["size"]
    assert [service["name"] for service in story["services"]] == [service.name for service in world.services]
    places = {(service["x"], service["y"]) for service in story["services"]}
    assert len(places) == len(story["services"])
    assert all(0 <= x <= width and 0 <= y <= height for x, y in places)
    names = [service.name for service in world.services]
    calls = {(names[call[0]], names[call[1]]) for call in story["calls"]}
    assert calls == {(edge.source, edge.target) for edge in world.edges if edge.source != edge.target}
    risks = [(window["risk_keur"], window["risk_after_keur"]) for window in story["story"]]
    assert all(after == before for (_, after), (before, _) in pairwise(risks))
