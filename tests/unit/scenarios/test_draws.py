"""Keyed draws: the same key the same number, other keys unrelated ones."""

import math

import numpy as np
import pytest

from patchpact.scenarios.draws import between, log_normal, normal, pick, uniform


def test_a_key_gives_one_number() -> None:
    assert uniform(1, "a", 2, 3) == uniform(1, "a", 2, 3)
    keys = [(seed, purpose, uid, k) for seed in (0, 1) for purpose in "ab" for uid in (0, 1) for k in (0, 1)]
    assert len({uniform(*key) for key in keys}) == len(keys)


def test_draws_stay_as_they_are() -> None:
    """Every drawn world rests on these numbers: a change of them is a change of all scenarios."""
    assert uniform(0, "effort", 0) == 0.6737046836749447
    assert normal(7, "fee", 123456, 2) == pytest.approx(-0.6990949733835855, rel=1e-12)


def test_uniform_over_uids_indices_and_seeds() -> None:
    for numbers in (
        [uniform(5, "x", uid) for uid in range(20_000)],
        [uniform(5, "x", 9, index) for index in range(20_000)],
        [uniform(seed, "a", 9) for seed in range(20_000)],
    ):
        array = np.array(numbers)
        assert array.min() > 0
        assert array.max() < 1
        expected = np.arange(1, len(array) + 1) / len(array)
        assert np.abs(np.sort(array) - expected).max() < 0.015  # Kolmogorov-Smirnov, 1% point .0115
        assert abs(np.corrcoef(array[:-1], array[1:])[0, 1]) < 0.03


def test_normal_and_log_normal() -> None:
    z = np.array([normal(1, "z", uid) for uid in range(20_000)])
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - 1) < 0.03
    assert log_normal(5.0, 0.3, 1, "z", 4) == pytest.approx(5 * math.exp(0.3 * z[4]))
    assert 2 < between(2, 3, 1, "z", 4) < 3


def test_pick_follows_the_weights() -> None:
    cumulative = [1.0, 3.0, 6.0]
    counts = np.bincount([pick(cumulative, uniform(1, "p", uid)) for uid in range(12_000)], minlength=3)
    assert counts / 12_000 == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=0.02)
    assert pick(cumulative, 1.0) == 2


def test_large_seeds_and_uids() -> None:
    assert 0 < uniform(2**63 - 1, "x", 2**31 - 1, 10**6) < 1
