"""What strategies would have earned, and how sure that is: returns after costs, measures, block bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patchpact.ecosystem.portfolio.prices import Floats

WEEKS_A_YEAR = 52
BLOCK_WEEKS = 26
"""Length of the blocks that the bootstrap draws (assumption): half a year, longer than a burst of volatility."""
RESAMPLES = 2000
MEASURES = ("return_a_year", "volatility_a_year", "sharpe", "drawdown")


@dataclass(frozen=True)
class Earned:
    """A strategy's weekly returns."""

    gross: Floats  # (weeks,)
    net: Floats  # (weeks,)
    turnover: Floats  # (weeks,) bought plus sold, as a share of wealth


def earned(weights: Floats, returns: Floats, cost_rate: float) -> Earned:
    """Hold ``weights[w]`` over week ``w``; trades from what the week before left of them cost ``cost_rate`` a unit.

    The first week buys everything. ``(1 + net) = (1 - cost_rate * turnover) * (1 + gross)``.

    Args:
        weights: ``(weeks, assets)``, decided before the week.
        returns: ``(weeks, assets)``.
    """
    gross = (weights * returns).sum(1)
    left = weights * (1.0 + returns) / (1.0 + gross)[:, None]
    before = np.vstack([np.zeros_like(left[:1]), left[:-1]])
    turnover = np.abs(weights - before).sum(1)
    return Earned(gross, (1.0 - cost_rate * turnover) * (1.0 + gross) - 1.0, turnover)


def measures(returns: Floats) -> Floats:
    """Measures of weekly returns.

    Args:
        returns: ``(..., weeks)``.

    Returns:
        ``(..., 4)``, as ``MEASURES``: compound return and volatility a year, Sharpe ratio a year of returns as they
        are (no risk-free rate: assumption), and the deepest loss from a peak (positive).
    """
    weeks = returns.shape[-1]
    wealth = np.cumprod(1.0 + returns, -1)
    peak = np.maximum(np.maximum.accumulate(wealth, -1), 1.0)
    deviation = returns.std(-1, ddof=1)
    ratio = np.divide(returns.mean(-1), deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
    found: Floats = np.stack(
        [
            wealth[..., -1] ** (WEEKS_A_YEAR / weeks) - 1.0,
            deviation * np.sqrt(WEEKS_A_YEAR),
            ratio * np.sqrt(WEEKS_A_YEAR),
            (1.0 - wealth / peak).max(-1),
        ],
        -1,
    )
    return found


def block_draws(weeks: int, block: int = BLOCK_WEEKS, resamples: int = RESAMPLES) -> NDArray[np.int64]:
    """Resampled weeks: circular blocks in a row (Politis and Romano, 1992); one set of draws for all that is compared.

    Returns:
        ``(resamples, weeks)``.
    """
    rng = np.random.default_rng([0, weeks, block])
    blocks = -(-weeks // block)
    first = rng.integers(weeks, size=(resamples, blocks))
    found: NDArray[np.int64] = (first[:, :, None] + np.arange(block)).reshape(resamples, -1)[:, :weeks] % weeks
    return found


def run_shares(runs: int, resamples: int, stream: int) -> Floats:
    """Each run's share in resamples of runs ``(resamples, runs)``."""
    rng = np.random.default_rng([1, stream])
    return rng.multinomial(runs, np.full(runs, 1.0 / runs), size=resamples) / runs


def interval(samples: Floats) -> tuple[float, float]:
    """The 95% percentile interval of resampled values."""
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)
