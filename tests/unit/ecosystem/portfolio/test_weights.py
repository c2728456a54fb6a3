"""Portfolios are what their names say."""

from collections.abc import Callable

import numpy as np

from patchpact.ecosystem.portfolio.prices import Prices
from patchpact.ecosystem.portfolio.weeks import weekly
from patchpact.ecosystem.portfolio.weights import max_ratio, min_variance


def test_least_variance_and_greatest_ratio(make_prices: Callable[..., Prices]) -> None:
    from sklearn.covariance import ledoit_wolf

    weeks = weekly(make_prices(), 60)
    week = 10
    row = int(weeks.decision_rows[week])
    covariance, _ = ledoit_wolf(weeks.day_returns[row - 59 : row + 1])
    least = min_variance(weeks, range(week, week + 1), 60)
    forecast = np.array([[0.02, -0.01, 0.01]])
    best = max_ratio(weeks, range(week, week + 1), 60, forecast, least)
    rng = np.random.default_rng(0)
    others = rng.dirichlet(np.ones(3) * 0.7, 4000)
    variance = np.einsum("ki,ij,kj->k", others, covariance, others)
    w, b = least.values[0], best.values[0]
    assert w @ covariance @ w <= variance.min() * (1 + 1e-4)
    assert b @ forecast[0] / np.sqrt(b @ covariance @ b) >= (others @ forecast[0] / np.sqrt(variance)).max() * (
        1 - 1e-3
    )
    assert abs(w.sum() - 1) < 1e-12 and abs(b.sum() - 1) < 1e-12 and min(w.min(), b.min()) >= 0
    assert not best.without_ratio[0]


def test_without_a_forecast_above_zero_variance_is_least(make_prices: Callable[..., Prices]) -> None:
    weeks = weekly(make_prices(), 60)
    least = min_variance(weeks, range(3, 5), 60)
    found = max_ratio(weeks, range(3, 5), 60, np.array([[-0.1, -0.2, 0.0], [0.1, -0.2, 0.0]]), least)
    assert found.without_ratio.tolist() == [True, False]
    assert np.array_equal(found.values[0], least.values[0])
    assert not np.allclose(found.values[1], least.values[1])
