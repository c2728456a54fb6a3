"""What a window brings: the plan carried out, losses, fines, mitigations, the tail; and what agents expected of it."""

from itertools import product

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.modes import CANARY, EMERGENCY, FULL, MITIGATE
from patchpact.scenarios import Entrypoint

IT, BUSINESS, VENDOR = 0, 1, 2
MODES = {"full": FULL, "canary": CANARY, "mitigate": MITIGATE, "emergency": EMERGENCY}


def outcome(world, plan, seed=5):
    """Accounts and welfare at the end of the plan {window: mode}, and the figures shown before each nomination."""
    table = sw.Table(world, seed)
    shown = []
    while not table.over:
        t = int(table.world["t"])
        if t in plan and table.world["motion"] == 0:
            row, mode = table.row(0), MODES[plan[t]]
            own = table.state.own[0, :, row, mode].copy()
            shown.append((own, float(table.state.row["public"][0, row, mode])))
            table.motion(0, plan[t])
        else:
            table.step()
    return table.accounts, table.welfare, shown


EXPECTED = {"incident_loss": "expected", "revenue_log_sd": 0.5, "effort_log_sd": 0.5}


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("when", [0, 1, 3])
@pytest.mark.parametrize("regression", [0.0, 1.0])
def test_own_expected_account_change_is_the_change_of_the_account(mode, when, regression):
    """Losses as expectations, the plan in the middle of the window: what each agent is shown is what happens.

    Private revenue and effort are spread; the vendor's warranty at somebody else's true revenue is all that it can
    only estimate, so that is left out.
    """
    for deadlines, warranty in (("bod26_04", 0.0), ("none", 0.3 if regression == 0.0 else 0.0)):
        world = sw.one_service(
            **EXPECTED,
            deadlines=deadlines,
            rollback_vendor_share=warranty,
            patch_changes={"regression_probability": regression},
        )
        idle, _, _ = outcome(world, {})
        accounts, _, shown = outcome(world, {when: mode})
        assert accounts - idle == pytest.approx(shown[0][0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("regression", [0.0, 1.0])
def test_public_gain_is_the_change_of_welfare(mode, regression):
    """With nothing private, the public estimate of a motion's welfare change is what it changes."""
    for over in ({}, {"season_high_probability": 1.0}, {"value_enabled": False}, {"rollback_vendor_share": 0.5}):
        world = sw.one_service(incident_loss="expected", patch_changes={"regression_probability": regression}, **over)
        _, idle, _ = outcome(world, {})
        _, welfare, shown = outcome(world, {1: mode})
        assert welfare - idle == pytest.approx(shown[0][1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("later", ["full", "canary", "emergency"])
@pytest.mark.parametrize("pause", [1, 2, 3, 4])
def test_own_expected_account_change_of_a_patch_behind_a_mitigation(later, pause):
    """What is left of the mitigation is reckoned with, also where it runs out before the middle of the window."""
    world = sw.one_service(**EXPECTED, windows=6, mitigate_windows=2, motions_per_window=1)
    first, _, _ = outcome(world, {0: "mitigate"})
    accounts, _, shown = outcome(world, {0: "mitigate", pause: later})
    assert accounts - first == pytest.approx(shown[1][0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("motion", [0, 1])
def test_what_a_mitigation_leaves_is_reckoned_to_the_day(motion):
    """Mitigated on a third or two thirds of a window, so that it runs out before or after the middle of the third."""
    world = sw.one_service(**EXPECTED, windows=6, mitigate_windows=2, motions_per_window=2)
    accounts = []
    for follow in (False, True):
        table = sw.Table(world)
        while table.world["motion"] < motion:
            table.step()
        table.motion(0, "mitigate")
        table.wait(2)
        own = table.state.own[0, :, table.row(0), EMERGENCY].copy()
        if follow:
            table.motion(0, "emergency")
        accounts.append(table.finish().accounts)
    assert accounts[1] - accounts[0] == pytest.approx(own, rel=1e-9)


@pytest.mark.parametrize("again", [0, 1, 2])
def test_a_renewed_mitigation_joins_the_old_one(again):
    """No day of the old one is lost, and none is given: it runs out a quarter into the third window."""
    world = sw.one_service(
        incident_loss="expected", windows=6, tail_windows=0, mitigate_windows=2, motions_per_window=3
    )
    hazard = float(world.parameters["mitigate_hazard"])
    table = sw.Table(world)
    table.motion(0, "mitigate")
    table.wait(2)
    while table.world["motion"] < again:
        table.step()
    table.motion(0, "mitigate")
    table.finish()
    start = 0.25
    ends = min(2.0 + (again + 1) / 4, start + 2.0) + 2.0
    bare = sw.Table(world).finish().welfare / 6
    q = -bare / 200.0
    by_window = [min(max(min(ends, w + 1) - max(start, w), 0.0), 1.0) for w in range(6)]
    expected = -sum(200.0 * q * (1.0 - (1.0 - hazard) * part) for part in by_window)
    labour = table.paid(IT, "effort")
    assert sum(by_window) == pytest.approx(ends - start)
    assert table.welfare - labour == pytest.approx(expected, rel=1e-9)


def test_mitigation_cuts_the_hazard_for_its_days_and_then_it_returns():
    world = sw.one_service(incident_loss="expected", windows=5, mitigate_windows=2, mitigate_hazard=0.25)
    idle = sw.Table(world)
    per_window = []
    for table in (idle, mitigated := sw.Table(world)):
        losses = []
        while not table.over:
            before = table.world["damage_keur"].item()
            t = int(table.world["t"])
            if table is mitigated and t == 0:
                table.motion(0, "mitigate")
            table.wait(t + 1)
            if not table.over:
                losses.append(table.world["damage_keur"].item() - before)
        per_window.append(losses)
    bare = per_window[0][0]
    assert per_window[0] == pytest.approx([bare] * 4)
    q = bare / 200.0
    half = 1.0 - (1.0 - q * 0.625)  # half a window at full hazard, half at a quarter
    assert per_window[1] == pytest.approx([200.0 * half, bare * 0.25, 200.0 * half, bare])


@pytest.mark.parametrize(
    ("plan", "tail"), [({}, 3), ({0: "full"}, 0), ({1: "canary"}, 3), ({1: "emergency"}, 0), ({2: "mitigate"}, 4)]
)
def test_expected_losses_are_the_mean_of_sampled_ones_on_a_tree(plan, tail):
    """Patched and mitigated days included, and the tail; within 4 standard errors of 12,000 worlds."""
    services = [sw.service(0), sw.service(1, loss=300.0)]
    findings = [sw.finding(0, 0, epss=0.9), sw.finding(1, 0, epss=0.9)]
    patches = [sw.patch(0, 0, findings=(0, 1))]
    world = sw.scenario(
        services, [sw.edge(0, 0, 1, 0.5)], findings, patches,
        windows=3, tail_windows=tail, mitigate_windows=2, breadth_median=0.6, reachability_log_sd=0.3, signal_log_sd=0.1,
    )  # fmt: skip
    worlds = 12000
    damages = {}
    for mode in ("sampled", "expected"):
        engine = Engine([world.with_parameters(incident_loss=mode)], worlds, autoreset=False)
        engine.reset(np.arange(worlds, dtype=np.uint64))
        for t in range(3):
            if t in plan:
                sw.motion_everywhere(engine, 0, plan[t])
            else:
                sw.idle(engine, 1)
        assert engine.state.world["over"].all()
        damages[mode] = engine.state.world["damage_keur"].copy()
    difference = damages["sampled"] - damages["expected"]
    assert abs(difference.mean()) <= 4.0 * difference.std() / np.sqrt(worlds)
    assert damages["expected"].std() < 0.5 * damages["sampled"].std(), "that is what expectations are for"


def test_attempts_seen_teach_breadth_and_stay_right_on_average():
    """With a hidden breadth the posterior moves, and expected losses over many windows keep the sampled mean."""
    world = sw.one_service(
        windows=12, tail_windows=4, breadth_median=0.03, breadth_log_sd=2.5, finding_changes={"epss": 0.9}
    )
    worlds = 6000
    mean = {}
    spread = {}
    for mode in ("sampled", "expected"):
        engine = Engine([world.with_parameters(incident_loss=mode)], worlds, autoreset=False)
        engine.reset(np.arange(worlds, dtype=np.uint64))
        prior = engine.state.cve["mean_breadth"].copy()
        sw.idle(engine)
        damage = engine.state.world["damage_keur"]
        mean[mode], spread[mode] = damage.mean(), damage.std() / np.sqrt(worlds)
    posterior = engine.state.cve["mean_breadth"]
    assert posterior.min() < prior[0] / 2 and posterior.max() > 0.3
    assert abs(mean["sampled"] - mean["expected"]) <= 4.0 * np.hypot(spread["sampled"], spread["expected"])
    assert abs(posterior.mean() - prior[0]) <= 4.0 * posterior.std() / np.sqrt(worlds)


def test_risk_left_is_the_expected_loss_of_the_tail():
    """Also while a mitigation runs out in it."""
    for plan in ({}, {3: "mitigate"}, {2: "mitigate"}, {1: "full"}):
        world = sw.one_service(incident_loss="expected", windows=4, tail_windows=4, mitigate_windows=2)
        table = sw.Table(world)
        while not table.over:
            t = int(table.world["t"])
            _ = table.motion(0, plan[t]) if t in plan else table.step()
        assert table.world["risk_left_keur"] == pytest.approx(table.world["tail_keur"].item(), rel=1e-9, abs=1e-9)
        assert (table.world["risk_left_keur"] > 0.0) == (plan != {1: "full"})
        assert table.world["open_risk"] * 4 == pytest.approx(table.world["risk_left_keur"].item())


def test_tail_of_no_windows_books_nothing():
    table = sw.Table(sw.one_service(incident_loss="expected", tail_windows=0)).finish()
    assert table.world["tail_keur"] == table.world["risk_left_keur"] == 0.0
    assert table.world["damage_keur"] > 0.0


def test_findings_that_never_became_known_stay_out_of_the_tail():
    world = sw.one_service(2, incident_loss="expected", windows=4, tail_windows=6)
    late = sw.replace(world.findings[1], known_window=4)
    for mode, seeds in (("expected", 1), ("sampled", 300)):
        stated = sw.replace(world, findings=(world.findings[0], late)).with_parameters(incident_loss=mode)
        alone = sw.replace(stated, findings=stated.findings[:1], patches=stated.patches[:1])
        for seed in range(seeds):
            assert sw.Table(stated, seed).finish().welfare == sw.Table(alone, seed).finish().welfare


def test_one_window_has_no_arrivals():
    """There is no later window to arrive in, and nothing that could be done about it."""
    world = sw.one_service(
        incident_loss="expected", windows=1, initially_known_share=0.0, finding_changes={"known_window": None}
    )
    assert sw.Table(world).finish().welfare == 0.0


class TestFines:
    """IT pays for every day of a window on which a released fix stands open past its deadline."""

    FINE = 1.0

    def world(self, **changes):
        made = {
            "deadlines": "flat", "fine_keur_per_day": self.FINE, "windows": 5, "tail_windows": 2, "breadth_median": 1e-9,
            "motions_per_window": 1, "initially_known_share": 0.0, **changes,
        }  # fmt: skip
        return sw.one_service(finding_changes={"known_window": 1, "cvss": 9.5}, **made)

    def fined(self, plan, **changes):
        table = sw.Table(self.world(**changes))
        while not table.over:
            t = int(table.world["t"])
            _ = table.motion(0, plan[t]) if t in plan else table.step()
        assert table.paid(IT, "fine") == -table.world["fines_keur"]
        return -table.paid(IT, "fine"), float(table.world["deadlines_missed"])

    def test_known_on_day_7_critical_due_on_day_22_open_until_day_35(self):
        assert self.fined({}) == (pytest.approx(13.0), 1.0)

    def test_patched_on_day_31_and_a_half(self):
        assert self.fined({4: "full"}) == (pytest.approx(9.5), 1.0)

    def test_an_emergency_on_day_28(self):
        assert self.fined({4: "emergency"}) == (pytest.approx(6.0), 1.0)

    def test_in_time(self):
        assert self.fined({2: "full"}) == (0.0, 0.0)

    def test_a_mitigation_does_not_stop_the_clock(self):
        assert self.fined({2: "mitigate"}) == (pytest.approx(13.0), 1.0)

    def test_a_fix_that_is_not_out_cannot_be_late(self):
        table_world = self.world()
        late = sw.replace(table_world, patches=[sw.replace(table_world.patches[0], release_window=4)])
        table = sw.Table(late).finish()
        assert -table.paid(IT, "fine") == pytest.approx(7.0)

    def test_no_rule_no_fine_and_no_governance_no_fine(self):
        assert self.fined({}, deadlines="none") == (0.0, 0.0)
        table = sw.Table(self.world(governance_enabled=False)).finish()
        assert table.paid(IT, "fine") == 0.0

    def test_kev_entry_starts_a_clock_of_its_own(self):
        """Below every severity, so without a deadline, until it enters KEV: 14 days from then on."""
        jumping = {"epss_jump_probability": 1.0, "epss_jump_odds": 1.0, "kev_entry_probability": 1.0}
        world = sw.one_service(
            finding_changes={"known_window": 0, "cvss": 5.0},
            deadlines="flat",
            fine_keur_per_day=1.0,
            windows=5,
            **jumping,
        )
        table = sw.Table(world)
        assert table.state.patch["due"][0] > 1e8
        table.wait(1)
        assert table.state.patch["due"][0] == 7.0 + 14.0
        assert table.state.patch["kev"][0] == 1
        table.finish()
        assert -table.paid(IT, "fine") == pytest.approx(35.0 - 21.0)


class TestPlan:
    def test_a_regression_rolls_back_with_costs_paid_and_the_finding_open(self):
        world = sw.one_service(patch_changes={"regression_probability": 1.0}, tail_windows=0, breadth_median=1e-9)
        p = world.parameters
        table = sw.Table(world)
        table.motion(0)
        table.wait(1)
        hours, rate = 40.0 / 60.0 / 2, 3.0  # two replicas: half of the flow is lost while the service updates
        labour = 10.0 * p["labour_keur_per_hour"]
        assert table.paid(IT, "effort") == pytest.approx(-labour)
        assert table.paid(IT, "rollback") == pytest.approx(-labour * p["rollback_effort"])
        assert table.paid(BUSINESS, "rollback") == pytest.approx(-hours * p["rollback_downtime"] * rate)
        assert table.paid(VENDOR, "warranty") == pytest.approx(
            p["rollback_vendor_share"] * table.paid(BUSINESS, "rollback")
        )
        assert table.paid(BUSINESS, "downtime") == pytest.approx(-(hours + p["setup_hours"] * 0.5) * rate)
        assert table.paid(BUSINESS, "fee") == pytest.approx(-0.7) == -table.paid(VENDOR, "fee")
        assert table.state.patch["done"][0] == 0 and table.state.patch["failed"][0] == 1
        assert table.world["patches_failed"] == 1.0
        assert table.row(0) >= 0, "it is on the table again"

    def test_a_failed_canary_costs_no_rollback(self):
        table = sw.Table(sw.one_service(patch_changes={"regression_probability": 1.0}))
        table.motion(0, "canary")
        table.finish()
        assert table.paid(IT, "rollback") == table.paid(BUSINESS, "rollback") == table.paid(VENDOR, "warranty") == 0.0
        assert table.state.patch["done"][0] == 0

    def test_a_patch_whose_planned_prerequisite_rolls_back_is_blocked(self):
        """Labour and outage are spent, no fee is due, nothing is fixed."""
        world = sw.one_service(2, motions_per_window=2, windows=2)
        patches = (
            sw.replace(world.patches[0], regression_probability=1.0),
            sw.replace(world.patches[1], requires=(0,)),
        )
        world = sw.replace(world, patches=patches)
        table = sw.Table(world)
        assert not table.legal(int(table.world["proposer"]), f"nominate:{table.row(1)}:full")
        table.motion(0)
        assert not table.legal(int(table.world["proposer"]), f"nominate:{table.row(1)}:emergency"), "not done yet"
        table.motion(1)
        table.wait(1)
        assert table.state.patch["done"].tolist() == [0, 0]
        assert table.paid(VENDOR, "fee") == pytest.approx(0.7), "only for the first"
        labour = 10.0 * world.parameters["labour_keur_per_hour"]
        assert table.paid(IT, "effort") == pytest.approx(-2 * labour)

    def test_a_mitigated_prerequisite_does_not_open_the_way(self):
        world = sw.one_service(2, motions_per_window=2)
        world = sw.replace(world, patches=(world.patches[0], sw.replace(world.patches[1], requires=(0,))))
        table = sw.Table(world)
        table.motion(0, "mitigate")
        proposer = int(table.world["proposer"])
        assert not table.legal(proposer, f"nominate:{table.row(1)}:full")
        assert table.legal(proposer, f"nominate:{table.row(1)}:mitigate")

    def test_emergency_needs_no_hours_left_and_ignores_a_freeze(self):
        table = sw.Table(sw.one_service(capacity_hours=0.0, motions_per_window=2))
        table.step({BUSINESS: "freeze"})
        proposer = int(table.world["proposer"])
        legal = {mode: table.legal(proposer, f"nominate:{table.row(0)}:{mode}") for mode in MODES}
        assert legal == {"full": False, "canary": False, "mitigate": False, "emergency": True}

    def test_emergency_is_done_on_the_first_day_of_the_window(self):
        world = sw.one_service(incident_loss="expected", windows=2, tail_windows=3)
        table = sw.Table(world)
        table.motion(0, "emergency")
        table.finish()
        assert table.world["damage_keur"] == 0.0
        p = world.parameters
        assert table.paid(IT, "effort") == pytest.approx(-10.0 * p["labour_keur_per_hour"] * p["emergency_effort"])
        hours = 40.0 / 60.0 / 2 * p["emergency_downtime"] + 0.5 * p["setup_hours"]
        assert table.paid(BUSINESS, "downtime") == pytest.approx(-hours * 3.0)

    def test_patches_of_one_flow_share_its_downtime_and_its_set_up(self):
        """The longest outage counts whole, the others by their overlap, the set-up once."""
        world = sw.one_service(3, motions_per_window=4, windows=1, tail_windows=0)
        minutes = (40.0, 60.0, 20.0)
        patches = [sw.replace(p, downtime_minutes=m) for p, m in zip(world.patches, minutes, strict=True)]
        world = sw.replace(world, patches=patches)
        p = world.parameters
        table = sw.Table(world)
        added = []
        for number in range(3):
            row = table.row(number)
            column = row * layout.ROW_WIDTH + layout.row_feature("downtime_added")
            added.append(10.0 * float(table.state.observation[0, IT, column]))
            table.motion(number)
        table.finish()
        half = [m / 60.0 / 2 for m in minutes]
        hours = max(half) + p["downtime_overlap"] * (sum(half) - max(half)) + 0.5 * p["setup_hours"]
        assert table.paid(BUSINESS, "downtime") == pytest.approx(-3.0 * hours)
        assert table.world["downtime_hours"] == pytest.approx(hours)
        assert sum(added) == pytest.approx(hours, rel=1e-5), "what the rows said they would add"

    def test_downtime_follows_calls_and_falls_on_the_flows_owner(self):
        """A store behind a hard call, one replica: the whole flow, times the probability of the call."""
        services = [sw.service(0), sw.service(1, kind="store", replicas=1, owner="business_1")]
        flows = [Entrypoint(0, "s0", 1.0, 5.0, "business_0"), Entrypoint(1, "s1", 1.0, 7.0, "business_1")]
        world = sw.scenario(
            services, [sw.edge(0, 0, 1)], [sw.finding(1, 1)], [sw.patch(1, 1)],
            agents=sw.seats(businesses=2), entrypoints=flows, windows=1, tail_windows=0, setup_hours=0.0,
        )  # fmt: skip
        table = sw.Table(world)
        table.motion(0)
        table.finish()
        assert table.paid(1, "downtime") == pytest.approx(-40.0 / 60.0 * 0.6 * 5.0)
        assert table.paid(2, "downtime") == pytest.approx(-40.0 / 60.0 * 7.0)

    def test_night_and_season_change_what_an_hour_costs(self):
        seasons = {"season_high_probability": 1.0, "season_high": 2.0, "season_low_probability": 0.0}
        for night, over in product((False, True), ({}, seasons)):
            world = sw.one_service(motions_per_window=2, windows=1, tail_windows=0, **over)
            table = sw.Table(world)
            table.step({BUSINESS: "night_hours"} if night else {})
            table.motion(0)
            p = world.parameters
            hour = 3.0 * (p["night_factor"] if night else 1.0) * (2.0 if over else 1.0)
            assert table.paid(BUSINESS, "downtime") == pytest.approx(-hour * (40.0 / 120.0 + 0.5 * p["setup_hours"]))
            assert table.paid(BUSINESS, "night") == pytest.approx(-p["night_price_keur"] if night else 0.0)

    def test_a_fix_cannot_be_nominated_before_its_release(self):
        world = sw.one_service(patch_changes={"release_window": 2})
        table = sw.Table(world)
        for window in range(3):
            proposer = int(table.world["proposer"])
            assert table.legal(proposer, f"nominate:{table.row(0)}:full") == (window == 2)
            assert table.legal(proposer, f"nominate:{table.row(0)}:mitigate")
            table.step()

    def test_a_patch_removes_findings_that_come_later(self):
        world = sw.one_service(2, incident_loss="expected", windows=4, tail_windows=2)
        late = sw.replace(world.findings[1], known_window=2)
        world = sw.replace(
            world, findings=(world.findings[0], late), patches=(sw.replace(world.patches[0], findings=(0, 1)),)
        )
        table = sw.Table(world)
        table.motion(0, "emergency")
        table.finish()
        assert table.world["damage_keur"] == 0.0


class TestLiability:
    """Who owes what of a loss, by the fixed rule; what is left over falls on users."""

    def test_shares_of_a_certain_loss(self):
        sure = {"breadth_median": 1.0, "attempt_multiplier": 1000.0}
        shares = {"share_it": 0.2, "share_business": 0.5, "share_vendor": 0.1, "responsibility_rule": "fixed"}
        findings = [sw.finding(0, 0, epss=1.0, confidence=1.0)]
        services = [sw.service(0), sw.service(1, owner="business_1", loss=1000.0)]
        for mode in ("sampled", "expected"):
            for vendor in ("vendor_0", None):
                world = sw.scenario(
                    services, [sw.edge(0, 0, 1, 1.0)], findings, [sw.patch(0, 0, vendor=vendor)],
                    agents=sw.seats(businesses=2), windows=1, tail_windows=0, incident_loss=mode, **sure, **shares,
                )  # fmt: skip
                table = sw.Table(world).finish()
                owed = [table.paid(agent, "liability") for agent in range(4)]
                made = 0.0 if vendor is None else -0.1 * 1200.0
                # the owner of the service that was entered answers, not the one behind it
                assert owed == pytest.approx([-0.2 * 1200.0, -0.5 * 1200.0, 0.0, made], rel=1e-6)
                assert table.welfare == pytest.approx(-1200.0)
