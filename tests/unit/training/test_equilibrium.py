"""Equilibrium measures: best responses, prices, blocking coalitions."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import FrozenInstanceError
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchpact.agents.policies import BatchPolicy, Joint, Seen, find, make_policy
from patchpact.agents.policies.base import vote_or_wait
from patchpact.cli.main import main
from patchpact.envs.core.voting import VOTING_RULES
from patchpact.scenarios import load_scenario
from patchpact.training import best_response
from patchpact.training import equilibrium as module
from patchpact.training.best_response import Player, accounts
from patchpact.training.blocking import _judge, _Table, blocking, minimal_coalitions
from patchpact.training.deviations import CENTRE, baselines, changes, deviating, finite, levers, linear, stay, together
from patchpact.training.equilibrium import END_POINT, Equilibrium, _price, equilibrium
from patchpact.training.evaluate import play

TOY = load_scenario("toy-v1")
IT, BUSINESS, VENDOR = range(3)
OF_BUSINESS = Player("business_0", "business", (BUSINESS,))


def named(deviations: Any, name: str) -> Any:
    (found,) = [one for one in deviations if one.name == name]
    return found


class RefuseAll(BatchPolicy):
    """Nominates nothing and rejects everything."""

    NAME = "refuse-all"

    def choose(self, seen: Seen, rng: np.random.Generator) -> Any:
        return vote_or_wait(seen, np.zeros(len(seen), np.bool_))


@pytest.fixture(scope="module", autouse=True)
def _short_searches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(best_response, "GENERATIONS", 2)
        yield


@pytest.fixture(scope="module")
def generous() -> Equilibrium:
    """Of net-gain, in which business accepts what costs it twenty thousand euros."""
    return equilibrium("toy-v1", "net-gain", episodes=16, seed=3, search_episodes=8, rounds=1)


# Deviations


def test_a_deviation_that_pays_is_found(generous: Equilibrium) -> None:
    measured = generous.exploitability
    business = measured.players[BUSINESS]
    assert business.player == measured.largest_player == "business_0"
    assert business.gain.low > 5.0
    assert business.expected_gain.low > 5.0
    refusing = play(TOY, deviating(make_policy("net-gain"), {BUSINESS: named(changes(), "refuses all")}), [3])
    kept = play(TOY, make_policy("net-gain"), [3])
    refused = (refusing["accounts_keur"] - kept["accounts_keur"])[0, BUSINESS]
    assert business.expected_gain.value >= refused - 1.0  # toy losses are certain where they are expectations
    assert measured.largest.value == business.gain.value
    assert measured.sum.value >= 0.0
    assert all(one.tried > 100 for one in measured.players)


def test_nobody_gains_where_all_others_refuse() -> None:
    found = equilibrium("toy-v1", RefuseAll, episodes=8, search_episodes=8, rounds=1, voting="majority")
    assert found.profile == "RefuseAll"
    for one in found.exploitability.players:
        assert (one.deviation, one.gain) == ("none", (0.0, 0.0, 0.0))
    assert found.exploitability.sum == found.exploitability.expected_sum == (0.0, 0.0, 0.0)
    assert found.dynamics.converged
    assert not found.dynamics.switches
    assert [price.profile for price in found.prices] == ["RefuseAll", "myopic-selfish"]
    assert found.prices[0].gain.value == 0.0


def test_results_repeat_and_are_frozen(generous: Equilibrium) -> None:
    again = equilibrium("toy-v1", "net-gain", episodes=16, seed=3, search_episodes=8, rounds=1)
    assert again.to_dict() == generous.to_dict()
    with pytest.raises(FrozenInstanceError):
        again.seed = 1  # type: ignore[misc]
    json.dumps(generous.to_dict(), allow_nan=False)


def test_worlds_of_the_search_are_no_worlds_of_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    met: dict[str, set[int]] = {"search": set(), "figures": set()}

    def recorder(kind: str) -> Any:
        def record(world: Any, policy: Any, seeds: Sequence[int]) -> Any:
            met[kind] |= set(seeds)
            return play(world, policy, seeds)

        return record

    monkeypatch.setattr(best_response, "play", recorder("search"))
    monkeypatch.setattr(module, "play", recorder("figures"))
    found = equilibrium("toy-v1", episodes=12, seed=5, search_episodes=8, rounds=1)
    assert met["figures"] == set(range(5, 17))
    assert found.search_seed in met["search"]
    assert not met["search"] & met["figures"]
    assert met["search"] <= set(range(found.search_seed, found.search_seed + 16))  # with those that confirm


def test_a_deviating_agent_plays_its_part_of_another_cast() -> None:
    profile, other = make_policy("net-gain"), find("myopic-selfish")
    assert callable(profile)
    assert callable(other)
    mixed = play(TOY, lambda role: other(role) if role == "business" else profile(role), range(6))
    deviation = named(baselines(), "myopic-selfish")
    found = play(TOY, deviating(profile, {BUSINESS: deviation}), range(6))
    assert np.array_equal(found["accounts_keur"], mixed["accounts_keur"])
    assert not found["illegal_actions"].any()


def test_candidates_side_by_side_bring_what_they_bring_alone() -> None:
    family = np.array([CENTRE, -CENTRE])
    candidates = [stay(), named(changes(), "refuses all"), named(baselines(), "ssvc"), *map(linear, family)]
    profile = make_policy("net-gain")
    together_ = accounts(TOY, profile, {}, OF_BUSINESS, candidates, range(4))
    for place, one in enumerate(candidates):
        alone = accounts(TOY, profile, {}, OF_BUSINESS, [one], range(4))
        assert np.array_equal(together_[place], alone[0]), one.name
    brought = best_response._of_family(TOY, profile, {}, OF_BUSINESS, family, range(4))
    assert np.array_equal(brought, together_[3:].mean(1))
    assert np.array_equal(together_[0], play(TOY, profile, range(4))["accounts_keur"][:, BUSINESS])


def test_staying_keeps_a_random_profile_as_it_is() -> None:
    kept = play(TOY, make_policy("random"), range(5))["welfare_keur"]
    assert np.array_equal(play(TOY, deviating(make_policy("random"), {IT: stay()}), range(5))["welfare_keur"], kept)


@pytest.mark.parametrize("role", ["it", "business", "vendor"])
def test_deviations_are_legal_and_named_apart(role: str) -> None:
    simple = [one for one in finite(role) if not isinstance(one.make, Joint)]
    assert len({one.name for one in finite(role)}) == len(finite(role))
    agent = ("it", "business", "vendor").index(role)
    pulled = [together(linear(CENTRE), lever) for lever in levers(role)]
    everything = [*simple, *pulled]
    cast = deviating(make_policy("random"), {}, [agent], everything)
    assert not play(TOY, cast, [1] * len(everything))["illegal_actions"].any()


def test_asks_and_payments_settle() -> None:
    world = TOY.with_parameters(voting="unanimity")
    profile = deviating(make_policy("net-gain"), {IT: named(changes(), "asks 30% where it accepts")})
    nobody_pays = play(world, profile, [1])
    assert nobody_pays["motions_passed"][0] == 0
    paid = play(world, deviating(profile, {BUSINESS: named(changes(), "pays 30% where it accepts")}), [1])
    assert paid["motions_passed"][0] > 0


# Dynamics and prices


def test_dynamics_end_where_nobody_switches() -> None:
    found = equilibrium("toy-v1", "net-gain", episodes=8, seed=3, search_episodes=8, rounds=2)
    dynamics = found.dynamics
    assert all(switch.gain.low > 0.0 for switch in dynamics.switches)
    assert {switch.player for switch in dynamics.switches} == set(dynamics.deviations)
    assert "business_0" in dynamics.deviations
    assert (END_POINT in [price.profile for price in found.prices]) == dynamics.converged


def test_price_of_the_cooperative_policy_itself_is_nothing(generous: Equilibrium) -> None:
    price = generous.prices[0]
    assert price.profile == generous.cooperative == "net-gain"
    assert price.loss_keur == (0.0, 0.0, 0.0)
    assert price.gain == generous.cooperative_gain


def test_a_price_is_undefined_where_cooperation_gains_nothing() -> None:
    def worlds(*welfare: float) -> Any:
        return np.tile(np.array(welfare), 20)

    welfare, idle, best = worlds(-3.0, -2.0, -4.0), worlds(-5.0, -6.0, -4.0), worlds(-1.0, -1.5, -0.5)
    defined = _price("selfish", welfare, idle, best)
    assert defined.loss_keur.value == pytest.approx(2.0)
    assert defined.loss_share.value == pytest.approx(2.0 / 4.0)
    assert defined.loss_share.low <= defined.loss_share.value <= defined.loss_share.high
    assert defined.cost_ratio.value == pytest.approx(3.0)
    for nothing in (idle + worlds(1.0, -1.0, 0.1), idle - worlds(1.0, 1.1, 0.9)):
        assert np.isnan(_price("selfish", welfare, idle, nothing).loss_share).all()


# Blocking coalitions

SINGLES = ((0,), (1,), (2,))
PAIRS = ((0, 1), (0, 2), (1, 2))


@pytest.mark.parametrize(
    ("rule", "quota", "veto", "expected"),
    [
        ("weighted", 0.65, (), ((0,), (1,))),
        ("weighted", 0.5, (), PAIRS),
        ("weighted", 0.4, (), PAIRS),  # exactly 40% is not above it
        ("weighted", 0.3, (), ((0, 1),)),
        ("weighted", 1.0, (), ((),)),
        ("majority", 0.65, (), PAIRS),
        ("two_thirds", 0.65, (), PAIRS),
        ("unanimity", 0.65, (), SINGLES),
        ("veto", 0.65, (False, False, True), SINGLES),
        ("veto", 0.5, (False, True, False), ((1,), (0, 2))),
    ],
)
def test_minimal_blocking_coalitions(rule: str, quota: float, veto: Any, expected: Any) -> None:
    assert minimal_coalitions(rule, (2, 2, 1), quota, veto) == expected


@given(
    st.sampled_from([rule.NAME for rule in VOTING_RULES]),
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.integers(0, 1000),
    st.integers(0, 31),
)
def test_coalitions_block_and_no_part_of_them_does(rule: str, weights: list[int], quota: int, vetoes: int) -> None:
    veto = [bool(vetoes >> n & 1) for n in range(len(weights))]
    passes = {module.NAME: module.passes.py_func for module in VOTING_RULES}[rule]
    found = set(minimal_coalitions(rule, weights, quota / 1000, veto))

    def blocks(members: tuple[int, ...]) -> bool:
        ballots = np.array([-1 if n in members else 1 for n in range(len(weights))])
        return not passes(ballots, np.array(weights), np.array(veto), quota)

    subsets = chain.from_iterable(combinations(range(len(weights)), size) for size in range(len(weights) + 1))
    for members in subsets:
        parts = chain.from_iterable(combinations(members, size) for size in range(len(members)))
        assert (members in found) == (blocks(members) and not any(blocks(part) for part in parts))


def test_unknown_rules_and_crowds_get_one_line() -> None:
    with pytest.raises(ValueError, match="did you mean 'majority'"):
        minimal_coalitions("majorty", (1, 1), 0.5)
    with pytest.raises(ValueError, match="17 are too many"):
        minimal_coalitions("majority", (1,) * 17, 0.5)


def test_who_blocks_and_who_is_bought_off() -> None:
    found = blocking(TOY, make_policy("net-gain"), range(8))
    (coalition,) = found.coalitions
    assert coalition.voters == ("it_0", "business_0", "vendor_0")
    assert coalition.patches == 7
    assert coalition.minimal == (("it_0",), ("business_0",))
    assert found.motions.value == 6.0
    assert 0.0 < found.blocked.value <= sum(one.share.value for one in found.blockers)
    assert {one.members for one in found.blockers} <= set(coalition.minimal)
    for one in found.bought:
        assert 0.0 <= one.funded.value <= one.enough.value <= 1.0
    small, large = found.bought
    assert (small.payment, large.payment) == (0.1, 0.3)
    assert small.funded.value <= large.funded.value
    selfish = blocking(TOY, make_policy("myopic-selfish"), range(8))
    assert selfish.blocked.value == 0.0
    assert selfish.blockers == ()
    assert np.isnan(selfish.bought[0].enough.value)


def test_bargains_by_hand() -> None:
    table = _Table(TOY)
    # Who may vote, who loses, asks and pledges in tenths at 10%, the same at 30%. Business alone blocks, IT pledges.
    figures = np.array([1, 1, 1, 0, 1, 0, 0, 99, 0, 1, 0, 0, 0, 3, 0, 3, 0, 0])
    assert _judge(table, figures) == ([(BUSINESS,)], [(False, False), (True, True)])
    figures[15] = 1  # IT now pledges no more than a tenth
    assert _judge(table, figures) == ([(BUSINESS,)], [(False, False), (True, False)])
    figures[4], figures[5] = 0, 1  # the vendor loses instead, who blocks nothing
    assert _judge(table, figures) == ([], [(False, False), (False, False)])


def test_without_votes_nobody_blocks() -> None:
    found = blocking(TOY.with_parameters(governance_enabled=False), make_policy("net-gain"), range(2))
    assert (found.rule, found.coalitions, found.blockers) == ("", (), ())


# The command


def test_the_command_prints_tables_and_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Equilibrium] = []

    def once(*arguments: Any, **settings: Any) -> Equilibrium:
        found.append(found[0] if found else equilibrium(*arguments, **settings))
        return found[-1]

    monkeypatch.setattr(module, "equilibrium", once)
    small = [
        "equilibrium",
        "--scenario",
        "toy-v1",
        "--episodes",
        "4",
        "--search-episodes",
        "8",
        "--rounds",
        "0",
        "--by",
        "role",
    ]
    assert main(small) == 0
    text = capsys.readouterr().out
    for said in ("lower bounds", "it_0; business_0", "Koutsoupias", "deviating from myopic-selfish", "left out"):
        assert said in text
    assert main([*small, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == found[0].to_dict()
    assert [one["player"] for one in printed["exploitability"]["players"]] == ["it", "business", "vendor"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no scenario; add --scenario"),
        (["--scenario", "toy-v2"], "toy-v1"),
        (["--scenario", "toy-v1", "--profile", "net-gian"], "profile: 'net-gian' is neither"),
        (["--scenario", "toy-v1", "--cooperative", "net-gian"], "cooperative: 'net-gian' is neither"),
        (["--scenario", "toy-v1", "--cooperative", "clairvoyant"], "plays no episode"),
        (["--scenario", "toy-v1", "--seed", "9999999999"], "seed: 9999999999 is out of range"),
        (["--scenario", "toy-v1", "--episodes", "1"], "'1' is not a whole number from 2 on"),
    ],
)
def test_bad_input_gets_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["equilibrium", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
