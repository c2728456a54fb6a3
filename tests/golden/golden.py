"""Golden trajectories: one episode a scenario, recorded as named actions, so that it replays when layouts grow.

python tests/golden/golden.py     # records all of them anew, after a change of rules or scenarios on purpose
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import patchpact
from patchpact.agents.roles import action_names, layout
from patchpact.scenarios import scenario_ids

FOLDER = Path(__file__).resolve().parent
SEED = 11
IDLE = ("pass", "vote:abstain")
TOTALS = ("welfare_keur", "damage_keur", "patches_done", "motions_passed", "deadlines_missed", "risk_left_keur")


def record(scenario: str) -> dict[str, Any]:
    """An episode of random legal actions: by step the named actions that are not idle, and every reward."""
    env = patchpact.make(scenario)
    rng = np.random.default_rng(SEED)
    observations, infos = env.reset(seed=SEED)
    steps, rewards = [], []
    while env.agents:
        chosen = {a: int(rng.choice(np.flatnonzero(seen["action_mask"]))) for a, seen in observations.items()}
        names = {agent: action_names(env.role(agent))[action] for agent, action in chosen.items()}
        observations, reward, _, _, infos = env.step(chosen)
        steps.append({agent: name for agent, name in names.items() if name not in IDLE})
        rewards.append([float(f"{reward[agent]:.10g}") for agent in env.possible_agents])
    totals = next(iter(infos.values()))["episode"]
    return {
        "scenario": scenario,
        "seed": SEED,
        "agents": env.possible_agents,
        "steps": steps,
        "rewards": rewards,
        "totals": {name: float(f"{totals[name]:.10g}") for name in TOTALS},
    }


def replay(golden: dict[str, Any]) -> tuple[list[list[float]], dict[str, float]]:
    """Rewards by step and totals of the recorded actions, played now."""
    env = patchpact.make(golden["scenario"])
    _, infos = env.reset(seed=golden["seed"])
    rewards = []
    for step in golden["steps"]:
        voting = env.view().phase == "vote"
        chosen = dict.fromkeys(env.agents, layout.ABSTAIN if voting else layout.PASS)
        chosen |= {agent: action_names(env.role(agent)).index(name) for agent, name in step.items()}
        _, reward, _, _, infos = env.step(chosen)
        assert not any(info["illegal_action"] for info in infos.values())
        rewards.append([reward[agent] for agent in golden["agents"]])
    assert not env.agents, "the episode is longer than it was"
    totals = next(iter(infos.values()))["episode"]
    return rewards, {name: totals[name] for name in golden["totals"]}


def main() -> None:
    """Record every bundled scenario."""
    for scenario in scenario_ids():
        text = json.dumps(record(scenario), separators=(",", ":")).replace('{"', '\n{"').replace("],[", "],\n[")
        (FOLDER / f"{scenario}.json").write_text(text.lstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
