"""Minibatches in which every role passes over its own decisions equally often.

RLlib's iterator cuts pieces of equal size from each role's rows until the largest role is through, so roles
with few rows would be trained for many more epochs than asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from ray.rllib.core.columns import Columns
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch


def even_minibatches(batch: MultiAgentBatch, epochs: int, size: int) -> Iterator[MultiAgentBatch]:
    """Shuffle each role's rows in every epoch and cut them into the same number of pieces.

    Args:
        batch: rows of each module; modules may have different numbers of rows. A row is a decision, or a sequence of
            decisions with a loss mask, which stays whole.
        epochs: passes over all rows.
        size: largest number of decisions of a module in a piece; of sequences, on average.
    """
    rows = {module_id: len(columns) for module_id, columns in batch.policy_batches.items()}
    pieces = max(1, math.ceil(max(map(_decisions, batch.policy_batches.values())) / size))
    for _ in range(epochs):
        orders = {module_id: torch.randperm(count).tensor_split(pieces) for module_id, count in rows.items()}
        for piece in range(pieces):
            taken = {
                module_id: SampleBatch({name: column[orders[module_id][piece]] for name, column in columns.items()})
                for module_id, columns in batch.policy_batches.items()
                if len(orders[module_id][piece])
            }
            yield MultiAgentBatch(taken, env_steps=max(len(columns) for columns in taken.values()))


def _decisions(columns: SampleBatch) -> int:
    return int(columns[Columns.LOSS_MASK].sum()) if Columns.LOSS_MASK in columns else len(columns)
