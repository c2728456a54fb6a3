"""A policy network that remembers: a GRU over an agent's own decisions.

What the network makes of an observation is its trunk; a gated recurrent unit (Cho et al. 2014) reads the trunk of each
of the agent's decisions, and its state is added to the trunk before actions are scored. Steps at which one action is
legal leave the memory as it is, in training and in play. Nothing here imports ray.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from patchpact.agents.policies.network import FlatPolicyNetwork, PolicyNetwork, small

MEMORIES = ("none", "gru")
"""Kinds of memory a policy network can have."""


class MemoryPolicyNetwork(nn.Module):
    """A policy network with a memory in front of its heads.

    Args:
        base: the network without a memory.
        hidden: width of its trunk, and of the memory.
    """

    def __init__(self, base: PolicyNetwork | FlatPolicyNetwork, hidden: int) -> None:
        super().__init__()
        self.base = base
        self.hidden = hidden
        self.cell = nn.GRU(hidden, hidden, batch_first=True)
        self.recall = small(nn.Linear(hidden, hidden), 0.1)

    def forward(self, observation: Tensor, mask: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One decision of each of n agents.

        Args:
            observation: ``(n, size)``.
            mask: ``(n, actions)``.
            memory: before the decision ``(n, hidden)``; zeros where an episode starts.

        Returns:
            Masked logits ``(n, actions)`` and the memory after the decision ``(n, hidden)``.
        """
        valid = torch.ones(len(observation), 1, dtype=torch.bool)
        return self._over(observation, mask, memory, valid)

    def over(self, observation: Tensor, mask: Tensor, memory: Tensor, valid: Tensor) -> Tensor:
        """Decisions of many agents in sequences, gradients through time included.

        Args:
            observation: of the n decisions, sequence by sequence ``(n, size)``.
            mask: ``(n, actions)``.
            memory: before each sequence ``(sequences, hidden)``.
            valid: where a sequence has a decision, n times true ``(sequences, length)``; the rest is padding behind it.

        Returns:
            Masked logits ``(n, actions)``.
        """
        return self._over(observation, mask, memory, valid)[0]

    def _over(self, observation: Tensor, mask: Tensor, memory: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        base: Any = self.base
        trunk, seen = base.look(observation)
        padded = trunk.new_zeros(*valid.shape, self.hidden).masked_scatter(valid.unsqueeze(-1), trunk)
        recalled, after = self.cell(padded, memory.unsqueeze(0).contiguous())
        logits: Tensor = base.score(trunk + self.recall(recalled[valid]), seen, mask)
        return logits, after[0]
