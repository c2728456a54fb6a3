"""Intervals cover, pairing narrows, and undefined scores say so."""

import math

import numpy as np
import pytest

from patchpact.training import stats


def test_mean_of_equal_values_has_no_width() -> None:
    assert stats.mean(np.full(10, 3.0)) == pytest.approx((3.0, 3.0, 3.0))


def test_one_episode_has_no_interval() -> None:
    value, low, high = stats.mean(np.array([2.0]))
    assert value == 2.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_equal_values_give_equal_intervals() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert stats.mean(values) == stats.mean(values.copy())


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        _, low, high = stats.mean(rng.normal(5.0, 2.0, size=60))
        hits += low <= 5.0 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_pairing_narrows_a_difference() -> None:
    rng = np.random.default_rng(3)
    world = rng.normal(0.0, 100.0, size=80)
    zero, one = world, world + 10.0 + rng.normal(0.0, 1.0, size=80)
    score = stats.score(world + 5.0, zero, one)
    assert score.value == pytest.approx(0.5, abs=0.02)
    assert score.high - score.low < 0.1


def test_sums_come_before_the_ratio() -> None:
    zero = np.zeros(4)
    one = np.array([1.0, 1.0, 1.0, 97.0])
    half = np.array([1.0, 1.0, 1.0, 47.0])
    assert stats.score(half, zero, one).value == pytest.approx(0.5)


def test_a_score_without_a_scale_is_undefined() -> None:
    rng = np.random.default_rng(4)
    zero = rng.normal(size=30)
    assert all(map(math.isnan, stats.score(zero, zero, zero + rng.normal(0.0, 1.0, size=30))))
    assert all(map(math.isnan, stats.score(zero[:1], zero[:1], zero[:1] + 1)))
