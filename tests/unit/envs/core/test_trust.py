"""Trust: what it is lost by, how it comes back, and what demand makes of it."""

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import ESG, PLATFORM, SHOP

MARGIN = 0.1 * 1.0 * 24.0 * 7.0


def test_quiet_windows_bring_trust_back():
    table = sw.Table(sw.market_place(trust_start=0.5, trust_recovery=0.1))
    for window in range(4):
        expected = 1.0 - 0.5 * 0.9**window
        assert table.state.agent["trust"][0, [PLATFORM, SHOP]] == pytest.approx([expected, expected])
        table.wait(window + 1)
    assert table.world["trust_mean"] == pytest.approx(np.mean([1.0 - 0.5 * 0.9**n for n in range(1, 5)]))


@pytest.mark.parametrize("spillover", [0.0, 0.3, 1.0])
def test_a_breach_costs_its_firm_trust_and_the_others_a_part(spillover):
    """A loss of 200 k€ through the shop's service, above the 80 that cost trust in full; sampled, so none returns."""
    world = sw.market_place(
        attempt_multiplier=1000.0, incident_loss="sampled", trust_spillover=spillover, breadth_median=1.0
    )
    findings = tuple(sw.replace(f, epss=0.9 if f.uid == 1 else 0.0) for f in world.findings)
    table = sw.Table(sw.replace(world, findings=findings))
    table.wait(1)
    assert table.world["incidents"] == 1.0
    lost = 0.15
    others = 0.9 - spillover * lost
    quiet = others + 0.07 * (1.0 - others)  # nothing happened to the platform: some of it returns
    assert table.state.agent["trust"][0, [PLATFORM, SHOP]] == pytest.approx([quiet, 0.9 - lost])


def test_trust_never_falls_below_nothing():
    table = sw.Table(
        sw.market_place(disclosure_enabled=True, audit_often=1.0, trust_loss_gap=1.0, trust_loss_false=1.0)
    )
    table.step({SHOP: "claim:4", ESG: "audit:often"})
    table.step({SHOP: "report:shaded"})
    for _ in range(3):
        table.wait(int(table.world["t"]) + 1)
        assert (table.state.agent["trust"][0] >= 0.0).all()


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 1.0])
def test_demand_follows_trust_by_its_coefficient(coefficient):
    table = sw.Table(sw.market_place(demand_trust_coefficient=coefficient, trust_start=0.4, trust_recovery=0.0))
    table.wait(1)
    assert table.paid(SHOP, "demand") == pytest.approx(-coefficient * 0.6 * MARGIN)
    assert table.paid(PLATFORM, "demand") == pytest.approx(-coefficient * 0.6 * 3.0 * MARGIN)
    assert table.welfare == pytest.approx(-coefficient * 0.6 * 4.0 * MARGIN), "distrust is lost to welfare"


BREACHED = {"attempt_multiplier": 50.0, "demand_trust_coefficient": 0.5}


def test_customers_know_of_breaches_whoever_answers_for_them():
    on, off = (sw.Table(sw.market_place(**BREACHED, responsibility_enabled=enabled)) for enabled in (True, False))
    for table in (on, off):
        table.finish()
    assert (on.state.agent["trust"][0] == off.state.agent["trust"][0]).all()
    assert off.state.agent["trust"][0, SHOP] < 0.9, "breaches cost trust"
    assert off.paid(SHOP, "demand") < 0.0
