"""Firms: solvency, what effort is worth, and an auditor that answers to a controller."""

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import ESG, IT, MARKET, PLATFORM, SHOP

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine

RUIN = {"equity": (1e6, 10.0), "disclosure_enabled": True, "compliance_cost_keur": 40.0, "profit_margin": 0.0}
"""Full effort costs the shop 20 k€ a window; its equity is 10."""


def ruined(**changes):
    """A table at which the shop's first window ruins it, unless its equity is more than 20."""
    table = sw.Table(sw.market_place(**{**RUIN, **changes}))
    table.step({SHOP: "effort:4"})
    return table


def test_a_firm_without_equity_is_gone_once_and_for_all():
    table = ruined(modules_enabled=True, motions_per_window=3)
    table.step({SHOP: "module:scan"})
    assert table.state.agent["modules"][0, SHOP] != 0
    table.step({SHOP: "insure:on"})
    assert table.world["t"] == 1
    shop = table.state.agent[0, SHOP]
    assert shop["equity"] < 0.0
    assert shop["gone"] == 1
    assert shop["modules"] == shop["insured"] == 0
    assert not table.state.mask[0, SHOP, layout.LEVER_START :].any()
    for agent in (IT, PLATFORM, MARKET, ESG):
        assert table.state.agent["gone"][0, agent] == 0
    table.finish()
    assert table.world["insolvent"] == 1.0, "counted once"
    assert table.paid(SHOP, "compliance") == pytest.approx(-20.0), "who is gone pays no more"


def test_a_firm_that_is_gone_cannot_vote_on_its_own_service():
    for equity, may in ((10.0, False), (1e6, True)):
        table = ruined(equity=(1e6, equity))
        table.wait(1)
        table.nominate(1)
        assert bool(table.state.agent["may_vote"][0, SHOP]) is may
        assert table.legal(SHOP, "vote:accept") is may
        assert table.state.agent["may_vote"][0, IT]


def test_a_firm_that_is_gone_loses_all_its_margin():
    table = ruined(profit_margin=0.1, windows=6)
    margin = 0.1 * 1.0 * 24.0 * 7.0
    lost = []
    while not table.over:
        before, gone = table.paid(SHOP, "demand"), bool(table.state.agent["gone"][0, SHOP])
        table.wait(int(table.world["t"]) + 1)
        lost.append((gone, before - table.paid(SHOP, "demand")))
    assert {gone for gone, _ in lost} == {False, True}
    for gone, amount in lost:
        assert amount == pytest.approx(margin if gone else 0.0)


@pytest.mark.parametrize("level", [1, 4])
def test_effort_avoids_its_share_of_losses_through_ones_own_services(level):
    damage = []
    for effort in (0, level):
        world = sw.market_place(attempt_multiplier=3.0, disclosure_enabled=True, tail_windows=0)
        table = sw.Table(world)
        table.step({SHOP: f"effort:{effort}"} if effort else {})
        table.finish()
        damage.append(float(table.world["damage_keur"]))
    only_shop = damage[0] / 2.0  # both services are alike
    relief = 0.25 * level * float(world.parameters["effort_relief"])
    assert damage[1] == pytest.approx(damage[0] - relief * only_shop)


def late(**changes):
    """Two patches that are due on the first day, fined 1 k€ a day, and a controller that moves every window."""
    return sw.market_place(
        deadlines="flat", fine_keur_per_day=1.0, windows=6,
        **{
            "controller": "adaptive", "controller_target": 0.1, "controller_gain": 0.5, "controller_windows": 1, **changes,
        },
    )  # fmt: skip


def overdue_seed():
    """A seed in which both patches are due when the first window opens; overdue they are from the second on."""
    engine = Engine([late()], 64)
    engine.reset(np.arange(64, dtype=np.uint64))
    return int(np.flatnonzero((engine.state.patch["due"].reshape(64, 2) == 0.0).all(1))[0])


def factors(**changes):
    table = sw.Table(late(**changes), seed=overdue_seed())
    found = []
    while not table.over:
        before = -table.paid(IT, "fine")
        found.append(float(table.world["fine_factor"]))
        table.wait(int(table.world["t"]) + 1)
        assert -table.paid(IT, "fine") - before == pytest.approx(2 * 7.0 * found[-1]), "fines follow the factor"
    return np.array(found)


def test_the_controller_in_play_raises_fines_while_too_much_is_overdue():
    assert factors(controller="frozen") == pytest.approx(np.ones(6))
    grown = np.exp(0.5 * np.array([0.0, -0.1, 0.8, 1.7, 2.6, 3.5]))  # nothing is overdue when the first one opens
    assert factors() == pytest.approx(np.minimum(grown, 4.0)), "up to its limit"
    assert grown[-1] > 4.0
    assert factors(controller_windows=3) == pytest.approx([1.0] * 3 + [np.exp(0.45)] * 3)
    eased = [1.0] + [np.exp(-0.5)] * 5
    assert factors(controller_target=1.0, controller_dead_band=0.0) == pytest.approx(eased)
    assert factors(controller_dead_band=0.91) == pytest.approx(np.ones(6)), "within the dead band nothing moves"


def test_a_threat_shift_multiplies_the_odds_once():
    world = sw.market_place(threat_shift_window=1, threat_shift_odds=3.0, windows=5)
    table = sw.Table(world)
    first = table.state.cve["epss"].copy()
    for window in range(5):
        table.wait(window)
        odds = table.state.cve["epss"] / (1.0 - table.state.cve["epss"])
        factor = 3.0 if window > 1 else 1.0
        assert odds == pytest.approx(factor * first / (1.0 - first)), window


def test_without_a_threat_shift_nothing_moves():
    table = sw.Table(sw.market_place(windows=4))
    first = table.state.cve["epss"].copy()
    table.wait(3)
    assert np.array_equal(table.state.cve["epss"], first)
