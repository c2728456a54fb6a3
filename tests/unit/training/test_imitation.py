"""Imitation: the teacher's words are kept, bounded, and learned."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from patchpact.agents.policies import make_policy, seat
from patchpact.agents.policies.greedy import GREEDY
from patchpact.agents.policies.networks import build_policy_network, with_memory
from patchpact.agents.roles import action_names
from patchpact.envs import make_vec
from patchpact.training.config import TrainConfig
from patchpact.training.imitation import Lessons, find_teacher, imitate

TINY = TrainConfig(
    scenario="toy-v1",
    overrides={"windows": 3, "motions_per_window": 2},
    num_envs=24,
    rollout_length=12,
    hidden=16,
    minibatch=64,
    imitate="greedy",
    imitate_timesteps=4 * 24 * 12,
    lr=5e-3,
)


def states(config: TrainConfig) -> dict[str, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    return {
        role: dict(
            with_memory(
                build_policy_network(action_names(role), config.hidden), config.hidden, config.memory
            ).state_dict()
        )
        for role in ("it", "business", "vendor")
    }


def test_greedy_does_what_net_gain_does() -> None:
    worlds = make_vec(["boutique-v1"], num_envs=4, windows=3, autoreset=False)
    greedy, rule = seat(GREEDY, worlds), seat(make_policy("net-gain"), worlds)
    rng = np.random.default_rng(0)
    observations, _ = worlds.reset(seed=1)
    nominated = 0
    for _ in range(24):
        one, other = greedy(observations, rng), rule(observations, rng)
        for role, seen in observations.items():
            several = seen["action_mask"].sum(2) > 1
            assert (one[role][several] == other[role][several]).all()
            nominated += int((one[role][several] > 0).sum())
        observations, *_ = worlds.step(other)
    assert nominated > 20


@pytest.mark.parametrize("memory", ["none", pytest.param("gru", marks=pytest.mark.slow)])
def test_the_learner_comes_to_act_as_the_teacher(memory: str) -> None:
    config = replace(TINY, memory=memory)
    before = states(config)
    after, rounds = imitate(config, before)
    assert rounds[-1]["timesteps"] >= config.imitate_timesteps
    assert [row["teacher_share"] for row in rounds[:3]] == [1.0, 0.5, 0.25]
    first, last = rounds[0], rounds[-1]
    for role in before:
        assert last[f"{role}_agreement"] > first[f"{role}_agreement"]
        assert last[f"{role}_agreement"] > 0.7
        assert set(after[role]) == set(before[role])
    again, rows = imitate(config, states(config))
    assert rows == rounds
    for role, state in after.items():
        assert all(torch.equal(value, again[role][name]) for name, value in state.items())


def lessons(sequences: list[int], first: int = 0) -> Lessons:
    total = sum(sequences)
    index = np.full((len(sequences), max(sequences)), -1)
    place = 0
    for n, length in enumerate(sequences):
        index[n, :length] = np.arange(place, place + length)
        place += length
    label = np.arange(first, first + total)
    return Lessons(label[:, None].astype(np.float32), label, index)


def test_lessons_are_joined_and_bounded_in_whole_sequences() -> None:
    both = lessons([2, 1]).and_more(lessons([3], 10))
    assert both.index.tolist() == [[0, 1, -1], [2, -1, -1], [3, 4, 5]]
    assert both.label.tolist() == [0, 1, 2, 10, 11, 12]
    for seed in range(10):
        fewer = both.at_most(4, np.random.default_rng(seed))
        assert 1 <= len(fewer.label) <= 4
        assert (fewer.packed[:, 0] == fewer.label).all()
        for row in fewer.index:
            said = fewer.label[row[row >= 0]].tolist()
            assert said in ([0, 1], [2], [10, 11, 12])
    assert both.at_most(6, np.random.default_rng(0)) is both


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("net-gian", "imitate: 'net-gian' is neither"), ("clairvoyant", "imitate: 'clairvoyant' cannot be played")],
)
def test_a_bad_teacher_gives_one_line(name: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted) as caught:
        find_teacher(name)
    assert "\n" not in str(caught.value)
