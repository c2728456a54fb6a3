"""No forecast and no weight knows what comes later: whatever is changed after a day, all before it stays to the bit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from patchpact.ecosystem.portfolio.calibration import measure
from patchpact.ecosystem.portfolio.lstm import Run, scale, walk
from patchpact.ecosystem.portfolio.prices import Floats, Prices
from patchpact.ecosystem.portfolio.settings import Settings
from patchpact.ecosystem.portfolio.weeks import folds, weekly
from patchpact.ecosystem.portfolio.weights import max_ratio, min_variance

Make = Callable[..., Prices]


def changed_after(prices: Prices, row: int) -> Prices:
    """Other prices on all rows after ``row``."""
    factor = np.exp(np.cumsum(np.random.default_rng(9).normal(0.0, 0.05, prices.values.shape), 0))
    factor[: row + 1] = 1.0
    return replace(prices, values=prices.values * factor, index=prices.index * factor[:, 0])


def walked(prices: Prices, settings: Settings) -> tuple[Run, Floats, Floats]:
    weeks = weekly(prices, 30)
    run = walk(weeks, settings, seed=0, start=0)
    chosen = range(26, 34)  # the first weeks of test
    least = min_variance(weeks, chosen, settings.covariance_rows)
    return run, least.values, max_ratio(weeks, chosen, settings.covariance_rows, run.test[:8], least).values


@pytest.mark.parametrize("week", [29, 30, 31])
def test_changes_after_a_day_leave_all_before_it(make_prices: Make, settings: Settings, week: int) -> None:
    prices = make_prices(rows=220)
    weeks = weekly(prices, 30)
    row = int(weeks.decision_rows[week])
    one = walked(prices, settings)
    other = walked(changed_after(prices, row), settings)
    same = week - 26 + 1  # weeks decided up to that day
    for a, b in zip((one[0].test, *one[1:]), (other[0].test, *other[1:]), strict=True):
        assert np.array_equal(a[:same], b[:same])
        assert not np.allclose(a[same:], b[same:]), "the change did nothing, so the test shows nothing"


def test_a_change_a_day_earlier_is_seen(make_prices: Make, settings: Settings) -> None:
    """The decision does use its own day: the test above stands at the edge."""
    prices = make_prices(rows=220)
    row = int(weekly(prices, 30).decision_rows[30])
    one = walked(prices, settings)
    other = walked(changed_after(prices, row - 1), settings)
    assert np.array_equal(one[0].test[:4], other[0].test[:4])
    for a, b in zip((one[0].test, *one[1:]), (other[0].test, *other[1:]), strict=True):
        assert not np.array_equal(a[4], b[4])


def test_the_whole_table_knows_nothing_of_later_days(make_prices: Make, settings: Settings) -> None:
    prices = make_prices(rows=205)
    weeks = weekly(prices, 30)
    one = measure(prices, settings, 1, print)
    other = measure(changed_after(prices, int(weeks.end_rows[32])), settings, 1, print)
    assert len(one) == len(other) == len(weeks) - 29  # both walks test from week 29 on
    assert one[:4] == other[:4]  # up to week 32
    assert one[4] != other[4]


def test_fewer_days_give_the_same_beginning(make_prices: Make, settings: Settings) -> None:
    prices = make_prices()
    whole = walk(weekly(prices, 30), settings, 0, 0).test
    short = replace(prices, dates=prices.dates[:230], values=prices.values[:230], index=prices.index[:230])
    part = walk(weekly(short, 30), settings, 0, 0).test
    assert 0 < len(part) < len(whole)
    np.testing.assert_allclose(part, whole[: len(part)], rtol=0, atol=1e-7)


def test_a_calendar_a_day_later_gives_the_same_table_a_day_later(make_prices: Make, settings: Settings) -> None:
    prices = make_prices(rows=205)
    later = replace(prices, dates=tuple(day + timedelta(days=1) for day in prices.dates))
    one, other = measure(prices, settings, 1, print), measure(later, settings, 1, print)
    assert [row["decided"] for row in one[:1]] != [row["decided"] for row in other[:1]]
    for row in (*one, *other):
        del row["decided"], row["ends"]
    assert one == other


def test_a_week_cut_from_the_front_moves_all_by_a_week(make_prices: Make, settings: Settings) -> None:
    """Splits are laid by position in the data: the walk begun a week late is the walk of data a week shorter."""
    prices = make_prices()
    cut = replace(prices, dates=prices.dates[5:], values=prices.values[5:], index=prices.index[5:])
    late = walk(weekly(prices, 30), settings, 0, start=1)
    moved = walk(weekly(cut, 30), settings, 0, start=0)
    np.testing.assert_array_equal(late.test, moved.test)
    np.testing.assert_array_equal(late.validation, moved.validation)


def test_the_scale_is_of_the_train_part_alone(make_prices: Make) -> None:
    prices = make_prices()
    weeks = weekly(prices, 30)
    fold = folds(len(weeks), 20, 6, 5)[0]
    last = int(weeks.end_rows[fold.train[1] - 1])
    one, after = scale(weeks, fold, 10), scale(weekly(changed_after(prices, last), 30), fold, 10)
    assert np.array_equal(one.target_mean, after.target_mean) and np.array_equal(one.input_mean, after.input_mean)
    assert np.array_equal(one.input_deviation, after.input_deviation)
    within = scale(weekly(changed_after(prices, last - 1), 30), fold, 10)
    assert not np.array_equal(one.target_mean, within.target_mean)
