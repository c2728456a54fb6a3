"""The masked module of a role for RLlib: the package's own networks behind RLlib's interface."""

from __future__ import annotations

from typing import Any

from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor

from patchpact.agents.policies.learned import build_policy_network, build_value_network, lean_towards_gains
from patchpact.agents.policies.network import PolicyNetwork
from patchpact.agents.roles import layout


def unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Observation ``(n, D)`` and mask ``(n, actions)`` of packed observations."""
    return packed[:, : layout.OBSERVATION_SIZE], packed[:, layout.OBSERVATION_SIZE :]


class RoleModule(TorchRLModule, ValueFunctionAPI):
    """Policy and value network of a role. Illegal actions get no probability, in training and in inference.

    ``model_config``: the role's ``action_names``, and of the run's settings ``network``, ``hidden``, ``prior``,
    ``welfare_share`` and ``baseline``; with baseline ``"rollout"`` there is no value network.
    """

    def setup(self) -> None:
        """Build the networks."""
        given = self.model_config
        self.policy = build_policy_network(given["action_names"], given["hidden"], given["network"])
        if isinstance(self.policy, PolicyNetwork):
            lean_towards_gains(self.policy, given["prior"], given["welfare_share"])
        learned = given["baseline"] == "value"
        self.value = build_value_network(given["hidden"], given["network"]) if learned else None

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        return {Columns.ACTION_DIST_INPUTS: self.logits(batch[Columns.OBS])}

    def logits(self, packed: Tensor) -> Tensor:
        """Masked logits ``(n, actions)`` of packed observations."""
        scores: Tensor = self.policy(*unpack(packed))
        return scores

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Values ``(n,)`` of the batch's observations."""
        observation, _ = unpack(batch[Columns.OBS])
        assert self.value is not None
        value: Tensor = self.value(observation)
        return value
