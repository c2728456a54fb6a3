"""Write the golden trajectories anew: one episode of random legal play of every bundled scenario, actions by name.

    .venv/bin/python tools/record_golden.py [ID ...]

Run it after a change that means to change what happens, and read the difference: tests/golden replays the files.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from patchpact.agents.roles import action_names, layout
from patchpact.envs import make
from patchpact.scenarios import scenario_ids

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "golden"
SEED = 2026
IDLE = ("pass", layout.COMMON_ACTIONS[layout.ABSTAIN])


def record(scenario: str) -> dict[str, Any]:
    """The episode as it is kept: steps in which somebody did something, or was paid."""
    env = make(scenario)
    names = {agent: action_names(env.role(agent)) for agent in env.possible_agents}
    observations, infos = env.reset(seed=SEED)
    steps = []
    number = 0
    while env.agents:
        chosen = {}
        for place, agent in enumerate(env.possible_agents):
            legal = np.flatnonzero(observations[agent]["action_mask"])
            chosen[agent] = int(np.random.default_rng([SEED, number, place]).choice(legal))
        observations, rewards, _, _, infos = env.step(chosen)
        named = {agent: names[agent][action] for agent, action in chosen.items()}
        actions = {agent: name for agent, name in named.items() if name not in IDLE}
        paid = {agent: float(f"{reward:.12g}") for agent, reward in rewards.items() if reward}
        if actions or paid:
            steps.append({"step": number, "actions": actions, "rewards": paid})
        number += 1
    totals = {name: float(f"{value:.12g}") for name, value in infos[env.possible_agents[0]]["episode"].items()}
    return {"scenario": scenario, "seed": SEED, "length": number, "totals": totals, "steps": steps}


def text_of(golden: dict[str, Any]) -> str:
    """JSON with one line a step, so that a difference shows where it begins."""
    head = json.dumps({key: value for key, value in golden.items() if key != "steps"}, indent=1)
    lines = ",\n".join("  " + json.dumps(step) for step in golden["steps"])
    return f'{head[:-2]},\n "steps": [\n{lines}\n ]\n}}\n'


def main(ids: list[str]) -> None:
    """Write the files of the scenarios named, of all by default."""
    for scenario in ids or scenario_ids():
        path = FOLDER / f"{scenario}.json"
        path.write_text(text_of(record(scenario)), encoding="utf-8")
        print(f"{path.relative_to(FOLDER.parents[1])}  {path.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
