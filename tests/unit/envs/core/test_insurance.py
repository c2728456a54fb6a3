"""Insurance: what it costs, what it pays, and what it does not pay for."""

import pytest
import small_worlds as sw
from small_worlds import MARKET, PLATFORM, SHOP

THREAT = {"attempt_multiplier": 3.0, "tail_windows": 2}


def insured(seed=0, tier=None, **changes):
    """Both firms insured from the first motion on."""
    table = sw.Table(sw.market_place(**{**THREAT, **changes}), seed)
    table.step({PLATFORM: "insure:on", SHOP: "insure:on"} | ({MARKET: f"premium:{tier}"} if tier else {}))
    return table


@pytest.mark.parametrize("tier", ["pooled", "mixed", "by_risk"])
def test_a_premium_is_the_covered_risk_with_its_loading_and_follows_it_by_the_tier(tier):
    world = sw.market_place(**THREAT, insurance_pass_through=0.6)
    unlike = tuple(sw.replace(s, loss_keur=500.0) if s.name == "s0" else s for s in world.services)
    table = sw.Table(sw.replace(world, services=unlike))
    table.step({PLATFORM: "insure:on", SHOP: "insure:on"} | ({MARKET: f"premium:{tier}"} if tier != "pooled" else {}))
    risk = table.state.patch["risk"].copy()
    table.wait(1)
    follows = {"pooled": 0.0, "mixed": 0.3, "by_risk": 0.6}[tier]
    covered = 0.8 * (1.0 - 0.1)
    own = 0.05 * risk
    assert own[0] > 2.0 * own[1]
    for firm, n in ((PLATFORM, 0), (SHOP, 1)):
        expected = 1.3 * covered * (follows * own[n] + (1.0 - follows) * own.mean())
        assert table.paid(firm, "premium") == pytest.approx(-expected)
    assert table.paid(MARKET, "premium") == pytest.approx(1.3 * covered * own.sum())


def test_a_good_rating_lowers_the_premium():
    plain = insured(disclosure_enabled=True)
    plain.wait(1)
    rated = insured(disclosure_enabled=True)
    rated.step({SHOP: "claim:4"})
    rated.wait(2)
    plain.wait(2)
    # rated 0 without a claim, 1 with one: (1.5 - rating) in the second window
    first = 1.0 / 2.5  # at a rating of .5 in the first, 1.5 in the second
    assert plain.paid(SHOP, "premium") < rated.paid(SHOP, "premium") < 0.0
    assert rated.paid(SHOP, "premium") / plain.paid(SHOP, "premium") == pytest.approx(first * 1.5)


def test_a_claim_is_the_covered_part_of_what_the_firm_owes():
    table = insured()
    table.wait(1)
    assert table.paid(SHOP, "liability") < 0.0
    assert table.paid(SHOP, "claim") == pytest.approx(-0.8 * (1.0 - 0.1) * table.paid(SHOP, "liability"))
    assert table.paid(MARKET, "claim") == pytest.approx(-table.paid(SHOP, "claim") - table.paid(PLATFORM, "claim"))


@pytest.mark.parametrize("deductible", [0.0, 0.5, 1.0])
def test_the_deductible_stays_with_the_firm(deductible):
    table = insured(insurance_deductible=deductible)
    table.wait(1)
    assert table.paid(SHOP, "claim") == pytest.approx(-0.8 * (1.0 - deductible) * table.paid(SHOP, "liability"))


def test_who_is_not_insured_pays_no_premium_and_is_paid_nothing():
    table = sw.Table(sw.market_place(**THREAT)).finish()
    assert table.paid(SHOP, "liability") < 0.0
    assert table.paid(SHOP, "claim") == table.paid(SHOP, "premium") == table.paid(MARKET, "claim") == 0.0


def test_a_patch_overdue_when_the_window_opened_is_not_covered():
    """Both kinds of window occur: paid while the deadline runs, not after it."""
    covered = 0.8 * (1.0 - 0.1)
    seen = set()
    for seed in range(6):
        table = insured(seed, deadlines="flat", windows=5, tail_windows=0)
        while not table.over:
            in_time = bool(table.state.patch["due"][1] >= 7.0 * table.world["t"])
            before = table.paid(SHOP, "liability"), table.paid(SHOP, "claim")
            table.wait(int(table.world["t"]) + 1)
            owed, paid = (table.paid(SHOP, kind) - b for kind, b in zip(("liability", "claim"), before, strict=True))
            assert owed < 0.0
            assert paid == pytest.approx(-covered * owed if in_time else 0.0)
            seen.add(in_time)
    assert seen == {True, False}


def test_the_tail_for_which_nobody_pays_premiums_is_not_covered():
    none = insured(windows=1, tail_windows=0).finish()
    tail = insured(windows=1, tail_windows=3).finish()
    assert tail.paid(SHOP, "liability") < none.paid(SHOP, "liability") < 0.0
    assert tail.paid(SHOP, "claim") == pytest.approx(none.paid(SHOP, "claim"))


def test_a_rebate_needs_nothing_overdue_at_the_end_of_the_window():
    for deadlines in ("none", "flat"):
        table = insured(seed=3, deadlines=deadlines, windows=6)
        table.step({MARKET: "rebate:on"})
        table.wait(5)
        before = table.paid(SHOP, "premium"), table.paid(SHOP, "rebate")
        table.finish()
        premium, rebate = (table.paid(SHOP, kind) - b for kind, b in zip(("premium", "rebate"), before, strict=True))
        assert rebate == pytest.approx(-0.2 * premium if deadlines == "none" else 0.0)


@pytest.mark.parametrize(
    ("overdue", "levers", "counts", "proofs"),
    [
        (False, ["prove:on"], 1.0, 1),  # proven: in full, for the price of a proof beside that of the level
        (False, [], 0.5, 0),  # at its word: in part
        (True, ["prove:on"], 0.0, 0),  # what is not so cannot be proven
        (True, [], 0.0, 0),  # and an honest firm does not claim it
        (True, ["report:shaded"], 0.5, 0),  # one that shades its reports does
        (True, ["prove:on", "report:shaded"], 0.5, 0),
        (False, ["report:shaded"], 0.5, 0),
    ],
)
def test_a_claim_that_nothing_is_overdue_counts_in_full_if_proven(overdue, levers, counts, proofs):
    rules = {"disclosure_enabled": True, "proofs_enabled": True, "proof_cost_keur": 0.05, "unproven_haircut": 0.5}
    paid = {}
    for on in (False, True):
        deadlines = "flat" if overdue else "none"
        table = insured(seed=3, deadlines=deadlines, windows=6, patch_claims_enabled=on, **rules)
        table.step({MARKET: "rebate:on"})
        for lever in levers:
            table.step({SHOP: lever})
        table.wait(5)
        before = {kind: table.paid(SHOP, kind) for kind in ("premium", "rebate", "proof")}
        table.finish()
        paid[on] = {kind: table.paid(SHOP, kind) - was for kind, was in before.items()}
    assert paid[True]["premium"] == pytest.approx(paid[False]["premium"])
    assert paid[True]["rebate"] == pytest.approx(-0.2 * counts * paid[True]["premium"])
    assert paid[False]["rebate"] == pytest.approx(0.0 if overdue else -0.2 * paid[True]["premium"])
    assert paid[True]["proof"] - paid[False]["proof"] == pytest.approx(-0.05 * proofs)


def test_without_proofs_a_claim_is_taken_at_its_word():
    table = insured(seed=3, deadlines="flat", windows=6, patch_claims_enabled=True, disclosure_enabled=True)
    table.step({MARKET: "rebate:on"})
    table.step({SHOP: "report:shaded"})
    table.wait(5)
    before = table.paid(SHOP, "premium"), table.paid(SHOP, "rebate")
    table.finish()
    assert table.paid(SHOP, "rebate") - before[1] == pytest.approx(-0.2 * (table.paid(SHOP, "premium") - before[0]))


def test_without_a_market_agent_nobody_can_insure():
    table = sw.Table(sw.one_service(disclosure_enabled=True))
    assert not table.legal(1, "insure:on")


def test_an_insured_firm_is_shown_what_a_patch_saves_in_premiums():
    """Premiums by risk alone, no tail: within what half a window more or less makes."""
    accounts = []
    for carried in (False, True):
        table = insured(tier="by_risk", insurance_pass_through=1.0, windows=10, tail_windows=0)
        table.wait(1)
        shown = float(table.state.own[0, SHOP, table.row(1), 0])
        if carried:
            assert table.motion(1)
        accounts.append(table.finish().accounts[SHOP])
    assert accounts[1] - accounts[0] == pytest.approx(shown, rel=0.1)
