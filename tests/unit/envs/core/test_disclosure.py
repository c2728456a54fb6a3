"""What firms claim, what audits find of it and what they cost; proofs; reports that are shaded."""

import numpy as np
import pytest
import small_worlds as sw
from small_worlds import ESG, IT, PLATFORM, SHOP, VENDOR

ON = {"disclosure_enabled": True, "audit_often": 1.0}


def closed(settings, **changes):
    """The first window closed after these levers, one step of them after the other."""
    table = sw.Table(sw.market_place(**{**ON, **changes}))
    for step in settings:
        table.step(step)
    table.wait(1)
    return table


@pytest.mark.parametrize("level", [1, 2, 4])
@pytest.mark.parametrize("burden", [1.0, 3.0])
def test_effort_and_filing_cost_the_square_of_their_level(level, burden):
    both = dict.fromkeys((PLATFORM, SHOP), f"effort:{level}")
    claims = dict.fromkeys((PLATFORM, SHOP), f"claim:{level}")
    table = closed([both, claims], compliance_cost_factor=burden, compliance_cost_keur=8.0, filing_cost_keur=2.0)
    squared = (level / 4.0) ** 2
    for firm, tier in ((PLATFORM, 1.0), (SHOP, 0.25)):
        assert table.paid(firm, "compliance") == pytest.approx(-4.0 * burden * squared)
        assert table.paid(firm, "filing") == pytest.approx(-burden * tier * squared), "the lite tier of small firms"


def test_support_hours_and_the_report_module_relieve():
    settings = [{SHOP: "effort:4", PLATFORM: "support:full"}, {SHOP: "claim:4"}]
    table = closed(settings, modules_enabled=True, motions_per_window=3, support_relief=0.2)
    plain = closed(settings[:1] + settings[1:], modules_enabled=True, motions_per_window=3, support_relief=0.0)
    assert table.paid(SHOP, "compliance") == pytest.approx(0.6 * plain.paid(SHOP, "compliance"))
    tool = closed([*settings, {SHOP: "module:esg_report"}], modules_enabled=True, motions_per_window=3)
    assert tool.paid(SHOP, "filing") == pytest.approx(0.5 * plain.paid(SHOP, "filing"))


def test_the_true_level_is_effort_and_what_is_not_overdue():
    table = closed([{SHOP: "effort:2"}])
    assert table.state.agent["true_level"][0, [PLATFORM, SHOP]] == pytest.approx([0.5, 0.75])
    late = closed([{SHOP: "effort:2"}], deadlines="flat", windows=8)
    late.wait(7)
    assert late.state.agent["true_level"][0, [PLATFORM, SHOP]] == pytest.approx([0.0, 0.25]), "all of it is overdue"


def test_an_audit_finds_a_gap_and_punishes_it():
    """The shop claims 1 where .5 is true; the platform claims what is true."""
    table = closed(
        [{SHOP: "claim:4", PLATFORM: "claim:2", ESG: "audit:often"}], reputation_keur=6.0, trust_recovery=0.0
    )
    assert table.paid(SHOP, "penalty") == pytest.approx(-16.0 * 0.5)
    assert table.paid(SHOP, "reputation") == pytest.approx(-6.0 * 0.5)
    assert table.paid(PLATFORM, "penalty") == table.paid(PLATFORM, "reputation") == 0.0
    assert table.paid(ESG, "bounty") == pytest.approx(0.5 * 8.0)
    assert table.paid(ESG, "audit") == pytest.approx(-4 * 0.5), "IT, two firms and the vendor are looked at"
    agent = table.state.agent[0]
    assert agent["rating"][[PLATFORM, SHOP]] == pytest.approx([0.5, 0.5])
    assert agent["caught"].tolist() == [0, 0, 1, 0, 0, 0]
    assert agent["trust"][[PLATFORM, SHOP]] == pytest.approx([0.9 - 0.3 * 0.1, 0.9 - 0.1])


@pytest.mark.parametrize(("level", "share"), [("never", 0.0), ("rarely", 0.2), ("sometimes", 0.5), ("often", 1.0)])
def test_audits_are_as_frequent_as_the_auditor_says(level, share):
    world = sw.market_place(**{**ON, "audit_rare": 0.2, "audit_some": 0.5}, windows=200, tail_windows=0)
    table = sw.Table(world)
    table.step({ESG: f"audit:{level}"} if level != "never" else {})
    table.finish()
    looks = -table.paid(ESG, "audit") / 0.5
    assert abs(looks - 4 * 200 * share) < 5.0 * np.sqrt(800 * share * (1 - share)) + 1e-9


def test_a_targeted_audit_is_paid_for_once():
    table = sw.Table(sw.market_place(**ON, attempt_multiplier=1.0))
    owner = table.static.service["owner"][table.state.slot[0, 0]]
    table.step({ESG: "audit_owner:0", SHOP: "claim:4", PLATFORM: "claim:4"})
    assert not table.legal(ESG, "audit_owner:0"), "once a window"
    table.step({ESG: "audit:often"})
    assert table.paid(ESG, "audit") == pytest.approx(-4 * 0.5)
    assert table.state.agent["caught"][0, owner]


def test_a_penalty_takes_no_more_than_the_equity():
    for equity, penalty in ((3.0, 3.0), (7.0, 7.0), (50.0, 8.0)):
        table = closed([{SHOP: "claim:4", ESG: "audit:often"}], equity=(1000.0, equity))
        assert table.paid(SHOP, "penalty") == pytest.approx(-penalty)
        assert table.paid(ESG, "bounty") == pytest.approx(0.5 * penalty)


def test_without_governance_nobody_looks():
    table = sw.Table(sw.market_place(**ON, governance_enabled=False))
    assert not table.legal(ESG, "audit:often")
    table.step({SHOP: "claim:4"})
    table.wait(1)
    assert table.state.agent["rating"][0, SHOP] == 1.0, "claims are taken at their word"


@pytest.mark.parametrize(
    ("claim", "proves", "rating"), [(2, True, 0.5), (2, False, 0.25), (4, True, 0.5), (4, False, 0.5), (0, True, 0.0)]
)
def test_unproven_claims_count_in_part_and_what_is_not_so_cannot_be_proven(claim, proves, rating):
    """True is .5; the haircut is a half."""
    settings = [{SHOP: f"claim:{claim}"} if claim else {}, {SHOP: "prove:on"} if proves else {}]
    table = closed(settings, proofs_enabled=True)
    assert table.state.agent["rating"][0, SHOP] == pytest.approx(rating)
    assert table.paid(SHOP, "proof") == pytest.approx(-0.015 if proves else 0.0)


def test_without_proofs_nobody_can_prove_and_nothing_is_cut():
    table = sw.Table(sw.market_place(**ON))
    assert not table.legal(SHOP, "prove:on")
    table.step({SHOP: "claim:2"})
    table.wait(1)
    assert table.state.agent["rating"][0, SHOP] == pytest.approx(0.5)


PUBLIC = {"attempt_multiplier": 2.0, "patch_changes": {}}


def public_figures(table):
    """The agenda's public gains by patch, and the public rates of flows."""
    order = np.argsort(table.state.row["patch"][0][table.state.row["patch"][0] >= 0])
    return table.state.row["public"][0][table.state.row["patch"][0] >= 0][order], table.state.flow["public_rate"].copy()


@pytest.mark.parametrize(("who", "towards"), [(IT, 1), (PLATFORM, -1), (VENDOR, 1)])
def test_a_shaded_report_bends_public_figures_and_a_plain_one_undoes_it(who, towards):
    """IT makes risk look larger, a firm its downtime dearer, the vendor its patches safer."""
    world = sw.market_place(**ON, attempt_multiplier=2.0)
    risky = tuple(sw.replace(p, regression_probability=0.3) for p in world.patches)
    shading, honest = (sw.Table(sw.replace(world, patches=risky)) for _ in range(2))
    before, _ = public_figures(shading)
    shading.step({who: "report:shaded"})
    honest.step()
    bent, plain = public_figures(shading)[0], public_figures(honest)[0]
    assert plain == pytest.approx(before)
    assert (towards * (bent - plain)[0, 0] > 0.0) and (towards * (bent - plain) >= -1e-9).all()
    assert not shading.legal(who, "report:plain"), "once a window"
    for table in (shading, honest):
        table.wait(1)
    shading.step({who: "report:plain"})
    honest.step()
    for one, other in zip(public_figures(shading), public_figures(honest), strict=True):
        assert one == pytest.approx(other, rel=1e-12)
    assert np.array_equal(shading.state.patch["public_regression"], honest.state.patch["public_regression"])
    assert shading.world["severity"] == honest.world["severity"]


@pytest.mark.parametrize(("who", "equity", "penalty"), [(IT, 1000.0, 5.0), (VENDOR, 1000.0, 5.0), (SHOP, 2.0, 2.0)])
def test_an_audit_finds_a_shaded_report(who, equity, penalty):
    table = closed([{who: "report:shaded", ESG: "audit:often"}], equity=(1000.0, equity), trust_recovery=0.0)
    assert table.paid(who, "penalty") == pytest.approx(-penalty)
    assert table.state.agent["caught"][0].sum() == 1
    assert table.state.agent["trust"][0, PLATFORM] == pytest.approx(0.9 - 0.3 * 0.1)


def test_without_disclosure_no_report_can_be_shaded_and_no_level_claimed():
    table = sw.Table(sw.market_place())
    for agent, action in ((IT, "report:shaded"), (SHOP, "claim:1"), (SHOP, "effort:1"), (ESG, "audit:often")):
        assert not table.legal(agent, action)
