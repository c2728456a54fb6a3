"""Credit: interest by rating and constraint, lent capital, and what the reserve earns."""

from types import SimpleNamespace

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import MARKET, PLATFORM, SHOP

from patchpact.envs.core import credit

WINDOW = 7.0 / 365.0


def test_the_spread_rises_with_constraint_and_falls_with_the_rating():
    sc = SimpleNamespace(spread_base=0.02, spread_constraint=0.02, spread_rating=0.006)
    spread = credit.spread.py_func
    assert spread(sc, 0.0, 0.0) == pytest.approx(0.02)
    assert spread(sc, 1.0, 0.0) == pytest.approx(0.04)
    assert spread(sc, 0.0, 1.0) == pytest.approx(0.014)
    sc.spread_base = 0.0
    assert spread(sc, 0.0, 1.0) == 0.0, "nobody is paid for borrowing"


def test_interest_on_debt_in_the_first_window():
    table = sw.Table(sw.market_place(equity=(800.0, 40.0), debt_ratio=3.0))
    table.wait(1)
    for firm, equity in ((PLATFORM, 800.0), (SHOP, 40.0)):
        assert table.paid(firm, "interest") == pytest.approx(-3.0 * equity * (0.02 - 0.006 * 0.5) * WINDOW)
    assert table.paid(MARKET, "interest") == pytest.approx(3.0 * 840.0 * 0.017 * WINDOW)


def test_a_claimed_level_saves_interest():
    paid = []
    for claim in (1, 4):
        table = sw.Table(sw.market_place(disclosure_enabled=True, debt_ratio=3.0))
        table.step({SHOP: f"claim:{claim}"})
        table.wait(1)
        paid.append(-table.paid(SHOP, "interest"))
    assert paid[0] - paid[1] == pytest.approx(3.0 * 1000.0 * 0.006 * 0.75 * WINDOW)


def test_lent_capital_raises_budgets_and_costs_both_sides():
    table = sw.Table(sw.market_place(spread_rating=0.0, capital_share=0.5, reserve_keur=5000.0, reserve_volatility=0.0))
    table.step({MARKET: "capital:full"})
    budget = float(table.state.agent["budget"][0, SHOP])
    table.wait(1)
    assert table.state.agent["budget"][0, SHOP] == pytest.approx(1.5 * budget)
    lent = 0.5 * 1000.0
    assert table.paid(SHOP, "interest") == pytest.approx(-lent * (0.02 + 0.03) * WINDOW)
    assert table.paid(MARKET, "capital") == pytest.approx(-2.0 * lent * 0.03 * WINDOW)
    assert table.paid(MARKET, "returns") == pytest.approx(0.0012 * (5000.0 - 2.0 * lent)), "what is lent earns nothing"


def test_the_reserve_can_lose():
    returns = []
    for seed in range(40):
        table = sw.Table(sw.market_place(reserve_keur=100.0, reserve_volatility=0.05, windows=1), seed).finish()
        returns.append(table.paid(MARKET, "returns") / 100.0)
    assert min(returns) < 0.0 < max(returns)
    assert abs(np.mean(returns) - 0.0012) < 4.0 * 0.05 / np.sqrt(40)
    assert np.std(returns) == pytest.approx(0.05, rel=0.4)


def test_with_the_value_network_off_there_is_no_credit():
    table = sw.Table(sw.market_place(debt_ratio=3.0, value_enabled=False)).finish()
    assert table.paid(SHOP, "interest") == table.paid(MARKET, "capital") == 0.0
    assert not sw.Table(sw.market_place(value_enabled=False)).legal(MARKET, "capital:full")


@pytest.mark.parametrize("follows", [False, True])
def test_what_the_reserve_earns_moves_what_is_lent_and_with_it_budgets(follows):
    """A return of 10% a window, nothing lent in the first: half as much again is lent of 1.1 times the reserve."""
    calm = {"reserve_keur": 5000.0, "reserve_return": 0.1, "reserve_volatility": 0.0}
    table = sw.Table(sw.market_place(**calm, capital_share=0.5, lending_follows_reserve=follows))
    budget = float(table.state.agent["budget"][0, SHOP])
    table.wait(1)
    table.step({MARKET: "capital:full"})
    before = table.paid(MARKET, "returns")
    assert before == pytest.approx(500.0)
    table.wait(2)
    funds = 1.1 if follows else 1.0
    lent = 2.0 * 0.5 * 1000.0 * funds
    earned = table.paid(MARKET, "returns") - before
    assert earned == pytest.approx(0.1 * (5000.0 * funds - lent))
    after = funds + (earned / 5000.0 if follows else 0.0)
    assert table.state.agent["budget"][0, SHOP] == pytest.approx(budget * (1.0 + 0.5 * after))


def test_a_reserve_that_is_lost_lends_nothing():
    ruin = {"reserve_keur": 100.0, "reserve_return": -1.0, "reserve_volatility": 0.0}
    table = sw.Table(sw.market_place(**ruin, lending_follows_reserve=True))
    budget = float(table.state.agent["budget"][0, SHOP])
    table.wait(1)
    table.step({MARKET: "capital:full"})
    table.wait(2)
    assert table.state.agent["budget"][0, SHOP] == pytest.approx(budget)
    assert table.paid(MARKET, "returns") == pytest.approx(-100.0), "what is gone cannot be lost again"
