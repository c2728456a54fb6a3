"""A warm start: learn to act as a teacher does, on the states that the learner itself comes to.

DAgger (Ross, Gordon and Bagnell, "A reduction of imitation learning and structured prediction to no-regret online
learning", AISTATS 2011). In every round a mixture of teacher and learner plays new worlds; the teacher says what it
would do in each state; and the learner is trained on everything said so far, by the cross-entropy of its masked
probabilities. In the first round the teacher plays alone, in each further one its share is halved. Nothing here
imports ray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from patchpact.agents.policies import Cast, Oracle, act_all, seat
from patchpact.agents.policies.learned import LearnedPolicy
from patchpact.agents.policies.memory import MemoryPolicyNetwork
from patchpact.agents.policies.networks import PlainNetwork, build_policy_network, with_memory
from patchpact.agents.roles import action_names, layout
from patchpact.envs.core.records import TOTALS
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import Scenario, load_scenario
from patchpact.training.config import TRAINING_SEEDS_START, TrainConfig
from patchpact.training.decisions import cut_in_sequences, packed_size
from patchpact.training.evaluate import find_policy
from patchpact.training.graphs import drawn_scenarios

TEACHER_SHARE = 0.5
"""The teacher's share of decisions in a round over that in the round before (assumption)."""
EPOCHS = 4
"""Passes over everything the teacher said so far, in each round (assumption)."""
CAPACITY = 60_000
"""Decisions of a role that are kept; beyond it, some drawn at random are dropped."""
STREAM = 0xDA66E2
"""Keeps the draws of imitation apart from those of the iterations."""


def find_teacher(name: str) -> Cast:
    """The teacher of that name, see ``TrainConfig.imitate``.

    Raises:
        ValueError: one line, for an unknown name or one that cannot be played.
    """
    if name == "greedy":
        from patchpact.agents.policies.greedy import GREEDY

        return GREEDY
    try:
        _, found = find_policy(name)
    except ValueError as error:
        raise ValueError(f"imitate: {str(error).removeprefix('policy: ')}") from None
    if isinstance(found, Oracle):
        raise ValueError(f"imitate: {name!r} cannot be played, it knows the future; name another teacher")
    return found


@dataclass
class Lessons:
    """What the teacher said to a role; sequences are whole episodes, or single decisions without a memory."""

    packed: NDArray[np.float32]  # (n, packed_size)
    label: NDArray[np.int64]  # (n,) the teacher's action
    index: NDArray[np.int64]  # (sequences, length) which decision; -1 behind a sequence's last

    def and_more(self, more: Lessons) -> Lessons:
        """These and others."""
        width = max(self.index.shape[1], more.index.shape[1])
        shifted = np.where(more.index >= 0, more.index + len(self.label), -1)
        padded = [np.pad(i, ((0, 0), (0, width - i.shape[1])), constant_values=-1) for i in (self.index, shifted)]
        return Lessons(
            np.concatenate([self.packed, more.packed]),
            np.concatenate([self.label, more.label]),
            np.concatenate(padded),
        )

    def at_most(self, decisions: int, rng: np.random.Generator) -> Lessons:
        """These, or as many whole sequences of them, drawn at random, as have no more decisions."""
        if len(self.label) <= decisions:
            return self
        order = rng.permutation(len(self.index))
        total = np.cumsum((self.index[order] >= 0).sum(1))
        index = self.index[np.sort(order[total <= decisions])]
        valid = index >= 0
        rows = index[valid]
        index[valid] = np.arange(len(rows))
        return Lessons(self.packed[rows], self.label[rows], index)


Network = PlainNetwork | MemoryPolicyNetwork
Round = dict[str, float]


def imitate(
    config: TrainConfig, states: Mapping[str, Mapping[str, Tensor]]
) -> tuple[dict[str, dict[str, Tensor]], list[Round]]:
    """Train policy networks to act as the teacher ``config.imitate``.

    Args:
        config: the run's settings.
        states: of the policy network of each role, to start from.

    Returns:
        The states after, and a row for each round: ``round``, ``timesteps`` so far, ``teacher_share`` of the
        decisions, ``welfare_keur`` of those who played; by role ``agreement``, the share of the round's states at
        which the learner's most probable action was the teacher's before it was trained on them, and ``loss``.
    """
    teacher = find_teacher(config.imitate)
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, STREAM]))
    shuffle = torch.Generator().manual_seed(int(rng.integers(2**63)))
    networks = {role: _network(config, role, state) for role, state in states.items()}
    fixed = [load_scenario(scenario, **config.world_overrides) for scenario in config.scenarios]
    lessons: dict[str, Lessons] = {}
    rows: list[Round] = []
    steps, share = 0, 1.0
    while steps < config.imitate_timesteps:
        scenarios = [*fixed, *drawn_scenarios(config.graphs, rng, config.world_overrides)]
        heard, played, welfare = _listen(config, scenarios, teacher, networks, share, rng)
        steps += played
        row: Round = {"round": len(rows) + 1, "timesteps": steps, "teacher_share": share, "welfare_keur": welfare}
        for role, new in heard.items():
            row[f"{role}_agreement"] = _agreement(networks[role], new)
            known = lessons[role].and_more(new) if role in lessons else new
            lessons[role] = known.at_most(CAPACITY, rng)
            row[f"{role}_loss"] = _study(networks[role], lessons[role], config, shuffle)
        rows.append(row)
        share *= TEACHER_SHARE
    return {role: dict(network.state_dict()) for role, network in networks.items()}, rows


def study_once(
    config: TrainConfig,
    scenarios: Sequence[Scenario],
    states: Mapping[str, Mapping[str, Tensor]],
    teacher: Cast,
    share: float,
    seeds: np.random.SeedSequence,
) -> dict[str, dict[str, Tensor]]:
    """One round alone: play ``num_envs`` worlds of these scenarios, and train on what the teacher said there.

    Args:
        config: the run's settings.
        scenarios: whose worlds are played.
        states: of the policy network of each role, to start from; they stay as they are.
        teacher: whom to imitate.
        share: the teacher's share of decisions.
        seeds: of worlds, actions and the order of lessons.

    Returns:
        The states after.
    """
    rng = np.random.default_rng(seeds)
    shuffle = torch.Generator().manual_seed(int(rng.integers(2**63)))
    networks = {role: _network(config, role, state) for role, state in states.items()}
    heard, _, _ = _listen(config, list(scenarios), teacher, networks, share, rng)
    for role, lessons in heard.items():
        if len(lessons.label):
            _study(networks[role], lessons, config, shuffle)
    return {role: dict(network.state_dict()) for role, network in networks.items()}


def _network(config: TrainConfig, role: str, state: Mapping[str, Tensor]) -> Network:
    plain = build_policy_network(action_names(role), config.hidden, config.network)
    network = with_memory(plain, config.hidden, config.memory)
    network.load_state_dict(state)
    return network


def _listen(
    config: TrainConfig,
    scenarios: list[Scenario],
    teacher: Cast,
    networks: Mapping[str, Network],
    share: float,
    rng: np.random.Generator,
) -> tuple[dict[str, Lessons], int, float]:
    """One episode of each world: what the teacher said by role, env-steps, mean welfare (k€)."""
    heard: dict[str, Lessons] = {}
    steps, welfare = 0, []
    for n, scenario in enumerate(scenarios):
        worlds = len(range(n, config.num_envs, len(scenarios)))
        if not worlds:
            continue
        more, played, totals = _episode(config, scenario, worlds, teacher, networks, share, rng)
        steps += played
        welfare.append(totals)
        heard |= {role: heard[role].and_more(new) if role in heard else new for role, new in more.items()}
    return heard, steps, float(np.concatenate(welfare).mean())


def _episode(
    config: TrainConfig,
    scenario: Scenario,
    num_envs: int,
    teacher: Cast,
    networks: Mapping[str, Network],
    share: float,
    rng: np.random.Generator,
) -> tuple[dict[str, Lessons], int, NDArray[np.float64]]:
    worlds = VectorEnv([scenario], num_envs, threads=config.threads, autoreset=False, copy=False)
    teach = seat(teacher, worlds)
    learners = {role: LearnedPolicy(role, networks[role], deterministic=False) for role in worlds.roles}
    said: dict[str, list[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]] = {
        role: [] for role in worlds.roles
    }
    observations, _ = worlds.reset(seed=rng.integers(TRAINING_SEEDS_START, 2**32, num_envs))
    running, steps = np.ones(num_envs, np.bool_), 0
    welfare = np.zeros(num_envs)
    while running.any():
        labels = teach(observations, rng)
        actions = labels if share == 1.0 else act_all(learners, observations, rng)
        for role, seen in observations.items():
            mask, label = seen["action_mask"], labels[role]
            legal = np.take_along_axis(mask, label[..., None], 2)[..., 0] != 0
            where = (mask.sum(2) > 1) & legal & running[:, None]
            packed = np.empty((int(where.sum()), packed_size(role)), np.float32)
            packed[:, : layout.OBSERVATION_SIZE] = seen["observation"][where]
            packed[:, layout.OBSERVATION_SIZE :] = mask[where]
            seats = np.flatnonzero(where)
            said[role].append((packed, label[where], seats, np.full(len(seats), steps)))
            actions[role] = np.where(rng.random(label.shape) < share, label, actions[role])
        steps += int(running.sum())
        observations, _, terminations, _, infos = worlds.step(actions)
        ended = terminations & running
        if ended.any():
            welfare[ended] = infos["episode"][TOTALS[0]][ended]
        running &= ~terminations
    worlds.close()
    heard = {}
    for role, parts in said.items():
        packed, label, seats, when = (np.concatenate(column) for column in zip(*parts, strict=True))
        longest = int(np.bincount(seats).max()) if len(seats) and config.memory != "none" else 1
        heard[role] = Lessons(packed, label, cut_in_sequences(seats, when, np.zeros_like(seats), longest))
    return heard, steps, welfare


def _logits(network: Network, lessons: Lessons, sequences: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Masked logits ``(n, actions)`` at the decisions of these sequences, and the teacher's actions there."""
    index = torch.from_numpy(lessons.index[sequences])
    valid = index >= 0
    rows = index[valid]
    packed = torch.from_numpy(lessons.packed)[rows]
    observation, mask = packed[:, : layout.OBSERVATION_SIZE], packed[:, layout.OBSERVATION_SIZE :]
    run = network
    if isinstance(network, MemoryPolicyNetwork):
        run = partial(network.over, memory=torch.zeros(len(index), network.hidden), valid=valid)  # type: ignore[assignment]
    return run(observation, mask), torch.from_numpy(lessons.label)[rows]


def _pieces(lessons: Lessons, size: int) -> int:
    return max(1, -(-len(lessons.label) // size))


@torch.no_grad()
def _agreement(network: Network, lessons: Lessons) -> float:
    same = 0
    for part in np.array_split(np.arange(len(lessons.index)), _pieces(lessons, 4096)):
        logits, label = _logits(network, lessons, part)
        same += int((logits.argmax(-1) == label).sum())
    return same / max(1, len(lessons.label))


def _study(network: Network, lessons: Lessons, config: TrainConfig, shuffle: torch.Generator) -> float:
    """Train on the lessons; the mean loss of the last pass."""
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.SGD
    optimizer = kind(network.parameters(), config.lr)
    total, count = 0.0, 0
    network.train()
    for _ in range(EPOCHS):
        total, count = 0.0, 0
        for part in torch.randperm(len(lessons.index), generator=shuffle).tensor_split(
            _pieces(lessons, config.minibatch)
        ):
            logits, label = _logits(network, lessons, part.numpy())
            loss = cross_entropy(logits, label)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), config.grad_clip)
            optimizer.step()
            total, count = total + float(loss.detach()) * len(label), count + len(label)
    return total / max(1, count)
