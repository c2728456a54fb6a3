"""What a rollout keeps: decisions of a role, packed in arrays.

Only decisions are kept: steps in which an agent has more than one legal action. What is earned between two
decisions of an agent belongs to the first (the game is semi-Markov between them), so forced steps carry no policy
gradient, train no value and cost neither memory nor compute. Nothing here imports ray.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from patchpact.agents.roles import action_names, layout
from patchpact.training.central import BEYOND_SIZE

LOG_MONEY_SCALE = layout.global_feature("log_money_scale")

Logits = Callable[[Tensor], Tensor]
"""Packed observations ``(n, packed_size(role))`` to masked logits ``(n, actions)``."""
Recall = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Packed observations and memories ``(n, memory)`` to masked logits and the memories after."""
Values = Callable[[Tensor], Tensor]
"""Packed observations to values ``(n,)``."""


def packed_size(role: str, central: bool = False) -> int:
    """Length of a role's packed observation: observation, action mask, and what a central critic sees beside."""
    return layout.OBSERVATION_SIZE + len(action_names(role)) + (BEYOND_SIZE if central else 0)


def money_unit_keur(observation: NDArray[np.float32]) -> NDArray[np.float64]:
    """k€ in a training reward of 1: scenarios of very different size weigh alike. ``(..., D)`` to ``(...)``."""
    return np.asarray(10.0 ** observation[..., LOG_MONEY_SCALE].astype(np.float64))


@dataclass(frozen=True)
class Player:
    """What a role plays with during a rollout."""

    logits: Logits
    values: Values | None = None
    """None: without a value network, as where advantages are measured against a greedy player."""
    recall: Recall | None = None
    """Takes the place of ``logits`` where the policy remembers."""


@dataclass(frozen=True)
class Sequences:
    """A role's decisions as pieces of episodes, for a policy that remembers."""

    index: NDArray[np.int64]  # (sequences, length) which decision; -1 behind a sequence's last
    memory: Tensor  # (sequences, memory) before each sequence


@dataclass
class Decisions:
    """A role's decisions of a rollout, ordered by step; n of them."""

    packed: Tensor  # (n, packed_size)
    actions: Tensor  # (n,)
    logp: Tensor  # (n,)
    logits: Tensor  # (n, actions)
    advantages: Tensor  # (n,) as estimated, not scaled
    targets: Tensor  # (n,) of the value network, where there is one
    sequences: Sequences | None = None


@dataclass
class Played:
    """What a rollout brought: decisions by role, and totals of the episodes that ended in it."""

    decisions: dict[str, Decisions]
    env_steps: int
    agent_steps: int
    welfare_keur: NDArray[np.float64]  # (episodes,)
    returns: dict[str, NDArray[np.float64]]  # by role, mean over its agents (episodes,)
    lengths: NDArray[np.int64]  # (episodes,) env-steps


@dataclass
class Kept:
    """A role's growing arrays during a rollout."""

    packed: NDArray[np.float32]  # (room, packed_size)
    actions: NDArray[np.int64]  # (room,)
    logp: NDArray[np.float32]  # (room,)
    logits: NDArray[np.float32]  # (room, actions)
    memory: NDArray[np.float32]  # (room, memory) before the decision
    step: NDArray[np.int64]  # (room,)
    seat: NDArray[np.int64]  # (room,)
    count: int = 0

    @classmethod
    def room_for(cls, role: str, rows: int, central: bool = False, memory: int = 0) -> Kept:
        """Empty arrays for so many decisions."""
        actions = len(action_names(role))
        return cls(
            packed=np.empty((rows, packed_size(role, central)), np.float32),
            actions=np.empty(rows, np.int64),
            logp=np.empty(rows, np.float32),
            logits=np.empty((rows, actions), np.float32),
            memory=np.empty((rows, memory), np.float32),
            step=np.empty(rows, np.int64),
            seat=np.empty(rows, np.int64),
        )

    def next(self, rows: int) -> Kept:
        """Views of the next rows, which count as kept from now on."""
        here = slice(self.count, self.count + rows)
        self.count = here.stop
        return Kept(
            packed=self.packed[here],
            actions=self.actions[here],
            logp=self.logp[here],
            logits=self.logits[here],
            memory=self.memory[here],
            step=self.step[here],
            seat=self.seat[here],
        )


def cut_in_sequences(
    seat: NDArray[np.int64], step: NDArray[np.int64], episode: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Cut decisions into pieces in which one seat goes through one episode.

    Args:
        seat: who decided ``(n,)``.
        step: when ``(n,)``, any order.
        episode: a number for each episode of a seat ``(n,)``.
        length: the longest piece.

    Returns:
        Which decision stands where ``(sequences, length)``, in the order of steps; -1 behind a piece's last.
    """
    order = np.lexsort((step, episode, seat))
    if not len(order):
        return np.empty((0, length), np.int64)
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(seat[order]) != 0) | (np.diff(episode[order]) != 0)
    start = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    place = (np.arange(len(order)) - start) % length
    index = np.full((int((place == 0).sum()), length), -1, np.int64)
    index[np.cumsum(place == 0) - 1, place] = order
    return index


def pack_rows(
    out: NDArray[np.float32],
    rows: NDArray[np.int64],
    observation: NDArray[np.float32],
    mask: NDArray[np.int8],
    beyond: NDArray[np.float32] | None = None,
) -> None:
    """Write packed observations of the seats ``rows`` into ``out`` ``(len(rows), packed_size)``.

    Args:
        out: where to.
        rows: seats.
        observation: of all seats ``(seats, D)``.
        mask: of all seats ``(seats, actions)``.
        beyond: what a central critic sees beside, of each of the rows ``(len(rows), BEYOND_SIZE)``.
    """
    end = out.shape[1] if beyond is None else out.shape[1] - beyond.shape[1]
    np.take(observation, rows, 0, out=out[:, : layout.OBSERVATION_SIZE], mode="clip")
    out[:, layout.OBSERVATION_SIZE : end] = mask[rows, : end - layout.OBSERVATION_SIZE]
    if beyond is not None:
        out[:, end:] = beyond
