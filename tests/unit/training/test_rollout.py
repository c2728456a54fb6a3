"""Rollouts on arrays: advantages, legality, worlds of different size, the greedy baseline."""

import numpy as np
import pytest
import torch

from patchpact.agents import policies
from patchpact.agents.roles import action_names, layout
from patchpact.envs import make_vec
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.finish import Finish
from patchpact.scenarios import load_scenario
from patchpact.training.advantages import semi_markov_advantages
from patchpact.training.decisions import Player, packed_size
from patchpact.training.rollout import Sampler

TOY = load_scenario("toy-v1", windows=3, incident_loss="expected")
TWO = load_scenario("bank-of-anthos-v1", windows=2, incident_loss="expected")


def uniform(role: str) -> Player:
    size = layout.OBSERVATION_SIZE
    return Player(lambda p: torch.where(p[:, size:] > 0, 0.0, -1e9), lambda p: torch.zeros(len(p)))


def played(scenarios, against_greedy=False, seed=0, num_envs=6, length=30, **more):
    sampler = Sampler(scenarios, num_envs, length, 0.25, against_greedy=against_greedy)
    players = {role: uniform(role) for role in sampler.roles}
    found = sampler.play(players, np.random.default_rng(seed), torch.Generator().manual_seed(seed), **more)
    return sampler, found


def by_hand(rewards, values, decisions, ended, after, gamma, lam):
    """The definition, decision by decision, of one seat."""
    places = np.flatnonzero(decisions)
    advantages = {}
    for n in reversed(range(len(places))):
        t = places[n]
        stop = next((s for s in range(t, len(rewards)) if ended[s]), None)
        following = next((p for p in places[n + 1 :] if stop is None or p <= stop), None)
        until = following if following is not None else (stop + 1 if stop is not None else len(rewards))
        earned = sum(gamma ** (s - t) * rewards[s] for s in range(t, until))
        ahead = values[following] if following is not None else (0.0 if stop is not None else after)
        advantages[t] = earned + gamma ** (until - t) * ahead - values[t]
        if following is not None:
            advantages[t] += gamma ** (until - t) * lam * advantages[following]
    return advantages


@pytest.mark.parametrize("seed", range(5))
def test_advantages_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, seats = 25, 4
    rewards, values = rng.normal(size=(2, steps, seats)).astype(np.float32)
    decisions, ended = rng.random((steps, seats)) < 0.5, rng.random((steps, seats)) < 0.15
    after = rng.normal(size=seats).astype(np.float32)
    found = semi_markov_advantages(rewards, values, decisions, ended, after, 0.9, 0.8)
    for seat in range(seats):
        wanted = by_hand(rewards[:, seat], values[:, seat], decisions[:, seat], ended[:, seat], after[seat], 0.9, 0.8)
        for t, advantage in wanted.items():
            assert found[t, seat] == pytest.approx(advantage, abs=1e-4)


def test_only_decisions_are_kept_and_all_actions_are_legal() -> None:
    sampler, found = played([TOY, TWO])
    assert found.env_steps == 6 * 30
    assert len(found.welfare_keur) == len(found.lengths) > 0
    for role, decisions in found.decisions.items():
        mask = decisions.packed[:, layout.OBSERVATION_SIZE :]
        assert decisions.packed.shape[1] == packed_size(role)
        assert mask.shape[1] == len(action_names(role))
        assert (mask.sum(1) > 1).all()
        assert mask[torch.arange(len(mask)), decisions.actions].all()
        assert torch.allclose(decisions.logp, -torch.log(mask.sum(1)), atol=1e-5)
    sampler.close()


def test_equal_seeds_give_equal_rollouts() -> None:
    one, other = played([TOY, TWO], True, gae_lambda=0.5)[1], played([TOY, TWO], True, gae_lambda=0.5)[1]
    for role, decisions in one.decisions.items():
        assert torch.equal(decisions.advantages, other.decisions[role].advantages)
        assert torch.equal(decisions.actions, other.decisions[role].actions)


def test_greedy_advantages_sum_to_what_the_episode_gained_over_greedy() -> None:
    """With lambda 1 the first decision's advantage is the episode's return beyond the greedy player's."""
    length = 2 * 3 * int(TOY.parameters["motions_per_window"])
    sampler = Sampler([TOY], 8, length, 1.0, against_greedy=True)
    players = {role: uniform(role) for role in sampler.roles}
    seeds = np.random.default_rng(3).integers(2**31, 2**32, 8).astype(np.uint64)
    engine = Engine([TOY], 8, autoreset=False)
    engine.reset(seeds)
    greedy, _ = Finish([TOY], 8)(engine)
    found = sampler.play(players, np.random.default_rng(3), torch.Generator().manual_seed(1), gae_lambda=1.0)
    unit = 10.0 ** engine.state.observation[0, 0, layout.global_feature("log_money_scale")]
    first = [decisions.advantages[: len(seeds)].double() for decisions in found.decisions.values()]
    gained = (found.welfare_keur[: len(seeds)].sum() - greedy.sum()) / unit
    assert any(float(one.sum()) == pytest.approx(float(gained), rel=1e-3) for one in first)


def test_finish_counts_each_agents_account() -> None:
    engine = Engine([TWO], 3, autoreset=False)
    engine.reset(np.arange(3, dtype=np.uint64))
    engine.play_out()
    account = engine.state.agent["account"].sum(1)
    assert np.isfinite(account).all() and (account != 0).all()
    step = Engine([TWO], 3, autoreset=False)
    step.reset(np.arange(3, dtype=np.uint64))
    earned = np.zeros((3, step.num_agents))
    actions = np.zeros((3, step.num_agents), np.int64)
    for _ in range(200):
        step.step(actions)
        earned += step.state.reward * REWARD_SCALE_KEUR
    assert np.allclose(step.state.agent["account"], earned)


@pytest.mark.parametrize(("share", "selfish"), [(0.0, True), (0.49, True), (0.5, False), (1.0, False)])
def test_the_reward_says_who_plays_on(share: float, selfish: bool) -> None:
    """The first decisions' advantages, without decay, are returns less those of whoever plays on."""
    sampler = Sampler([TOY], 8, 2 * 3 * int(TOY.parameters["motions_per_window"]), share, against_greedy=True)
    players = {role: uniform(role) for role in sampler.roles}
    found = sampler.play(players, np.random.default_rng(3), torch.Generator().manual_seed(1), gae_lambda=1.0)
    engine = Engine([TOY], 8, autoreset=False)
    engine.reset(np.random.default_rng(3).integers(2**31, 2**32, 8).astype(np.uint64))
    unit = 10.0 ** engine.state.observation[0, 0, layout.global_feature("log_money_scale")]
    for_all, for_himself = Finish([TOY], 8)(engine), Finish([TOY], 8, selfish=True)(engine)
    told = 0
    for role, decisions in found.decisions.items():
        columns = engine.role_slices[role]
        advantage = float(decisions.advantages[:8].double().sum()) * unit
        returned = float(found.returns[role][:8].sum()) * unit
        worth = [
            ((1.0 - share) * accounts[:, columns].sum(1) + share * welfare).sum()
            for welfare, accounts in (for_all, for_himself)
        ]
        right, wrong = worth[selfish], worth[not selfish]
        if advantage == pytest.approx(returned - right, rel=1e-3):
            told += abs(right - wrong) > 0.01 * abs(right)
    assert told > 0


@pytest.mark.parametrize("selfish", [False, True])
def test_room_used_before_finishes_as_new_room_does(selfish: bool) -> None:
    """What an earlier copy's last step left behind does not get into the next."""
    engine = Engine([TWO], 3)
    engine.reset(np.arange(3, dtype=np.uint64))
    actions, used = np.zeros((3, engine.num_agents), np.int64), Finish([TWO], 3, selfish=selfish)
    for turn in range(20):
        engine.step_at_random(0, turn, actions)
        for ours, theirs in zip(used(engine), Finish([TWO], 3, selfish=selfish)(engine), strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("scenario", "changes"),
    [
        ("boutique-v1", {}),
        ("boutique-v1", {"governance_enabled": False}),
        ("symbiosis-v1", {}),
        ("symbiosis-v1", {"governance_enabled": False, "value_enabled": False}),
    ],
)
def test_who_finishes_selfishly_does_what_myopic_selfish_does(scenario: str, changes: dict[str, object]) -> None:
    """From any state: after some steps at random, played openly to the end, accounts come out the same.

    But for worlds in which two gains are so large that an observation clips both.
    """
    worlds = make_vec([scenario], num_envs=8, windows=4, autoreset=False, **changes)
    rule, rng = policies.seat(policies.make_policy("myopic-selfish"), worlds), np.random.default_rng(0)
    observations, _ = worlds.reset(seed=1)
    chance = policies.seat(policies.make_policy("random"), worlds)
    for _ in range(7):
        observations, *_ = worlds.step(chance(observations, rng))
    welfare, accounts = Finish(worlds.engine.scenarios, 8, selfish=True)(worlds.engine)
    for_all, _ = Finish(worlds.engine.scenarios, 8)(worlds.engine)
    for _ in range(400):
        observations, *_ = worlds.step(rule(observations, rng))
    assert worlds.engine.state.world["over"].all()
    same = welfare == worlds.engine.state.world["welfare_keur"]
    assert same.sum() >= 7
    assert np.array_equal(accounts[same], worlds.engine.state.agent["account"][same])
    assert (for_all != welfare).any()


def test_other_scenarios_take_the_place_of_the_old_ones() -> None:
    sampler, _ = played([TOY])
    sampler.replace([TWO, TOY])
    players = {role: uniform(role) for role in sampler.roles}
    found = sampler.play(players, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert found.agent_steps == 30 * 3 * (len(TWO.agents) + len(TOY.agents))
