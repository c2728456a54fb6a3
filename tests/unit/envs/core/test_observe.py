"""What agents see: inside its range, and nothing that only others know."""

from collections.abc import Callable

import numpy as np
import pytest
import small_worlds as sw

from patchpact.agents.roles import ROLES, layout
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Entrypoint, Scenario, load_scenario, scenario_ids


@pytest.mark.parametrize("name", scenario_ids())
def test_every_entry_is_inside_its_range(name):
    world = load_scenario(name)
    engine = Engine([world], 4, autoreset=False)
    engine.reset(np.arange(4, dtype=np.uint64))
    entries = layout.observation_entries()
    low = np.array([e.low for e in entries], np.float32)
    high = np.array([e.high for e in entries], np.float32)
    actions = np.zeros((4, engine.num_agents), np.int64)
    names = np.array([e.name for e in entries])
    for turn in range(10**6):
        seen = engine.state.observation
        assert seen.shape[2] == len(entries) == layout.OBSERVATION_SIZE
        outside = (~np.isfinite(seen) | (seen < low) | (seen > high)).any((0, 1))
        assert not outside.any(), names[outside]
        absent = seen[..., : layout.SLOTS_START].reshape(4, -1, layout.AGENDA_ROWS, layout.ROW_WIDTH)
        assert not absent[absent[..., 0] == 0.0].any(), "all entries of an empty row are 0"
        if engine.state.world["over"].all():
            break
        engine.step_at_random(2, turn, actions)


def secret_world() -> Scenario:
    """Two of everybody but IT; each business owns a service and a flow, each vendor makes a component."""
    services = [sw.service(0), sw.service(1, owner="business_1")]
    flows = [Entrypoint(0, "s0", 1.0, 3.0, "business_0"), Entrypoint(1, "s1", 1.0, 4.0, "business_1")]
    findings = [sw.finding(n, n % 2) for n in range(4)]
    patches = [
        sw.patch(n, n % 2, vendor=f"vendor_{n // 2}", regression_probability=0.2, fee_keur=0.5) for n in range(4)
    ]
    return sw.scenario(
        services, [sw.edge(0, 0, 1)], findings, patches,
        agents=sw.seats(businesses=2, vendors=2), entrypoints=flows, windows=3, motions_per_window=2,
        reachability_log_sd=0.5, signal_log_sd=0.2,
    )  # fmt: skip


NAMES = ["it_0", "business_0", "business_1", "vendor_0", "vendor_1"]


def set_rate(engine: Engine) -> None:
    engine.state.flow["true_rate"][0] *= 1.5


def set_effort(engine: Engine) -> None:
    engine.state.patch["effort"][0] *= 1.5


def set_regression(engine: Engine) -> None:
    engine.state.patch["regression"][2] = 0.9


def set_signal(engine: Engine) -> None:
    engine.state.patch["signal"][1] *= 3.0


def set_truth(engine: Engine) -> None:
    engine.state.patch["truth"][:] *= 3.0


def set_breadth(engine: Engine) -> None:
    """The breadth is drawn from the seed where it is needed; its posterior is public."""
    engine.static.scenario["breadth_median"][0] *= 0.5


@pytest.mark.parametrize(
    ("change", "knows"),
    [
        (set_rate, {"business_0"}),
        (set_effort, {"it_0"}),
        (set_regression, {"vendor_1"}),
        (set_signal, {"it_0"}),
        (set_truth, set()),
        (set_breadth, set()),
    ],
)
def test_nobody_sees_what_only_others_know(change: Callable[[Engine], None], knows: set[str]):
    """A hidden value is changed behind everybody's back; a window later all has been worked out anew."""
    seen = []
    for meddle in (False, True):
        engine = Engine([secret_world()], 1, autoreset=False)
        engine.reset(np.array([3], np.uint64))
        if meddle:
            change(engine)
        views, masks = [], []
        for _ in range(4):
            engine.step(sw.no_ops(engine))
            views.append(engine.state.observation[0].copy())
            masks.append(engine.state.mask[0].copy())
        assert engine.state.world["t"][0] == 2
        seen.append((np.array(views), np.array(masks)))
    moved = (seen[0][0] != seen[1][0]).any((0, 2))
    assert {name for name, m in zip(NAMES, moved, strict=True) if m} == knows
    assert np.array_equal(seen[0][1], seen[1][1]), "masks follow public figures"


def test_what_each_knows_exactly():
    engine = Engine([secret_world()], 1, autoreset=False)
    engine.reset(np.array([3], np.uint64))
    state, static = engine.state, engine.static
    rows = {int(p): r for r, p in enumerate(state.row["patch"][0]) if p >= 0}
    column = layout.row_feature("regression")
    for number, row in rows.items():
        for agent, name in enumerate(NAMES):
            true = name == f"vendor_{number // 2}"
            expected = state.patch["regression"][number] if true else static.patch["regression"][number]
            assert state.observation[0, agent, row * layout.ROW_WIDTH + column] == np.float32(expected)


def test_a_scan_shows_it_the_truth_and_only_it():
    table = sw.Table(secret_world())
    state = table.state
    slot = int(np.flatnonzero(state.slot[0] == 0)[0])
    before = state.observation[0].copy()
    assert state.patch["signal"][0] != state.patch["truth"][0]
    table.step({0: f"scan:{slot}"})
    assert state.patch["signal"][0] == state.patch["truth"][0]
    assert state.patch["signal"][1] != state.patch["truth"][1], "the other service was not scanned"
    rows = [table.row(n) for n in (0, 2)]
    own = [r * layout.ROW_WIDTH + layout.row_feature(f"own_{m}") for r in rows for m in layout.MODES]
    changed = state.observation[0] != before
    assert changed[0][own].all()
    assert not changed[1:, : layout.SLOTS_START].any()
    shown = layout.SLOTS_START + slot * layout.SLOT_WIDTH + layout.slot_feature("slot_scanned")
    assert (state.observation[0, :, shown] == 1.0).all()


def test_the_proposer_is_named_before_the_step_and_seen_by_all():
    engine = Engine([load_scenario("sock-shop-v1", windows=4)], 3, autoreset=False)
    engine.reset(np.arange(3, dtype=np.uint64))
    actions = np.zeros((3, engine.num_agents), np.int64)
    roles = engine.static.agent["role"]
    columns = [layout.global_feature(f"proposer_{role}") for role in ROLES]
    for turn in range(60):
        state = engine.state
        for k in range(3):
            if state.world["over"][k]:
                continue
            proposer = int(state.world["proposer"][k])
            seen = state.observation[k]
            assert seen[:, layout.global_feature("is_proposer")].tolist() == [i == proposer for i in range(len(roles))]
            assert (seen[:, columns] == [role == roles[proposer] for role in range(len(ROLES))]).all()
            nominating = state.mask[k, :, layout.NOMINATE_START : layout.VOTE_START].any(1)
            assert not nominating[np.arange(len(roles)) != proposer].any()
        engine.step_at_random(0, turn, actions)


def test_time_left_is_observed_and_runs_out():
    table = sw.Table(sw.one_service(windows=4, motions_per_window=2, tail_windows=3))
    left = [float(table.state.observation[0, 0, layout.global_feature("windows_left")])]
    while not table.over:
        table.step()
        left.append(float(table.state.observation[0, 0, layout.global_feature("windows_left")]))
    assert left == [1.0, 1.0, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.0]
    assert table.state.observation[0, 0, layout.global_feature("horizon")] == np.float32(3 / 12)


def test_planned_downtime_is_what_will_be_booked():
    for night in (False, True):
        table = sw.Table(sw.one_service(2, motions_per_window=3, windows=1, tail_windows=0))
        if night:
            table.step({1: "night_hours"})
        else:
            table.step()
        table.motion(0)
        seen = float(table.state.observation[0, 2, layout.global_feature("planned_downtime")])
        scale = float(table.static.scenario["money_scale"][0])
        table.finish()
        assert seen * scale == pytest.approx(-table.paid(1, "downtime"), rel=1e-6)


def test_seats_that_nobody_takes_see_nothing_and_earn_nothing():
    engine = Engine([load_scenario("toy-v1"), load_scenario("sock-shop-v1", windows=2)], 2)
    engine.reset(np.arange(2, dtype=np.uint64))
    actions = np.zeros((2, engine.num_agents), np.int64)
    assert engine.num_agents == 5
    for turn in range(20):
        engine.step_at_random(0, turn, actions)
        state = engine.state
        assert not state.observation[0, 3:].any() and not state.mask[0, 3:].any() and not state.reward[0, 3:].any()
        assert not state.parts[0, 3:5].any()
