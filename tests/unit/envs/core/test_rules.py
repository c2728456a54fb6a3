"""Voting, recognition, responsibility and deadline rules against plain-Python oracles."""

from fractions import Fraction
from itertools import combinations, product
from math import factorial

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles.ledger import KINDS
from patchpact.envs.core import controllers, deadlines, recognition, responsibility, voting
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import ScenarioError, load_scenario


def majority(ballots, weights, veto, quota):
    return ballots.count(1) > ballots.count(-1)


def two_thirds(ballots, weights, veto, quota):
    cast = ballots.count(1) + ballots.count(-1)
    return cast > 0 and Fraction(ballots.count(1), cast) >= Fraction(2, 3)


def weighted(ballots, weights, veto, quota):
    accepted = sum(w for b, w in zip(ballots, weights, strict=True) if b == 1)
    cast = sum(w for b, w in zip(ballots, weights, strict=True) if b != 0)
    return cast > 0 and Fraction(accepted, cast) > Fraction(quota, 1000)


def unanimity(ballots, weights, veto, quota):
    return 1 in ballots and -1 not in ballots


def veto(ballots, weights, veto, quota):
    return not any(v and b == -1 for v, b in zip(veto, ballots, strict=True)) and weighted(
        ballots, weights, veto, quota
    )


def quadratic(ballots, weights, veto, quota):
    return sum(ballots) > 0


VOTING_ORACLES = {f.__name__: f for f in (majority, two_thirds, weighted, unanimity, veto, quadratic)}
VOTING_ORACLES["liability_weighted"] = weighted


def test_every_voting_rule_has_an_oracle():
    assert set(VOTING_ORACLES) == set(voting.NAMES)


@pytest.mark.parametrize("name", voting.NAMES)
def test_voting_rules_agree_with_their_oracles_on_every_ballot(name):
    which = voting.NAMES.index(name)
    vetoes = np.array([False, True, True, False, False])
    for weights in ([1, 1, 1, 1, 1], [2, 2, 1, 0, 3], [1000003, 1, 999999, 7, 0], [0, 0, 0, 0, 0]):
        for quota in (0, 500, 600, 650, 667, 1000):
            for ballots in product((-1, 0, 1), repeat=5):
                passed = voting.motion_passes(which, np.array(ballots), np.array(weights), vetoes, quota)
                assert passed == VOTING_ORACLES[name](list(ballots), weights, vetoes.tolist(), quota)


def test_three_of_five_is_not_more_than_a_quota_of_sixty_percent():
    """0.4 + 0.2 > 0.6 in floats; in whole numbers it is not."""
    rule = voting.NAMES.index("weighted")
    no_veto = np.zeros(3, np.bool_)
    for accepts, expected in (([1, -1, 1], False), ([-1, 1, 1], False), ([1, 1, -1], True)):
        assert voting.motion_passes(rule, np.array(accepts), np.array([2, 2, 1]), no_veto, 600) is expected
    assert 0.4 + 0.2 > 0.6


@pytest.mark.parametrize(("reject", "passes"), [("business_0", False), ("it_0", False), ("vendor_0", True)])
def test_quota_in_play(reject, passes):
    """The same with weights 2, 2, 1 at the table: it and vendor cannot carry a motion against business."""
    table = sw.Table(sw.one_service(voting="weighted", quota=0.6))
    agent = ("it_0", "business_0", "vendor_0").index(reject)
    assert table.motion(0, votes={agent: "reject"}) is passes


NO_BIDS = np.zeros(3, np.int64)


def test_recognition_rotates_by_turn():
    rule = recognition.NAMES.index("rotating")
    weights = np.array([3, 0, 1])
    assert [recognition.recognise(rule, 0.99, weights, turn, NO_BIDS) for turn in range(7)] == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("name", "weights"),
    [("random", (5, 0, 1)), ("weighted", (2, 2, 1)), ("weighted", (0, 1, 0)), ("weighted", (7, 0, 2))],
)
def test_recognition_follows_its_shares_exactly(name, weights):
    """On an even grid of draws every agent gets its share."""
    rule = recognition.NAMES.index(name)
    cells = 630
    named = [int(recognition.recognise(rule, (n + 0.5) / cells, np.array(weights), 3, NO_BIDS)) for n in range(cells)]
    shares = [1] * len(weights) if name == "random" else weights
    assert [named.count(i) for i in range(len(weights))] == [cells * s // sum(shares) for s in shares]
    assert named == sorted(named)
    for draw in (0.0, np.nextafter(1.0, 0.0)):
        assert 0 <= recognition.recognise(rule, draw, np.array(weights), 0, NO_BIDS) < len(weights)


@pytest.mark.parametrize(
    ("bids", "turn", "winner", "price"),
    [
        ((0, 0, 0), 0, 0, 0),
        ((0, 0, 0), 4, 1, 0),
        ((1, 3, 2), 0, 1, 2),
        ((3, 0, 3), 1, 2, 3),
        ((3, 0, 3), 0, 0, 3),
        ((2, 0, 0), 1, 0, 0),
    ],
)
def test_the_floor_goes_to_the_highest_bid_at_the_second_price(bids, turn, winner, price):
    rule = recognition.NAMES.index("second_price")
    named = recognition.recognise(rule, 0.5, np.ones(3, np.int64), turn, np.array(bids))
    assert named == winner
    assert recognition.second_price.price(winner, np.array(bids)) == price


@pytest.mark.parametrize(("rule", "shares"), [("random", (1, 1, 1, 1, 1)), ("weighted", (2, 2, 2, 1, 1))])
def test_recognition_frequencies_in_play(rule, shares):
    """Chi-squared of 5,000 draws below its 1 - 1e-6 quantile with 4 degrees of freedom."""
    agents = sw.seats(businesses=2, vendors=2)
    world = sw.scenario([sw.service(0)], agents=agents, recognition=rule, windows=50, motions_per_window=1)
    engine = Engine([world], 100, autoreset=False)
    engine.reset(np.arange(100, dtype=np.uint64))
    counts = np.zeros(5)
    while not engine.state.world["over"].all():
        counts += np.bincount(engine.state.world["proposer"], minlength=5)
        engine.step(sw.no_ops(engine))
    expected = counts.sum() * np.array(shares) / sum(shares)
    assert counts.sum() == 5000
    assert ((counts - expected) ** 2 / expected).sum() < 33.4


def fixed(it, business, vendor, has_vendor):
    return (it, business, vendor if has_vendor else 0.0)


def equal(it, business, vendor, has_vendor):
    concerned = 3 if has_vendor else 2
    return (1 / concerned, 1 / concerned, 1 / concerned if has_vendor else 0.0)


@pytest.mark.parametrize("oracle", [fixed, equal])
@pytest.mark.parametrize("has_vendor", [False, True])
def test_responsibility_rules_agree_with_their_oracles(oracle, has_vendor):
    rule = responsibility.NAMES.index(oracle.__name__)
    for shares in ((0.3, 0.3, 0.1), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.2, 0.5, 0.3)):
        got = responsibility.liability_shares(rule, *shares, has_vendor)
        assert tuple(got) == pytest.approx(oracle(*shares, has_vendor))
        assert sum(got) <= 1.0 + 1e-12
    assert set(responsibility.NAMES) == {"fixed", "equal", "negligence", "shapley"}


BOD_26_04 = {
    # (in KEV, publicly exposed, automatable, total technical impact): days, None where the next upgrade will do
    (True, True, True, True): 3, (True, True, True, False): 3, (True, True, False, True): 3, (True, True, False, False): 14,
    (True, False, True, True): 3, (True, False, True, False): 14, (True, False, False, True): 14,
    (True, False, False, False): 14,
    (False, True, True, True): 3, (False, True, True, False): 14, (False, True, False, True): 14,
    (False, True, False, False): 60,
    (False, False, True, True): 60, (False, False, True, False): 60, (False, False, False, True): None,
    (False, False, False, False): None,
}  # fmt: skip
"""CISA's table in CERTCC/SSVC: three days with forensics, three days, 14, 60, or with the next system upgrade."""


def test_bod_26_04_table_row_by_row():
    assert len(BOD_26_04) == 16
    for points, days in BOD_26_04.items():
        for cvss in (0.0, 7.0, 10.0):
            assert deadlines.bod26_04.days(*points, cvss) == (-1 if days is None else days)


def test_bod_26_04_table_in_words():
    """The directive's own sentences, and not one row besides."""
    for (kev, exposed, automatable, total), days in BOD_26_04.items():
        if kev:
            urgent = (total and (exposed or automatable)) or (exposed and automatable and not total)
            assert days == (3 if urgent else 14)
        elif exposed and automatable and total:
            assert days == 3
        elif exposed and automatable != total:
            assert days == 14
        elif (exposed and not automatable and not total) or (not exposed and automatable):
            assert days == 60
        else:
            assert days is None


def test_flat_and_no_deadlines():
    for exposed, automatable, total in product((False, True), repeat=3):
        points = (exposed, automatable, total)
        for cvss, days in ((3.3, -1), (6.9, -1), (7.0, 30), (8.9, 30), (9.0, 15), (10.0, 15)):
            assert deadlines.flat.days(False, *points, cvss) == days
            assert deadlines.flat.days(True, *points, cvss) == 14
            assert deadlines.none.days(True, *points, cvss) == deadlines.none.days(False, *points, cvss) == -1


@pytest.mark.parametrize("field", ["voting", "recognition", "responsibility_rule", "deadlines"])
def test_a_misspelt_rule_is_answered_with_the_closest_name(field):
    names = {
        "voting": voting.NAMES,
        "recognition": recognition.NAMES,
        "responsibility_rule": responsibility.NAMES,
        "deadlines": deadlines.NAMES,
    }[field]
    for name in names:
        with pytest.raises(ScenarioError, match=rf"{field}: .*unknown.*{name}"):
            Engine([load_scenario("toy-v1", **{field: name + "x"})], 1)


# Rules that look at what happened, and rules with settings of their own, in play


def liabilities(table, agents=3):
    """Each agent's share of the damage of every window that is left, the tail with the last ``(windows, agents)``."""
    found = []
    while not table.over:
        owed, damage = table.parts[:agents, LIABILITY].copy(), float(table.world["damage_keur"])
        table.wait(int(table.world["t"]) + 1)
        found.append((owed - table.parts[:agents, LIABILITY]) / (float(table.world["damage_keur"]) - damage))
    return np.array(found)


LIABILITY, BID = KINDS.index("liability"), KINDS.index("bid")
THREE = np.full(3, 1 / 3)


def rejected(**changes):
    """IT and business reject the only patch in the first window; the vendor accepts it."""
    settings = {"incident_loss": "expected", "tail_windows": 0, "windows": 6, "responsibility_rule": "negligence"}
    table = sw.Table(sw.one_service(**{**settings, **changes}))
    assert not table.motion(0, votes={0: "reject", 1: "reject"})
    return table


def test_negligence_holds_a_rejection_for_fourteen_days():
    """Windows open on days 7, 14, 21..; the rejection was on day 0."""
    shares = liabilities(rejected())
    negligent = 0.4 * THREE + 0.6 * np.array([0.5, 0.5, 0.0])
    assert shares[:2] == pytest.approx(np.array([negligent, negligent]))
    assert shares[2:] == pytest.approx(np.tile(THREE, (3, 1)))


def test_negligence_needs_evidence_at_the_vote():
    """A patch that is not worth its downtime by public figures may be rejected, whatever happens."""
    dear = {"patch_changes": {"downtime_minutes": 100_000.0}}
    table = sw.Table(sw.one_service(**dear, responsibility_rule="negligence", incident_loss="expected"))
    assert table.state.row["public"][0, table.row(0), 0] < 0.0
    shares = liabilities(rejected(**dear))
    assert shares == pytest.approx(np.tile(THREE, (len(shares), 1)))


def test_negligence_shows_voters_what_a_rejection_puts_at_stake():
    for rule, at_stake in (("negligence", True), ("equal", False)):
        table = sw.Table(sw.one_service(responsibility_rule=rule, incident_loss="expected"))
        row, risk = table.row(0), float(table.state.patch["risk"][0])
        plain = table.state.own[0, :, row, 0].copy()
        table.nominate(0)
        added = table.state.agent["own_gain"][0] - plain
        assert added == pytest.approx(np.full(3, 0.6 * risk * 2.0 if at_stake else 0.0))


def test_a_later_vote_replaces_an_earlier_one():
    table = rejected()
    assert not table.motion(0, votes={1: "reject", 2: "reject"})
    assert liabilities(table)[0] == pytest.approx(0.4 * THREE + 0.6 * np.array([0.0, 0.5, 0.5]))


def council(weights, quota, **changes):
    """A world in which a business for every weight has a flow through the one service; IT and vendor have none."""
    agents = sw.seats(businesses=len(weights))
    votes = [0, *weights, 0]
    agents = tuple(sw.replace(a, vote_weight=w) for a, w in zip(agents, votes, strict=True))
    flows = tuple(sw.Entrypoint(n, "s0", 100.0, 1.0, f"business_{n}") for n in range(len(weights)))
    settings = {"voting": "weighted", "quota": quota, "responsibility_rule": "shapley", "windows": 1}
    settings |= {"tail_windows": 0, "incident_loss": "expected"}
    return sw.one_service(agents=agents, entrypoints=flows, **{**settings, **changes})


def index_of(weights, accepted, quota):
    """Shapley-Shubik index of the rejecters by all coalitions: accepted weight above the quota of all cast."""
    n, cast = len(weights), sum(weights) + accepted
    value = np.zeros(n)

    def passes(coalition):
        won = accepted + sum(weights[i] for i in coalition)
        return cast > 0 and 1000 * won > round(1000 * quota) * cast

    if not passes(range(n)):
        return np.full(n, 1.0 / n)
    for size in range(n):
        share = factorial(size) * factorial(n - size - 1) / factorial(n)
        for coalition in combinations(range(n), size):
            if not passes(coalition):
                for i in set(range(n)) - set(coalition):
                    value[i] += share * passes((*coalition, i))
    return value


def shapley_shares(world, rejecters, accepters, seeds):
    """Mean shares of the businesses when these agents had rejected and accepted the patch ``(businesses,)``."""
    engine = Engine([world], len(seeds), autoreset=False)
    engine.reset(np.array(seeds, np.uint64))
    engine.state.patch["rejecters"] = sum(1 << i for i in rejecters)
    engine.state.patch["accepters"] = sum(1 << i for i in accepters)
    engine.step(sw.no_ops(engine))
    owed = -engine.state.parts[:, :-2, LIABILITY] / engine.state.world["damage_keur"][:, None]
    assert owed.sum(1) == pytest.approx(np.ones(len(seeds)))
    return owed.mean(0)


@pytest.mark.parametrize("case", range(12))
def test_shapley_shares_are_the_shapley_shubik_index(case):
    """Random weights, quotas and votes, up to the 8 players that are counted out."""
    rng = np.random.default_rng([5, case])
    players, accepting = int(rng.integers(1, 9)), int(rng.integers(0, 3))
    weights = rng.integers(1, 12, players + accepting).tolist()
    quota = float(rng.choice([0.3, 0.5, 0.65, 0.9]))
    already = sum(weights[players:])
    if 1000 * already > round(1000 * quota) * sum(weights):
        already, weights, accepting = 0, weights[:players], 0  # it would have passed: no failed vote
    rejecters = range(1, players + 1)
    shares = shapley_shares(council(weights, quota), rejecters, range(players + 1, players + 1 + accepting), [3])
    expected = index_of(weights[:players], already, quota)
    assert shares[1 : players + 1] == pytest.approx(expected)
    assert shares.sum() == pytest.approx(1.0)


def test_shapley_shares_of_more_than_eight_are_sampled_about_the_index():
    """64 orders in each of 50 worlds: a standard error of at most .5 / sqrt(3200) = .009."""
    weights = [9, 7, 5, 3, 3, 2, 1, 1, 1, 1]
    shares = shapley_shares(council(weights, 0.6), range(1, 11), (), range(50))
    expected = index_of(weights, 0, 0.6)
    assert np.abs(shares[1:11] - expected).max() < 0.04
    assert expected.max() > 0.2 > 0.05 > expected.min()
    assert shares[[0, 11]] == pytest.approx([0.0, 0.0])


def test_shapley_without_a_vote_is_among_those_concerned():
    """By weights 0 (IT), 3 (the owner) and 0 (vendor) of a majority the owner alone turns the vote."""
    assert shapley_shares(council([3], 0.5), (), (), [1]) == pytest.approx([0.0, 1.0, 0.0])


def quadratic_table(**changes):
    return sw.Table(sw.one_service(6, **{"voting": "quadratic", "motions_per_window": 6, "windows": 2, **changes}))


def test_votes_cost_their_square_in_credits_which_come_anew():
    table = quadratic_table()
    table.step({0: "intensity:3"})
    assert not table.legal(0, "intensity:3")
    credits = table.state.agent["credits"][0]
    assert credits == pytest.approx([10.0, 10.0, 10.0])
    assert table.motion(0, votes={1: "reject", 2: "reject"}), "three votes against two"
    assert table.state.ballots[0].tolist() == [3, -1, -1]
    assert credits == pytest.approx([1.0, 9.0, 9.0])
    assert not table.motion(1, votes={1: "reject", 2: "reject"}), "one credit left buys one vote"
    assert table.state.ballots[0].tolist() == [1, -1, -1]
    assert credits == pytest.approx([0.0, 8.0, 8.0])
    assert table.motion(2, votes={0: "reject", 1: "accept", 2: "abstain"})
    assert table.state.ballots[0].tolist() == [0, 1, 0], "without credits no vote, and abstaining costs none"
    assert credits == pytest.approx([0.0, 7.0, 8.0])
    table.wait(1)
    assert credits == pytest.approx([10.0, 10.0, 10.0])
    assert table.state.agent["intensity"][0, 0] == 3, "the setting stands"


def test_credits_never_go_below_zero_whatever_is_played():
    engine = Engine([sw.one_service(6, voting="quadratic", motions_per_window=6, credits_per_window=5.0)], 20)
    engine.reset(np.arange(20, dtype=np.uint64))
    actions = sw.no_ops(engine)
    spent = 0.0
    for turn in range(60):
        engine.step_at_random(3, turn, actions)
        assert (engine.state.agent["credits"] >= 0.0).all()
        spent = max(spent, 5.0 - engine.state.agent["credits"].min())
    assert spent > 3.0


def test_intensities_are_legal_only_where_votes_cost_credits():
    assert not sw.Table(sw.one_service()).legal(0, "intensity:2")
    assert not sw.Table(sw.one_service()).legal(0, "bid:1")


def floor(**changes):
    return sw.Table(sw.one_service(3, **{"recognition": "second_price", "motions_per_window": 4, **changes}))


def test_the_highest_bid_proposes_and_pays_the_second():
    table = floor(bid_step_keur=0.5)
    before = table.state.agent["budget"][0].copy()
    table.step({0: "bid:1", 1: "bid:3", 2: "bid:2"})
    assert table.world["proposer"] == 1
    assert table.parts[:3, BID] == pytest.approx([0.0, -1.0, 0.0])
    assert table.state.agent["budget"][0] == pytest.approx(before - [0.0, 1.0, 0.0])
    assert table.welfare == 0.0, "paid to the public, not lost"
    table.step({1: "bid:0"})
    assert table.world["proposer"] == 2
    assert table.parts[:3, BID] == pytest.approx([0.0, -1.0, -0.5])


def test_a_floor_nobody_else_wants_is_free():
    table = floor()
    table.step({2: "bid:3"})
    assert table.world["proposer"] == 2
    assert not table.parts[:, BID].any()


def test_every_motion_is_paid_for():
    table = floor(bid_step_keur=0.5)
    table.step({0: "bid:1", 1: "bid:3"})
    table.wait(2)  # motions 1 to 3 of the first window, all 4 of the second, the first of the third
    assert -table.parts[1, BID] == pytest.approx(0.5 * 8)


def test_votes_weighted_by_liability():
    """IT bears 25%, business 5%, the vendor 1%: IT outvotes both; among equals two outvote one."""
    table = sw.Table(sw.one_service(3, voting="liability_weighted", quota=0.65, motions_per_window=3))
    assert table.motion(0, votes={1: "reject", 2: "reject"})
    table.nominate(1)
    assert table.state.weight[0].tolist() == [250, 50, 10]
    table.step({0: "vote:reject", 1: "vote:accept", 2: "vote:accept"})
    assert table.world["motions_passed"] == 1.0
    alike = sw.Table(sw.one_service(voting="liability_weighted", quota=0.65, responsibility_rule="equal"))
    assert alike.motion(0, votes={0: "reject"}), "666 of 999 thousandths"
    nobody = sw.Table(sw.one_service(voting="liability_weighted", quota=0.5, responsibility_enabled=False))
    nobody.nominate(0)
    assert nobody.state.weight[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("now", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("measured", [0.0, 0.08, 0.1, 0.12, 0.13, 0.6, 1.0])
def test_the_controller_has_a_dead_band_and_limits(now, measured):
    frozen, adaptive = (controllers.NAMES.index(name) for name in ("frozen", "adaptive"))
    arguments = (now, measured, 0.1, 4.0, 0.025, 0.25, 4.0)
    assert controllers.new_factor(frozen, *arguments) == now
    found = controllers.new_factor(adaptive, *arguments)
    if abs(measured - 0.1) < 0.025:
        assert found == now
    else:
        assert found == pytest.approx(min(max(now * np.exp(4.0 * (measured - 0.1)), 0.25), 4.0))
