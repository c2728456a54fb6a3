"""The forecaster learns what can be learned, and repeats itself."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from patchpact.ecosystem.portfolio.lstm import walk
from patchpact.ecosystem.portfolio.prices import Prices
from patchpact.ecosystem.portfolio.settings import Settings
from patchpact.ecosystem.portfolio.weeks import weekly


def test_it_repeats_itself_whatever_the_threads_and_the_global_generator(
    make_prices: Callable[..., Prices], settings: Settings
) -> None:
    weeks = weekly(make_prices(rows=200), 30)
    threads = torch.get_num_threads()
    one = walk(weeks, settings, 0, 0)
    try:
        torch.set_num_threads(2)
        torch.rand(7)
        again = walk(weeks, settings, 0, 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(one.test, again.test) and one.epochs == again.epochs
    assert not np.array_equal(one.test, walk(weeks, settings, 1, 0).test), "seeds do not matter"


def test_it_finds_a_pattern_that_is_there(make_prices: Callable[..., Prices], settings: Settings) -> None:
    """Weeks that undo half of the week before: a forecaster that finds nothing here would find nothing anywhere."""
    prices = make_prices(rows=5 * 260, assets=4, seed=3)
    moves = np.diff(np.log(prices.values), axis=0, prepend=np.log(100.0))
    for day in range(5, len(moves)):
        moves[day] -= 0.8 * moves[day - 5]
    weeks = weekly(replace(prices, values=np.exp(np.cumsum(moves, 0))), 30)
    longer = replace(settings, train_weeks=150, validation_weeks=40, retrain_weeks=80, epochs=40, patience=10,
                     batch=64, learning_rate=0.01, hidden=8)  # fmt: skip
    run = walk(weeks, longer, 0, 0)
    truth = weeks.returns[-len(run.test) :]
    gain = 1.0 - ((run.test - truth) ** 2).mean() / (truth**2).mean()
    assert gain > 0.25


def test_a_price_that_never_moves_is_forecast_as_such(make_prices: Callable[..., Prices], settings: Settings) -> None:
    prices = make_prices()
    values = prices.values.copy()
    values[:, 1] = 5.0
    run = walk(weekly(replace(prices, values=values), 30), settings, 0, 0)
    assert np.isfinite(run.test).all()
