"""Measured tables as the game plays them: what the reserve earns with ``reserve_table``."""

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import MARKET

from patchpact.envs.core.records import MOST_RETURNS
from patchpact.envs.core.tables import measured_returns
from patchpact.scenarios.tables import bundled, read_table

WINDOWS = 8


def earned(seed, **changes):
    """Returns of the reserve, window by window."""
    world = sw.market_place(reserve_keur=1000.0, windows=WINDOWS, tail_windows=0, **changes)
    table, found = sw.Table(world, seed), [0.0]
    for window in range(1, WINDOWS):
        table.wait(window)
        found.append(table.paid(MARKET, "returns"))
    found.append(table.finish().paid(MARKET, "returns"))
    return np.diff(found) / 1000.0


def weeks_of(returns):
    """Where in the table these weeks follow each other, the first after the last."""
    measured = measured_returns()
    places = [k for k in range(len(measured)) if np.allclose(np.roll(measured, -k)[:WINDOWS], returns, atol=1e-12)]
    return places


def test_the_reserve_earns_weeks_of_the_table_one_after_the_other():
    starts = []
    for seed in range(6):
        (start,) = weeks_of(earned(seed, reserve_table=True))
        starts.append(start)
    assert len(set(starts)) > 3, "the seed draws where the weeks begin"


def test_without_the_table_the_reserve_earns_drawn_weeks():
    assert weeks_of(earned(0)) == []


def test_the_latest_weeks_are_taken():
    column = read_table(bundled("portfolio")).numbers("equal_weight_return")
    assert measured_returns() == pytest.approx(np.array(column[-MOST_RETURNS:]))
    assert len(measured_returns()) == min(len(column), MOST_RETURNS)
