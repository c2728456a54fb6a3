"""The vector face: arrays by role, each world as if alone."""

from typing import Any

import numpy as np
import pytest
import small_worlds as sw
from gymnasium.vector import AutoresetMode

import patchpact
from patchpact.agents.roles import layout
from patchpact.envs import PatchpactEnv, make, make_vec
from patchpact.envs.core.records import TOTALS
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import load_scenario


def draw(observations: Any, rngs: list[np.random.Generator]) -> dict[str, np.ndarray]:
    """Random legal actions by role, world k from the k-th generator, agents in the order of roles."""
    actions = {}
    for role, seen in observations.items():
        mask = seen["action_mask"]
        actions[role] = np.zeros(mask.shape[:2], np.int64)
        for k, rng in enumerate(rngs):
            for i in range(mask.shape[1]):
                legal = np.flatnonzero(mask[k, i])
                pick = rng.random() if len(legal) > 1 else 0.0
                actions[role][k, i] = legal[int(pick * len(legal))]
    return actions


def single(env: PatchpactEnv, seed: int, rng: np.random.Generator, steps: int) -> list[Any]:
    """What a world alone shows to the same draws: by step (observations, masks, rewards, over, totals)."""
    observations, _ = env.reset(seed=seed)
    seen = [(observations, None, False, None)]
    for _ in range(steps):
        actions = {}
        for name, one in observations.items():
            legal = np.flatnonzero(one["action_mask"])
            pick = rng.random() if len(legal) > 1 else 0.0
            actions[name] = int(legal[int(pick * len(legal))])
        observations, rewards, terminations, _, infos = env.step(actions)
        over = all(terminations.values())
        seen.append((observations, rewards, over, infos["it_0"].get("episode")))
        if over:
            break
    return seen


MIXED = ("toy-v1", "sock-shop-v1", "generated-v1")


@pytest.mark.parametrize(("names", "count"), [(("sock-shop-v1",), 3), (MIXED, 7)])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("copy", [True, False])
def test_each_world_is_the_world_alone(names, count, threads, copy):
    """Also where scenarios have different numbers of agents and seats stay empty."""
    vec = make_vec(list(names), count, windows=2, threads=threads, copy=copy)
    rngs = [np.random.default_rng(k) for k in range(count)]
    observations, _ = vec.reset(seed=40)
    alone = [single(make(names[k % len(names)], windows=2), 40 + k, np.random.default_rng(k), 40) for k in range(count)]
    ended = np.zeros(count, bool)

    def compare(k: int, seen: Any, expected: Any, final: bool = False) -> None:
        places = dict.fromkeys(vec.roles, 0)
        env = make(names[k % len(names)], windows=2)
        for name in env.possible_agents:
            role = env.role(name)
            i = places[role]
            places[role] += 1
            if final:
                assert np.array_equal(seen[role][k, i], expected[name]["observation"])
            else:
                assert np.array_equal(seen[role]["observation"][k, i], expected[name]["observation"])
                assert np.array_equal(seen[role]["action_mask"][k, i], expected[name]["action_mask"])
        for role in vec.roles:
            assert vec.seats[role][k].sum() == places[role]

    for k in range(count):
        compare(k, observations, alone[k][0][0])
    for step in range(1, 40):
        actions = draw(observations, rngs)
        observations, rewards, terminations, truncations, infos = vec.step(actions)
        assert not truncations.any()
        for k in np.flatnonzero(~ended):
            expected, earned, over, totals = alone[k][step]
            assert terminations[k] == over
            names_k = make(names[k % len(names)], windows=2)
            got = {role: iter(rewards[role][k]) for role in vec.roles}
            assert [next(got[names_k.role(name)]) for name in names_k.possible_agents] == list(earned.values())
            if over:
                compare(k, infos["final_obs"], expected, final=True)
                assert infos["_final_obs"][k] and infos["_episode"][k]
                assert {name: infos["episode"][name][k] for name in TOTALS} == totals
            else:
                compare(k, observations, expected)
        ended |= terminations
        if ended.all():
            break
    assert ended.all()
    vec.close()


def test_empty_seats_see_nothing_can_only_pass_and_earn_nothing():
    vec = make_vec(["toy-v1", "sock-shop-v1"], 4)
    observations, _ = vec.reset(seed=0)
    assert vec.roles == ("it", "business", "vendor")
    assert [vec.agents_of(role) for role in vec.roles] == [1, 2, 2]
    assert vec.seats["business"].tolist() == [[True, False], [True, True]] * 2
    rngs = [np.random.default_rng(k) for k in range(4)]
    for _ in range(30):
        for role in ("business", "vendor"):
            empty = ~vec.seats[role]
            assert not observations[role]["observation"][empty].any()
            assert (observations[role]["action_mask"][empty].sum(1) == 1).all()
            assert (observations[role]["action_mask"][empty][:, layout.PASS] == 1).all()
        actions = draw(observations, rngs)
        for role in ("business", "vendor"):
            actions[role][~vec.seats[role]] = 10**6
        observations, rewards, *_, infos = vec.step(actions)
        for role in ("business", "vendor"):
            assert not rewards[role][~vec.seats[role]].any()
            assert not infos["illegal_action"][role].any()


def test_autoreset_is_same_step_with_the_last_observation():
    assert VectorEnv.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    vec = make_vec("toy-v1", 5)
    still = make_vec("toy-v1", 5, autoreset=False)
    one, _ = vec.reset(seed=1)
    two, _ = still.reset(seed=1)
    rngs = [np.random.default_rng(k) for k in range(5)]
    gone = np.zeros(5, bool)
    while not gone.all():
        actions = draw(one, rngs)
        one, _, ended, _, infos = vec.step(actions)
        two, _, stopped, _, other = still.step(actions)
        fresh = ended & ~gone
        assert np.array_equal(stopped & ~gone, fresh)
        for role in vec.roles:
            if fresh.any():
                assert np.array_equal(infos["final_obs"][role][fresh], two[role]["observation"][fresh])
                assert np.array_equal(other["final_obs"][role][fresh], two[role]["observation"][fresh])
                assert (one[role]["observation"][fresh][..., layout.global_feature("windows_left")] == 1.0).all()
            assert np.array_equal(one[role]["observation"][~gone & ~fresh], two[role]["observation"][~gone & ~fresh])
        if not fresh.any():
            assert "final_obs" not in infos or gone.any()
        gone |= ended


def test_results_are_copies_unless_views_are_asked_for():
    for copy in (True, False):
        vec = make_vec("sock-shop-v1", 2, copy=copy)
        first, _ = vec.reset(seed=0)
        kept = first["it"]["observation"].copy()
        mask = first["business"]["action_mask"].copy()
        rngs = [np.random.default_rng(k) for k in range(2)]
        seen = first
        for _ in range(10):
            seen, rewards, *_ = vec.step(draw(seen, rngs))
        same = np.array_equal(first["it"]["observation"], kept) and np.array_equal(
            first["business"]["action_mask"], mask
        )
        assert same is copy
        assert np.shares_memory(rewards["it"], vec.engine.state.reward) is not copy


def test_infos_report_illegal_actions_by_role():
    vec = make_vec("sock-shop-v1", 3)
    vec.reset(seed=0)
    actions = {role: np.zeros((3, vec.agents_of(role)), np.int64) for role in vec.roles}
    actions["business"][1, 1] = -7
    actions["vendor"][2, 0] = 2**62
    *_, infos = vec.step(actions)
    assert infos["illegal_action"]["business"].tolist() == [[False, False], [False, True], [False, False]]
    assert infos["illegal_action"]["vendor"].tolist() == [[False, False], [False, False], [True, False]]
    assert infos["welfare_keur"].shape == (3,)


def test_seeds_one_or_a_sequence_and_streams():
    vec = make_vec("sock-shop-v1", 3)

    def views(seed: Any) -> list[bytes]:
        observations, _ = vec.reset(seed=seed)
        return [observations["it"]["observation"][k].tobytes() for k in range(3)]

    assert views(5) == views([5, 6, 7]) == views(np.array([5, 6, 7]))
    assert views([7, 5, 6]) == [views(5)[2], *views(5)[:2]]
    vec.reset(seed=5)
    first, second = views(None), views(None)
    assert len(set(first + second)) == 6
    vec.reset(seed=5)
    assert views(None) == first and views(None) == second


def test_mistakes_are_refused():
    vec = make_vec("toy-v1", 2)
    good = {role: np.zeros((2, vec.agents_of(role)), np.int64) for role in vec.roles}
    with pytest.raises(RuntimeError, match="reset"):
        vec.step(good)
    with pytest.raises(ValueError, match=r"3 seeds for 2 worlds"):
        vec.reset(seed=[1, 2, 3])
    for seed in (-1, [0, 2**63], 2**63 - 1):
        with pytest.raises(ValueError, match="out of range"):
            vec.reset(seed=seed)
    vec.reset(seed=0)
    for bad in (np.zeros((3, 1), np.int64), np.zeros((2, 1)), np.full((2, 1), "pass")):
        with pytest.raises(ValueError, match=r"actions\['it'\]: .*shape \(2, 1\)"):
            vec.step({**good, "it": bad})
    with pytest.raises(ValueError, match=r"actions\['vendor'\]: none"):
        vec.step({role: array for role, array in good.items() if role != "vendor"})
    with pytest.raises(ValueError, match="scenario: an empty list"):
        make_vec([])
    with pytest.raises(ValueError, match="num_envs: 0"):
        make_vec("toy-v1", 0)


def test_public_name_takes_what_make_takes():
    world = sw.one_service()
    vec = patchpact.make_vec([world, load_scenario("toy-v1")], 2)
    vec.reset(seed=0)
    assert [scenario.id for scenario in vec.scenarios] == ["small", "toy-v1"]
    assert vec.observation_space("it") == PatchpactEnv(world).observation_space("it_0")
    assert vec.action_space("vendor") == PatchpactEnv(world).action_space("vendor_0")
