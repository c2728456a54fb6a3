"""Firms' choice of what enters pooled measurement and how they use it, and what the platform pays for data."""

from functools import partial

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import PLATFORM, SECOND, SHOP

from patchpact.agents.roles import layout
from patchpact.agents.roles.business import REPORT_SHARES
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.pooling import found
from patchpact.envs.core.records import EPSILON_TIERS, POOL_SIZES

ON = {"modules_enabled": True, "pooling_enabled": True, "leak_probability": 0.0, "parity_complaint": 0.0}
QUIET = {**ON, "trust_recovery": 0.0}
MARGIN = 0.1 * 24.0 * 7.0
"""Of the shop, k€ a window; three times as much is the platform's."""


def pooled(levers=(), firms=(SHOP,), **changes):
    """A table at which these firms measure and, one motion after the other, pull levers; one window is over."""
    make = partial(sw.market_place, **{**ON, **changes})
    return sw.first_window(make, dict.fromkeys(firms, "module:measurement"), *levers)


def shares(firms):
    return 1.0 - np.exp(-np.asarray(firms) / 3.0)


@pytest.mark.parametrize(("level", "share"), [("quarter", 0.25), ("half", 0.5), ("all", 1.0)])
def test_less_data_finds_less_for_everybody(level, share):
    """Between whole firms the curve is straight, and a first one finds its share of what one does."""
    levers = [{SHOP: f"reports:{level}"}] if level != "all" else []
    table = pooled(levers, (SHOP, PLATFORM))
    expected = 0.08 * ((1.0 - share) * shares(1) + share * shares(2))
    assert table.paid(SHOP, "uplift") == pytest.approx(expected * MARGIN)
    assert table.paid(PLATFORM, "uplift") == pytest.approx(expected * 3.0 * MARGIN)
    alone = pooled(levers)
    assert alone.paid(SHOP, "uplift") == pytest.approx(0.08 * share * shares(1) * MARGIN)


def test_what_data_finds_runs_through_the_curves_numbers():
    curve = np.arange(1.0, EPSILON_TIERS * POOL_SIZES + 1.0)
    assert [found(curve, 1, float(n)) for n in range(POOL_SIZES + 1)] == [0.0, *curve[POOL_SIZES : 2 * POOL_SIZES]]
    assert found(curve, 0, 1.5) == 1.5
    assert found(curve, 0, POOL_SIZES + 0.5) == found(curve, 0, float(POOL_SIZES)) == POOL_SIZES


def test_a_leak_is_as_likely_as_there_is_data_and_takes_trust_by_what_was_let_in():
    """Shares of 3,000 windows against ``1 - (1 - p)^data``; a quarter of the data loses a quarter of the trust."""
    world = sw.market_place(**{**QUIET, "leak_probability": 0.04, "leak_keur": 1.0}, windows=100, tail_windows=0)
    for level, share in zip(("quarter", "half", "all"), REPORT_SHARES, strict=True):
        names = sw.ACTION_NAMES["business"]
        engine = Engine([world], 30, autoreset=False)
        engine.reset(np.arange(30, dtype=np.uint64))
        actions = sw.no_ops(engine)
        for lever in ("module:measurement", f"reports:{level}")[: 1 if level == "all" else 2]:
            actions[:, SHOP] = names.index(lever)
            engine.step(actions)
        sw.idle(engine)
        expected = 1.0 - 0.96**share
        leaks = engine.state.world["damage_keur"].sum()
        assert abs(leaks - 3000 * expected) <= 4.0 * np.sqrt(3000 * expected * (1.0 - expected)), level
    leaky = pooled([{SHOP: "reports:quarter"}], leak_probability=1.0, leak_keur=7.0, trust_recovery=0.0)
    assert leaky.paid(PLATFORM, "leak") == pytest.approx(-7.0)
    assert leaky.state.agent["trust"][0, [PLATFORM, SHOP]] == pytest.approx([0.9, 0.9 - 0.25 * 0.25])


def test_nobody_is_paid_for_data_unless_the_platform_says_so():
    assert pooled().paid(SHOP, "incentive") == 0.0


@pytest.mark.parametrize(("level", "share"), [("some", 0.25), ("full", 0.5)])
def test_the_platform_gives_back_a_part_of_the_fees(level, share):
    table = pooled([{PLATFORM: f"incentive:{level}"}], (SHOP, PLATFORM))
    assert table.paid(SHOP, "incentive") == pytest.approx(share * 0.4)
    assert table.paid(PLATFORM, "incentive") == pytest.approx(-share * 0.4), "it cancels"


def test_incentives_follow_what_would_not_be_found_without_a_firms_data():
    """Two shops of a market, one with a quarter of its data: the scores are differences of the curve."""
    firms = (SHOP, SECOND)
    levers = {PLATFORM: "incentive:full", SHOP: "reports:quarter"}
    table = sw.first_window(partial(sw.market_of_two, **ON), dict.fromkeys(firms, "module:measurement"), levers)
    curve = np.concatenate(([0.0], shares(np.arange(1, 17))))
    at = lambda data: float(np.interp(data, np.arange(17), curve))  # noqa: E731
    data = len(firms) - 0.75
    scores = [at(data) - at(data - 0.25), *([at(data) - at(data - 1.0)] * (len(firms) - 1))]
    pool = 0.5 * 0.4 * len(firms)
    for firm, score in zip(firms, scores, strict=True):
        assert table.paid(firm, "incentive") == pytest.approx(pool * score / sum(scores))


def test_even_targeting_leaves_less_of_the_uplift_and_draws_no_complaint():
    even = pooled([{SHOP: "targeting:even"}], even_share=0.9, parity_complaint=1.0, uneven_share=1.0)
    assert even.paid(SHOP, "uplift") == pytest.approx(0.9 * 0.08 * shares(1) * MARGIN)
    assert even.paid(SHOP, "parity") == 0.0


def test_a_complaint_costs_those_left_out_its_harm_and_the_firm_the_same_and_trust():
    harm = {"parity_complaint": 1.0, "uneven_share": 1.0, "parity_keur": 8.0, "trust_recovery": 0.0}
    table = pooled(**harm, trust_loss_breach=0.2, trust_breach_keur=16.0, trust_spillover=0.0)
    assert table.paid(SHOP, "parity") == pytest.approx(-8.0)
    assert table.paid(PLATFORM, "parity") == 0.0, "it does not measure"
    assert table.world["damage_keur"] == pytest.approx(8.0)
    assert table.state.agent["trust"][0, SHOP] == pytest.approx(0.9 - 0.2 * 0.5)
    nobody_answers = pooled(**harm, responsibility_enabled=False)
    assert nobody_answers.paid(SHOP, "parity") == 0.0
    assert nobody_answers.world["damage_keur"] == pytest.approx(8.0)


def test_complaints_come_as_often_as_targeting_is_uneven():
    """Shares of 3,000 windows of one firm."""
    world = sw.market_place(
        **{**QUIET, "parity_complaint": 0.2, "uneven_share": 0.3, "parity_keur": 1.0}, windows=100, tail_windows=0
    )
    engine = Engine([world], 30, autoreset=False)
    engine.reset(np.arange(30, dtype=np.uint64))
    actions = sw.no_ops(engine)
    actions[:, SHOP] = sw.ACTION_NAMES["business"].index("module:measurement")
    engine.step(actions)
    sw.idle(engine)
    complaints = engine.state.world["damage_keur"].sum()
    assert abs(complaints - 3000 * 0.06) <= 4.0 * np.sqrt(3000 * 0.06 * 0.94)


def test_what_is_chosen_is_seen_and_can_be_moved_once_a_window():
    table = sw.Table(sw.market_place(**ON, motions_per_window=3))
    table.step({SHOP: "reports:half", PLATFORM: "incentive:full"})
    assert not table.legal(SHOP, "reports:all") and not table.legal(PLATFORM, "incentive:none")
    assert table.legal(SHOP, "targeting:even") and not table.legal(SHOP, "targeting:gain")
    assert not table.legal(SHOP, "incentive:full"), "only the platform pays"
    seen = {name: layout.global_feature(name) for name in ("reports", "even", "incentive")}
    shown = table.state.observation[0]
    assert shown[SHOP, seen["reports"]] == 0.5 and shown[PLATFORM, seen["reports"]] == 1.0
    assert shown[SHOP, seen["incentive"]] == 1.0 and shown[SHOP, seen["even"]] == 0.0


def test_without_the_switch_there_is_no_choice():
    table = sw.Table(sw.market_place(modules_enabled=True))
    for lever in ("reports:quarter", "targeting:even"):
        assert not table.legal(SHOP, lever)
    assert not table.legal(PLATFORM, "incentive:full")
    shown = table.state.observation[0][:, [layout.global_feature(n) for n in ("reports", "even", "incentive")]]
    assert not shown.any()
