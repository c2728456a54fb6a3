"""Evaluation: same worlds for all, drawn losses, one row a policy."""

import math

import numpy as np
import pytest

import patchpact
from patchpact.agents.policies import make_policy
from patchpact.scenarios import load_scenario
from patchpact.training.evaluate import find_policy, play
from patchpact.training.game_check import FixedAction, check_game, marginals, thoughtless

WORLD = load_scenario("toy-v1").with_parameters(incident_loss="sampled")


def test_rows() -> None:
    rows = patchpact.evaluate("toy-v1", ["do-nothing", "risk-per-cost-chain", "random"], episodes=40, seed=3)
    assert [row["policy"] for row in rows] == ["do-nothing", "risk-per-cost-chain", "random"]
    for row in rows:
        assert row["scenario"] == "toy-v1"
        assert row["episodes"] == 40
        assert row["welfare_low"] <= row["welfare_keur"] <= row["welfare_high"]
        assert row["gain_low"] <= row["gain_keur"] <= row["gain_high"]
        assert {"risk_left_keur", "downtime_hours", "spend_keur"} <= set(row)
    idle, chain, _ = rows
    assert idle["gain_keur"] == idle["spend_keur"] == idle["downtime_hours"] == 0.0
    assert chain["risk_left_keur"] < idle["risk_left_keur"]
    assert chain["spend_keur"] > 0.0


def test_losses_are_drawn_unless_told_otherwise() -> None:
    drawn, told, expected = (
        patchpact.evaluate("toy-v1", ["do-nothing"], episodes=8, **over)[0]["welfare_keur"]
        for over in ({}, {"incident_loss": "sampled"}, {"incident_loss": "expected"})
    )
    assert drawn == told != expected


def test_a_row_repeats_and_does_not_depend_on_the_others() -> None:
    alone = patchpact.evaluate("toy-v1", ["random"], episodes=10, seed=1)
    beside = patchpact.evaluate("toy-v1", ["cvss-first", "random"], episodes=10, seed=1)
    assert alone[0] == beside[1]


def test_episodes_are_worlds_by_seed() -> None:
    policy = make_policy("risk-per-cost")
    together = play(WORLD, policy, range(5, 11))
    for place, seed in enumerate(range(5, 11)):
        alone = play(WORLD, policy, [seed])
        for name, values in together.items():
            assert np.array_equal(values[place], alone[name][0]), name


def test_welfare_is_what_the_parallel_face_books() -> None:
    env = patchpact.make("toy-v1", incident_loss="sampled")
    for seed in (0, 4):
        observations, infos = env.reset(seed=seed)
        policies = {agent: make_policy("net-gain")(env.role(agent)) for agent in env.agents}
        welfare = 0.0
        while env.agents:
            actions = {
                agent: policies[agent].act(seen["observation"], seen["action_mask"], np.random.default_rng(0))
                for agent, seen in observations.items()
            }
            observations, _, _, _, infos = env.step(actions)
            welfare += infos["it_0"]["welfare_keur"]
        assert welfare == pytest.approx(play(WORLD, make_policy("net-gain"), [seed])["welfare_keur"][0])
        assert infos["it_0"]["episode"]["welfare_keur"] == pytest.approx(welfare)


def test_losses_are_drawn_even_where_the_scenario_books_expectations() -> None:
    rows = patchpact.evaluate("toy-v1", ["do-nothing"], episodes=64)
    assert rows[0]["incidents"] > 0


@pytest.mark.parametrize("scenario", ["toy-v1", "symbiosis-v1"])
def test_redraws_change_nothing_but_the_figures(scenario: str) -> None:
    """The same game move by move: only luck is told apart from it, and welfare and damage are told without it."""
    world = load_scenario(scenario).with_parameters(incident_loss="sampled", attempt_multiplier=5.0)
    drawn, redrawn = (
        play(world.with_parameters(incident_redraws=n), make_policy("net-gain"), range(64)) for n in (0, 8)
    )
    luck = redrawn["luck_keur"]
    assert not drawn["luck_keur"].any() and np.abs(luck).max() > 1.0
    np.testing.assert_allclose(redrawn["welfare_keur"] - luck, drawn["welfare_keur"], atol=1e-9)
    np.testing.assert_allclose(redrawn["damage_keur"] + luck, drawn["damage_keur"], atol=1e-9)
    for name in set(drawn) - {"welfare_keur", "damage_keur", "luck_keur"}:
        assert np.array_equal(drawn[name], redrawn[name]), name


@pytest.mark.parametrize("policy", ["do-nothing", "net-gain"])
def test_luck_is_none_on_average_and_most_of_the_noise(policy: str) -> None:
    """Tail included: what it is left with is, window by window, the mean of the law that incidents are drawn from."""
    rows = play(WORLD.with_parameters(incident_redraws=16), make_policy(policy), range(20_000))
    luck = rows["luck_keur"]
    assert abs(luck.mean()) < 3.5 * luck.std() / np.sqrt(len(luck))
    assert rows["welfare_keur"].std() < 0.5 * (rows["welfare_keur"] - luck).std()


def test_ahead_is_the_difference_world_by_world() -> None:
    rows = patchpact.evaluate("toy-v1", ["net-gain", "risk-per-cost", "do-nothing"], 16, 3, versus="net-gain")
    one, other, idle = rows
    assert one["ahead_keur"] == one["ahead_low"] == one["ahead_high"] == 0.0
    assert other["ahead_keur"] == pytest.approx(other["welfare_keur"] - one["welfare_keur"])
    assert idle["ahead_keur"] == pytest.approx(-one["gain_keur"])
    assert idle["ahead_low"] == pytest.approx(-one["gain_high"], rel=0.2), "paired, as the gain is"
    assert "ahead_keur" not in patchpact.evaluate("toy-v1", ["net-gain"], 2)[0]
    with pytest.raises(ValueError, match="'net-gian' is neither a baseline nor a run folder; did you mean 'net-gain'"):
        patchpact.evaluate("toy-v1", ["do-nothing"], 2, versus="net-gian")


def test_a_function_by_role_is_a_policy() -> None:
    def idle(role: str) -> FixedAction:
        return FixedAction(role, last=False)

    rows = patchpact.evaluate("toy-v1", [idle], episodes=2)
    assert rows[0]["policy"] == "idle"
    assert rows[0]["motions_proposed"] == 0


@pytest.mark.parametrize(
    ("policy", "mend"),
    [("risk-per-cots", "did you mean 'risk-per-cost'"), ("no/such/run", "neither a baseline nor a run folder")],
)
def test_unknown_policies(policy: str, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        find_policy(policy)


@pytest.mark.parametrize("wrong", [{"episodes": 0}, {"seed": -1}, {"widows": 3}])
def test_bad_numbers(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"episodes|seed|windows") as caught:
        patchpact.evaluate("toy-v1", ["random"], **{"episodes": 2, **wrong})
    assert "\n" not in str(caught.value)


def test_the_game_of_the_toy_is_worth_playing() -> None:
    report = check_game(load_scenario("toy-v1"), episodes=64)
    failed = [row["check"] for row in report["checks"] if not row["holds"]]
    assert not failed
    assert report["passed"]
    scores = {row["policy"]: row["score"] for row in report["scores"]}
    assert scores["do-nothing"] == 0.0
    assert max(score for name, score in scores.items() if name not in thoughtless()) == 1.0


def test_marginals_are_set_against_solving_anew() -> None:
    """TeaStore's patches remove many findings of one image at once: derivatives miss what those cover for each other."""
    toy, tea = (marginals(load_scenario(name), range(2)) for name in ("toy-v1", "teastore-v1"))
    assert 0.0 <= toy["marginal_error_share"] < tea["marginal_error_share"] < 0.01
    assert tea["marginal_over_resolved"] < 1.0
    calm = marginals(load_scenario("toy-v1", attempt_multiplier=0.0), range(2))
    assert all(math.isnan(value) for value in calm.values())


def test_a_game_without_risk_is_not_worth_playing() -> None:
    harmless = load_scenario("toy-v1").with_parameters(loss_multiplier=0.0)
    assert not check_game(harmless, episodes=8)["passed"]
