"""A central critic: a value network that sees the whole world, for training alone.

Multi-agent PPO with a centralised value function (Yu et al., "The surprising effectiveness of PPO in cooperative
multi-agent games", NeurIPS 2022), with the agent-specific state that they recommend: the agent's own observation, and
beside it what it cannot see. That is, of every role the mean over its agents of what each knows alone, and the hidden
truth of every agenda row. Means and rows keep their sizes however many agents and services a world has, so one critic
serves a mixture of scenarios. Acting needs none of it, and an exported policy carries none.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from patchpact.agents.policies.network import FlatValueNetwork, ObservationShape, ValueNetwork
from patchpact.agents.policies.networks import current_shape
from patchpact.agents.roles import ROLES, layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.truth import TRUTHS, hidden_truth

PRIVATE_ROW = (
    "own_full", "own_canary", "own_mitigate", "own_emergency", "regression", "own_service", "own_component",
    "own_motion",
)  # fmt: skip
"""Row features that differ between the agents of a world; all others are equal for all."""
PRIVATE_GLOBAL = (
    "is_proposer", "may_vote", "budget_left", "motion_own_gain", "liability", "freeze", "night_hours", "price", "trust",
    "rating", "claimed", "true_level", "effort_level", "caught", "shaded", "insured", "premium", "negligence",
    "credits", "intensity", "bid", "module_scan", "module_prioritise", "module_patch_bot", "module_measurement",
    "module_esg_report", "module_forecast", "module_placebo", "proving", "equity", "small", "platform", "gone",
)  # fmt: skip
"""Global features that differ between the agents of a world."""

_ROW_WIDTH = len(ROLES) * len(PRIVATE_ROW) + len(TRUTHS)
_GLOBAL_WIDTH = len(ROLES) * (len(PRIVATE_GLOBAL) + 1)
_ROWS_SIZE = layout.AGENDA_ROWS * _ROW_WIDTH
BEYOND_SIZE = _ROWS_SIZE + _GLOBAL_WIDTH
"""Entries that the critic of an agent sees beside the agent's observation."""

_COLUMNS = np.array(
    [row * layout.ROW_WIDTH + layout.row_feature(f) for row in range(layout.AGENDA_ROWS) for f in PRIVATE_ROW]
    + [layout.global_feature(f) for f in PRIVATE_GLOBAL]
)


class Beyond:
    """Works out what critics see beside observations.

    Args:
        roles: of each seat the place of its role in ``ROLES``, -1 where nobody sits ``(num_envs, agents)``.
    """

    def __init__(self, roles: NDArray[np.int64]) -> None:
        sits = roles[:, None, :] == np.arange(len(ROLES))[None, :, None]
        count = sits.sum(2, keepdims=True)
        self._share = (sits / np.maximum(count, 1)).astype(np.float32)  # (num_envs, roles, agents)
        self._log_count = np.log1p(count).astype(np.float32)  # (num_envs, roles, 1)

    def __call__(self, engine: Engine) -> NDArray[np.float32]:
        """``(num_envs, BEYOND_SIZE)``: the rows, then means of globals and the logarithm of how many play a role."""
        private = engine.state.observation[:, :, _COLUMNS]
        mean = self._share @ private  # (num_envs, roles, columns)
        worlds, split = len(mean), layout.AGENDA_ROWS * len(PRIVATE_ROW)
        by_row = mean[:, :, :split].reshape(worlds, len(ROLES), layout.AGENDA_ROWS, len(PRIVATE_ROW))
        rows = [by_row.swapaxes(1, 2).reshape(worlds, layout.AGENDA_ROWS, -1), hidden_truth(engine)]
        whole = [mean[:, :, split:].reshape(worlds, -1), self._log_count.reshape(worlds, -1)]
        return np.concatenate([np.concatenate(rows, 2).reshape(worlds, -1), *whole], 1, dtype=np.float32)


class CentralCritic(nn.Module):
    """The value network of ``build_value_network`` over wider rows and globals.

    Args:
        hidden: width of the hidden layers.
        kind: ``"rows"`` or ``"flat"``.
    """

    def __init__(self, hidden: int, kind: str = "rows") -> None:
        super().__init__()
        own = current_shape()
        self.own = own
        self.shape = ObservationShape(
            own.rows, own.row_width + _ROW_WIDTH, own.slots, own.slot_width, own.global_width + _GLOBAL_WIDTH
        )
        horizon = layout.global_feature("horizon") - layout.GLOBALS_START
        self.network = (
            FlatValueNetwork(self.shape.size, hidden) if kind == "flat" else ValueNetwork(self.shape, horizon, hidden)
        )

    def forward(self, observation: Tensor, beyond: Tensor) -> Tensor:
        """Values ``(n,)`` for observations ``(n, D)`` and what is beside them ``(n, BEYOND_SIZE)``."""
        rows, slots, globals_ = self.own.split(observation)
        more = beyond[:, :_ROWS_SIZE].unflatten(1, (self.own.rows, _ROW_WIDTH))
        parts = [torch.cat([rows, more], -1).flatten(1), slots.flatten(1), globals_, beyond[:, _ROWS_SIZE:]]
        value: Tensor = self.network(torch.cat(parts, -1))
        return value
