"""Welfare of a learned policy on a fixed set of worlds, stepped side by side; picks the best checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from patchpact.agents.policies import act_all
from patchpact.agents.policies.learned import LearnedPolicy
from patchpact.agents.policies.networks import build_policy_network, with_memory
from patchpact.agents.roles import action_names
from patchpact.envs import make_vec
from patchpact.training.config import VALIDATION_SEEDS_START, TrainConfig
from patchpact.training.decisions import money_unit_keur


def learned_policies(networks: Mapping[str, Mapping[str, Tensor]], config: TrainConfig) -> dict[str, LearnedPolicy]:
    """By role the policy with these states of its network."""
    policies = {}
    for role, weights in networks.items():
        network = with_memory(
            build_policy_network(action_names(role), config.hidden, config.network), config.hidden, config.memory
        )
        network.load_state_dict(weights)
        policies[role] = LearnedPolicy(role, network)
    return policies


class Validation:
    """The run's validation worlds: same seeds every time, losses booked as in training.

    Args:
        config: the run's settings.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.worlds = [
            make_vec(scenario, num_envs=config.validation_episodes, **config.world_overrides)
            for scenario in config.scored
        ]

    def welfare(self, policies: Mapping[str, LearnedPolicy]) -> float:
        """Mean welfare, in units of each world's money scale, when ``policies`` (by role) act."""
        return float(np.mean([_mean_welfare(worlds, policies) for worlds in self.worlds]))


def _mean_welfare(worlds: Any, policies: Mapping[str, LearnedPolicy]) -> float:
    rng = np.random.default_rng(0)
    players = {role: policy.fresh() for role, policy in policies.items()}
    observations, _ = worlds.reset(seed=VALIDATION_SEEDS_START)
    first = next(iter(observations.values()))["observation"]
    unit_keur = money_unit_keur(first[:, 0])
    welfare_keur = np.zeros(worlds.num_envs)
    running = np.ones(worlds.num_envs, dtype=bool)
    while running.any():
        observations, _, terminations, truncations, infos = worlds.step(act_all(players, observations, rng))
        welfare_keur += np.where(running, infos["welfare_keur"], 0.0)
        running &= ~(terminations | truncations)
    return float(np.mean(welfare_keur / unit_keur))
