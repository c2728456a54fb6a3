"""Minibatches of one learner and of several side by side."""

import pytest

pytest.importorskip("ray")
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch

from patchpact.training.rllib.minibatches import even_minibatches, shareable


def batch(**rows: int) -> MultiAgentBatch:
    return MultiAgentBatch({role: SampleBatch({"obs": torch.arange(n)}) for role, n in rows.items()}, env_steps=1)


def test_each_role_passes_over_its_own_rows_once_an_epoch() -> None:
    pieces = list(even_minibatches(batch(it=100, vendor=2), epochs=2, size=30))
    assert len(pieces) == 2 * 4
    for role, rows in (("it", 100), ("vendor", 2)):
        seen = torch.cat([p.policy_batches[role]["obs"] for p in pieces if role in p.policy_batches])
        assert torch.equal(seen.bincount(), torch.full((rows,), 2))


def test_learners_side_by_side_meet_every_role_in_every_piece() -> None:
    pieces = list(even_minibatches(batch(it=100, vendor=2), epochs=1, size=30, pieces=5))
    assert len(pieces) == 5
    assert all(set(piece.policy_batches) == {"it", "vendor"} for piece in pieces)


def test_sequences_that_are_longer_than_a_minibatch_stand_alone() -> None:
    """Ten sequences of 16 decisions, cut for 2 decisions a piece: a sequence each, and none is left out."""
    mask = torch.ones(10, 16, dtype=torch.bool)
    columns = SampleBatch({"obs": torch.arange(10), Columns.LOSS_MASK: mask})
    pieces = list(even_minibatches(MultiAgentBatch({"it": columns}, env_steps=1), epochs=1, size=2))
    seen = [piece.policy_batches["it"]["obs"] for piece in pieces]
    assert [len(one) for one in seen] == [1] * 10
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(10))


@pytest.mark.parametrize(("rows", "learners", "kept"), [(5, 4, False), (10, 4, True), (1, 2, False), (3, 2, True)])
def test_a_role_goes_to_all_learners_or_to_none(rows: int, learners: int, kept: bool) -> None:
    from ray.rllib.utils.minibatch_utils import ShardBatchIterator

    shared = shareable(batch(it=100, vendor=rows), learners)
    assert ("vendor" in shared.policy_batches) == kept
    for shard in ShardBatchIterator(shared, learners):
        assert all(len(columns) for columns in shard.policy_batches.values())
