"""The masked module of a role for RLlib: the package's own networks behind RLlib's interface."""

from __future__ import annotations

from typing import Any

from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor

from patchpact.agents.policies.learned import build_policy_network, build_value_network, lean_towards_gains
from patchpact.agents.roles import layout


def unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Observation ``(n, D)`` and mask ``(n, actions)`` of packed observations."""
    return packed[:, : layout.OBSERVATION_SIZE], packed[:, layout.OBSERVATION_SIZE :]


class RoleModule(TorchRLModule, ValueFunctionAPI):
    """Policy and value network of a role. Illegal actions get no probability, in training and in inference.

    ``model_config``: the role's ``action_names``, and of the run's settings ``hidden``, ``prior``, ``welfare_share``.
    """

    def setup(self) -> None:
        """Build both networks."""
        self.policy = build_policy_network(self.model_config["action_names"], self.model_config["hidden"])
        lean_towards_gains(self.policy, self.model_config["prior"], self.model_config["welfare_share"])
        self.value = build_value_network(self.model_config["hidden"])

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        observation, mask = unpack(batch[Columns.OBS])
        return {Columns.ACTION_DIST_INPUTS: self.policy(observation, mask)}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Values ``(n,)`` of the batch's observations."""
        observation, _ = unpack(batch[Columns.OBS])
        value: Tensor = self.value(observation)
        return value
