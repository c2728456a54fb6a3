"""Advantages from decision to decision, against sums written out by hand."""

import numpy as np
import pytest

pytest.importorskip("ray")
from patchpact.training.rllib.stock_advantages import decision_advantages


def advantages(rewards, decisions, ends, terminated, values, gamma=1.0, gae_lambda=1.0):
    return decision_advantages(
        np.array(values, float),
        np.array(rewards, float),
        np.array(decisions, bool),
        np.array(ends, bool),
        np.array(terminated, bool),
        gamma,
        gae_lambda,
    )


def test_rewards_of_forced_steps_belong_to_the_decision_before() -> None:
    kept, got = advantages(
        [1, 2, 4, 8, 16],
        [1, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1],
        [10, 99, 99, 20, 99],
        gae_lambda=0.0,
    )
    assert kept.tolist() == [0, 3]
    assert got.tolist() == [1 + 2 + 4 + 20 - 10, 8 + 16 - 20]


def test_lambda_one_gives_returns_minus_values() -> None:
    kept, got = advantages([1, 2, 4], [1, 1, 1], [0, 0, 1], [0, 0, 1], [5, 6, 7])
    assert kept.tolist() == [0, 1, 2]
    assert got.tolist() == [7 - 5, 6 - 6, 4 - 7]


def test_a_cut_piece_bootstraps_at_its_last_decision_and_leaves_it_out() -> None:
    kept, got = advantages([1, 2, 4, 8], [1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [5, 6, 7, 99])
    assert kept.tolist() == [0, 1]
    assert got.tolist() == [1 + 2 + 7 - 5, 2 + 7 - 6]


def test_pieces_do_not_leak_into_each_other() -> None:
    kept, got = advantages([1, 2, 4, 8], [0, 1, 1, 1], [0, 1, 0, 1], [0, 1, 0, 1], [0, 3, 3, 3])
    assert kept.tolist() == [1, 2, 3]
    assert got.tolist() == [2 - 3, 12 - 3, 8 - 3]


def test_discount_counts_env_steps() -> None:
    kept, got = advantages([1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 4], gamma=0.5, gae_lambda=0.0)
    assert kept.tolist() == [0, 2]
    assert got.tolist() == [1 + 0.5 + 0.25 * 4, 1 - 4]


def test_no_decision_at_all() -> None:
    kept, got = advantages([1, 1], [0, 0], [0, 1], [0, 1], [0, 0])
    assert len(kept) == len(got) == 0
