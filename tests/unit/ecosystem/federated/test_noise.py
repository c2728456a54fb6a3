"""Noise has the promised spread, is on a grid, and for users' data comes from the system alone."""

import secrets

import numpy as np
import pytest
from scipy import stats

from patchpact.ecosystem.federated.noise import GRID, SeededNoise, SystemNoise, gaussian, noise_for


def test_the_system_s_noise_is_standard_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = np.random.default_rng(0)
    monkeypatch.setattr(secrets, "token_bytes", stream.bytes)  # the system's bits, for once the same
    drawn = SystemNoise().normal((200, 100)).ravel()
    assert stats.kstest(drawn, "norm").pvalue > 0.01
    assert SystemNoise().uniform(1000).min() > 0.0 and SystemNoise().uniform(1000).max() < 1.0


def test_the_system_s_noise_never_repeats() -> None:
    assert not np.intersect1d(SystemNoise().normal((100,)), SystemNoise().normal((100,))).size
    assert not vars(SystemNoise())  # no state that could be stored


def test_a_seed_is_for_made_up_data() -> None:
    np.testing.assert_array_equal(noise_for(True, 4).normal((5,)), noise_for(True, 4).normal((5,)))
    assert isinstance(noise_for(False), SystemNoise) and isinstance(noise_for(True), SystemNoise)
    with pytest.raises(ValueError, match="never seeded; leave the seed out"):
        noise_for(False, 4)


def test_releases_have_the_noise_asked_for() -> None:
    values = np.full((20_000, 2), 7.0)
    released = gaussian(values, 3.0, 2.0, SeededNoise(1))
    assert stats.kstest(((released - values) / 6.0).ravel(), "norm").pvalue > 0.01
    np.testing.assert_array_equal(gaussian(values, 3.0, 0.0, SeededNoise(1)), values)


def test_the_last_bits_tell_nothing() -> None:
    """Releases of any values lie on one grid."""
    released = gaussian(np.array([0.1, 1 / 3, 1e-9, 12345.678]), 1.0, 1.5, SystemNoise())
    np.testing.assert_array_equal(released / GRID, np.rint(released / GRID))
