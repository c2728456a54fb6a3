"""Generalised advantage estimation from decision to decision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def semi_markov_advantages(
    rewards: NDArray[np.float32],
    values: NDArray[np.float32],
    decisions: NDArray[np.bool_],
    terminated: NDArray[np.bool_],
    after: NDArray[np.float32],
    gamma: float,
    gae_lambda: float,
) -> NDArray[np.float32]:
    """Generalised advantage estimation (Schulman et al. 2016) from decision to decision, many seats at once.

    Args:
        rewards: of each step and seat ``(steps, seats)``.
        values: of each state, read at decisions only ``(steps, seats)``.
        decisions: whether the seat had a choice ``(steps, seats)``.
        terminated: whether the episode ended with the step ``(steps, seats)``.
        after: value of the state after the last step, used where the episode goes on ``(seats,)``.
        gamma: discount per step.
        gae_lambda: decay per decision.

    Returns:
        Advantages ``(steps, seats)``, meaningful at decisions.
    """
    advantages = np.zeros_like(rewards)
    ahead_value = after.astype(np.float64)
    ahead_advantage = np.zeros_like(ahead_value)
    earned = np.zeros_like(ahead_value)
    elapsed = np.ones_like(ahead_value)
    for t in range(len(rewards) - 1, -1, -1):
        ended = terminated[t]
        for array, value in ((ahead_value, 0.0), (ahead_advantage, 0.0), (earned, 0.0), (elapsed, 1.0)):
            array[ended] = value
        earned = rewards[t] + gamma * earned
        elapsed = gamma * elapsed
        chose = decisions[t]
        advantage = earned + elapsed * ahead_value - values[t] + elapsed * gae_lambda * ahead_advantage
        advantages[t][chose] = advantage[chose]
        ahead_advantage = np.where(chose, advantage, ahead_advantage)
        ahead_value = np.where(chose, values[t], ahead_value)
        earned = np.where(chose, 0.0, earned)
        elapsed = np.where(chose, 1.0, elapsed)
    return advantages
