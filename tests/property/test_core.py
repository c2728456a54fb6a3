"""Worlds of any shape, parameters from end to end, actions legal and not: what holds in every step of every one."""

from typing import Any

import numpy as np
import pytest
import small_worlds as sw
from hypothesis import assume, example, given
from hypothesis import strategies as st

from patchpact.agents.roles import ACTION_NAMES, ROLES, layout
from patchpact.agents.roles.ledger import KINDS, NETWORK_OF_KIND
from patchpact.envs.core import deadlines, recognition, responsibility, voting
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import PARAMETERS, Scenario, ScenarioError, generate

RULES = {
    "voting": voting.NAMES,
    "recognition": recognition.NAMES,
    "responsibility_rule": responsibility.NAMES,
    "deadlines": deadlines.NAMES,
    "veto_role": ROLES,
}
SHORT = {"windows": 5, "motions_per_window": 5, "tail_windows": 4}
"""Upper ends for lengths, so that an example is played in a moment."""


def value_of(name: str) -> st.SearchStrategy[Any]:
    """Any value that a parameter may take, its ends as likely as all between."""
    p = PARAMETERS[name]
    if name in RULES:
        return st.sampled_from(RULES[name])
    if p.type == "bool":
        return st.booleans()
    if p.type == "str":
        return st.sampled_from(p.choices)
    if p.type == "int":
        return st.integers(int(p.low), SHORT.get(name, int(p.high)))
    between = st.floats(p.low, p.high, allow_nan=False)
    return st.one_of(st.just(p.low), st.just(p.high), st.just(p.default), between)


@st.composite
def worlds(draw: st.DrawFn) -> Scenario:
    """A drawn graph with some parameters set to anything, and lengths kept short."""
    made = generate(
        draw(st.integers(1, 9)), draw(st.integers(0, 10**6)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    )
    names = draw(st.lists(st.sampled_from([n for n in PARAMETERS if n not in SHORT]), max_size=25, unique=True))
    over = {name: draw(value_of(name)) for name in [*SHORT, *names]}
    budget = draw(st.sampled_from([0.0, 1.0, 30.0, 1e6]))
    agents = tuple(sw.replace(a, budget_keur=budget, vote_weight=draw(st.integers(0, 3))) for a in made.agents)
    try:
        return sw.replace(made, agents=agents).with_parameters(**over)
    except ScenarioError:
        assume(False)
        raise


def some_actions(rng: np.random.Generator, state: Any, roles: np.ndarray) -> np.ndarray:
    """Mostly legal actions, now and then any number at all ``(worlds, agents)``."""
    shape = state.mask.shape[:2]
    actions = np.zeros(shape, np.int64)
    for k in range(shape[0]):
        for i in range(shape[1]):
            kind = rng.random()
            if kind < 0.7:
                actions[k, i] = rng.choice(np.flatnonzero(state.mask[k, i]))
            elif kind < 0.85:
                actions[k, i] = rng.integers(len(ACTION_NAMES[ROLES[roles[i]]]))
            else:
                ends = [-1, -(2**63), 2**63 - 1, layout.LEVER_START, len(ACTION_NAMES[ROLES[roles[i]]])]
                actions[k, i] = rng.choice([*ends, int(rng.integers(-300, 300))])
    return actions


def check_money(engine: Engine) -> None:
    """Flows cancel, entries add up to parts, parts to rewards, and welfare is what goes to nature."""
    state = engine.state
    size = 1.0 + np.abs(state.parts).sum()
    assert np.isfinite(state.parts).all()
    assert np.abs(state.parts.sum(1)).max() <= 1e-12 * size
    assert state.reward * REWARD_SCALE_KEUR == pytest.approx(state.parts[:, :-2].sum(2), rel=1e-9, abs=1e-12 * size)
    assert state.world["welfare"] == pytest.approx(-state.parts[:, -1].sum(1), rel=1e-9, abs=1e-12 * size)
    assert (state.parts[:, -1] >= 0.0).all(), "nature gives nothing"
    for k in range(engine.num_envs):
        count = int(state.world["ledger_n"][k])
        assert count < state.ledger.shape[1]
        entries = state.ledger[k, :count]
        assert (entries["amount"] > 0.0).all() and (entries["giver"] != entries["taker"]).all()
        sums = np.zeros_like(state.parts[k])
        np.add.at(sums, (entries["giver"], entries["kind"]), -entries["amount"])
        np.add.at(sums, (entries["taker"], entries["kind"]), entries["amount"])
        assert sums == pytest.approx(state.parts[k], rel=1e-9, abs=1e-12 * size)


def check_bounds(engine: Engine) -> None:
    state = engine.state
    assert np.isfinite(state.observation).all() and np.abs(state.observation).max() <= layout.CLIP
    assert (state.agent["budget"] >= 0.0).all()
    assert (state.world["capacity_left"] >= 0.0).all()
    assert np.isin(state.mask, (0, 1)).all() and state.mask.any(2).all()
    for name in TOTALS:
        assert np.isfinite(state.world[name]).all(), name
    for records in (state.patch, state.service, state.cve, state.flow, state.agent, state.row):
        for field in records.dtype.names:
            assert np.isfinite(records[field].astype(float)).all(), field
    q = state.service["q"]
    assert (q >= 0.0).all() and (q <= 1.0).all()


@given(worlds(), st.integers(0, 2**32))
def test_what_holds_in_every_step(world, seed):
    """Played with actions of all sorts beside a twin that gets pass or abstain for every illegal one."""
    rng = np.random.default_rng(seed)
    engine = Engine([world], 2, autoreset=False, ledger_size=20000)
    twin = Engine([world], 2, autoreset=False)
    seeds = rng.integers(0, 2**63, 2).astype(np.uint64)
    engine.reset(seeds)
    twin.reset(seeds)
    state = engine.state
    roles = engine.static.agent["role"]
    off = [n for n, kind in enumerate(KINDS) if not world.parameters.get(f"{NETWORK_OF_KIND[kind]}_enabled", True)]
    welfare = np.zeros(2)
    steps = 0
    while not state.world["over"].all():
        check_bounds(engine)
        actions = some_actions(rng, state, roles)
        inside = (actions >= 0) & (actions < state.mask.shape[2])
        legal = inside & (np.take_along_axis(state.mask, np.where(inside, actions, 0)[..., None], 2)[..., 0] == 1)
        live = state.world["over"] == 0
        clean = np.where(legal, actions, sw.no_ops(engine))
        engine.step(actions)
        twin.step(clean)
        assert np.array_equal(state.illegal[live] == 1, ~legal[live])
        assert not twin.state.illegal.any()
        for name in ("observation", "mask", "reward", "parts", "chosen", "patch", "agent"):
            assert np.array_equal(getattr(state, name), getattr(twin.state, name)), name
        check_money(engine)
        assert not state.parts[:, :, off].any()
        welfare += state.world["welfare"]
        steps += 1
        assert steps <= 2 * world.parameters["windows"] * world.parameters["motions_per_window"]
    check_bounds(engine)
    totals = state.totals[:, TOTALS.index("welfare_keur")]
    assert totals == pytest.approx(welfare, rel=1e-9, abs=1e-9 * (1.0 + np.abs(welfare).max()))
    passed, proposed = state.world["motions_passed"], state.world["motions_proposed"]
    assert (passed <= proposed).all() and (state.world["patches_done"] + state.world["patches_failed"] <= passed).all()
    if not world.parameters["governance_enabled"]:
        assert (passed == proposed).all()


MONEY = {
    name: st.floats(low, high)
    for name, (low, high) in {
        "labour_keur_per_hour": (0, 5), "support_keur": (0, 10), "setup_hours": (0, 24), "canary_effort": (0, 10),
        "canary_downtime": (0, 10), "mitigate_effort": (0, 10), "mitigate_hazard": (0.05, 1), "emergency_effort": (0, 10),
        "emergency_downtime": (0, 10), "rollback_downtime": (0, 10), "rollback_effort": (0, 10), "fine_keur_per_day": (0, 5),
        "season_low": (0, 10), "revenue_log_sd": (0, 1), "effort_log_sd": (0, 1), "share_it": (0, 0.4),
        "share_business": (0, 0.3), "share_vendor": (0, 0.3), "window_days": (1, 40), "breadth_median": (1e-6, 1),
    }.items()
}  # fmt: skip


@given(
    st.fixed_dictionaries({}, optional=MONEY),
    st.sampled_from(layout.MODES),
    st.integers(0, 3),
    st.sampled_from([0.0, 1.0]),
    st.tuples(st.integers(0, 6), st.integers(0, 5), st.booleans(), st.booleans(), st.booleans()),
)
@example({}, "emergency", 0, 1.0, (3, 2, True, True, True))
def test_own_and_public_expectations_are_what_happens_with_expected_losses(over, mode, when, regression, rest):
    """One service, one patch in the middle of a window, any money: shown to each agent, then on its account."""
    tail, easing, value, responsible, governed = rest
    world = sw.one_service(
        incident_loss="expected", tail_windows=tail, mitigate_windows=easing, value_enabled=value,
        responsibility_enabled=responsible, governance_enabled=governed, rollback_vendor_share=0.0, season_low_probability=1.0,
        patch_changes={"regression_probability": regression}, **over,
    )  # fmt: skip
    idle = sw.Table(world, 3).finish()
    table = sw.Table(world, 3)
    while table.world["t"] < when:
        table.step()
    row, number = table.row(0), layout.MODES.index(mode)
    own = table.state.own[0, :, row, number].copy()
    table.motion(0, mode)
    table.finish()
    size = 1.0 + np.abs(idle.parts).sum() + np.abs(table.parts).sum()
    assert table.accounts - idle.accounts == pytest.approx(own, rel=1e-7, abs=1e-9 * size)


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 10**6)), min_size=1, max_size=12), st.integers(0, 1000))
def test_weighted_votes_are_counted_in_whole_numbers(votes, quota):
    """However large the weights: no rounding, and more acceptance never turns a pass into a failure."""
    ballots, weights = np.array([b for b, _ in votes]), np.array([w for _, w in votes])
    no_veto = np.zeros(len(votes), np.bool_)
    rule = voting.NAMES.index("weighted")
    passed = voting.motion_passes(rule, ballots, weights, no_veto, quota)
    accepted = int(weights[ballots == 1].sum())
    cast = int(weights[ballots != 0].sum())
    assert passed == (cast > 0 and accepted * 1000 > quota * cast)
    for i in np.flatnonzero(ballots == -1):
        turned = ballots.copy()
        turned[i] = 1
        assert not passed or voting.motion_passes(rule, turned, weights, no_veto, quota)


@given(worlds(), st.integers(0, 2**40), st.integers(2, 5))
def test_a_world_in_a_batch_is_the_world_alone(world, seed, size):
    alone, batch = Engine([world], 1), Engine([world], size, threads=2)
    alone.reset(np.array([seed + size - 1], np.uint64))
    batch.reset(np.arange(seed, seed + size, dtype=np.uint64))
    actions = np.zeros((size, batch.num_agents), np.int64)
    for turn in range(30):
        batch.step_at_random(7, turn, actions)
        alone.step(actions[-1:])
        for name in ("observation", "mask", "reward", "terminated", "illegal"):
            assert np.array_equal(getattr(alone.state, name)[0], getattr(batch.state, name)[-1]), name
    batch.close()
