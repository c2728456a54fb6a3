"""The same seed gives the same trajectory, whatever stands beside it; exogenous draws do not hang on actions."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import layout
from patchpact.envs.core import random
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario, generate, load_scenario

SEEN = ("observation", "mask", "reward", "chosen", "illegal", "terminated")


def choose(mask: np.ndarray, seed: int, turn: int) -> np.ndarray:
    """A legal action for every agent of one world ``(agents,)``, from the world's own mask, seed and turn."""
    rng = np.random.default_rng([seed, turn])
    picks = rng.random(len(mask))
    return np.array([np.flatnonzero(m)[int(u * m.sum())] if m.any() else 0 for m, u in zip(mask, picks, strict=True)])


def play(engine: Engine, seeds: list[int], steps: int, which: list[int] | None = None) -> list[str]:
    """Digests of what the chosen worlds show over some steps of their own random legal play."""
    engine.reset(np.array(seeds, np.uint64))
    state = engine.state
    which = list(range(len(seeds))) if which is None else which
    digests = {k: hashlib.sha256() for k in which}

    def note() -> None:
        for k in which:
            agents = int(engine.static.scenario["na"][state.world["scenario"][k]])
            for name in SEEN:
                array = getattr(state, name)[k]
                shown = array[:agents] if array.ndim else array
                digests[k].update(np.ascontiguousarray(shown).tobytes())
            digests[k].update(state.totals[k].tobytes() if state.terminated[k] else b"")

    note()
    for turn in range(steps):
        actions = np.stack([choose(state.mask[k], seeds[k], turn) for k in range(len(seeds))])
        engine.step(actions)
        note()
    return [digests[k].hexdigest() for k in which]


STEPS = 60


@pytest.fixture(scope="module")
def alone() -> dict[int, str]:
    """Trajectories of single worlds by seed."""
    engine = Engine([load_scenario("sock-shop-v1", windows=5)], 1)
    return {seed: play(engine, [seed], STEPS)[0] for seed in (0, 3, 6, 100, 250, 255)}


@pytest.mark.parametrize(("size", "threads"), [(7, 1), (7, 2), (256, 1), (256, 2)])
def test_a_world_of_a_batch_is_the_world_alone(alone, size, threads):
    """World k of a batch is a single one reset with its seed, autoreset included."""
    engine = Engine([load_scenario("sock-shop-v1", windows=5)], size, threads=threads)
    which = [k for k in alone if k < size]
    assert play(engine, list(range(size)), STEPS, which) == [alone[k] for k in which]
    assert engine.state.world["episode"].min() >= 1, "the comparison spans an episode's end"
    engine.close()


def test_seeds_and_not_places_decide(alone):
    engine = Engine([load_scenario("sock-shop-v1", windows=5)], 3)
    assert play(engine, [255, 0, 100], STEPS) == [alone[255], alone[0], alone[100]]


def test_worlds_of_different_graphs_share_a_batch():
    names = ("toy-v1", "sock-shop-v1", "generated-v1", "boutique-v1")
    worlds = [load_scenario(name, windows=2) for name in names]
    mixed = play(Engine(worlds, 9, threads=2), list(range(9)), 30)
    for k in range(9):
        assert mixed[k] == play(Engine([worlds[k % 4]], 1), [k], 30)[0], names[k % 4]


_CHILD = """
import sys
sys.path[:0] = {paths!r}
from test_engine_child import play, STEPS
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import load_scenario
print(play(Engine([load_scenario("sock-shop-v1", windows=5)], 1), [3], STEPS)[0])
"""


def test_another_process_plays_the_same(alone, tmp_path):
    (tmp_path / "test_engine_child.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    code = _CHILD.format(paths=[str(tmp_path), str(os.path.dirname(sw.__file__))])
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == alone[3]


def test_autoreset_begins_the_next_episode_in_the_step_that_ends_one():
    world = load_scenario("toy-v1")
    on, off = Engine([world], 4), Engine([world], 4, autoreset=False)
    seeds = np.arange(4, dtype=np.uint64)
    on.reset(seeds)
    off.reset(seeds)
    ended = np.zeros(4, bool)
    turn = 0
    while not ended.all():
        live = ~ended
        actions = np.stack([choose(m, k, turn) for k, m in enumerate(on.state.mask)])
        on.step(actions)
        off.step(actions)
        turn += 1
        assert np.array_equal(on.state.terminated[live], off.state.terminated[live])
        assert np.array_equal(on.state.reward[live], off.state.reward[live])
        for k in np.flatnonzero(on.state.terminated & live):
            assert np.array_equal(on.state.final_observation[k], off.state.observation[k])
            assert np.array_equal(on.state.totals[k], off.state.totals[k])
            assert on.state.world["t"][k] == 0 and on.state.world["episode"][k] == 1
            fresh = Engine([world], 1)
            fresh.reset(np.array([k], np.uint64))
            assert not np.array_equal(on.state.mask[k], off.state.mask[k])
            assert on.state.world["seed"][k] == np.uint64(random.episode_seed(np.uint64(k), 1))
            assert on.state.world["seed"][k] != fresh.state.world["seed"][0]
        ended |= on.state.terminated


def test_an_ended_world_stands_still_without_autoreset():
    engine = Engine([load_scenario("toy-v1")], 1, autoreset=False)
    engine.reset(np.array([5], np.uint64))
    sw.idle(engine)
    state = engine.state
    before = {
        name: getattr(state, name).copy() for name in ("observation", "mask", "world", "patch", "agent", "totals")
    }
    legal = [np.flatnonzero(mask).tolist() for mask in state.mask[0]]
    assert legal == [[layout.PASS]] * engine.num_agents
    for action in (0, 3, 10**9):
        engine.step(np.full((1, engine.num_agents), action))
        assert not state.reward.any() and not state.illegal.any()
        for name, array in before.items():
            now = getattr(state, name).copy()
            if name == "world":
                now["welfare"], now["ledger_n"] = array["welfare"], array["ledger_n"]
            assert np.array_equal(now, array), name


def exogenous(engine: Engine) -> list[bytes]:
    """All that comes from outside the table, in this window."""
    state = engine.state
    hidden = [state.patch[n] for n in ("truth", "effort")] + [state.flow["true_rate"]]
    moving = [state.cve[n] for n in ("epss", "kev", "known", "kev_day", "weights", "mean_breadth")]
    return [np.ascontiguousarray(a).tobytes() for a in (*hidden, *moving, state.attempt, state.world["season"])]


@pytest.mark.parametrize("name", ["boutique-v1", "sock-shop-v1", "generated-v1"])
def test_what_comes_from_outside_does_not_hang_on_actions(name):
    """Two ways to play one seed: the same arrivals, scores, KEV entries, seasons, hidden truths, attempts.

    Attempts by CVE and window are read off the posterior of the breadth, which every attempt moves.
    """
    world = load_scenario(name, windows=6, attempt_multiplier=200.0)
    idle, busy = Engine([world], 2, autoreset=False), Engine([world], 2, autoreset=False)
    seeds = np.array([11, 12], np.uint64)
    idle.reset(seeds)
    busy.reset(seeds)
    actions = np.zeros((2, busy.num_agents), np.int64)
    turn = 0
    seen = set()
    for window in range(6):
        while busy.state.world["t"].min() <= window and not busy.state.world["over"].all():
            if busy.state.world["t"][0] > window:  # wait for the other world
                actions[:] = sw.no_ops(busy)
                busy.step(actions)
            else:
                busy.step_at_random(5, turn, actions)
            turn += 1
            if busy.state.world["t"].max() > window + 1:
                break
        while idle.state.world["t"].min() <= window and not idle.state.world["over"].all():
            idle.step(sw.no_ops(idle))
        if np.array_equal(busy.state.world["t"], idle.state.world["t"]):
            same = exogenous(busy)
            assert same == exogenous(idle)
            seen.add(b"".join(same))
    assert len(seen) >= 2, "something moved, and more than one window was compared"
    assert (busy.state.world["patches_done"] > 0).any() and not idle.state.world["patches_done"].any()


def test_regressions_are_keyed_by_patch_and_window_not_by_order():
    """The same patch in the same window fails or holds alike, whatever else is in the plan."""
    world = sw.one_service(
        3, motions_per_window=4, windows=1, tail_windows=0, patch_changes={"regression_probability": 0.5}
    )
    outcomes = set()
    for seed in range(20):
        alone = sw.Table(world, seed)
        alone.motion(2)
        alone.finish()
        others = sw.Table(world, seed)
        for number in (0, 2, 1):
            others.motion(number)
        others.finish()
        assert alone.state.patch["done"][2] == others.state.patch["done"][2]
        outcomes.add(int(alone.state.patch["done"][2]))
    assert outcomes == {0, 1}


def renamed(world: Scenario, seed: int) -> Scenario:
    """The same world with other names, every list in another order, uids kept."""
    rng = np.random.default_rng(seed)
    name = {service.name: f"x{int(rng.integers(10**9))}-{service.uid}" for service in world.services}

    def mixed(rows):
        return tuple(rows[i] for i in rng.permutation(len(rows)))

    def moved(rows):
        return mixed([sw.replace(row, service=name[row.service]) for row in rows])

    patches = [sw.replace(p, name=f"p{p.uid}", component=f"k{p.uid}") for p in world.patches]
    return sw.replace(
        world,
        id="renamed",
        services=mixed([sw.replace(s, name=name[s.name]) for s in world.services]),
        edges=mixed([sw.replace(e, source=name[e.source], target=name[e.target]) for e in world.edges]),
        entrypoints=moved(world.entrypoints),
        findings=moved([sw.replace(f, component=f"k{f.uid}", cve=f"V-{f.cve_uid}") for f in world.findings]),
        patches=moved(patches),
        agents=mixed(world.agents),
    )


@pytest.mark.parametrize("name", ["toy-v1", "sock-shop-v1", "generated-v1"])
def test_names_and_orders_leave_no_trace(name):
    world = load_scenario(name, windows=3)
    other = renamed(world, 1)
    assert [s.name for s in world.services] != [s.name for s in other.services]
    assert play(Engine([world], 2), [4, 5], 40) == play(Engine([other], 2), [4, 5], 40)


def test_uids_and_not_places_key_the_draws():
    """A patch, a CVE, a flow and an edge keep their draws when others before them leave the world."""
    world = load_scenario("sock-shop-v1")
    dropped = {p.uid for p in world.patches[:5]}
    kept = [sw.replace(p, requires=tuple(set(p.requires) - dropped)) for p in world.patches[5:]]
    fewer = sw.replace(world, patches=tuple(kept))
    a, b = Engine([world], 1), Engine([fewer], 1)
    for engine in (a, b):
        engine.reset(np.array([9], np.uint64))
    for field in ("truth", "effort", "regression", "signal"):
        assert np.array_equal(a.state.patch[field][5:], b.state.patch[field]), field
    assert np.array_equal(a.state.cve["known"], b.state.cve["known"])


def test_unseeded_draws_of_episodes_differ():
    """Episode seeds of neighbouring worlds and episodes are all different."""
    seeds = {int(random.episode_seed(np.uint64(base), episode)) for base in range(40) for episode in range(40)}
    assert len(seeds) == 1600


def test_only_chosen_worlds_start_anew():
    engine = Engine([load_scenario("sock-shop-v1", windows=5)], 3)
    play(engine, [0, 3, 6], 7)
    state = engine.state
    before = state.observation.copy(), state.world.copy(), state.mask.copy()
    engine.reset(np.array([9, 9, 100], np.uint64), np.array([False, False, True]))
    for old, new in zip(before, (state.observation, state.world, state.mask), strict=True):
        assert np.array_equal(old[:2], new[:2]) and not np.array_equal(old[2], new[2])
    fresh = Engine([load_scenario("sock-shop-v1", windows=5)], 1)
    fresh.reset(np.array([100], np.uint64))
    assert np.array_equal(state.observation[2], fresh.state.observation[0])


def test_random_play_is_legal_and_reproducible():
    engine = Engine([load_scenario("generated-v1", windows=2)], 3)
    taken = []
    for _ in range(2):
        engine.reset(np.arange(3, dtype=np.uint64))
        actions = np.zeros((3, engine.num_agents), np.int64)
        taken.append([])
        for turn in range(30):
            masks = engine.state.mask.copy()
            engine.step_at_random(7, turn, actions)
            assert np.take_along_axis(masks, actions[..., None], 2).all()
            assert not engine.state.illegal.any()
            taken[-1].append(actions.copy())
    assert np.array_equal(taken[0], taken[1])


def test_totals_are_sums_of_steps():
    engine = Engine([load_scenario("generated-v1", windows=3)], 4, autoreset=False)
    engine.reset(np.arange(4, dtype=np.uint64))
    actions = np.zeros((4, engine.num_agents), np.int64)
    welfare = np.zeros(4)
    for turn in range(40):
        engine.step_at_random(1, turn, actions)
        welfare += engine.state.world["welfare"]
    assert engine.state.world["over"].all()
    assert engine.state.totals[:, TOTALS.index("welfare_keur")] == pytest.approx(welfare)


def test_wrong_shapes_and_counts_are_refused():
    world = load_scenario("toy-v1")
    with pytest.raises(ValueError, match=r"num_envs: 0 .*at least one"):
        Engine([world], 0)
    with pytest.raises(ValueError, match=r"threads: 0 .*at least one"):
        Engine([world], 1, threads=0)
    engine = Engine([world], 2)
    with pytest.raises(ValueError, match=r"seeds: .*give one for each of 2"):
        engine.reset(np.zeros(3, np.uint64))
    engine.reset(np.zeros(2, np.uint64))
    with pytest.raises(ValueError, match=r"actions: shape \(2, 2\).*\(2, 3\)"):
        engine.step(np.zeros((2, 2), np.int64))
    with pytest.raises(ValueError, match="out: int32"):
        engine.step_at_random(0, 0, np.zeros((2, 3), np.int32))


def test_integers_of_any_width_and_layout_are_taken():
    world = load_scenario("toy-v1")
    digests = []
    for dtype, order in ((np.int64, "C"), (np.int32, "C"), (np.int64, "F"), (np.int8, "F")):
        engine = Engine([world], 2)
        engine.reset(np.zeros(2, np.uint64))
        for _ in range(8):
            engine.step(np.asarray(sw.no_ops(engine), dtype=dtype, order=order))
        digests.append(engine.state.observation.tobytes())
    assert len(set(digests)) == 1


class TestExtremes:
    """Nothing runs into NaN, infinity or out of its range at the ends of what may be said."""

    @staticmethod
    def play_through(world: Scenario, seeds: int = 2) -> Engine:
        engine = Engine([world], seeds, autoreset=False)
        engine.reset(np.arange(seeds, dtype=np.uint64))
        actions = np.zeros((seeds, engine.num_agents), np.int64)
        turn = 0
        while not engine.state.world["over"].all():
            state = engine.state
            assert np.isfinite(state.observation).all() and np.abs(state.observation).max() <= layout.CLIP
            assert np.isfinite(state.reward).all()
            assert (state.agent["budget"] >= 0.0).all() and (state.world["capacity_left"] >= 0.0).all()
            engine.step_at_random(3, turn, actions)
            turn += 1
        assert np.isfinite(engine.state.totals).all()
        return engine

    @pytest.mark.parametrize(
        "over",
        [
            {"capacity_hours": 0.0},
            {"windows": 1, "motions_per_window": 1, "tail_windows": 0},
            {"windows": 1, "tail_windows": 52},
            {"loss_multiplier": 1000.0, "attempt_multiplier": 1000.0},
            {
                "loss_multiplier": 1000.0,
                "attempt_multiplier": 1000.0,
                "incident_loss": "expected",
                "breadth_median": 1.0,
            },
            {"attempt_multiplier": 0.0},
            {"breadth_median": 1e-9, "breadth_log_sd": 6.0},
            {"breadth_median": 1.0, "breadth_log_sd": 6.0, "incident_loss": "expected"},
            {"breadth_log_sd": 0.0},
            {"reachability_log_sd": 3.0, "signal_log_sd": 3.0, "effort_log_sd": 3.0, "regression_log_sd": 3.0},
            {"mitigate_hazard": 0.0, "mitigate_windows": 52},
            {"mitigate_hazard": 1.0, "mitigate_windows": 0},
            {"labour_keur_per_hour": 0.0, "setup_hours": 0.0, "support_keur": 0.0},
            {"season_high": 100.0, "season_high_probability": 1.0, "season_low_probability": 0.0},
            {"window_days": 90.0},
            {"epss_jump_probability": 1.0, "epss_jump_odds": 1000.0, "kev_entry_probability": 1.0},
            {"epss_decline_probability": 1.0, "epss_decline_odds": 0.001},
            {"quota": 0.0, "voting": "weighted"},
            {"quota": 1.0, "voting": "weighted"},
            {"initially_known_share": 0.0},
        ],
        ids=lambda over: next(iter(over)) + "=" + str(next(iter(over.values()))),
    )
    def test_parameters(self, over):
        self.play_through(load_scenario("sock-shop-v1", windows=3).with_parameters(**over))

    def test_scores_of_zero_and_one(self):
        findings = [sw.finding(0, 0, epss=0.0, cvss=0.0), sw.finding(1, 0, epss=1.0, cvss=10.0, confidence=0.0)]
        self.play_through(
            sw.scenario([sw.service(0)], (), findings, [sw.patch(0, 0), sw.patch(1, 0)], breadth_median=1.0)
        )

    def test_no_revenue_no_effort_no_downtime_no_loss(self):
        world = sw.one_service(
            2, entrypoints=(), patch_changes={"effort_hours": 0.0, "downtime_minutes": 0.0, "fee_keur": 0.0}
        )
        world = sw.replace(world, services=(sw.service(0, loss=0.0),))
        self.play_through(world)

    def test_no_budget_at_all(self):
        engine = self.play_through(sw.one_service(2, agents=sw.seats(budget=0.0)))
        assert not engine.state.world["patches_done"].any()

    def test_no_patches_and_no_findings(self):
        for world in (
            sw.scenario([sw.service(0)]),
            sw.scenario([sw.service(0)], (), [sw.finding(0, 0)]),
            sw.scenario([sw.service(0)], (), (), [sw.patch(0, 0, findings=())]),
        ):
            engine = self.play_through(world)
            assert not engine.state.world["damage_keur"].any()
            assert not engine.state.world["patches_done"].any()

    def test_nobody_has_a_vote_that_weighs(self):
        for rule in ("weighted", "veto", "majority"):
            agents = tuple(sw.replace(a, vote_weight=0) for a in sw.seats())
            self.play_through(sw.one_service(agents=agents, voting=rule, recognition="weighted"))

    def test_huge_loss(self):
        world = sw.replace(sw.one_service(), services=(sw.service(0, loss=1e9),))
        self.play_through(world.with_parameters(loss_multiplier=1000.0))

    @pytest.mark.parametrize("services", [1, 2, 320])
    def test_sizes(self, services):
        self.play_through(generate(services, 3, tenants=2).with_parameters(windows=2), seeds=1)
