"""The PettingZoo face of one world."""

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import small_worlds as sw

import patchpact
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs import REWARD_SCALE_KEUR, PatchpactEnv, make
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import ScenarioError, generate, load_scenario, scenario_ids


def choose(observations: dict[str, Any], rng: np.random.Generator) -> dict[str, int]:
    return {name: int(rng.choice(np.flatnonzero(seen["action_mask"]))) for name, seen in observations.items()}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))


def test_spaces_are_the_same_for_a_role_in_every_scenario():
    found: dict[str, set[str]] = {}
    for name in scenario_ids():
        env = make(name)
        for agent in env.possible_agents:
            spaces = f"{env.observation_space(agent)} {env.action_space(agent)}"
            found.setdefault(env.role(agent), set()).add(spaces)
            assert env.action_space(agent).n == len(action_names(env.role(agent)))
            assert env.observation_space(agent)["observation"].shape == (layout.OBSERVATION_SIZE,)
            assert env.observation_space(agent) is env.observation_space(agent)
    assert {len(spaces) for spaces in found.values()} == {1}
    assert set(found) == set(ROLES)


@pytest.fixture(scope="module")
def env() -> PatchpactEnv:
    return make("sock-shop-v1", windows=6)


def test_what_is_returned_belongs_to_the_spaces(env):
    observations, infos = env.reset(seed=1)
    rng = np.random.default_rng(0)
    while env.agents:
        assert observations.keys() == infos.keys() == set(env.possible_agents)
        for name, seen in observations.items():
            assert env.observation_space(name).contains(seen)
            assert seen["observation"].dtype == np.float32 and seen["action_mask"].dtype == np.int8
            assert seen["action_mask"].any()
        assert env.state_space.contains(env.state())
        observations, rewards, terminations, truncations, infos = env.step(choose(observations, rng))
        assert all(isinstance(r, float) for r in rewards.values())
        assert set(terminations.values()) == {not env.agents}
        assert not any(truncations.values())
    assert env.state_space.contains(env.state())
    assert env.step({}) == ({}, {}, {}, {}, {})


def test_rewards_are_the_sum_of_their_parts_and_accounts_of_rewards(env):
    observations, infos = env.reset(seed=2)
    assert all(info["account_keur"] == 0.0 and info["parts"] == {} for info in infos.values())
    rng = np.random.default_rng(0)
    earned = dict.fromkeys(env.possible_agents, 0.0)
    welfare = 0.0
    seen_kinds = set()
    while env.agents:
        observations, rewards, _, _, infos = env.step(choose(observations, rng))
        for name, info in infos.items():
            assert sum(info["parts"].values()) == pytest.approx(rewards[name], rel=1e-12, abs=1e-6)
            earned[name] += rewards[name] * REWARD_SCALE_KEUR
            assert info["account_keur"] == pytest.approx(earned[name])
            assert info["budget_keur"] >= 0.0
            seen_kinds |= info["parts"].keys()
        assert len({info["welfare_keur"] for info in infos.values()}) == 1
        welfare += infos["it_0"]["welfare_keur"]
    episode = infos["it_0"]["episode"]
    assert tuple(episode) == TOTALS
    assert episode["welfare_keur"] == pytest.approx(welfare)
    assert len(seen_kinds) >= 5
    assert json.dumps(infos), "plain numbers"


def test_observations_are_copies(env):
    """Neither later steps nor what a user does to them reaches an observation or the world."""
    first, _ = env.reset(seed=3)
    kept = {name: {key: array.copy() for key, array in seen.items()} for name, seen in first.items()}
    rng = np.random.default_rng(0)
    state = env.state()
    state_kept = state.copy()
    seen = first
    for _ in range(12):
        seen, *_ = env.step(choose(seen, rng))
    assert same(first, kept)
    assert np.array_equal(state, state_kept)
    before = env.engine.state.observation.copy()
    for one in seen.values():
        one["observation"][:] = 99.0
        one["action_mask"][:] = 1
    assert np.array_equal(env.engine.state.observation, before)


ILLEGAL = [
    -1,
    -(2**63),
    2**63,
    10**30,
    10**6,
    np.int64(-5),
    np.int32(4000),
    np.uint64(2**64 - 1),
    3.7,
    None,
    "pass",
    np.nan,
    [0],
    np.array([0, 1]),
]


@pytest.mark.parametrize("phase", ["propose", "vote"])
@pytest.mark.parametrize("bad", ILLEGAL, ids=repr)
def test_an_illegal_action_is_the_no_op_and_says_so(phase, bad):
    """Out of range, of another type or masked: pass while proposing, abstain while voting."""
    outcomes = []
    for meddle in (False, True):
        env = PatchpactEnv(sw.one_service(2, motions_per_window=3))
        env.reset(seed=0)
        if phase == "vote":
            row = int(np.flatnonzero(env.engine.state.row["patch"][0] == 0)[0])
            env.step({"it_0": layout.NOMINATE_START + 4 * row})
            assert env.view().phase == "vote"
        no_op = layout.ABSTAIN if phase == "vote" else layout.PASS
        given: dict[str, Any] = dict.fromkeys(env.agents, no_op)
        if meddle:
            given["business_0"] = bad
        *result, infos = env.step(given)
        assert [infos[name]["illegal_action"] for name in env.possible_agents] == [False, meddle, False]
        for info in infos.values():
            del info["illegal_action"]
        outcomes.append((result, infos, env.state()))
    assert same(dict(enumerate(outcomes[0][0])), dict(enumerate(outcomes[1][0])))
    assert outcomes[0][1] == outcomes[1][1] and np.array_equal(outcomes[0][2], outcomes[1][2])


def test_every_masked_action_is_a_no_op():
    """All actions that the masks forbid, one by one, in both phases."""
    world = sw.one_service(2, motions_per_window=3, windows=2)
    env = PatchpactEnv(world)
    for phase in ("propose", "vote"):
        for agent in env.possible_agents:
            env.reset(seed=0)
            size = int(env.action_space(agent).n)
            row = int(np.flatnonzero(env.engine.state.row["patch"][0] == 0)[0])
            opening = {"it_0": layout.NOMINATE_START + 4 * row} if phase == "vote" else None
            if opening:
                env.step(opening)
            masked = np.flatnonzero(env.engine.state.mask[0, env.possible_agents.index(agent), :size] == 0)
            env.step({})
            expected = env.state()
            for action in masked:
                env.reset(seed=0)
                if opening:
                    env.step(opening)
                *_, infos = env.step({agent: int(action)})
                assert infos[agent]["illegal_action"]
                assert np.array_equal(env.state(), expected), (phase, agent, action_names(env.role(agent))[action])


def test_numpy_integers_are_actions_like_any_other():
    world = sw.one_service()
    states = []
    for kind in (int, np.int8, np.int64, np.uint16, lambda a: np.array(a)):
        env = PatchpactEnv(world)
        env.reset(seed=0)
        row = int(np.flatnonzero(env.engine.state.row["patch"][0] == 0)[0])
        *_, infos = env.step({"it_0": kind(layout.NOMINATE_START + 4 * row)})
        assert not infos["it_0"]["illegal_action"]
        states.append(env.state())
    assert all(np.array_equal(state, states[0]) for state in states)


def test_all_are_told_who_proposes_before_they_act(env):
    _, infos = env.reset(seed=5)
    seen = set()
    while env.agents:
        (proposer,) = {info["proposer"] for info in infos.values()}
        mask = env.engine.state.mask[0][:, layout.NOMINATE_START : layout.VOTE_START].any(1)
        if mask.any():
            assert [env.possible_agents[n] for n in np.flatnonzero(mask)] == [proposer]
        seen.add(proposer)
        *_, infos = env.step({})
    assert len(seen) > 1
    assert {info["proposer"] for info in infos.values()} == {None}


def test_agents_without_an_action_do_nothing_and_unknown_ones_are_refused(env):
    env.reset(seed=5)
    *_, infos = env.step({})
    assert not any(info["illegal_action"] for info in infos.values())
    with pytest.raises(KeyError):
        env.step({"it_9": 0})


def trajectory(env: PatchpactEnv, seed: int | None, steps: int = 20) -> list[Any]:
    observations, _ = env.reset(seed=seed)
    rng = np.random.default_rng(0)
    seen = [observations]
    for _ in range(steps):
        if not env.agents:
            break
        observations, rewards, *_ = env.step(choose(observations, rng))
        seen += [observations, rewards]
    return seen


def test_seeds_repeat_and_differ(env):
    other = make("sock-shop-v1", windows=6)
    first = trajectory(env, 7)
    assert all(same(a, b) for a, b in zip(first, trajectory(other, 7), strict=True))
    assert all(same(a, b) for a, b in zip(first, trajectory(env, 7), strict=True))
    assert not same(first[0], trajectory(env, 8)[0])


def test_resets_without_a_seed_are_fresh_but_follow_from_the_last_seed(env):
    streams = []
    for one in (env, make("sock-shop-v1", windows=6)):
        one.reset(seed=11)
        streams.append([one.reset()[0] for _ in range(4)])
    for a, b in zip(*streams, strict=True):
        assert same(a, b)
    firsts = [streams[0][n]["it_0"]["observation"].tobytes() for n in range(4)]
    assert len(set(firsts)) == 4
    env.reset(seed=12)
    assert not same(env.reset()[0], streams[0][0])


def test_two_fresh_environments_draw_different_worlds():
    worlds = {make("sock-shop-v1").reset()[0]["it_0"]["observation"].tobytes() for _ in range(3)}
    assert len(worlds) == 3


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_range_are_refused(env, seed):
    with pytest.raises(ValueError, match=r"seed: .*give a whole number"):
        env.reset(seed=seed)


@pytest.mark.parametrize("seed", [0, 2**63 - 1, np.int64(3), np.uint32(3)])
def test_seeds_in_range_are_taken(env, seed):
    env.reset(seed=seed)


def test_a_reset_in_the_middle_leaves_no_trace(env):
    clean = trajectory(env, 21)
    rng = np.random.default_rng(3)
    observations, _ = env.reset(seed=99)
    for _ in range(17):
        observations, *_ = env.step(choose(observations, rng))
    assert all(same(a, b) for a, b in zip(clean, trajectory(env, 21), strict=True))


def test_a_copy_goes_its_own_way(env):
    """What a planner needs: a deep copy plays on from where the world stands, without touching it."""
    observations, _ = env.reset(seed=31)
    rng = np.random.default_rng(0)
    for _ in range(9):
        observations, *_ = env.step(choose(observations, rng))
    twin = deepcopy(env)
    before = env.state()
    ahead = [twin.step({})[1] for _ in range(6)]
    assert np.array_equal(env.state(), before)
    assert [env.step({})[1] for _ in range(6)] == ahead


def test_state_holds_all_views_and_the_hidden_truth(env):
    env.reset(seed=4)
    flat = env.state()
    count = len(env.possible_agents) * layout.OBSERVATION_SIZE
    assert flat.dtype == np.float32
    assert np.array_equal(flat[:count], env.engine.state.observation[0].ravel())
    truth = flat[count:].reshape(layout.AGENDA_ROWS, 3)
    for row, number in enumerate(env.engine.state.row["patch"][0]):
        p, patch = env.engine.state.patch[number], env.scenario.patches[number]
        if number >= 0:
            expected = (p["regression"], p["effort"] / patch.effort_hours, p["truth"])
            assert truth[row] == pytest.approx(expected, rel=1e-6)
        else:
            assert not truth[row].any()


def test_state_of_patches_without_effort():
    env = PatchpactEnv(sw.one_service(patch_changes={"effort_hours": 0.0}))
    env.reset(seed=0)
    assert np.isfinite(env.state()).all()


def test_the_ledger_of_a_step_is_complete_in_a_large_world():
    """Hundreds of services, every loss booked, the tail in one step: the entries add up to the parts."""
    world = generate(150, 1, tenants=3).with_parameters(
        windows=2, tail_windows=8, incident_loss="expected", initially_known_share=1.0
    )
    env = PatchpactEnv(world)
    env.reset(seed=0)
    while env.agents:
        env.step({})
    state = env.engine.state
    count = int(state.world["ledger_n"][0])
    assert 4096 < count < state.ledger.shape[1]
    entries = state.ledger[0, :count]
    sums = np.zeros_like(state.parts[0])
    np.add.at(sums, (entries["giver"], entries["kind"]), -entries["amount"])
    np.add.at(sums, (entries["taker"], entries["kind"]), entries["amount"])
    assert sums == pytest.approx(state.parts[0], rel=1e-9, abs=1e-9)


def test_the_last_motion_is_kept():
    env = PatchpactEnv(sw.one_service(motions_per_window=2))
    env.reset(seed=0)
    assert env.last_motion is None
    row = int(np.flatnonzero(env.engine.state.row["patch"][0] == 0)[0])
    env.step({"it_0": layout.NOMINATE_START + 4 * row})
    assert env.last_motion is not None
    assert (env.last_motion.patch, env.last_motion.mode, env.last_motion.passed) == ("s0/c0", "full", None)
    accept = layout.VOTE_START + layout.VOTES.index("accept")
    env.step({"it_0": accept, "business_0": accept})
    assert env.last_motion.passed is True
    assert dict(env.last_motion.votes) == {"it_0": "accept", "business_0": "accept", "vendor_0": "abstain"}
    assert env.reset(seed=0) and env.last_motion is None


class TestMake:
    def test_overrides_reach_the_world(self):
        env = patchpact.make("toy-v1", windows=2, motions_per_window=1)
        env.reset(seed=0)
        steps = 0
        while env.agents:
            env.step({})
            steps += 1
        assert steps == 2

    def test_a_scenario_object_a_graph_and_an_id(self):
        world = load_scenario("toy-v1")
        assert patchpact.make(world).scenario is world
        assert patchpact.make("toy-v1").scenario.id == "toy-v1"

    @pytest.mark.parametrize(
        ("source", "over", "problem"),
        [
            ("toy-v2", {}, "toy-v1"),
            ("toy-v1", {"windoes": 3}, "windows"),
            ("toy-v1", {"windows": 0}, "windows"),
            ("toy-v1", {"voting": "majorty"}, "majority"),
        ],
    )
    def test_mistakes_are_answered_in_one_line(self, source, over, problem):
        with pytest.raises(ScenarioError, match=problem) as caught:
            patchpact.make(source, **over)
        assert "\n" not in str(caught.value)

    def test_an_unknown_render_mode_is_refused(self):
        with pytest.raises(ValueError, match="render_mode: 'human' is unknown"):
            patchpact.make("toy-v1", render_mode="human")
