"""Policies that remember: one step at a time or in sequences, in rollouts, saved and loaded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from patchpact.agents.policies import seat
from patchpact.agents.policies.learned import load_policy, save_policy
from patchpact.agents.policies.memory import MemoryPolicyNetwork
from patchpact.agents.policies.networks import build_policy_network, with_memory
from patchpact.agents.roles import action_names, layout
from patchpact.envs import make_vec
from patchpact.scenarios import load_scenario
from patchpact.training.decisions import Player, cut_in_sequences
from patchpact.training.rollout import Sampler

TOY = load_scenario("toy-v1", windows=3, incident_loss="expected")
HIDDEN = 8


def network(role: str, kind: str = "rows", seed: int = 0) -> MemoryPolicyNetwork:
    torch.manual_seed(seed)
    made = with_memory(build_policy_network(action_names(role), HIDDEN, kind), HIDDEN, "gru")
    assert isinstance(made, MemoryPolicyNetwork)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # as if trained: memory matters
    return made.eval()


def split(role: str, packed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    end = layout.OBSERVATION_SIZE + len(action_names(role))
    return packed[:, : layout.OBSERVATION_SIZE], packed[:, layout.OBSERVATION_SIZE : end]


def player(role: str, one: MemoryPolicyNetwork) -> Player:
    def refuse(packed: torch.Tensor) -> torch.Tensor:
        raise AssertionError("asked without a memory")

    return Player(refuse, lambda p: torch.zeros(len(p)), lambda packed, memory: one(*split(role, packed), memory))


@pytest.fixture(scope="module")
def networks() -> dict[str, MemoryPolicyNetwork]:
    return {role: network(role, seed=n) for n, role in enumerate(("it", "business", "vendor"))}


def rollout(networks, num_envs: int = 5, episodes: float = 1.0, sequence: int = 4, **more):
    length = int(episodes * 2 * 3 * int(TOY.parameters["motions_per_window"]))
    sampler = Sampler([TOY], num_envs, length, 1.0, memory=HIDDEN, sequence=sequence, **more)
    players = {role: player(role, networks[role]) for role in sampler.roles}
    return sampler.play(players, np.random.default_rng(2), torch.Generator().manual_seed(2), explore=False)


def test_cut_in_sequences() -> None:
    seat_ = np.array([1, 0, 1, 1, 0, 1, 1])
    step = np.array([0, 1, 2, 3, 4, 5, 6])
    episode = np.array([0, 0, 0, 0, 0, 1, 1])
    wanted = [[1, 4], [0, 2], [3, -1], [5, 6]]
    assert cut_in_sequences(seat_, step, episode, 2).tolist() == wanted
    assert cut_in_sequences(seat_[:0], step[:0], episode[:0], 2).shape == (0, 2)


@pytest.mark.parametrize("kind", ["rows", "flat"])
def test_sequences_give_what_single_steps_give(kind: str) -> None:
    one = network("it", kind)
    rng = np.random.default_rng(0)
    valid = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
    n = int(valid.sum())
    seen = torch.from_numpy(rng.normal(size=(n, layout.OBSERVATION_SIZE)).astype(np.float32))
    mask = torch.ones(n, len(action_names("it")))
    before = torch.from_numpy(rng.normal(size=(3, HIDDEN)).astype(np.float32))
    together = one.over(seen, mask, before, valid)
    place = 0
    for sequence in range(3):
        memory = before[sequence : sequence + 1]
        for _ in range(int(valid[sequence].sum())):
            logits, memory = one(seen[place : place + 1], mask[place : place + 1], memory)
            assert torch.allclose(together[place], logits[0], atol=1e-5)
            place += 1
    assert not torch.allclose(together, one.over(seen, mask, torch.zeros_like(before), valid), atol=1e-3)


@pytest.mark.parametrize("episodes", [1.0, 1.7])
def test_a_rollout_s_sequences_give_its_logits_back(networks, episodes: float) -> None:
    """Also where episodes end within it: the memory starts empty in each."""
    found = rollout(networks, episodes=episodes)
    for role, decisions in found.decisions.items():
        assert decisions.sequences is not None
        index = torch.from_numpy(decisions.sequences.index)
        valid = index >= 0
        assert sorted(index[valid].tolist()) == list(range(len(decisions.actions)))
        again = networks[role].over(*split(role, decisions.packed[index[valid]]), decisions.sequences.memory, valid)
        assert torch.allclose(again, decisions.logits[index[valid]], atol=1e-4)
    assert len(found.welfare_keur) >= 5


@pytest.mark.parametrize("single", [False, True])
def test_a_saved_policy_acts_as_in_the_rollout(networks, single: bool, tmp_path: Path) -> None:
    """Same logits on the recorded episodes: exported, loaded, played world by world or in a batch."""
    found = rollout(networks)
    names = {role: action_names(role) for role in networks}
    states = {role: one.state_dict() for role, one in networks.items()}
    save_policy(tmp_path, states, names, HIDDEN, "rows", "gru")
    loaded = load_policy(tmp_path)
    for role, decisions in found.decisions.items():
        assert decisions.sequences is not None
        for seat_of in range(2):  # the first two worlds' episodes, decision by decision
            policy = loaded(role)
            started = np.flatnonzero((decisions.sequences.memory == 0).all(1).numpy())[seat_of]
            first = decisions.sequences.index[started]
            for row in first[first >= 0]:
                observation, mask = split(role, decisions.packed[row : row + 1])
                if single:
                    chosen = policy.act(observation[0].numpy(), mask[0].numpy(), np.random.default_rng(0))
                    assert chosen == int(decisions.actions[row])
                else:
                    logits = policy.logits(observation.numpy(), mask.numpy())
                    assert np.allclose(logits, decisions.logits[row : row + 1].numpy(), atol=1e-4)


def test_evaluation_starts_with_an_empty_memory(networks, tmp_path: Path) -> None:
    """The exported policy's episodes are the rollout's, twice in a row."""
    found = rollout(networks)
    names = {role: action_names(role) for role in networks}
    save_policy(tmp_path, {r: one.state_dict() for r, one in networks.items()}, names, HIDDEN, "rows", "gru")
    loaded = load_policy(tmp_path)
    worlds = make_vec([TOY], num_envs=5, autoreset=False)
    seeds = np.random.default_rng(2).integers(2**31, 2**32, 5)
    for _ in range(2):
        players = seat(loaded, worlds)
        observations, _ = worlds.reset(seed=seeds)
        welfare = np.zeros(5)
        for _ in range(12):
            acted = players(observations, np.random.default_rng(0))
            observations, _, terminations, _, infos = worlds.step(acted)
            if terminations.any():
                welfare[terminations] = infos["episode"]["welfare_keur"][terminations]
        assert np.allclose(np.sort(welfare), np.sort(found.welfare_keur))


def test_what_is_forgotten() -> None:
    from patchpact.agents.policies.learned import LearnedPolicy

    rng = np.random.default_rng(0)
    policy = LearnedPolicy("it", network("it"))
    seen = rng.normal(size=(3, layout.OBSERVATION_SIZE)).astype(np.float32)
    mask = np.ones((3, len(action_names("it"))), np.int8)
    first = policy.logits(seen, mask)
    second = policy.logits(seen, mask)
    assert not np.allclose(first, second)
    policy.reset(np.array([True, False, False]))
    third = policy.logits(seen, mask)
    assert np.allclose(third[0], first[0], atol=1e-5)
    assert not np.allclose(third[1], first[1])
    forced = mask.copy()
    forced[:, 1:] = 0
    policy.reset()
    policy.logits(seen, forced)  # no decision: nothing to remember
    assert np.allclose(policy.logits(seen, mask), first, atol=1e-5)
    assert np.allclose(policy.fresh().logits(seen, mask), first, atol=1e-5)
    assert policy.remembers


def test_a_memory_of_an_unknown_kind_gives_one_line(networks, tmp_path: Path) -> None:
    names = {role: action_names(role) for role in networks}
    save_policy(tmp_path, {r: one.state_dict() for r, one in networks.items()}, names, HIDDEN, "rows", "lstm")
    with pytest.raises(ValueError, match="memory 'lstm' is unknown"):
        load_policy(tmp_path)
