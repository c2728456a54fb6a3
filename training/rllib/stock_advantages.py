"""Advantages between real decisions: steps with a single legal action are no decisions.

Most steps of the game leave an agent one legal action (it is not the proposer, it may not vote). The game is
semi-Markov between the steps at which it can choose: what is earned on the way belongs to the decision
before. Forced steps then carry no policy gradient, train no value, and cost no compute.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from patchpact.training.rllib.module import unpack


def decision_advantages(
    values: NDArray[np.float64],
    rewards: NDArray[np.float64],
    decisions: NDArray[np.bool_],
    ends: NDArray[np.bool_],
    terminated: NDArray[np.bool_],
    gamma: float,
    gae_lambda: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Generalised advantage estimation over decisions only.

    Args:
        values: value of each step's state, read only at decisions ``(steps,)``.
        rewards: reward of each step ``(steps,)``.
        decisions: whether more than one action was legal ``(steps,)``.
        ends: whether the step is the last one of its piece of an episode ``(steps,)``.
        terminated: whether the episode ended with the step ``(steps,)``.
        gamma: discount per step.
        gae_lambda: decay per decision.

    Returns:
        Indices of the decisions that can be learned from, and their advantages. A piece that was cut before
        its episode ended bootstraps from the value at its last decision, which is itself left out.
    """
    kept: list[int] = []
    advantages: list[float] = []
    ahead_value: float | None = 0.0
    ahead_advantage = earned = 0.0
    elapsed = 1.0
    for t in range(len(rewards) - 1, -1, -1):
        if ends[t]:
            ahead_value = 0.0 if terminated[t] else None
            ahead_advantage = earned = 0.0
            elapsed = 1.0
        earned = rewards[t] + gamma * earned
        elapsed *= gamma
        if not decisions[t]:
            continue
        if ahead_value is not None:
            delta = earned + elapsed * ahead_value - values[t]
            ahead_advantage = delta + elapsed * gae_lambda * ahead_advantage
            kept.append(t)
            advantages.append(ahead_advantage)
        ahead_value, earned, elapsed = float(values[t]), 0.0, 1.0
    return np.array(kept[::-1], dtype=np.int64), np.array(advantages[::-1], dtype=np.float64)


class DecisionAdvantages(ConnectorV2):
    """Learner connector in the place of RLlib's advantage estimation; keeps only decisions in the batch."""

    def __init__(self, gamma: float, gae_lambda: float) -> None:
        super().__init__()
        self.gamma = gamma
        self.gae_lambda = gae_lambda

    def __call__(self, *, rl_module: Any, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add advantages and value targets to each module's batch and drop its forced steps."""
        for module_id, columns in batch.items():
            real = columns[Columns.LOSS_MASK].bool()
            _, mask = unpack(columns[Columns.OBS])
            decisions = (mask.sum(-1) > 1) & real
            values = torch.zeros(len(real))
            with torch.no_grad():
                where = decisions.nonzero().squeeze(-1)
                values[where] = rl_module[module_id].compute_values({Columns.OBS: columns[Columns.OBS][where]}).cpu()
            # RLlib closes each piece of an episode with one artificial step outside the loss mask.
            steps = real.nonzero().squeeze(-1).cpu().numpy()
            ends = ~real.roll(-1).cpu().numpy()[steps]
            kept, advantages = decision_advantages(
                values.double().numpy()[steps],
                columns[Columns.REWARDS].double().cpu().numpy()[steps],
                decisions.cpu().numpy()[steps],
                ends,
                columns[Columns.TERMINATEDS].bool().cpu().numpy()[steps],
                self.gamma,
                self.gae_lambda,
            )
            rows = torch.from_numpy(steps[kept]).to(real.device)
            batch[module_id] = {name: column[rows] for name, column in columns.items() if name != Columns.LOSS_MASK}
            targets = advantages + values.double().numpy()[steps[kept]]
            spread = max(1e-6, float(advantages.std())) if len(kept) else 1.0
            scaled = (advantages - advantages.mean()) / spread if len(kept) else advantages
            for name, numbers in (
                (Postprocessing.ADVANTAGES, scaled),
                (Postprocessing.VALUE_TARGETS, targets),
            ):
                batch[module_id][name] = torch.from_numpy(numbers.astype(np.float32)).to(real.device)
        return {module_id: columns for module_id, columns in batch.items() if len(columns[Columns.ACTIONS])}
