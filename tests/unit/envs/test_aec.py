"""The AEC face: nobody sees a change before the last agent has acted."""

import numpy as np
import pytest

import patchpact
from patchpact.envs import make, make_aec, patchpact_v1


def copied(env) -> dict:
    return {name: {k: v.copy() for k, v in env.observe(name).items()} for name in env.agents}


@pytest.mark.parametrize("make_env", [make_aec, patchpact_v1.env, patchpact_v1.raw_env])
def test_no_observation_changes_before_the_last_agent_has_acted(make_env):
    env = make_env("sock-shop-v1", windows=4)
    env.reset(seed=2)
    rng = np.random.default_rng(0)
    before, rounds = copied(env), 0
    last = env.agents[-1]
    changes = 0
    for agent in env.agent_iter():
        observation, _, termination, truncation, _ = env.last()
        if termination or truncation:
            break
        env.step(int(rng.choice(np.flatnonzero(observation["action_mask"]))))
        now = copied(env)
        moved = any(not np.array_equal(now[n]["observation"], before[n]["observation"]) for n in now if n in before)
        if agent != last:
            assert not moved, agent
        else:
            changes += moved
            rounds += 1
            before = now
    assert rounds >= 8 and changes > 0


def test_it_plays_the_parallel_world():
    aec, parallel = make_aec("sock-shop-v1", windows=2), make("sock-shop-v1", windows=2)
    aec.reset(seed=6)
    observations, _ = parallel.reset(seed=6)
    rng = np.random.default_rng(1)
    while parallel.agents:
        actions = {}
        for name in parallel.possible_agents:
            assert aec.agent_selection == name
            assert np.array_equal(aec.observe(name)["observation"], observations[name]["observation"])
            actions[name] = int(rng.choice(np.flatnonzero(observations[name]["action_mask"])))
            aec.step(actions[name])
        observations, rewards, terminations, *_ = parallel.step(actions)
        assert aec.rewards == rewards
        assert all(aec.terminations.values()) == all(terminations.values())


def test_the_usual_module_offers_the_usual_functions():
    assert patchpact_v1.__all__ == ["env", "parallel_env", "raw_env"]
    parallel = patchpact_v1.parallel_env(windows=1)
    assert parallel.metadata["name"] == "patchpact_v1"
    assert parallel.scenario.id == "boutique-v1" and parallel.scenario.parameters["windows"] == 1
    for env in (
        patchpact_v1.env(windows=1),
        patchpact_v1.raw_env(windows=1),
        patchpact.make_aec("boutique-v1", windows=1),
    ):
        env.reset(seed=0)
        assert env.possible_agents == parallel.possible_agents
        assert env.metadata["name"] == "patchpact_v1"


def test_state_and_render_mode_pass_through():
    env = make_aec("toy-v1", render_mode="ansi")
    env.reset(seed=0)
    assert env.render_mode == "ansi"
    assert np.array_equal(env.state(), make_seeded().state())


def make_seeded():
    env = make("toy-v1")
    env.reset(seed=0)
    return env
