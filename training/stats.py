"""Means and scores of paired episodes with bootstrap intervals.

Intervals are percentile bootstraps over episodes, drawn from a fixed stream, so equal episodes give equal intervals.
Policies meet the same worlds: differences and scores resample whole worlds, all policies together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95


class Estimate(NamedTuple):
    """A figure with its 95% interval; NaN where undefined."""

    value: float
    low: float
    high: float


def _resampled_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of resampled episodes ``(RESAMPLES, k)`` of figures ``(episodes, k)``."""
    episodes = len(values)
    rng = np.random.default_rng(0)
    counts = rng.multinomial(episodes, np.full(episodes, 1.0 / episodes), size=RESAMPLES)
    means: NDArray[np.float64] = counts @ values / episodes
    return means


def _interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    tail = 100.0 * (1.0 - LEVEL) / 2.0
    low, high = np.percentile(samples, [tail, 100.0 - tail])
    return float(low), float(high)


def mean(values: NDArray[np.float64]) -> Estimate:
    """The mean of ``(episodes,)`` with its interval; of one episode the interval is undefined, of none both are."""
    if len(values) < 2:
        return Estimate(float(values[0]) if len(values) else float("nan"), float("nan"), float("nan"))
    value = float(np.mean(values))
    return Estimate(value, *_interval(_resampled_means(values[:, None])[:, 0]))


def score(values: NDArray[np.float64], zero: NDArray[np.float64], one: NDArray[np.float64]) -> Estimate:
    """(values - zero) / (one - zero), sums over worlds before the ratio; worlds ``(episodes,)`` are paired.

    Undefined (NaN) where the interval of the denominator includes 0.
    """
    gain, span = values - zero, one - zero
    if len(values) < 2:
        return Estimate(float("nan"), float("nan"), float("nan"))
    means = _resampled_means(np.stack([gain, span], 1))
    low, high = _interval(means[:, 1])
    if low <= 0.0 <= high:
        return Estimate(float("nan"), float("nan"), float("nan"))
    sound = means[means[:, 1] != 0.0]
    return Estimate(float(gain.mean() / span.mean()), *_interval(sound[:, 0] / sound[:, 1]))
