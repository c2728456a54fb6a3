"""Keyed draws: pure functions with the laws they claim."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from patchpact.envs.core import random


@njit
def _uniforms(seed, purpose, count):
    return np.array([random.uniform(seed, purpose, uid, 3) for uid in range(count)])


@njit
def _normals(seed, count):
    return np.array([random.normal(seed, 10, uid, 0) for uid in range(count)])


def test_draws_are_uniform():
    draws = _uniforms(np.uint64(5), 7, 20000)
    assert stats.kstest(draws, "uniform").pvalue > 1e-4
    assert draws.min() >= 0.0 and draws.max() < 1.0


def test_draws_are_normal():
    assert stats.kstest(_normals(np.uint64(5), 20000), "norm").pvalue > 1e-4


def test_seed_purpose_uid_and_window_all_matter_and_do_not_add_up():
    keys = set()
    for seed in (0, 1, 2**63 - 1):
        for purpose in (1, 2, 3):
            for uid in (0, 1, 2, 2**31):
                for window in (0, 1, 2):
                    keys.add(int(random.key(np.uint64(seed), purpose, uid, window)))
    assert len(keys) == 3 * 3 * 4 * 3


def test_neighbouring_keys_are_uncorrelated():
    by_uid = _uniforms(np.uint64(1), 1, 20000)
    others = [_uniforms(np.uint64(2), 1, 20000), _uniforms(np.uint64(1), 2, 20000), np.roll(by_uid, 1)]
    for other in others:
        assert abs(np.corrcoef(by_uid, other)[0, 1]) < 4.0 / np.sqrt(20000)


@pytest.mark.parametrize("log_sd", [0.0, 0.5, 1.0])
def test_lognormal_has_mean_one(log_sd):
    z = _normals(np.uint64(9), 20000)
    values = np.array([random.lognormal_mean_one(float(x), log_sd) for x in z])
    assert abs(values.mean() - 1.0) <= 4.0 * values.std() / np.sqrt(len(values))
