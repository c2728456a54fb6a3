"""Propose and vote: who may, what counts, what moves."""

from itertools import product

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import layout
from patchpact.envs.core import voting
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Entrypoint, load_scenario

IT, BUSINESS, VENDOR = 0, 1, 2
TENTHS = {"accept_pay_10": 1, "accept_pay_30": 3, "ask_10": -1, "ask_30": -3}


def settle(votes: list[str], weights: list[int], rule: str, quota: int) -> tuple[bool, list[int], dict]:
    """The text's rule, in whole tenths: passed, ballots, and {(payer, asker): tenths times share of escrow}."""
    escrow = sum(max(TENTHS.get(v, 0), 0) for v in votes)
    left = escrow
    ballots = [{"reject": -1, "abstain": 0}.get(v, 1) for v in votes]
    filled = [0] * len(votes)
    for size in (1, 3):
        for i, vote in enumerate(votes):
            if TENTHS.get(vote, 0) == -size:
                if size <= left:
                    left -= size
                    filled[i] = size
                else:
                    ballots[i] = -1
    if rule == "majority":
        passed = sum(ballots) > 0
    else:
        accepted = sum(w for b, w in zip(ballots, weights, strict=True) if b == 1)
        cast = sum(w for b, w in zip(ballots, weights, strict=True) if b)
        passed = cast > 0 and 1000 * accepted > quota * cast
    moved = {}
    if passed and escrow > left:
        for i, vote in enumerate(votes):
            for j, got in enumerate(filled):
                if got and TENTHS.get(vote, 0) > 0:
                    moved[i, j] = 0.1 * got * TENTHS[vote] / escrow
    return passed, ballots, moved


@pytest.mark.parametrize("rule", ["majority", "weighted"])
def test_escrow_settles_as_the_oracle_on_every_ballot_of_three(rule):
    """Every ballot of three voters, one world each."""
    world = sw.one_service(voting=rule, quota=0.65, night_price_keur=0.0)
    ballots = list(product(range(len(layout.VOTES)), repeat=3))
    engine = Engine([world], len(ballots), autoreset=False, ledger_size=20)
    engine.reset(np.zeros(len(ballots), np.uint64))
    state = engine.state
    actions = sw.no_ops(engine)
    row = int(np.flatnonzero(state.row["patch"][0] == 0)[0])
    actions[:, IT] = layout.NOMINATE_START + 4 * row
    engine.step(actions)
    quote = float(state.world["quote"][0])
    before = state.agent["budget"].copy()
    assert quote > 0.0
    engine.step(layout.VOTE_START + np.array(ballots))
    assert not state.illegal.any()
    for k, numbers in enumerate(ballots):
        votes = [layout.VOTES[n] for n in numbers]
        passed, counted, moved = settle(votes, [2, 2, 1], rule, 650)
        assert bool(state.world["motions_passed"][k]) is passed, votes
        assert state.ballots[k].tolist() == counted, votes
        entries = state.ledger[k, : state.world["ledger_n"][k]]
        kinds = sw.KINDS.index("side_payment")
        paid = {(int(e["giver"]), int(e["taker"])): float(e["amount"]) for e in entries if e["kind"] == kinds}
        assert paid == pytest.approx({pair: share * quote for pair, share in moved.items()}, rel=1e-12), votes
        if not passed:
            assert np.array_equal(state.parts[k, :3, kinds], np.zeros(3))
    assert (before >= 0.0).all()


def test_three_asks_of_a_tenth_are_filled_by_one_payment_of_three():
    """In floats 0.3 - 0.1 - 0.1 < 0.1: the last ask would go empty and turn into a reject."""
    agents = sw.seats(businesses=1, vendors=1)
    agents = (*agents[:2], *(sw.replace(agents[1], uid=5 + n, name=f"business_{n + 1}") for n in range(3)), agents[2])
    flows = [Entrypoint(n, "s0", 1.0, 1.0, f"business_{n}") for n in range(4)]
    world = sw.one_service(agents=agents, entrypoints=flows, voting="unanimity")
    table = sw.Table(world)
    asks = {1: "ask_10", 2: "ask_10", 3: "ask_10"}
    assert table.motion(0, votes={IT: "accept_pay_30", **asks})
    amounts = table.parts[1:4, sw.KINDS.index("side_payment")]
    assert amounts == pytest.approx(np.full(3, -table.paid(IT, "side_payment") / 3))
    assert not sw.Table(world).motion(0, votes={IT: "accept_pay_30", **asks, 4: "ask_10"})


def test_unused_escrow_returns_and_budgets_are_spent_by_what_is_used():
    world = sw.one_service(voting="majority")
    table = sw.Table(world)
    table.nominate(0)
    quote = float(table.world["quote"])
    table.step({IT: "vote:accept_pay_30", BUSINESS: "vote:accept_pay_10", VENDOR: "vote:ask_10"})
    assert table.paid(IT, "side_payment") == pytest.approx(-0.1 * quote * 3 / 4)
    assert table.paid(BUSINESS, "side_payment") == pytest.approx(-0.1 * quote * 1 / 4)
    assert table.paid(VENDOR, "side_payment") == pytest.approx(0.1 * quote)


def test_votes_that_cannot_be_paid_are_masked():
    """Payments come on top of what the motion itself takes out of the budget."""
    labour = 10.0 * float(sw.one_service().parameters["labour_keur_per_hour"])
    agents = tuple(sw.replace(a, budget_keur=labour + 0.01) if a.role == "it" else a for a in sw.seats())
    table = sw.Table(sw.one_service(agents=agents))
    table.nominate(0)
    assert table.legal(IT, "vote:accept") and not table.legal(IT, "vote:accept_pay_10")
    assert table.legal(IT, "vote:ask_30") and table.legal(BUSINESS, "vote:accept_pay_30")


def test_a_motion_that_passes_takes_its_labour_and_its_fee_out_of_the_budgets():
    """Reserved for the window at public figures, so that plans cannot outgrow what may be spent; restored with the next."""
    world = sw.one_service(3, motions_per_window=4, windows=2, effort_log_sd=0.5)
    labour = 10.0 * float(world.parameters["labour_keur_per_hour"])
    agents = tuple(sw.replace(a, budget_keur=2.5 * labour if a.role == "it" else 1.5) for a in world.agents)
    table = sw.Table(sw.replace(world, agents=agents))
    budget = table.state.agent["budget"][0]
    assert table.motion(0)
    assert budget == pytest.approx([1.5 * labour, 0.8, 1.5])
    assert not table.motion(1, votes={IT: "reject", BUSINESS: "reject"})
    assert budget == pytest.approx([1.5 * labour, 0.8, 1.5]), "a failed one takes nothing"
    assert table.motion(1, "mitigate")
    share = float(world.parameters["mitigate_effort"])
    assert budget == pytest.approx([(1.5 - share) * labour, 0.8, 1.5]), "no fee for a mitigation"
    table.wait(1)
    assert budget == pytest.approx([2.5 * labour, 1.5, 1.5])


def test_what_the_budgets_no_longer_bear_cannot_be_nominated():
    world = sw.one_service(3, motions_per_window=3, windows=2)
    labour = 10.0 * float(world.parameters["labour_keur_per_hour"])
    for it, business, legal in ((1.5 * labour, 100.0, False), (100.0, 1.0, False), (2.0 * labour, 1.4, True)):
        budgets = {"it": it, "business": business, "vendor": 1.0}
        agents = tuple(sw.replace(a, budget_keur=budgets[a.role]) for a in world.agents)
        table = sw.Table(sw.replace(world, agents=agents))
        assert table.motion(0)
        assert table.legal(int(table.world["proposer"]), f"nominate:{table.row(1)}:full") is legal


def test_only_those_concerned_may_vote():
    """IT, the service's owner, owners of flows through it and the component's vendor; the rest can only abstain."""
    services = [sw.service(0), sw.service(1, owner="business_1"), sw.service(2, owner="business_2")]
    edges = [sw.edge(0, 0, 1)]
    flows = [Entrypoint(0, "s0", 1.0, 1.0, "business_0"), Entrypoint(1, "s2", 1.0, 1.0, "business_2")]
    findings = [sw.finding(n, n) for n in range(3)]
    patches = [sw.patch(0, 0), sw.patch(1, 1, vendor="vendor_1"), sw.patch(2, 2, vendor=None)]
    world = sw.scenario(
        services, edges, findings, patches, agents=sw.seats(businesses=3, vendors=2), entrypoints=flows, windows=3
    )
    names = ["it_0", "business_0", "business_1", "business_2", "vendor_0", "vendor_1"]
    expected = {
        0: {"it_0", "business_0", "vendor_0"},
        1: {"it_0", "business_0", "business_1", "vendor_1"},
        2: {"it_0", "business_2"},
    }
    for number, who in expected.items():
        table = sw.Table(world)
        table.nominate(number)
        may = {name for name, may in zip(names, table.state.agent["may_vote"][0], strict=True) if may}
        assert may == who
        for agent, name in enumerate(names):
            legal = np.flatnonzero(table.state.mask[0, agent])
            assert layout.ABSTAIN in legal
            assert (len(legal) > 1) == (name in who)
            assert not table.state.mask[0, agent, : layout.VOTE_START].any()


def test_nothing_nominated_goes_on_with_the_next_motion():
    table = sw.Table(sw.one_service(motions_per_window=3))
    for motion in range(3):
        assert (table.world["t"], table.world["motion"], table.world["voting"]) == (0, motion, 0)
        table.step()
    assert (table.world["t"], table.world["motion"]) == (1, 0)


def test_a_failed_motion_leaves_the_row_for_another():
    table = sw.Table(sw.one_service(motions_per_window=2))
    before = table.state.row["patch"].copy()
    assert not table.motion(0, votes={IT: "reject", BUSINESS: "reject"})
    assert np.array_equal(table.state.row["patch"], before)
    assert table.world["motion"] == 1
    on_motion = [r * layout.ROW_WIDTH + layout.row_feature("on_motion") for r in range(layout.AGENDA_ROWS)]
    assert not table.state.observation[0][:, on_motion].any()
    assert table.motion(0)


def test_the_agenda_stands_still_from_propose_to_vote():
    world = load_scenario("boutique-v1")
    engine = Engine([world], 1, autoreset=False)
    engine.reset(np.array([4], np.uint64))
    state = engine.state
    actions = np.zeros((1, engine.num_agents), np.int64)
    window, rows = -1, None
    for turn in range(400):
        if state.world["over"][0]:
            break
        shown = state.row["patch"][0].copy()
        if state.world["t"][0] != window:
            window = int(state.world["t"][0])
        else:
            gone = shown != rows
            assert (shown[gone] == -1).all(), "a row may only empty while its window lasts"
            if state.world["voting"][0]:
                assert not gone.any()
        rows = shown
        engine.step_at_random(1, turn, actions)


def test_legal_votes_for_every_rule_pass_the_way_the_rule_says():
    """All accept, all reject, all abstain."""
    for rule in voting.NAMES:
        world = sw.one_service(voting=rule)
        for vote, passes in (("accept", True), ("reject", False), ("abstain", False)):
            table = sw.Table(world)
            assert table.motion(0, votes={IT: vote, BUSINESS: vote, VENDOR: vote}) is passes


def test_the_veto_role_stops_what_the_others_want():
    heavy = tuple(sw.replace(a, vote_weight=100 if a.role == "it" else 1) for a in sw.seats())
    for role, rejecting, passes in (
        ("business", BUSINESS, False),
        ("vendor", BUSINESS, True),
        ("vendor", VENDOR, False),
    ):
        table = sw.Table(sw.one_service(agents=heavy, voting="veto", veto_role=role))
        assert table.motion(0, votes={rejecting: "reject"}) is passes


def test_a_price_change_after_the_vote_does_not_reach_what_was_voted():
    world = sw.one_service(motions_per_window=2, windows=1, tail_windows=0, price_premium=3.0)
    table = sw.Table(world)
    assert table.motion(0)
    assert table.legal(VENDOR, "price:premium")
    table.step({VENDOR: "price:premium"})
    assert table.paid(VENDOR, "fee") == pytest.approx(0.7)


def test_a_price_change_before_the_vote_does():
    world = sw.one_service(motions_per_window=2, windows=1, tail_windows=0, price_premium=3.0)
    table = sw.Table(world)
    table.step({VENDOR: "price:premium"})
    assert table.motion(0)
    assert table.paid(VENDOR, "fee") == pytest.approx(2.1)


def test_levers_come_before_the_nomination_of_the_same_step():
    """A freeze pulled in the same step empties a nomination that was legal when it was made."""
    table = sw.Table(sw.one_service(motions_per_window=2))
    row = table.row(0)
    table.step({IT: f"nominate:{row}:full", BUSINESS: "freeze"})
    assert not table.state.illegal.any()
    assert table.world["motions_proposed"] == 0
    assert table.world["motion"] == 1


def test_two_it_agents_do_not_buy_the_same_thing_twice():
    agents = sw.seats()
    agents = (agents[0], sw.replace(agents[0], uid=9, name="it_1"), *agents[1:])
    table = sw.Table(sw.one_service(agents=agents, capacity_hours=40.0, motions_per_window=2))
    table.step({0: "overtime", 1: "overtime"})
    share = float(table.engine.scenarios[0].parameters["overtime_share"])
    assert table.world["capacity_left"] == pytest.approx(40.0 * (1.0 + share))
    assert table.paid(1, "overtime") == 0.0 > table.paid(0, "overtime")
    table.step({0: "scan:0", 1: "scan:0"})
    assert table.paid(1, "scan") == 0.0 > table.paid(0, "scan")


class TestWithoutGovernance:
    """Owners execute their own nominations within capacity."""

    @staticmethod
    def world(**changes):
        services = [sw.service(0), sw.service(1, owner="business_1")]
        findings = [sw.finding(0, 0), sw.finding(1, 1)]
        patches = [sw.patch(0, 0), sw.patch(1, 1)]
        made = {"agents": sw.seats(businesses=3), "governance_enabled": False, "motions_per_window": 4, **changes}
        return sw.scenario(services, (), findings, patches, **made)

    def test_only_owners_propose_in_turn_and_only_what_they_own(self):
        table = sw.Table(self.world())
        proposers = []
        while table.world["t"] == 0:
            proposer = int(table.world["proposer"])
            proposers.append(proposer)
            rows = table.state.row["patch"][0]
            for row in range(layout.AGENDA_ROWS):
                own = rows[row] >= 0 and rows[row] == proposer - 1
                assert table.legal(proposer, f"nominate:{row}:full") == own
            for agent in range(table.agents):
                if agent != proposer:
                    assert not table.state.mask[0, agent, layout.NOMINATE_START : layout.VOTE_START].any()
            table.step()
        assert proposers == [1, 2, 1, 2]

    def test_a_nomination_is_carried_out_without_a_vote(self):
        table = sw.Table(self.world())
        table.nominate(0)
        assert not table.world["voting"]
        assert table.world["motions_passed"] == 1.0
        table.wait(1)
        assert table.state.patch["done"].tolist() == [1, 0]

    def test_capacity_still_binds(self):
        table = sw.Table(self.world(capacity_hours=15.0))
        table.nominate(0)
        proposer = int(table.world["proposer"])
        row = table.row(1)
        assert proposer == 2
        assert not table.legal(proposer, f"nominate:{row}:full")
        assert table.legal(proposer, f"nominate:{row}:mitigate")
