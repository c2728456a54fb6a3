"""Voting, recognition, responsibility and deadline rules against plain-Python oracles."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import small_worlds as sw

from patchpact.envs.core import deadlines, recognition, responsibility, voting
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
