"""Costs, measures and intervals against numbers done by hand."""

import numpy as np
import pytest

from patchpact.ecosystem.portfolio.backtest import block_draws, earned, interval, measures, run_shares


def test_costs_are_of_what_is_traded() -> None:
    weights = np.array([[0.5, 0.5], [0.5, 0.5], [1.0, 0.0]])
    returns = np.array([[0.1, -0.1], [0.0, 0.0], [0.02, 0.5]])
    found = earned(weights, returns, 0.01)
    np.testing.assert_allclose(found.gross, [0.0, 0.0, 0.02], atol=1e-15)
    # All is bought first; 0.55 and 0.45 are put back to halves; then one half is moved.
    np.testing.assert_allclose(found.turnover, [1.0, 0.1, 1.0])
    np.testing.assert_allclose(found.net, [0.99 - 1, 0.999 - 1, 0.99 * 1.02 - 1])


def test_measures_by_hand() -> None:
    returns = np.array([0.1, -0.5, 0.2, 0.0])
    found = measures(returns)
    assert found[0] == pytest.approx((1.1 * 0.5 * 1.2) ** 13 - 1)
    assert found[1] == pytest.approx(returns.std(ddof=1) * 52**0.5)
    assert found[2] == pytest.approx(returns.mean() / returns.std(ddof=1) * 52**0.5)
    assert found[3] == pytest.approx(0.5)
    assert measures(np.array([-0.2, 0.1]))[3] == pytest.approx(0.2), "a loss from the start is a drawdown too"
    np.testing.assert_allclose(measures(np.stack([returns, returns]))[1], found)


def test_blocks_are_whole_and_every_week_is_drawn_alike() -> None:
    draws = block_draws(100, 10, 500)
    assert draws.shape == (500, 100)
    steps = np.diff(draws.reshape(500, 10, 10), axis=2) % 100
    assert (steps == 1).all()
    counts = np.bincount(draws.ravel(), minlength=100)
    assert counts.min() > 400 and counts.max() < 600


def test_intervals_of_a_mean_are_as_wide_as_they_must_be() -> None:
    values = np.random.default_rng(0).normal(0.0, 1.0, 520)
    low, high = interval(values[block_draws(520, 1, 2000)].mean(1))
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 520**0.5, rel=0.08)


def test_shares_of_runs_sum_to_one() -> None:
    shares = run_shares(5, 300, 0)
    np.testing.assert_allclose(shares.sum(1), 1.0)
    np.testing.assert_allclose(shares.mean(0), 0.2, atol=0.03)
