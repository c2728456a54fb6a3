"""What the trainer's variants learn on Online Boutique in the same number of env-steps. Writes
`docs/learning_variants.csv`.

    .venv/bin/python tools/learning_variants.py RUNS [SEEDS [ITERATIONS]]

RUNS is a folder for the runs; those that are finished in it are not trained again. Training seeds are 0 to SEEDS - 1
(default 3); an iteration is 3,072 env-steps (32 worlds), of which a run has ITERATIONS (default 8), those of imitation
included. Variants that start as the greedy rule (`--prior`, the default): `ippo` (a value network an agent's
observation), `mappo` (a central critic), `gru` (a policy that remembers) and `ippo+rollout` (the default: advantages
against the compiled greedy player, no value network). Variants that start from chance (`--prior 0`): `scratch`,
`dagger` (imitation of the planner `search` for a quarter of the env-steps, and nothing else) and `dagger+ippo` (PPO for
the rest).

All policies meet the same 128 worlds, whose seeds no training or validation sees, losses booked as expectations.
`gain_keur` is over doing nothing in the same worlds and `over_ippo_keur` over `ippo`; 95% intervals resample training
runs and worlds within them. With three runs they say little about training seeds: `runs_keur` has the gain of each run.
Rows that are there: 2026-11-27, two shared cores, defaults.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from patchpact.scenarios import load_scenario
from patchpact.training import TrainConfig, stats, train
from patchpact.training.evaluate import find_policy, play
from patchpact.training.folder import RunFolder, write_table
from patchpact.training.rllib.connect import start_ray

TARGET = Path(__file__).resolve().parents[1] / "docs" / "learning_variants.csv"
SCENARIO = "boutique-v1"
REFERENCES = ("net-gain", "net-gain-patient", "search")
WORLDS, FIRST_SEED = 128, 1000
STEPS = 32 * 96
BASE = TrainConfig(
    scenario=SCENARIO, num_envs=32, rollout_length=96, minibatch=512, baseline="value", checkpoint_every=1000,
    validate_every=4, validation_episodes=64, evaluation_episodes=0,
)  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "ippo": {},
    "mappo": {"critic": "central"},
    "gru": {"memory": "gru"},
    "ippo+rollout": {"baseline": "rollout"},
    "scratch": {"prior": 0.0},
    "dagger+ippo": {"prior": 0.0, "imitate": "search"},
}


def trained(runs: Path, variant: str, seed: int, iterations: int) -> Path:
    """The run folder, trained to its end."""
    change = dict(CHANGES[variant])
    lessons = iterations // 4 if "imitate" in change else 0
    if lessons:
        change["imitate_timesteps"] = lessons * STEPS
    out = runs / f"{variant}-{seed}"
    config = replace(BASE, out=str(out), seed=seed, timesteps=(iterations - lessons) * STEPS, **change)
    return train(config, resume=(out / "config.json").exists(), progress=False)


def row(policy: str, env_steps: int, values: np.ndarray, idle: np.ndarray, ippo: np.ndarray | None) -> dict[str, Any]:
    """Of the welfare of a policy's runs ``(runs, worlds)``, of doing nothing ``(worlds,)`` and of ``ippo``'s runs."""
    gain = stats.mean_gain([(values, idle)])
    over = stats.mean_gain([(values - ippo, np.zeros_like(idle))]) if ippo is not None else stats.UNDEFINED
    return {
        "policy": policy, "scenario": SCENARIO, "env_steps": env_steps, "runs": len(values),
        "worlds": WORLDS, "seed": FIRST_SEED,
        "gain_keur": gain.value, "low": gain.low, "high": gain.high,
        "over_ippo_keur": over.value, "over_low": over.low, "over_high": over.high,
        "runs_keur": " ".join(f"{one:.1f}" for one in (values - idle).mean(1)),
    }  # fmt: skip


def main(runs: Path, seeds: int, iterations: int) -> None:
    start_ray(BASE)  # once for all runs
    seen = range(FIRST_SEED, FIRST_SEED + WORLDS)
    world = load_scenario(SCENARIO, incident_loss="expected")

    def welfare(policy: str | Path) -> np.ndarray:
        return play(world, find_policy(policy)[1], seen)["welfare_keur"]

    idle = welfare("do-nothing")
    references = {name: welfare(name)[None] for name in REFERENCES}
    found: dict[str, list[np.ndarray]] = {}
    for seed in range(seeds):
        for variant in CHANGES:
            folder = trained(runs, variant, seed, iterations)
            places = {variant: folder}
            if "imitate" in CHANGES[variant]:
                places["dagger"] = RunFolder(folder).path / "checkpoints" / "imitated"
            for name, place in places.items():
                found.setdefault(name, []).append(welfare(place))
            print(seed, variant, {k: round(float((v[-1] - idle).mean()), 1) for k, v in found.items()}, flush=True)
        rows = [row(name, 0, values, idle, None) for name, values in references.items()]
        for name, several in found.items():
            steps = (iterations // 4 if name == "dagger" else iterations) * STEPS
            ippo = None if name == "ippo" else np.stack(found["ippo"])
            rows.append(row(name, steps, np.stack(several), idle, ippo))
        write_table(TARGET, rows, ".3f")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 3,
        int(sys.argv[3]) if len(sys.argv) > 3 else 8,
    )
