"""Planners see no future; references bound every policy."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from patchpact.agents.policies import PLANNERS, Joint, clairvoyant, exact, find, make_policy, seat
from patchpact.agents.policies.base import ACCEPT
from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.imagine import Imagination
from patchpact.envs.vector import VectorEnv
from patchpact.scenarios import load_scenario
from patchpact.training.evaluate import play

BOUTIQUE = load_scenario("boutique-v1").with_parameters(incident_loss="sampled")
TOY = load_scenario("toy-v1")


def worlds_after(steps: int, seed: int = 5) -> tuple[VectorEnv, dict]:
    """Two worlds of one seed, played alike for some steps by a rule that fills the plan."""
    worlds = VectorEnv([BOUTIQUE], 2, autoreset=False)
    observations, _ = worlds.reset(seed=[seed, seed])
    players = seat(make_policy("cvss-first"), worlds)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        observations, *_ = worlds.step(players(observations, rng))
    return worlds, observations


def change_what_is_unseen(worlds: VectorEnv) -> None:
    """Give the second world another future and other hidden values; everything public stays."""
    state = worlds.engine.state
    patches, cves, flows = (len(a) // 2 for a in (state.patch, state.cve, state.flow))
    state.world["seed"][1] += 1
    state.world["base_seed"][1] += 1
    rng = np.random.default_rng(1)
    for name in ("truth", "signal", "regression", "effort"):
        state.patch[name][patches:] = rng.uniform(0.1, 0.9, patches)
    state.cve["breadth"][cves:] = rng.random(cves)
    state.flow["true_rate"][flows:] *= rng.uniform(0.5, 2.0, flows)
    later = np.flatnonzero(state.cve["known"][cves:] > state.world["t"][1]) + cves
    assert len(later) > 0
    state.cve["known"][later] = int(state.world["t"][1]) + 1
    state.cve["epss"][later] = 0.9
    for values in (state.own, state.before_downtime):
        values[1] = -values[1]


@pytest.mark.parametrize("name", [*PLANNERS, "ssvc", "deadline-first-flat", "deadline-first-bod26-04"])
@pytest.mark.parametrize("steps", [0, 11])
def test_what_is_unseen_moves_no_action(name: str, steps: int) -> None:
    worlds, observations = worlds_after(steps)
    players = seat(make_policy(name), worlds)
    before = players(observations, np.random.default_rng(0))
    change_what_is_unseen(worlds)
    after = seat(make_policy(name), worlds)(observations, np.random.default_rng(0))
    assert (
        any((actions != layout.PASS).any() for actions in before.values()) or worlds.engine.state.world["voting"].any()
    )
    for role in before:
        assert (before[role] == after[role]).all()
        assert (after[role][0] == after[role][1]).all()


def test_informed_uses_what_agents_know_and_no_future() -> None:
    worlds, observations = worlds_after(0)
    cast = find("informed")
    assert isinstance(cast, Joint)
    before = seat(cast, worlds)(observations, np.random.default_rng(0))
    worlds.engine.state.world["seed"][1] += 1
    cves = len(worlds.engine.state.cve) // 2
    worlds.engine.state.cve["breadth"][cves:] = 0.5
    after = seat(cast, worlds)(observations, np.random.default_rng(0))
    assert all((before[role] == after[role]).all() for role in before)
    worlds.engine.state.patch["truth"][len(worlds.engine.state.patch) // 2 :] *= 0.0
    blind = seat(cast, worlds)(observations, np.random.default_rng(0))
    assert any((before[role][1] != blind[role][1]).any() for role in before)


def test_an_imagined_world_keeps_what_is_public_and_redraws_the_rest() -> None:
    worlds, _ = worlds_after(11)
    room = Imagination(BOUTIQUE, 3)
    room.copy(worlds.engine, 0, [1, 2, 1])
    real, copies = worlds.engine.state, room.engine.state
    patches = copies.patch.reshape(3, -1)
    for name in ("done", "planned", "risk", "public_regression", "release"):
        assert (patches[name] == real.patch[name][: patches.shape[1]]).all()
    assert (copies.world["season"] == real.world["season"][0]).all()
    assert (patches["truth"][0] != patches["truth"][1]).all() and (patches["truth"][0] == patches["truth"][2]).all()
    room.engine.play_out()
    assert copies.world["over"].all() and room.welfare_keur[0] == room.welfare_keur[2] != room.welfare_keur[1]


def test_the_greedy_player_of_the_core_is_the_baseline_net_gain() -> None:
    engine = Engine([BOUTIQUE], 8, autoreset=False)
    engine.reset(np.arange(8, dtype=np.uint64))
    engine.play_out()
    assert np.allclose(
        engine.state.world["welfare_keur"], play(BOUTIQUE, make_policy("net-gain"), range(8))["welfare_keur"]
    )
    with pytest.raises(ValueError, match="autoreset=False"):
        Engine([BOUTIQUE], 1).play_out()


@pytest.mark.parametrize("scenario", ["boutique-v1", "robot-shop-v1"])
def test_no_policy_exceeds_the_bound(scenario: str) -> None:
    world = load_scenario(scenario).with_parameters(incident_loss="sampled", windows=6)
    seeds = [1000, 1001, 1011]
    solved = [clairvoyant.solve(world, seed, seconds=4.0) for seed in seeds]
    bound = np.array([one["bound_keur"] for one in solved])
    assert all(one["welfare_keur"] <= one["bound_keur"] + 1e-9 for one in solved)
    for name in ("do-nothing", "random", "cvss-first", "net-gain", "rolling-horizon"):
        assert (play(world, make_policy(name), seeds)["welfare_keur"] <= bound + 1e-6).all(), name


def brute_force(world, seed: int) -> float:
    """The best welfare of all joint plans without levers, by trying each in the game."""
    engine = Engine([world], 1, autoreset=False)
    motions = int(world.parameters["windows"]) * int(world.parameters["motions_per_window"])
    choices = [(-1, 0), *itertools.product(range(len(world.patches)), (0, 1, 2, 3))]
    best = -np.inf
    for plan in itertools.product(choices, repeat=motions):
        engine.reset(np.array([seed], np.uint64))
        state = engine.state
        for patch, mode in plan:
            actions = np.zeros((1, engine.num_agents), np.int64)
            row = np.flatnonzero(state.row[0]["patch"] == patch)
            if len(row):
                actions[0, state.world[0]["proposer"]] = layout.NOMINATE_START + 4 * int(row[0]) + mode
            engine.step(actions)
            if state.world[0]["voting"]:
                engine.step(np.where(state.agent["may_vote"] != 0, ACCEPT, layout.ABSTAIN).astype(np.int64))
        best = max(best, float(state.world[0]["welfare_keur"]))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_the_clairvoyant_plan_is_the_best_of_all_plans(seed: int) -> None:
    world = TOY.with_parameters(
        windows=2, motions_per_window=1, tail_windows=2, incident_loss="sampled", attempt_multiplier=40.0,
        night_price_keur=1000.0, overtime_price=5.0, overtime_share=0.0,
    )  # fmt: skip
    solved = clairvoyant.solve(world, seed, seconds=20.0)
    best = brute_force(world, seed)
    assert solved["welfare_keur"] == pytest.approx(best, abs=0.05)
    assert solved["bound_keur"] >= best - 1e-6
    assert solved["bound_keur"] == pytest.approx(best, abs=0.05)


def test_exact_is_below_the_clairvoyant_and_above_every_policy() -> None:
    small = TOY.with_parameters(windows=1, motions_per_window=2)
    value = exact.solve(small)
    for name in ("do-nothing", "net-gain", "rolling-horizon", "informed", "cvss-first"):
        cast = find(name)
        assert float(play(small, cast, [0])["welfare_keur"][0]) <= value + 1e-9, name
    drawn = small.with_parameters(incident_loss="sampled")
    bounds = [clairvoyant.solve(drawn, seed, seconds=5.0)["bound_keur"] for seed in range(60)]
    assert value <= np.mean(bounds) + 2.0 * np.std(bounds) / np.sqrt(len(bounds))


def test_exact_and_clairvoyant_agree_where_nothing_is_random() -> None:
    # Every attempt is certain and enters. Without hours only emergency changes are left, on the first day: both motions
    # go to the web service, whose two findings they close before any attempt.
    certain = TOY.with_parameters(
        windows=1, motions_per_window=2, breadth_median=1.0, attempt_multiplier=1000.0, exposure_internal=1.0,
        partial_impact=1.0, capacity_hours=0.0,
    )  # fmt: skip
    solved = clairvoyant.solve(certain.with_parameters(incident_loss="sampled"), 0)
    assert solved["patches_done"] == 2.0
    assert exact.solve(certain) == pytest.approx(solved["welfare_keur"], abs=1e-3)
    assert solved["bound_keur"] == pytest.approx(solved["welfare_keur"], abs=0.01)


def test_exact_weighs_regressions() -> None:
    small = TOY.with_parameters(windows=1, motions_per_window=1, mitigate_effort=10.0)
    idle = float(play(small, find("do-nothing"), [0])["welfare_keur"][0])
    risky = replace(small, patches=tuple(replace(p, regression_probability=0.4) for p in small.patches))
    hopeless = replace(small, patches=tuple(replace(p, regression_probability=1.0) for p in small.patches))
    sure, weighed, none = (exact.solve(world) for world in (small, risky, hopeless))
    assert sure > weighed >= none >= idle
    # One plan, whose outcome alone is a matter of chance: the mean over worlds tends to its value.
    played = play(risky, find("rolling-horizon"), range(400))["welfare_keur"]
    assert played.mean() <= weighed + 3.0 * played.std() / 20.0 + 1e-9


@pytest.mark.parametrize(
    ("change", "field"),
    [({"breadth_log_sd": 1.0}, "breadth_log_sd"), ({"incident_loss": "sampled"}, "incident_loss")],
)
def test_exact_names_what_it_cannot_weigh(change: dict, field: str) -> None:
    with pytest.raises(ValueError, match=rf"toy-v1: {field}: must be"):
        exact.solve(TOY.with_parameters(**change))


def test_a_reference_with_hindsight_cannot_be_played() -> None:
    with pytest.raises(ValueError, match="knows the future"):
        make_policy("clairvoyant")


@pytest.mark.parametrize("change", [{"modules_enabled": True}, {"threat_shift_window": 2}])
def test_no_bound_is_claimed_where_the_model_knows_too_little(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        clairvoyant.solve(TOY.with_parameters(**change), 0)
