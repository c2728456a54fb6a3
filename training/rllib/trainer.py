"""One PPO training by RLlib behind five methods; nothing outside this folder knows ray."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from patchpact.agents.roles import action_names
from patchpact.scenarios import load_scenario, scenario_ids
from patchpact.training.config import TrainConfig, roles_played
from patchpact.training.rllib.algorithm import BatchedPPO
from patchpact.training.rllib.connect import start_ray
from patchpact.training.rllib.learner import NegotiationLearner
from patchpact.training.rllib.module import RoleModule
from patchpact.training.rllib.runner import BatchedRunner, seed_streams
from patchpact.training.rllib.spaces import Spaces, packed_space
from patchpact.training.rllib.stock_environment import NegotiationEnv, module_of
from patchpact.training.rllib.stock_runner import FreshWorldsRunner


def env_config(config: TrainConfig, roles: Sequence[str]) -> dict[str, Any]:
    """What the runners need of the run's settings.

    ``worlds`` are pairs of what ``load_scenario`` takes and what to change in it. A file of the user's goes to the
    runners as what it holds: on another machine its path names nothing.
    """
    overrides, bundled = config.world_overrides, scenario_ids()
    return {
        "worlds": [
            (one, overrides) if one in bundled else (load_scenario(one, **overrides), {}) for one in config.scenarios
        ],
        "overrides": overrides,
        "welfare_share": config.welfare_share,
        "graphs": config.graphs,
        "baseline": config.baseline,
        "critic": config.critic,
        "memory": config.hidden if config.memory == "gru" else 0,
        "memory_length": config.memory_length,
        "rollout_length": config.rollout_length,  # RLlib's own evaluation makes its fragments one step long
        "threads": config.threads,
        "roles": tuple(roles),
    }


def build_config(config: TrainConfig, roles: Sequence[str]) -> PPOConfig:
    """RLlib's configuration of the run. Modules stand in order: a set's order would change the curve."""
    specs = {
        role: RLModuleSpec(
            module_class=RoleModule,
            observation_space=packed_space(role, config.critic == "central"),
            action_space=gym.spaces.Discrete(len(action_names(role))),
            model_config={
                "action_names": tuple(action_names(role)),
                "hidden": config.hidden,
                "prior": config.prior,
                "anchor": config.anchor,
                "welfare_share": config.welfare_share,
                "network": config.network,
                "baseline": config.baseline,
                "critic": config.critic,
                "memory": config.memory,
            },
        )
        for role in roles
    }
    batched = config.runner == "batched"
    return (
        PPOConfig(algo_class=BatchedPPO if batched else None)
        .environment(
            Spaces if batched else NegotiationEnv, env_config=env_config(config, roles), disable_env_checking=True
        )
        .framework("torch")
        .env_runners(
            env_runner_cls=BatchedRunner if batched else FreshWorldsRunner,
            num_env_runners=config.num_env_runners,
            num_envs_per_env_runner=config.num_envs,
            rollout_fragment_length=config.rollout_length,
            batch_mode="truncate_episodes",
        )
        .learners(
            learner_class=NegotiationLearner,
            learner_config_dict={"optimizer": config.optimizer, "anchor": config.anchor},
            num_learners=config.num_learners,
            num_gpus_per_learner=config.num_gpus_per_learner,
        )
        .multi_agent(policies=tuple(roles), policy_mapping_fn=_itself if batched else module_of)
        .rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs=specs))
        .training(
            train_batch_size_per_learner=math.ceil(config.steps_per_iteration / max(1, config.num_learners)),
            minibatch_size=min(config.minibatch, config.num_envs * config.rollout_length),
            use_critic=config.baseline == "value",
            **ppo_settings(config),
        )
        .callbacks(on_episode_end=_log_welfare)
        .fault_tolerance(restart_failed_env_runners=True, delay_between_env_runner_restarts_s=1.0)
        .debugging(seed=config.seed, log_level="ERROR")
    )


def ppo_settings(config: TrainConfig) -> dict[str, Any]:
    """What PPO is told of the run's settings, whoever its agents are."""
    return {
        "num_epochs": config.epochs,
        "lr": [[0, config.lr], [config.timesteps, config.lr_end]],
        "gamma": config.gamma,
        "lambda_": config.gae_lambda,
        "clip_param": config.clip,
        "entropy_coeff": [[0, config.entropy], [config.timesteps, config.entropy_end]],
        "vf_loss_coeff": 0.5,
        "vf_clip_param": float("inf"),
        "use_kl_loss": False,
        "grad_clip": config.grad_clip,
    }


def _itself(agent_id: str, *_: Any, **__: Any) -> str:
    """The batched runner knows roles alone: a role's agents are its module's."""
    return agent_id


def _log_welfare(*, episode: Any, metrics_logger: Any, **_: Any) -> None:
    """Log an ended episode's welfare (k€), summed and counted: the mean is over this iteration alone."""
    infos = episode.get_infos(-1)
    totals = next(iter(infos.values())).get("episode", {})
    if "welfare_keur" in totals:
        metrics_logger.log_value("welfare_keur_sum", float(totals["welfare_keur"]), reduce="sum")
        metrics_logger.log_value("welfare_keur_count", 1, reduce="sum")


def _begin_iteration(runner: Any, seed: int, iteration: int) -> None:
    """Sent to every stock runner."""
    runner.begin_iteration(seed, iteration)


class Trainer:
    """PPO on the run's scenarios.

    Args:
        config: the run's settings.

    ``iteration`` counts the iterations done. What an iteration does is a function of the settings,
    ``iteration`` and the state saved by ``save``, so a restored trainer goes on exactly.
    """

    def __init__(self, config: TrainConfig) -> None:
        roles = roles_played(config)
        self._begin(config, roles, partial(build_config, config, roles))

    def _begin(self, config: TrainConfig, roles: Sequence[str], describe: Callable[[], PPOConfig]) -> None:
        """Build what trains these roles' networks as RLlib's configuration describes it."""
        self.config = config
        self.iteration = 0
        self.roles = tuple(roles)
        self._owns_ray = not ray.is_initialized()
        if self._owns_ray:
            start_ray(config)
        torch.set_num_threads(config.threads)
        seed_streams(np.random.SeedSequence([config.seed]))
        logging.getLogger("ray.rllib").setLevel(logging.ERROR)
        logging.getLogger("ray.rllib.utils.actor_manager").setLevel(logging.CRITICAL)  # remote.py tells of losses
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*Overriding environment rllib-multi-agent-env")
                self.algorithm = describe().build_algo()
        except BaseException:  # nobody will close what was never built
            if self._owns_ray:
                ray.shutdown()
            raise
        with suppress(OSError):
            Path(self.algorithm.logdir).rmdir()  # RLlib makes an empty folder per run in the home folder

    def step(self) -> dict[str, float]:
        """One iteration: sample and update. Returns numbers for the progress table, by column."""
        if isinstance(self.algorithm, BatchedPPO):
            self.algorithm.begin_iteration(self.config.seed, self.iteration)
        else:
            begin = partial(_begin_iteration, seed=self.config.seed, iteration=self.iteration)
            self.algorithm.env_runner_group.foreach_env_runner(begin)
        result = self.algorithm.train()
        if not result.get("env_runners", {}).get("num_env_steps_sampled"):
            raise RuntimeError("no runner returned any step; ray's own logs (/tmp/ray/session_latest/logs) say why")
        self.iteration += 1
        return self._numbers(result)

    def _numbers(self, result: Mapping[str, Any]) -> dict[str, float]:
        sampled = result.get("env_runners", {})
        episodes = float(sampled.get("welfare_keur_count", 0))
        returns = sampled.get("module_episode_returns_mean", {})
        numbers = {
            "episodes": episodes,
            "welfare_keur": float(sampled["welfare_keur_sum"]) / episodes if episodes else float("nan"),
        }
        for role in self.roles:
            learned = result.get("learners", {}).get(role, {})
            numbers[f"{role}_return"] = float(returns.get(role, np.nan))
            for name in ("entropy", "policy_loss", "vf_explained_var"):
                numbers[f"{role}_{name}"] = float(learned.get(name, np.nan))
        return numbers

    def networks(self) -> dict[str, dict[str, torch.Tensor]]:
        """State of each role's policy network."""
        states = self.algorithm.learner_group.get_state(components="learner/rl_module")["learner"]["rl_module"]
        return {
            role: {
                name.removeprefix("policy."): torch.as_tensor(value)
                for name, value in states[role].items()
                if name.startswith("policy.")
            }
            for role in self.roles
        }

    def take_networks(self, networks: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
        """Go on with these states of the policy networks, by role."""

        def take(learner: Any) -> None:
            for role, state in networks.items():
                learner.module[role].unwrapped().policy.load_state_dict(state)
            learner._weights_seq_no += 1  # else runners take what they have for the newest

        self.algorithm.learner_group.foreach_learner(take)
        self.algorithm.env_runner_group.sync_weights(
            from_worker_or_learner_group=self.algorithm.learner_group,
            policies=list(self.roles),
            inference_only=False,
        )

    def save(self, folder: Path) -> None:
        """Write everything a later ``restore`` needs into ``folder``."""
        self.algorithm.save_to_path(str(folder.resolve()))

    def restore(self, folder: Path, iteration: int) -> None:
        """Go on from what ``save`` wrote after ``iteration`` iterations."""
        self.algorithm.restore_from_path(str(folder.resolve()))
        self.iteration = iteration

    def close(self) -> None:
        """Stop RLlib, and ray if this trainer started it."""
        self.algorithm.stop()
        if self._owns_ray:
            ray.shutdown()
