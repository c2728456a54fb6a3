"""Packed spaces, and an environment that carries nothing but them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from patchpact.agents.roles import action_names, layout
from patchpact.training.decisions import packed_size


def packed_space(role: str, central: bool = False) -> gym.spaces.Box:
    """Observation, mask and a central critic's view in one vector: RLlib handles one array much faster than a dict."""
    return gym.spaces.Box(-layout.CLIP, layout.CLIP, (packed_size(role, central),), np.float32)


class Spaces(MultiAgentEnv):
    """What RLlib asks of an environment before it is built: spaces by role. The batched runner steps none."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        roles = config["roles"]
        self.possible_agents = self.agents = list(roles)
        central = config["critic"] == "central"
        self.observation_spaces = {role: packed_space(role, central) for role in roles}
        self.action_spaces: dict[str, gym.Space[Any]] = {
            role: gym.spaces.Discrete(len(action_names(role))) for role in roles
        }
