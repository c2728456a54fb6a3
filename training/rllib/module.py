"""The masked module of a role for RLlib: the package's own networks behind RLlib's interface."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis.value_function_api import ValueFunctionAPI
from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule
from torch import Tensor, nn

from patchpact.agents.policies.memory import MemoryPolicyNetwork
from patchpact.agents.policies.networks import build_value_network, leaning_network, new_policy_network
from patchpact.agents.roles import layout
from patchpact.training.central import BEYOND_SIZE, CentralCritic
from patchpact.training.rllib.distribution import MaskedCategorical

MEMORY = "memory_before"
"""Column of the memory before each sequence ``(sequences, hidden)``."""


def unpack(packed: Tensor, actions: int | None = None) -> tuple[Tensor, Tensor]:
    """Observation ``(n, D)`` and mask ``(n, actions)`` of packed observations; what follows is a central critic's."""
    end = None if actions is None else layout.OBSERVATION_SIZE + actions
    return packed[:, : layout.OBSERVATION_SIZE], packed[:, layout.OBSERVATION_SIZE : end]


class RoleModule(TorchRLModule, ValueFunctionAPI):
    """Policy and value network of a role. Illegal actions get no probability, in training and in inference.

    ``model_config``: the role's ``action_names``, and of the run's settings ``network``, ``hidden``, ``prior``,
    ``anchor``, ``welfare_share``, ``memory``, ``baseline`` and ``critic``; with baseline ``"rollout"`` there is no
    value network.

    A batch has a row for each decision. Where the policy remembers it has one for each sequence of decisions, padded,
    with a loss mask and the memory before (``MEMORY``); outputs then are of the decisions alone, one behind the other.
    """

    def setup(self) -> None:
        """Build the networks."""
        given = self.model_config
        self.action_dist_cls = MaskedCategorical
        self.actions = len(given["action_names"])
        self.policy = new_policy_network(
            given["action_names"],
            given["hidden"],
            given["network"],
            given["memory"],
            given["prior"],
            given["welfare_share"],
        )
        self.value: nn.Module | None = None
        if given["baseline"] == "value" and given["critic"] == "central":
            self.value = CentralCritic(given["hidden"], given["network"])
        elif given["baseline"] == "value":
            self.value = build_value_network(given["hidden"], given["network"])
        # In a list: it is not trained and in no checkpoint.
        self._start: list[nn.Module] = [self._leaning()] if given["anchor"] else []

    def _leaning(self) -> nn.Module:
        """The policy that ``prior`` makes, the same in every process."""
        given = self.model_config
        with torch.random.fork_rng(devices=[]):  # initial weights do not hang on whether there is an anchor
            found = leaning_network(given["action_names"], given["network"], given["prior"], given["welfare_share"])
        return found.requires_grad_(False)

    def departure(self, packed: Tensor, logits: Tensor) -> Tensor:
        """Divergence (KL) ``(n,)`` of these masked logits ``(n, actions)`` from the policy that ``prior`` makes."""
        start = self._start[0]
        with torch.no_grad():
            there = torch.log_softmax(start.to(packed.device)(*unpack(packed, self.actions)), -1)
        here = torch.log_softmax(logits, -1)
        return (here.exp() * (here - there)).sum(-1)

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        packed = batch[Columns.OBS]
        if isinstance(self.policy, MemoryPolicyNetwork):
            valid = batch[Columns.LOSS_MASK]
            logits = self.policy.over(*unpack(packed[valid], self.actions), batch[MEMORY], valid)
            return {Columns.ACTION_DIST_INPUTS: logits}
        return {Columns.ACTION_DIST_INPUTS: self.logits(packed)}

    def logits(self, packed: Tensor) -> Tensor:
        """Masked logits ``(n, actions)`` of packed observations, of a policy that does not remember."""
        scores: Tensor = self.policy(*unpack(packed, self.actions))
        return scores

    def recall(self, packed: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Masked logits ``(n, actions)`` and memories after, of a policy that remembers."""
        logits, after = self.policy(*unpack(packed, self.actions), memory)
        return logits, after

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """Values ``(n,)`` of the batch's observations."""
        packed = batch[Columns.OBS]
        observation, _ = unpack(packed, self.actions)
        assert self.value is not None
        if isinstance(self.value, CentralCritic):
            value: Tensor = self.value(observation, packed[:, -BEYOND_SIZE:])
        else:
            value = self.value(observation)
        return value
