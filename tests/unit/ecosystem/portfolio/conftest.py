from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest

from patchpact.ecosystem.portfolio.prices import Prices
from patchpact.ecosystem.portfolio.settings import Settings

SETTINGS = Settings(
    lookback_rows=10,
    hidden=4,
    train_weeks=20,
    validation_weeks=6,
    retrain_weeks=5,
    seeds=2,
    starts=(0, 3),
    epochs=2,
    covariance_rows=30,
)


@pytest.fixture
def settings() -> Settings:
    return SETTINGS


def drawn(rows: int = 300, assets: int = 3, seed: int = 0, first: date = date(2020, 1, 6)) -> Prices:
    """Business days from a Monday on; prices that walk at random."""
    days = tuple(first + timedelta(days=7 * (k // 5) + k % 5) for k in range(rows))
    moves = np.random.default_rng(seed).normal(0.0005, 0.01, (rows, assets))
    values = 100.0 * np.exp(np.cumsum(moves, 0))
    return Prices("drawn", days, tuple("ABCDEFGH"[:assets]), values, values.mean(1), "their mean")


@pytest.fixture
def make_prices() -> Callable[..., Prices]:
    return drawn
