"""What the trainer's variants learn on Online Boutique in the same number of env-steps. Writes
`docs/learning_variants.csv`.

    .venv/bin/python tools/learning_variants.py RUNS [SEEDS [ITERATIONS]]

RUNS is a folder for the runs; those that are finished in it are not trained again. Training seeds are 0 to SEEDS - 1
(default 2); an iteration is 3,072 env-steps (32 worlds). Every variant has as many env-steps, those of imitation
included: `ippo` (a value network an agent's observation), `mappo` (a central critic), `gru` (a policy that
remembers), `dagger` (imitation of `net-gain` alone, a quarter of the env-steps), `dagger+ippo` (PPO from there), and
`ippo+rollout` (the default: advantages against the compiled greedy player, no value network).

All policies meet the same 256 worlds, whose seeds no training or validation sees. `gain_keur` is over doing nothing in
the same worlds and `over_ippo_keur` over `ippo`; 95% intervals resample training runs and worlds within them. With two
runs they say little about training seeds: `runs_keur` has the gain of each run.
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
RULES = ("net-gain", "net-gain-patient")
WORLDS, FIRST_SEED = 256, 1000
STEPS = 32 * 96
BASE = TrainConfig(
    scenario=SCENARIO, num_envs=32, rollout_length=96, minibatch=512, baseline="value", checkpoint_every=1000,
    validate_every=4, validation_episodes=64, evaluation_episodes=0,
)  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "ippo": {},
    "mappo": {"critic": "central"},
    "gru": {"memory": "gru"},
    "dagger+ippo": {"imitate": "net-gain"},
    "ippo+rollout": {"baseline": "rollout"},
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


def row(
    policy: str, losses: str, env_steps: int, values: np.ndarray, idle: np.ndarray, scratch: np.ndarray | None
) -> dict[str, Any]:
    gain = stats.mean_gain([(values, idle)])
    over = stats.mean_gain([(values - scratch, np.zeros_like(idle))]) if scratch is not None else stats.UNDEFINED
    return {
        "policy": policy, "scenario": SCENARIO, "losses": losses, "env_steps": env_steps, "runs": len(values),
        "worlds": WORLDS, "seed": FIRST_SEED,
        "gain_keur": gain.value, "low": gain.low, "high": gain.high,
        "over_ippo_keur": over.value, "over_low": over.low, "over_high": over.high,
        "runs_keur": " ".join(f"{one:.1f}" for one in (values - idle).mean(1)),
    }  # fmt: skip


def main(runs: Path, seeds: int, iterations: int) -> None:
    start_ray(BASE)  # once for all runs
    seen = range(FIRST_SEED, FIRST_SEED + WORLDS)
    worlds = {losses: load_scenario(SCENARIO, incident_loss=losses) for losses in ("expected", "sampled")}

    def welfare(policy: str | Path, losses: str) -> np.ndarray:
        return play(worlds[losses], find_policy(policy)[1], seen)["welfare_keur"]

    idle = {losses: welfare("do-nothing", losses) for losses in worlds}
    rules = {(rule, losses): welfare(rule, losses)[None] for rule in RULES for losses in worlds}
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    for seed in range(seeds):
        for variant in CHANGES:
            folder = trained(runs, variant, seed, iterations)
            places = {variant: folder}
            if "imitate" in CHANGES[variant]:
                places["dagger"] = RunFolder(folder).path / "checkpoints" / "imitated"
            for name, place in places.items():
                for losses in worlds:
                    found.setdefault((name, losses), []).append(welfare(place, losses))
            print(seed, variant, [round(float((v[-1] - idle[k[1]]).mean()), 1) for k, v in found.items()], flush=True)
        rows = []
        for (rule, losses), values in rules.items():
            rows.append(row(rule, losses, 0, values, idle[losses], None))
        for (name, losses), several in found.items():
            steps = (iterations // 4 if name == "dagger" else iterations) * STEPS
            scratch = None if name == "ippo" else np.stack(found["ippo", losses])
            rows.append(row(name, losses, steps, np.stack(several), idle[losses], scratch))
        write_table(TARGET, [{k: f"{v:.3f}" if isinstance(v, float) else v for k, v in one.items()} for one in rows])


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 2,
        int(sys.argv[3]) if len(sys.argv) > 3 else 8,
    )
