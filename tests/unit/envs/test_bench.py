"""What the benchmark times is the play that single steps make."""

import math

import numpy as np
import pytest

from patchpact.envs.bench import SERVICES, TABLES, bench_roles, bench_scale, bench_tables
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import load_scenario
from patchpact.scenarios.tables import FOLDER


def test_steps_in_one_call_are_single_steps():
    engines = [Engine([load_scenario("toy-v1")], 5) for _ in range(2)]
    actions = [np.zeros((5, engine.num_agents), np.int64) for engine in engines]
    for engine in engines:
        engine.reset(np.arange(5, dtype=np.uint64))
    for turn in range(40):
        engines[0].step_at_random(3, turn, actions[0])
    engines[1].step_at_random(3, 0, actions[1], steps=40)
    assert (actions[0] == actions[1]).all()
    for name, first, second in zip(engines[0].state._fields, engines[0].state, engines[1].state, strict=True):
        assert first.tobytes() == second.tobytes(), name


def test_the_scale_is_measured_from_10_to_10_000_services_with_memory_and_exponent():
    assert (SERVICES[0], SERVICES[-1]) == (10, 10_000)
    rows = bench_scale(load_scenario("generated-v1"), services=(10, 100), seconds=0.05)
    assert [row["services"] for row in rows] == [10, 100]
    assert math.isnan(rows[0]["exponent"])
    costs = [row["us_per_env_step"] for row in rows]
    assert np.isclose(rows[1]["exponent"], math.log10(costs[1] / costs[0]))
    assert 1.0 < rows[0]["kb_per_world"] < rows[1]["kb_per_world"] < 20 * rows[0]["kb_per_world"]


def test_tables_are_measured_in_pairs():
    assert len(TABLES) == len(list(FOLDER.glob("*.csv"))), "a switch for each"
    row = bench_tables(load_scenario("symbiosis-v1"), num_envs=4, seconds=0.1, turns=4)
    assert row["tables"] == len(TABLES)
    assert 0.0 < row["ratio_low"] <= row["ratio"] <= row["ratio_high"]


def test_roles_are_measured_in_pairs():
    row = bench_roles(load_scenario("symbiosis-v1"), num_envs=4, seconds=0.1, turns=4)
    assert (row["agents"], row["core_agents"]) == (11, 9)
    assert 0.0 < row["ratio_low"] <= row["ratio"] <= row["ratio_high"]


@pytest.mark.slow
def test_with_all_roles_the_core_keeps_six_tenths_of_its_speed():
    assert bench_roles(load_scenario("symbiosis-v1"), num_envs=32, seconds=4.0, turns=100)["ratio"] >= 0.6


@pytest.mark.slow
def test_with_all_tables_the_core_keeps_nine_tenths_of_its_speed():
    assert bench_tables(load_scenario("symbiosis-v1"), num_envs=32, seconds=4.0, turns=100)["ratio"] >= 0.9
