"""The distribution of a decision's actions, as RLlib's loss and its own runner use it."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.core.distribution.torch.torch_distribution import TorchCategorical
from torch import Tensor
from torch.distributions import Categorical, Distribution
from torch.distributions.utils import lazy_property


class _Normalised(Categorical):
    """A categorical distribution whose logits are normalised when first asked for, by ``log_softmax``.

    torch's own normalises at once, by a ``logsumexp`` that takes as long as a network's pass here, even where RLlib
    never asks (the old policy's distribution, without a KL loss).
    """

    def __init__(self, logits: Tensor) -> None:
        self._param = logits
        self._num_events = logits.shape[-1]
        Distribution.__init__(self, logits.shape[:-1], validate_args=False)

    @lazy_property
    def logits(self) -> Tensor:
        return torch.log_softmax(self._param, -1)


class MaskedCategorical(TorchCategorical):
    """RLlib's categorical distribution, from logits ``(..., actions)``; illegal actions have very low ones."""

    def _get_torch_distribution(self, logits: Tensor, probs: Any = None) -> Categorical:
        assert probs is None, "of probabilities there is torch's own"
        return _Normalised(logits)
