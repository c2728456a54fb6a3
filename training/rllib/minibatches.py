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


def even_minibatches(
    batch: MultiAgentBatch, epochs: int, size: int, pieces: int | None = None
) -> Iterator[MultiAgentBatch]:
    """Shuffle each role's rows in every epoch and cut them into the same number of pieces.

    Rows are shuffled by the CPU's stream, on any device: the order is the same on a GPU.

    Args:
        batch: rows of each module; modules may have different numbers of rows. A row is a decision, or a sequence of
            decisions with a loss mask, which stays whole.
        epochs: passes over all rows.
        size: largest number of decisions of a module in a piece; of sequences, on average, and at least one sequence.
        pieces: cut into so many instead, each with rows of every module (rows stand in several where there are too
            few): learners that work side by side wait for each other at every step of every module.
    """
    rows = {module_id: len(columns) for module_id, columns in batch.policy_batches.items()}
    most = max(map(decisions, batch.policy_batches.values()))
    count = pieces or max(1, min(math.ceil(most / size), max(rows.values())))
    for _ in range(epochs):
        orders = {}
        for module_id, columns in batch.policy_batches.items():
            order = torch.randperm(rows[module_id])
            if pieces and len(order) < pieces:
                order = order.repeat(math.ceil(pieces / len(order)))[:pieces]
            orders[module_id] = order.to(_device(columns)).tensor_split(count)
        for piece in range(count):
            taken = {
                module_id: SampleBatch({name: column[orders[module_id][piece]] for name, column in columns.items()})
                for module_id, columns in batch.policy_batches.items()
                if len(orders[module_id][piece])
            }
            yield MultiAgentBatch(taken, env_steps=max(len(columns) for columns in taken.values()))


def decisions(columns: SampleBatch) -> int:
    """How many decisions stand in a module's rows, each of which may be a sequence of them."""
    return int(columns[Columns.LOSS_MASK].sum()) if Columns.LOSS_MASK in columns else len(columns)


def shareable(batch: MultiAgentBatch, learners: int) -> MultiAgentBatch:
    """``batch`` without the modules of which RLlib could not give rows to each of so many learners."""
    kept = {
        module_id: columns
        for module_id, columns in batch.policy_batches.items()
        if len(columns) > math.ceil(len(columns) / learners) * (learners - 1)
    }
    return MultiAgentBatch(kept, env_steps=batch.env_steps())


def _device(columns: SampleBatch) -> torch.device | str:
    column = next(iter(columns.values()))
    return column.device if isinstance(column, torch.Tensor) else "cpu"
