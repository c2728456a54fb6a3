"""The game as RLlib's ``MultiAgentEnv``: packed observations, the training reward, a scenario per episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from patchpact.agents.roles import ROLE_INDEX, ROLES, action_names
from patchpact.envs import REWARD_SCALE_KEUR, make
from patchpact.training.config import TRAINING_SEEDS_START
from patchpact.training.decisions import money_unit_keur
from patchpact.training.rllib.spaces import packed_space


def agent_number(agent: str) -> int:
    """RLlib's id of an agent: 1000 times its role's place, plus its number in the role.

    RLlib iterates over sets of agent ids. Those of strings change their order with each process, so equal
    seeds would give different curves; those of numbers do not.
    """
    role, _, number = agent.rpartition("_")
    return 1000 * ROLE_INDEX[role] + int(number)


def module_of(agent_id: int, *_: Any, **__: Any) -> str:
    """RLlib's policy mapping: agents of a role share its module."""
    return ROLES[agent_id // 1000]


def pack(observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The environment's dict observation as one vector, see ``spaces.packed_space``."""
    return np.concatenate([observation["observation"], observation["action_mask"]], dtype=np.float32)


class NegotiationEnv(MultiAgentEnv):
    """Worlds of one or several scenarios, one drawn for every episode.

    The reward is ``(1 - w) * own + w * welfare`` in units of the world's money scale (so that scenarios of
    very different size weigh alike), w the config's welfare share.

    Args:
        config: ``worlds`` (pairs of a scenario and what to change in it), ``welfare_share``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.worlds = [make(source, **changes) for source, changes in config["worlds"]]
        self.welfare_share = float(config["welfare_share"])
        numbers = sorted({agent_number(agent) for world in self.worlds for agent in world.possible_agents})
        self.possible_agents = list(numbers)
        self.agents = list(numbers)
        self.observation_spaces = {number: packed_space(module_of(number)) for number in numbers}
        self.action_spaces: dict[int, gym.Space[Any]] = {
            n: gym.spaces.Discrete(len(action_names(module_of(n)))) for n in numbers
        }
        self.world = self.worlds[0]
        self._names: dict[int, str] = {}
        self._seeds = np.random.default_rng(0)
        self._reward_unit_keur = 1.0

    def start_stream(self, seeds: np.random.SeedSequence) -> None:
        """Draw the seeds of all episodes from now on from ``seeds``."""
        self._seeds = np.random.default_rng(seeds)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Start an episode in a drawn world; ``seed`` is ignored once a stream was started."""
        drawn = int(self._seeds.integers(TRAINING_SEEDS_START, 2**32))
        self.world = self.worlds[int(self._seeds.integers(len(self.worlds)))]
        observations, infos = self.world.reset(seed=drawn)
        self._names = {agent_number(agent): agent for agent in self.world.agents}
        self.agents = list(self._names)
        first = next(iter(observations.values()))["observation"]
        self._reward_unit_keur = float(money_unit_keur(first))
        return self._numbered(observations, pack), self._numbered(infos)

    def step(self, action_dict: dict[int, int]) -> tuple[Any, Any, Any, Any, Any]:
        """One env-step; all agents act and stay to the end."""
        actions = {self._names[number]: action for number, action in action_dict.items()}
        observations, rewards, terminations, truncations, infos = self.world.step(actions)
        mixed = {agent: self._reward(reward, infos[agent]["welfare_keur"]) for agent, reward in rewards.items()}
        terminated = {**self._numbered(terminations), "__all__": all(terminations.values())}
        truncated = {**self._numbered(truncations), "__all__": all(truncations.values())}
        return (
            self._numbered(observations, pack),
            self._numbered(mixed),
            terminated,
            truncated,
            self._numbered(infos),
        )

    def _numbered(self, by_name: Mapping[str, Any], change: Callable[[Any], Any] | None = None) -> dict[Any, Any]:
        """A dict by agent with RLlib's ids, values passed through ``change``."""
        return {n: change(by_name[name]) if change else by_name[name] for n, name in self._names.items()}

    def _reward(self, own: float, welfare_keur: float) -> float:
        own_keur = own * REWARD_SCALE_KEUR
        mixed_keur = (1.0 - self.welfare_share) * own_keur + self.welfare_share * welfare_keur
        return float(mixed_keur / self._reward_unit_keur)

    def close(self) -> None:
        """Close the worlds."""
        for world in self.worlds:
            world.close()
