"""The platform's modules: prices, costs, what pooled measurement finds and leaks; the placebo."""

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import PLATFORM, SHOP

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine

ON = {"modules_enabled": True, "leak_probability": 0.0}
EPSILONS = ("0.5", "1", "2", "4", "8", "none")


def subscribed(module, firms=(SHOP,), first=None, **changes):
    table = sw.Table(sw.market_place(**{**ON, **changes}))
    table.step(dict.fromkeys(firms, f"module:{module}"))
    table.step(first or {})
    return table


def test_a_module_costs_its_users_a_price_and_the_platform_a_fixed_part_and_one_for_each():
    table = subscribed("prioritise", (SHOP, PLATFORM))
    assert table.world["t"] == 1
    assert table.paid(SHOP, "module") == pytest.approx(-0.4)
    assert table.paid(PLATFORM, "module") == pytest.approx(0.4), "the platform does not pay itself"
    assert table.paid(PLATFORM, "pool") == pytest.approx(-(0.8 + 2 * 0.08))


@pytest.mark.parametrize(("level", "price"), [("low", 0.4 / 1.5), ("list", 0.4), ("high", 0.6)])
def test_the_platform_sets_the_price(level, price):
    table = subscribed("prioritise", first={PLATFORM: f"module_price:{level}"} if level != "list" else None)
    assert table.paid(SHOP, "module") == pytest.approx(-price)
    assert not table.legal(SHOP, "module_price:high")


def test_a_rated_firm_pays_less():
    """By the rating that the last window closed with; .5 before the first."""
    table = subscribed("prioritise", first={SHOP: "claim:4"}, disclosure_enabled=True)
    first = table.paid(SHOP, "module")
    assert first == pytest.approx(-0.4 * (1.0 - 0.3 * 0.5))
    table.wait(2)
    assert table.paid(SHOP, "module") - first == pytest.approx(-0.4 * (1.0 - 0.3))


def test_a_patch_bot_adds_hours_in_the_next_window():
    table = subscribed("patch_bot", (SHOP, PLATFORM))
    assert table.world["capacity_left"] == pytest.approx(1000.0 + 2 * 4.0)


@pytest.mark.parametrize("firms", [(SHOP,), (SHOP, PLATFORM)])
def test_pooled_measurement_finds_more_the_more_take_part(firms):
    table = subscribed("measurement", firms)
    found = 0.08 * (1.0 - np.exp(-len(firms) / 3.0))
    for firm, revenue in ((SHOP, 1.0), (PLATFORM, 3.0)):
        margin = 0.1 * revenue * 24.0 * 7.0
        assert table.paid(firm, "uplift") == pytest.approx(found * margin if firm in firms else 0.0)


def test_a_leak_costs_the_platform_its_harm_and_the_users_trust():
    table = subscribed(
        "measurement", first={PLATFORM: "epsilon:none"}, leak_probability=1.0, leak_keur=7.0, trust_recovery=0.0
    )
    assert table.paid(PLATFORM, "leak") == pytest.approx(-7.0)
    assert table.welfare == pytest.approx(-7.0 + table.paid(SHOP, "uplift") + table.paid(PLATFORM, "pool"))
    assert table.state.agent["trust"][0, [PLATFORM, SHOP]] == pytest.approx([0.9, 0.65])


def test_every_tier_of_privacy_leaks_more_than_the_one_before():
    """Shares of 3,000 windows against ``p exp(.3 (epsilon - 4))``."""
    world = sw.market_place(**{**ON, "leak_probability": 0.02, "leak_keur": 1.0}, windows=100, tail_windows=0)
    for tier, expected in zip(EPSILONS, 0.02 * np.exp(0.3 * (np.array([0.5, 1, 2, 4, 8, 16]) - 4.0)), strict=True):
        table_of = sw.ACTION_NAMES["business"]
        engine = Engine([world], 30, autoreset=False)
        engine.reset(np.arange(30, dtype=np.uint64))
        actions = sw.no_ops(engine)
        actions[:, SHOP] = table_of.index("module:measurement")
        if tier != "4":
            actions[:, PLATFORM] = table_of.index(f"epsilon:{tier}")
        engine.step(actions)
        sw.idle(engine)
        leaks = engine.state.world["damage_keur"].sum()
        expected = min(float(expected), 1.0)
        spread = np.sqrt(3000 * expected * (1.0 - expected))
        assert abs(leaks - 3000 * expected) <= 4.0 * spread + 1e-9, tier


def test_a_leak_does_its_harm_whoever_answers_for_it():
    leaky = {"leak_probability": 1.0, "leak_keur": 7.0, "trust_recovery": 0.0}
    on, off = (
        subscribed("measurement", first={PLATFORM: "epsilon:none"}, **leaky, responsibility_enabled=enabled)
        for enabled in (True, False)
    )
    assert off.paid(PLATFORM, "leak") == 0.0 and on.paid(PLATFORM, "leak") == pytest.approx(-7.0)
    for table in (on, off):
        assert table.world["damage_keur"] == pytest.approx(7.0)
        assert table.paid(-1, "damage") == pytest.approx(7.0)
        assert table.state.agent["trust"][0, SHOP] == pytest.approx(0.65)
    assert off.welfare == pytest.approx(on.welfare)


def both_ways():
    """A table at which the shop takes the placebo, and one at which it does nothing."""
    tables = [sw.Table(sw.market_place(**ON, placebo_enabled=True, attempt_multiplier=2.0)) for _ in range(2)]
    tables[0].step({SHOP: "module:placebo"})
    tables[1].step()
    return tables


def test_a_placebo_moves_no_money_and_changes_no_figure():
    taken, left = both_ways()
    placebo = layout.global_feature("module_placebo")
    joined = layout.global_feature("joined")
    while not taken.over:
        assert taken.state.agent["modules"][0, SHOP] == 64
        different = np.unique(np.nonzero(taken.state.observation[0] != left.state.observation[0])[1])
        assert set(different.tolist()) <= {placebo, joined}
        assert placebo in different
        taken.step()
        left.step()
    assert np.array_equal(taken.parts, left.parts)
    assert taken.world["welfare_keur"] == left.world["welfare_keur"]


def test_who_takes_the_placebo_alone_takes_no_part():
    taken, left = both_ways()
    taken.finish(), left.finish()
    assert taken.world["participation"] == left.world["participation"]


def test_no_placebo_unless_the_scenario_has_it():
    table = sw.Table(sw.market_place(**ON))
    assert not table.legal(SHOP, "module:placebo")
    assert table.legal(SHOP, "module:scan")
    assert not sw.Table(sw.market_place()).legal(SHOP, "module:scan")
