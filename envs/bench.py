"""How fast the core and the PettingZoo face step worlds, random legal actions drawn, resets included."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from patchpact.envs.core.engine import Engine
from patchpact.envs.parallel import PatchpactEnv
from patchpact.scenarios import CORE_ROLES, PARAMETERS, Scenario, generate

STEPS_PER_CALL = 32
SERVICES = (10, 30, 100, 300, 1000, 3000, 10_000)
TABLES = tuple(name for name in PARAMETERS if name.endswith("_table"))
"""Switches of measured tables that the core looks up."""


def bench_core(scenario: Scenario, num_envs: int = 256, threads: int = 1, seconds: float = 5.0) -> dict[str, Any]:
    """Step ``num_envs`` worlds for about ``seconds``; observations and masks are written, worlds start anew.

    A call into compiled code takes ``STEPS_PER_CALL`` steps of each world; a caller that chooses the actions itself,
    such as ``make_vec``, takes one, and pays for each call and for the memory that its worlds do not share.

    Returns:
        ``scenario``, ``services``, ``num_envs``, ``threads``, ``env_steps_per_second``, ``windows_per_second`` and
        ``agent_steps_per_second``. An env-step is one step of one world, in which all agents act.
    """
    engine = Engine([scenario], num_envs, threads=threads)
    engine.reset(np.arange(num_envs, dtype=np.uint64))
    actions = np.zeros((num_envs, engine.num_agents), np.int64)
    windows = int(scenario.parameters["windows"])

    def run(first: int, steps: int) -> None:
        engine.step_at_random(0, first, actions, steps)

    run(0, 4)
    world = engine.state.world
    before = int((world["episode"] * windows + world["t"]).sum())
    steps = 0
    start = time.perf_counter()
    elapsed = 0.0
    piece = 1
    while elapsed < seconds:
        run(4 + steps, piece)
        steps += piece
        elapsed = time.perf_counter() - start
        piece = min(STEPS_PER_CALL, 2 * piece)
    after = int((world["episode"] * windows + world["t"]).sum())
    engine.close()
    return {
        "scenario": scenario.id,
        "services": len(scenario.services),
        "num_envs": num_envs,
        "threads": engine.threads,
        "env_steps_per_second": steps * num_envs / elapsed,
        "windows_per_second": (after - before) / elapsed,
        "agent_steps_per_second": steps * num_envs * len(scenario.agents) / elapsed,
    }


def bench_env(scenario: Scenario, seconds: float = 5.0) -> dict[str, Any]:
    """Step the PettingZoo face of one world for about ``seconds``; keys as for ``bench_core``."""
    env = PatchpactEnv(scenario)
    rng = np.random.default_rng(0)
    observations, _ = env.reset(seed=0)
    steps = windows = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        if not env.agents:
            observations, _ = env.reset()
            windows += int(scenario.parameters["windows"])
        actions = {}
        for agent in env.agents:
            legal = np.flatnonzero(observations[agent]["action_mask"])
            actions[agent] = int(legal[int(rng.random() * len(legal))])
        observations, *_ = env.step(actions)
        steps += 1
    return {
        "scenario": scenario.id,
        "services": len(scenario.services),
        "num_envs": 1,
        "threads": 1,
        "env_steps_per_second": steps / elapsed,
        "windows_per_second": (windows + int(env.engine.state.world["t"][0])) / elapsed,
        "agent_steps_per_second": steps * len(scenario.agents) / elapsed,
    }


def bench_scale(scenario: Scenario, services: Sequence[int] = SERVICES, seconds: float = 3.0) -> list[dict[str, Any]]:
    """Cost of an env-step on drawn graphs from small to large, one thread; worlds enough for steady figures.

    Args:
        scenario: whose parameters apply; its graph is replaced by drawn ones.
        services: sizes of the graphs.
        seconds: to measure each for, about.

    Returns:
        A row for each size: ``services``, ``env_steps_per_second``, ``us_per_env_step``, ``kb_per_world`` (memory of
        what a world changes), ``exponent`` (slope of log cost over log services, fitted over all sizes so far).
    """
    rows: list[dict[str, Any]] = []
    for size in services:
        world = generate(size, 1, 2, 2, parameters=dict(scenario.parameters))
        num_envs = max(1, min(64, 4000 // size))
        found = bench_core(world, num_envs=num_envs, seconds=seconds)
        state = Engine([world], num_envs).state
        cost = 1e6 / found["env_steps_per_second"]
        row = {
            "services": size,
            "num_envs": num_envs,
            "env_steps_per_second": found["env_steps_per_second"],
            "us_per_env_step": cost,
            "kb_per_world": sum(array.nbytes for array in state) / num_envs / 1024,
        }
        rows.append(row)
        row["exponent"] = float("nan")
        if len(rows) > 1:
            sizes, costs = (np.log([float(one[name]) for one in rows]) for name in ("services", "us_per_env_step"))
            row["exponent"] = float(np.polyfit(sizes, costs, 1)[0])
    return rows


def bench_tables(scenario: Scenario, num_envs: int = 256, seconds: float = 5.0, turns: int = 50) -> dict[str, Any]:
    """Speed of the core with all measured tables looked up, relative to none; see ``_beside``.

    The game differs too: where tables stand for modules' play, that play is not computed.

    Returns:
        ``scenario``, ``tables`` (how many) and what ``_beside`` gives.
    """
    sides = [scenario.with_parameters(**dict.fromkeys(TABLES, on)) for on in (True, False)]
    return {"scenario": scenario.id, "tables": len(TABLES)} | _beside(sides[0], sides[1], num_envs, seconds, turns)


def bench_roles(scenario: Scenario, num_envs: int = 256, seconds: float = 5.0, turns: int = 50) -> dict[str, Any]:
    """Speed of the core with all roles, relative to that of the first three on the same graph; see ``_beside``.

    Without the others there are no modules, no disclosure and no audits.

    Returns:
        ``scenario``, ``agents`` and ``core_agents`` (how many act) and what ``_beside`` gives.
    """
    few = tuple(agent for agent in scenario.agents if agent.role in CORE_ROLES)
    core = replace(scenario, agents=few).with_parameters(modules_enabled=False, disclosure_enabled=False)
    said = {"scenario": scenario.id, "agents": len(scenario.agents), "core_agents": len(few)}
    return said | _beside(scenario, core, num_envs, seconds, turns)


def _beside(one: Scenario, other: Scenario, num_envs: int, seconds: float, turns: int) -> dict[str, Any]:
    """Speed of the core on one scenario relative to another, on one thread.

    Both play in turns, one first and then the other, and processor time is counted, so that other work on the
    machine tells little.

    Args:
        one, other: what is played.
        num_envs: worlds side by side.
        seconds: processor time for all of it, about.
        turns: pairs of measurements, at least 2.

    Returns:
        ``env_steps_per_cpu_second_with`` (of the one) and ``_without`` (of the other), the median ``ratio`` of them
        over turns, and ``ratio_low`` and ``ratio_high``, its quartiles.
    """
    engines = [Engine([side], num_envs, threads=1) for side in (one, other)]
    actions = [np.zeros((num_envs, engine.num_agents), np.int64) for engine in engines]
    done = [0, 0]

    def run(side: int, steps: int) -> float:
        start = time.process_time()
        engines[side].step_at_random(0, done[side], actions[side], steps)
        done[side] += steps
        return time.process_time() - start

    for side, engine in enumerate(engines):
        engine.reset(np.arange(num_envs, dtype=np.uint64))
        run(side, STEPS_PER_CALL)
    once = max(run(0, STEPS_PER_CALL), 1e-6)
    steps = STEPS_PER_CALL * max(1, round(seconds / (2 * turns * once)))
    spent = np.zeros((turns, 2))
    for turn in range(turns):
        for side in (0, 1) if turn % 2 else (1, 0):
            spent[turn, side] = run(side, steps)
    for engine in engines:
        engine.close()
    speeds = turns * steps * num_envs / spent.sum(0)
    low, ratio, high = np.quantile(spent[:, 1] / spent[:, 0], (0.25, 0.5, 0.75))
    return {
        "env_steps_per_cpu_second_with": float(speeds[0]),
        "env_steps_per_cpu_second_without": float(speeds[1]),
        "ratio": float(ratio),
        "ratio_low": float(low),
        "ratio_high": float(high),
    }
