"""Levers: when they are legal, what they cost, what they change."""

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import layout

IT, BUSINESS, VENDOR = 0, 1, 2


def parameters(table: sw.Table):
    return table.engine.scenarios[0].parameters


class TestIt:
    def test_overtime_buys_hours_once_a_window(self):
        table = sw.Table(sw.one_service(2, capacity_hours=12.0, motions_per_window=4, windows=2))
        p = parameters(table)
        table.motion(0)
        assert not table.legal(int(table.world["proposer"]), f"nominate:{table.row(1)}:full")
        hours = p["overtime_share"] * 12.0
        table.step({IT: "overtime"})
        assert table.world["capacity_left"] == pytest.approx(2.0 + hours)
        assert table.paid(IT, "overtime") == pytest.approx(-hours * p["labour_keur_per_hour"] * p["overtime_price"])
        assert not table.legal(IT, "overtime")
        table.wait(1)
        assert table.legal(IT, "overtime") and table.world["capacity_left"] == 12.0

    def test_a_scan_names_a_service_and_is_not_sold_twice(self):
        table = sw.Table(sw.one_service(motions_per_window=3, windows=2))
        assert [table.legal(IT, f"scan:{slot}") for slot in range(layout.ENTITY_SLOTS)] == [True] + [False] * 7
        table.step({IT: "scan:0"})
        assert table.paid(IT, "scan") == pytest.approx(-parameters(table)["scan_price_keur"])
        assert not table.legal(IT, "scan:0")
        table.wait(1)
        assert not table.legal(IT, "scan:0"), "the truth does not change"
        table.reset(1)
        assert table.legal(IT, "scan:0"), "but another world has another"

    def test_what_the_budget_cannot_pay_is_masked(self):
        table = sw.Table(sw.one_service(agents=sw.seats(budget=0.01)))
        assert not table.legal(IT, "overtime") and not table.legal(IT, "scan:0")
        assert not table.legal(BUSINESS, "night_hours") and not table.legal(VENDOR, f"backport:{table.row(0)}")
        assert table.legal(BUSINESS, "freeze") and table.legal(BUSINESS, "disclose:exact")
        assert table.legal(VENDOR, "price:discount")


class TestBusiness:
    def test_a_freeze_holds_back_ordinary_work_on_own_services_for_a_window(self):
        world = sw.scenario(
            [sw.service(0), sw.service(1, owner="business_1")], (), [sw.finding(0, 0), sw.finding(1, 1)],
            [sw.patch(0, 0), sw.patch(1, 1)], agents=sw.seats(businesses=2), motions_per_window=3, windows=2,
        )  # fmt: skip
        table = sw.Table(world)
        table.step({1: "freeze"})
        proposer = int(table.world["proposer"])
        legal = {(n, m): table.legal(proposer, f"nominate:{table.row(n)}:{m}") for n in (0, 1) for m in layout.MODES}
        assert {key for key, can in legal.items() if not can} == {(0, "full"), (0, "canary")}
        assert not table.legal(1, "freeze") and table.legal(2, "freeze")
        column = layout.global_feature("freeze")
        assert table.state.observation[0, :, column].tolist() == [1.0, 1.0, 0.0, 1.0], (
            "own for business, any for others"
        )
        table.wait(1)
        assert table.legal(int(table.world["proposer"]), f"nominate:{table.row(0)}:full")

    def test_night_and_freeze_come_before_anything_is_planned(self):
        table = sw.Table(sw.one_service(2, motions_per_window=3))
        assert table.legal(BUSINESS, "night_hours") and table.legal(BUSINESS, "freeze")
        table.motion(0)
        assert not table.legal(BUSINESS, "night_hours") and not table.legal(BUSINESS, "freeze")

    def test_disclosure_moves_the_public_figure_towards_the_true_one(self):
        world = sw.one_service(motions_per_window=2, windows=6, revenue_log_sd=1.0)
        table = sw.Table(world)
        flow = table.state.flow[0]
        true = float(flow["true_rate"])
        assert true != 3.0 == flow["public_rate"]
        assert not table.legal(BUSINESS, "disclose:none")
        table.step({BUSINESS: "disclose:exact"})
        assert flow["public_rate"] == pytest.approx(true)
        assert not table.legal(BUSINESS, "disclose:range"), "once a window"
        table.wait(1)
        table.step({BUSINESS: "disclose:range"})
        assert flow["public_rate"] == pytest.approx(np.sqrt(3.0 * true))
        table.wait(2)
        table.step({BUSINESS: "disclose:none"})
        assert flow["public_rate"] == pytest.approx(3.0)

    def test_disclosure_shows_in_every_public_figure(self):
        table = sw.Table(sw.one_service(motions_per_window=2, revenue_log_sd=1.0))
        cost = table.row(0) * layout.ROW_WIDTH + layout.row_feature("cost")
        before = table.state.observation[0, :, cost].copy()
        own = table.state.own[0, BUSINESS].copy()
        table.step({BUSINESS: "disclose:exact"})
        assert (table.state.observation[0, :, cost] != before).all()
        assert table.state.own[0, BUSINESS] == pytest.approx(own), "what it knew itself does not change"


class TestVendor:
    def test_expediting_brings_the_fix_with_the_next_window(self):
        table = sw.Table(sw.one_service(patch_changes={"release_window": 3}, windows=4, motions_per_window=2))
        lever = f"expedite:{table.row(0)}"
        assert table.legal(VENDOR, lever)
        table.step({VENDOR: lever})
        assert table.paid(VENDOR, "expedite") == pytest.approx(-parameters(table)["expedite_price_keur"])
        assert not table.legal(VENDOR, lever)
        assert not table.legal(int(table.world["proposer"]), f"nominate:{table.row(0)}:full")
        table.wait(1)
        assert table.legal(int(table.world["proposer"]), f"nominate:{table.row(0)}:full")

    def test_a_fix_that_is_out_or_due_cannot_be_expedited(self):
        for release, legal in ((0, False), (1, False), (2, True)):
            table = sw.Table(sw.one_service(patch_changes={"release_window": release}))
            assert table.legal(VENDOR, f"expedite:{table.row(0)}") is legal

    def test_a_backport_lowers_the_risk_of_regression_once(self):
        world = sw.one_service(
            patch_changes={"regression_probability": 0.5}, motions_per_window=3, regression_log_sd=0.3
        )
        table = sw.Table(world)
        p, lever = table.state.patch[0], f"backport:{table.row(0)}"
        true, public = float(p["regression"]), float(p["public_regression"])
        table.step({VENDOR: lever})
        factor = parameters(table)["backport_factor"]
        assert (p["regression"], p["public_regression"]) == pytest.approx((factor * true, factor * public))
        assert table.paid(VENDOR, "backport") == pytest.approx(-parameters(table)["backport_price_keur"])
        assert not table.legal(VENDOR, lever)
        column = table.row(0) * layout.ROW_WIDTH + layout.row_feature("regression")
        assert table.state.observation[0, :, column] == pytest.approx(
            [factor * 0.5, factor * 0.5, factor * true], rel=1e-6
        )

    def test_only_own_components_are_targets(self):
        world = sw.one_service(2, agents=sw.seats(vendors=2), patch_changes={"release_window": 3})
        world = sw.replace(world, patches=(world.patches[0], sw.replace(world.patches[1], vendor="vendor_1")))
        table = sw.Table(world)
        for agent, own, other in ((2, 0, 1), (3, 1, 0)):
            assert table.legal(agent, f"backport:{table.row(own)}") and table.legal(agent, f"expedite:{table.row(own)}")
            assert not table.legal(agent, f"backport:{table.row(other)}")
            assert not table.legal(agent, f"expedite:{table.row(other)}")

    def test_the_price_moves_once_a_window_and_stays(self):
        table = sw.Table(sw.one_service(2, motions_per_window=3, windows=3))
        p = parameters(table)
        assert not table.legal(VENDOR, "price:list")
        table.step({VENDOR: "price:discount"})
        assert not table.legal(VENDOR, "price:premium")
        column = layout.global_feature("price")
        assert (table.state.observation[0, :, column] == np.float32(p["price_discount"])).all()
        table.wait(1)
        table.motion(0)
        table.wait(2)
        assert table.paid(VENDOR, "fee") == pytest.approx(0.7 * p["price_discount"])
        table.step({VENDOR: "price:premium"})
        table.motion(1)
        table.finish()
        assert table.paid(VENDOR, "fee") == pytest.approx(0.7 * (p["price_discount"] + p["price_premium"]))
