"""Weeks are the calendar's, and train, validation and test follow each other without overlap."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from patchpact.ecosystem.portfolio.prices import Prices
from patchpact.ecosystem.portfolio.weeks import check_length, folds, weekly
from patchpact.scenarios.errors import ScenarioError


def test_a_week_runs_from_friday_to_friday(make_prices: Callable[..., Prices]) -> None:
    prices = make_prices(rows=20)
    weeks = weekly(prices, 0)
    assert [weeks.dates[row] for row in weeks.decision_rows] == [date(2020, 1, d) for d in (10, 17, 24)]
    assert weeks.end_rows.tolist() == [9, 14, 19]
    np.testing.assert_allclose(weeks.returns[0], prices.values[9] / prices.values[4] - 1)
    np.testing.assert_allclose(weeks.index_returns[2], prices.index[19] / prices.index[14] - 1)


def test_holidays_shorten_a_week_and_an_unfinished_one_does_not_count(make_prices: Callable[..., Prices]) -> None:
    prices = make_prices(rows=18)  # ends on a Wednesday
    kept = [k for k in range(18) if k != 9]  # no Friday in the second week
    prices = replace(
        prices, dates=tuple(prices.dates[k] for k in kept), values=prices.values[kept], index=prices.index[kept]
    )
    weeks = weekly(prices, 0)
    assert [str(weeks.dates[row]) for row in weeks.end_rows] == ["2020-01-16", "2020-01-24"]


def test_inputs_end_at_the_decision(make_prices: Callable[..., Prices]) -> None:
    prices = make_prices(rows=40)
    weeks = weekly(prices, 10)
    assert weeks.decision_rows[0] == 14  # ten rows with returns before it
    seen = weeks.inputs(np.array([0, 2]), 3)
    assert seen.shape == (2, 3, 3)
    expected = prices.values[22:25] / prices.values[21:24] - 1
    np.testing.assert_allclose(seen[1], expected)


def test_parts_follow_each_other(make_prices: Callable[..., Prices]) -> None:
    found = folds(100, 30, 10, 20, start=5)
    assert [fold.test for fold in found] == [(45, 65), (65, 85), (85, 100)]
    for fold in found:
        assert fold.train[1] == fold.validation[0] and fold.validation[1] == fold.test[0]
        assert fold.train[1] - fold.train[0] == 30
        assert fold.weeks("validation").tolist() == list(range(fold.test[0] - 10, fold.test[0]))
    assert folds(1000, 30, 10, 20, start=5)[:2] == found[:2], "later data moved an earlier fold"


def test_targets_of_the_parts_do_not_overlap_in_days(make_prices: Callable[..., Prices]) -> None:
    """The last day that a train target reaches is the day of the first validation decision, never after it."""
    weeks = weekly(make_prices(), 30)
    for fold in folds(len(weeks), 20, 6, 5):
        assert weeks.end_rows[fold.weeks("train")].max() <= weeks.decision_rows[fold.weeks("validation")].min()
        assert weeks.end_rows[fold.weeks("validation")].max() <= weeks.decision_rows[fold.weeks("test")].min()


def test_dates_a_day_later_give_the_same_weeks(make_prices: Callable[..., Prices]) -> None:
    prices = make_prices()
    later = replace(prices, dates=tuple(day + timedelta(days=1) for day in prices.dates))
    one, other = weekly(prices, 30), weekly(later, 30)
    assert np.array_equal(one.returns, other.returns)
    assert np.array_equal(one.decision_rows, other.decision_rows)


def test_too_short_a_history_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"p\.csv: date: 12 weeks .*at least 50"):
        check_length("p.csv", 12, 50)
