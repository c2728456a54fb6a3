"""Service agents: what they may do, what carries it out, what it earns; all by the compiled core's own ledger."""

import numpy as np
import pytest
from small_worlds import edge, finding, patch, scenario, seats, service

import patchpact
from patchpact.agents.policies import find
from patchpact.envs import REWARD_SCALE_KEUR, ServicesEnv, make, make_services, service_layout
from patchpact.envs.service_layout import BATCH, DEFER, PATCH, SERVICE_SIZE, service_feature
from patchpact.scenarios import Entrypoint, Scenario, load_scenario
from patchpact.training.evaluate import play

VALUE = service_feature("value")
CALM = {"windows": 3, "motions_per_window": 4, "attempt_multiplier": 0.0, "deadlines": "none"}


def three(calls: tuple[tuple[int, int], ...] = ((0, 1),), **changes: object) -> Scenario:
    """Three services with a patch each; by default the first calls the second. Nobody attacks."""
    edges = [edge(n, u, v) for n, (u, v) in enumerate(calls)]
    parts = [service(n) for n in range(3)], edges, [finding(n, n) for n in range(3)], [patch(n, n) for n in range(3)]
    return scenario(*parts, **{**CALM, **changes})


def started(world: Scenario, seed: int = 0, **options: float) -> ServicesEnv:
    env = ServicesEnv(world, **options)
    env.reset(seed=seed)
    return env


def by_value(env: ServicesEnv, observations: dict) -> dict[str, int]:
    """Patch where the service's own net gain is above 0."""
    return {name: int(seen["observation"][VALUE] > 0.0) for name, seen in observations.items()}


def test_the_id_makes_the_game_and_any_graph_can_be_played():
    env = patchpact.make("mvp2-v1", windows=2, coupling_keur=0)
    assert isinstance(env, ServicesEnv)
    assert env.possible_agents == [s.name for s in load_scenario("boutique-v1").services]
    assert (env.coupling_keur, env.scenario.parameters["windows"]) == (0.0, 2)
    other = patchpact.make_services("robot-shop-v1")
    assert other.possible_agents == [s.name for s in load_scenario("robot-shop-v1").services]
    assert other.observation_space("cart")["observation"].shape == (SERVICE_SIZE,) == (len(service_layout()),)
    assert make_services("mvp2-v1").scenario.id == "boutique-v1"


@pytest.mark.parametrize("penalty", [-1, float("nan"), float("inf"), "much"])
def test_a_bad_penalty_is_told(penalty):
    with pytest.raises(ValueError, match=r"coupling_keur: .* 0 switches the penalty off"):
        make_services(coupling_keur=penalty)


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(ValueError, match="render_mode: 'ansi': mvp2-v1 draws nothing"):
        make("mvp2-v1", render_mode="ansi")


@pytest.mark.parametrize("name", ["boutique-v1", "sock-shop-v1"])
def test_doing_nothing_meets_the_stakeholders_draws(name):
    """Same seed, same future: every total of the episode is that of the game of votes."""
    env = make_services(name)
    seeds = range(5, 13)
    nothing = play(load_scenario(name), find("do-nothing"), seeds)
    for n, seed in enumerate(seeds):
        env.reset(seed=seed)
        while env.agents:
            *_, infos = env.step({})
        episode = infos[env.possible_agents[0]]["episode"]
        assert episode == {total: nothing[total][n] for total in episode}
    assert nothing["welfare_keur"].sum() < 0.0


def test_the_reward_is_the_cores_welfare_less_the_penalty():
    """Pairs are counted anew from what was carried out; welfare adds up to the episode's, and rewards to both."""
    env = make_services("boutique-v1", coupling_keur=2.5)
    calls = {frozenset((e.source, e.target)) for e in env.scenario.edges}
    observations, _ = env.reset(seed=11)
    welfare_keur = reward_keur = 0.0
    all_pairs = 0
    rng = np.random.default_rng(0)
    while env.agents:
        actions = {name: int(rng.choice(np.flatnonzero(s["action_mask"]))) for name, s in observations.items()}
        observations, rewards, _, _, infos = env.step(actions)
        info = infos["frontend"]
        done = [name for name in env.possible_agents if infos[name]["carried_out"]]
        assert all(actions[name] != DEFER for name in done)
        pairs = sum(
            frozenset((a, b)) in calls and not actions[a] == actions[b] == BATCH
            for n, a in enumerate(done)
            for b in done[n + 1 :]
        )
        assert info["coupled_pairs"] == pairs
        assert len(set(rewards.values())) == 1
        assert rewards["frontend"] == info["parts"]["welfare"] + info["parts"]["coupling"]
        assert info["parts"]["coupling"] * REWARD_SCALE_KEUR == -2.5 * pairs
        assert info["parts"]["welfare"] * REWARD_SCALE_KEUR == pytest.approx(info["welfare_keur"], rel=1e-12)
        welfare_keur += info["welfare_keur"]
        reward_keur += rewards["frontend"] * REWARD_SCALE_KEUR
        all_pairs += pairs
    assert all_pairs > 0
    assert welfare_keur == pytest.approx(info["episode"]["welfare_keur"], rel=1e-12)
    assert reward_keur == pytest.approx(welfare_keur - 2.5 * all_pairs, rel=1e-9)


def test_the_environment_and_the_policy_for_all_play_alike():
    """``services-net-gain`` in the stakeholders' worlds does what agents by the same rule do in this game."""
    world = load_scenario("sock-shop-v1")
    played = play(world, find("services-net-gain"), range(20, 24))
    env = ServicesEnv(world)
    for n, seed in enumerate(range(20, 24)):
        observations, _ = env.reset(seed=seed)
        while env.agents:
            observations, *_, infos = env.step(by_value(env, observations))
        episode = infos[env.possible_agents[0]]["episode"]
        assert episode["patches_done"] > 0
        assert episode == {total: played[total][n] for total in episode}
    assert played["illegal_actions"].sum() == 0


@pytest.mark.parametrize(
    ("calls", "pairs"), [((), 0), (((0, 1),), 1), (((0, 1), (1, 0)), 1), (((0, 1), (2, 1)), 2), (((0, 0), (0, 2)), 1)]
)
def test_the_penalty_is_paid_once_for_each_coupled_pair(calls, pairs):
    world = three(calls)
    rewards = []
    for penalty in (7.0, 0.0):
        env = started(world, coupling_keur=penalty)
        _, reward, _, _, infos = env.step(dict.fromkeys(env.agents, PATCH))
        assert all(info["carried_out"] for info in infos.values())
        assert infos["s0"]["coupled_pairs"] == pairs
        rewards.append(reward["s0"])
    assert rewards[1] - rewards[0] == pytest.approx(7.0 * pairs / REWARD_SCALE_KEUR)


def test_a_service_that_waits_is_in_no_pair():
    env = started(three())
    *_, infos = env.step({"s0": PATCH, "s2": PATCH})
    assert [infos[f"s{n}"]["carried_out"] for n in range(3)] == [True, False, True]
    assert infos["s0"]["coupled_pairs"] == 0


def test_a_shared_maintenance_is_coordinated_and_works_at_night():
    """Two that batch: no penalty, the flow's owner buys night hours, downtime costs its night price."""
    world = three()
    day, night = started(world), started(world)
    *_, by_day = day.step({"s0": PATCH, "s1": PATCH})
    *_, by_night = night.step({"s0": BATCH, "s1": BATCH})
    assert (by_day["s0"]["coupled_pairs"], by_night["s0"]["coupled_pairs"]) == (1, 0)
    p, before, after = world.parameters, day.engine.state.world[0], night.engine.state.world[0]
    assert before["downtime_hours"] == after["downtime_hours"] > 0.0
    assert after["downtime_keur"] == pytest.approx(p["night_factor"] * before["downtime_keur"])
    assert after["spend_keur"] == pytest.approx(before["spend_keur"] + p["night_price_keur"])
    saved = (1.0 - p["night_factor"]) * before["downtime_keur"] - p["night_price_keur"]
    assert by_night["s0"]["welfare_keur"] - by_day["s0"]["welfare_keur"] == pytest.approx(saved)


def test_a_batch_beside_a_patch_still_pays():
    env = started(three(((0, 1), (0, 2))))
    *_, infos = env.step({"s0": PATCH, "s1": BATCH, "s2": BATCH})
    assert infos["s0"]["coupled_pairs"] == 2


def test_a_batch_of_one_waits():
    env = started(three())
    *_, infos = env.step({"s0": BATCH, "s2": DEFER})
    assert not any(info["carried_out"] or info["illegal_action"] for info in infos.values())
    assert env.engine.state.world[0]["spend_keur"] == 0.0


def test_the_only_motion_is_not_spent_on_night_hours():
    """With one motion a window whoever proposes it works; whether its buyer proposes or another."""
    world = three(motions_per_window=1)
    for seed in range(3):
        env = started(world, seed)
        while env.agents:
            observations, *_, infos = env.step(dict.fromkeys(env.agents, BATCH))
            done = sum(info["carried_out"] for info in infos.values())
            legal = sum(int(s["action_mask"][BATCH]) for s in observations.values())
            assert done == 1 or legal < 2
        assert env.engine.state.world[0]["patches_done"] >= 2


def test_motions_limit_a_window_and_the_highest_value_goes_first():
    worth = [(finding(n, n, epss=0.1 + 0.3 * n), patch(n, n)) for n in range(3)]
    parts = [service(n) for n in range(3)], [], [f for f, _ in worth], [p for _, p in worth]
    world = scenario(
        *parts, **{**CALM, "attempt_multiplier": 1.0, "motions_per_window": 2, "incident_loss": "expected"}
    )
    env = started(world)
    observations, _ = env.reset(seed=1)
    values = [float(observations[f"s{n}"]["observation"][VALUE]) for n in range(3)]
    assert values == sorted(values)
    assert [observations[f"s{n}"]["observation"][service_feature("ahead")] for n in range(3)] == [1.0, 0.5, 0.0]
    *_, infos = env.step(dict.fromkeys(env.agents, PATCH))
    assert [infos[f"s{n}"]["carried_out"] for n in range(3)] == [False, True, True]
    *_, infos = env.step(dict.fromkeys(env.agents, PATCH))
    assert [infos[f"s{n}"]["carried_out"] for n in range(3)] == [True, False, False]


def test_equal_values_go_by_the_services_order():
    env = started(three((), motions_per_window=1, entrypoints=(Entrypoint(0, "s0", 1.0, 0.0, "business_0"),)))
    *_, infos = env.step(dict.fromkeys(env.agents, PATCH))
    assert [infos[f"s{n}"]["carried_out"] for n in range(3)] == [True, False, False]


def test_hours_limit_a_window():
    env = started(three(capacity_hours=25.0))  # three patches of ten hours
    *_, infos = env.step(dict.fromkeys(env.agents, PATCH))
    assert sum(info["carried_out"] for info in infos.values()) == 2


def test_masks_and_illegal_actions():
    """Without a patch that can be carried out only defer is legal; what is illegal defers and is told."""
    later = scenario(
        [service(n) for n in range(2)], [], [finding(0, 0), finding(1, 1)], [patch(0, 0, release_window=1), patch(1, 1)],
        **CALM,
    )  # fmt: skip
    env = started(later)
    observations, _ = env.reset(seed=0)
    assert observations["s0"]["action_mask"].tolist() == [1, 0, 0]
    assert observations["s1"]["action_mask"].tolist() == [1, 1, 1]
    assert not observations["s0"]["observation"][: service_feature("value") + 1].any()
    observations, *_, infos = env.step({"s0": PATCH, "s1": 3})
    assert [infos[name]["illegal_action"] for name in ("s0", "s1")] == [True, True]
    assert not any(info["carried_out"] for info in infos.values())
    assert observations["s0"]["action_mask"].tolist() == [1, 1, 1]
    *_, infos = env.step({"s0": PATCH, "s1": "patch"})
    assert (infos["s0"]["carried_out"], infos["s0"]["illegal_action"], infos["s1"]["illegal_action"]) == (
        True,
        False,
        True,
    )
    with pytest.raises(KeyError):
        env.step({"nobody": PATCH})


def test_a_patch_waits_for_what_it_requires():
    chain = scenario(
        [service(0)], [], [finding(0, 0), finding(1, 0, epss=0.9)], [patch(0, 0), patch(1, 0, requires=(0,))], **CALM
    )
    env = started(chain)
    env.step({"s0": PATCH})
    assert [bool(done) for done in env.engine.state.patch["done"]] == [True, False]
    env.step({"s0": PATCH})
    assert env.engine.state.patch["done"].all()


def test_without_governance_owners_carry_out_their_own():
    world = three(governance_enabled=False, agents=seats(businesses=2))
    env = started(world)
    *_, infos = env.step(dict.fromkeys(env.agents, PATCH))
    assert all(info["carried_out"] for info in infos.values())


def test_neighbours_are_seen_by_side():
    env = started(three(((0, 1), (2, 1))))
    observations, _ = env.reset(seed=0)
    seen = {name: one["observation"] for name, one in observations.items()}
    count = {side: service_feature(f"{side}_count") for side in ("callers", "callees", "others")}
    found = [[8.0 * float(seen[f"s{n}"][count[side]]) for side in count] for n in range(3)]
    assert found == [[0, 1, 1], [2, 0, 0], [0, 1, 1]]
    able = service_feature("callers_able")
    assert [8.0 * float(seen[f"s{n}"][able]) for n in range(3)] == [0, 2, 0]


def test_the_state_shows_critics_what_nobody_sees():
    env = make_services("boutique-v1")
    env.reset(seed=3)
    whole = env.state().reshape(len(env.possible_agents), -1)
    observations, _ = env.reset(seed=3)
    for seen, name in zip(whole, env.possible_agents, strict=True):
        assert (seen[:SERVICE_SIZE] == observations[name]["observation"]).all()
        assert seen[SERVICE_SIZE:].any() == observations[name]["action_mask"][PATCH]
    assert env.state_space.contains(env.state())


def test_several_scenarios_cannot_share_a_batch():
    from patchpact.envs.core.engine import Engine
    from patchpact.envs.service_view import ServiceView

    with pytest.raises(ValueError, match="one graph play at a time"):
        ServiceView(Engine([three(), three(windows=2)], 2))
