"""RLlib's PPO for service agents: one shared actor that sees a service, one critic that sees the whole world (CTDE)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from torch import Tensor, nn

from patchpact.agents.policies.network import compress, small
from patchpact.agents.policies.service_learned import ServiceNetwork
from patchpact.agents.roles import layout
from patchpact.envs.service_layout import SERVICE_SIZE
from patchpact.envs.service_view import STATE_WIDTH
from patchpact.scenarios import Scenario
from patchpact.training.config import TrainConfig
from patchpact.training.rllib.algorithm import BatchedPPO
from patchpact.training.rllib.learner import NegotiationLearner
from patchpact.training.rllib.runner import BatchedRunner
from patchpact.training.rllib.trainer import Trainer, ppo_settings
from patchpact.training.service_rollout import ACTIONS, ServiceSampler, packed_width
from patchpact.training.services import ROLE


class CentralValue(nn.Module):
    """Value of the whole world: every service embedded by the same weights, their mean and maximum read together.

    Args:
        hidden: width of the hidden layer, and of mean and maximum together.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        width = max(hidden // 2, 1)  # every decision of a window looks at all services: what this costs is the training
        self.embed = nn.Sequential(nn.Linear(STATE_WIDTH, width), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(2 * width, hidden), nn.ReLU(), small(nn.Linear(hidden, 1), 0.1))

    def forward(self, state: Tensor) -> Tensor:
        """Values ``(n,)`` of states ``(n, services * STATE_WIDTH)``."""
        embedded = self.embed(compress(state).unflatten(1, (-1, STATE_WIDTH)))
        value: Tensor = self.head(torch.cat([embedded.mean(1), embedded.amax(1)], 1))
        return value[:, 0]


class ServiceModule(TorchRLModule, ValueFunctionAPI):
    """The services' actor and critic behind RLlib's interface; illegal actions get no probability.

    An observation is packed (``service_rollout.packed_width``): the actor reads its service and mask, the critic the
    state behind them and nothing else. ``model_config``: ``hidden`` and ``prior``.
    """

    def setup(self) -> None:
        """Build the networks."""
        self.policy = ServiceNetwork(self.model_config["hidden"], self.model_config["prior"])
        self.value = CentralValue(self.model_config["hidden"])

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        return {Columns.ACTION_DIST_INPUTS: self.logits(batch[Columns.OBS])}

    def logits(self, packed: Tensor) -> Tensor:
        """Masked logits ``(n, 3)`` of packed observations, with or without the state behind them."""
        scores: Tensor = self.policy(packed[:, :SERVICE_SIZE], packed[:, SERVICE_SIZE : SERVICE_SIZE + ACTIONS])
        return scores

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Values ``(n,)`` of the worlds in which the decisions were made."""
        value: Tensor = self.value(batch[Columns.OBS][:, SERVICE_SIZE + ACTIONS :])
        return value


class ServiceSpaces(MultiAgentEnv):
    """What RLlib asks of an environment before it is built; ``ServiceRunner`` steps none."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.possible_agents = self.agents = [ROLE]
        self.observation_spaces = {ROLE: _space(config["services"])}
        self.action_spaces: dict[str, gym.Space[Any]] = {ROLE: gym.spaces.Discrete(ACTIONS)}


class ServiceRunner(BatchedRunner):
    """Plays whole episodes of ``num_envs_per_env_runner`` worlds, all services at a time."""

    def make_env(self) -> None:
        """See ``EnvRunner.make_env``."""
        given = self.config.env_config
        self.sampler = ServiceSampler(
            given["scenario"], self.config.num_envs_per_env_runner, float(given["coupling_keur"])
        )  # type: ignore[assignment]

    def get_spaces(self) -> dict[str, tuple[gym.Space[Any], gym.Space[Any]]]:
        """See ``EnvRunner.get_spaces``; all services share one module."""
        seen = gym.spaces.Dict({ROLE: _space(self.config.env_config["services"])})
        done = gym.spaces.Dict({ROLE: gym.spaces.Discrete(ACTIONS)})
        return {
            INPUT_ENV_SPACES: (seen, done), INPUT_ENV_SINGLE_SPACES: (seen, done), ROLE: (seen[ROLE], done[ROLE]),
        }  # fmt: skip


def _space(services: int) -> gym.spaces.Box:
    return gym.spaces.Box(-layout.CLIP, layout.CLIP, (packed_width(services),), np.float32)


def _to_module(agent_id: str, *_: Any, **__: Any) -> str:
    return ROLE


class ServicesTrainer(Trainer):
    """PPO on the services of one scenario; ``step``, ``networks`` and ``close`` are ``Trainer``'s.

    Args:
        config: of its settings those count that ``patchpact.training.services`` names.
        scenario: as it is played in training.
        coupling_keur: the penalty for each uncoordinated coupled pair.
    """

    def __init__(self, config: TrainConfig, scenario: Scenario, coupling_keur: float) -> None:
        self._begin(config, (ROLE,), partial(_rllib_config, config, scenario, coupling_keur))


def _rllib_config(config: TrainConfig, scenario: Scenario, coupling_keur: float) -> PPOConfig:
    """RLlib's configuration of a run; an iteration is an episode in each of ``num_envs`` worlds."""
    windows = int(scenario.parameters["windows"])
    services = len(scenario.services)
    spec = RLModuleSpec(
        module_class=ServiceModule,
        observation_space=_space(services),
        action_space=gym.spaces.Discrete(ACTIONS),
        model_config={"hidden": config.hidden, "prior": config.prior},
    )
    given = {
        "scenario": scenario, "services": services, "coupling_keur": coupling_keur,
        "graphs": 0, "memory": 0,  # BatchedRunner asks for them
    }  # fmt: skip
    return (
        PPOConfig(algo_class=BatchedPPO)
        .environment(ServiceSpaces, env_config=given, disable_env_checking=True)
        .framework("torch")
        .env_runners(
            env_runner_cls=ServiceRunner,
            num_env_runners=0,
            num_envs_per_env_runner=config.num_envs,
            rollout_fragment_length=windows,
            batch_mode="truncate_episodes",
        )
        .learners(learner_class=NegotiationLearner)
        .multi_agent(policies=(ROLE,), policy_mapping_fn=_to_module)
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={ROLE: spec}))
        .training(
            train_batch_size_per_learner=config.num_envs * windows,
            minibatch_size=min(config.minibatch, config.num_envs * windows),
            use_critic=True,
            **ppo_settings(config),
        )
        .debugging(seed=config.seed, log_level="ERROR")
    )
