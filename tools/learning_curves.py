"""Do RLlib's own runner and the batched one learn alike? Writes `docs/learning_curves.csv`.

    .venv/bin/python tools/learning_curves.py RUNS [SEEDS]

The same PPO settings, network and worlds for both (`baseline="value"`, `network="flat"`), training seeds 0 to SEEDS - 1
(default 6) each. A row is an iteration of a runner: the mean welfare of the episodes played in it, over the runs, with
its 95% interval (Student's t). Runs are kept in the folder RUNS; those that are finished are not trained again.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from patchpact.training import TrainConfig, train
from patchpact.training.folder import RunFolder
from patchpact.training.rllib.connect import start_ray

TARGET = Path(__file__).resolve().parents[1] / "docs" / "learning_curves.csv"
BASE = TrainConfig(
    scenario="toy-v1", overrides={"windows": 4, "motions_per_window": 2}, num_envs=16, rollout_length=16,
    timesteps=14 * 256, minibatch=128, epochs=4, lr=3e-3, lr_end=1e-3, baseline="value", network="flat", hidden=32,
    checkpoint_every=1000, validate_every=1000, validation_episodes=1, evaluation_episodes=0,
)  # fmt: skip


def curve(runs: Path, runner: str, seed: int) -> list[float]:
    """Welfare (k€) of the episodes of each iteration."""
    out = runs / f"{runner}-{seed}"
    train(replace(BASE, runner=runner, seed=seed, out=str(out)), resume=(out / "config.json").exists(), progress=False)
    return [float(row["welfare_keur"]) for row in RunFolder(out).progress()]


def main(runs: Path, seeds: int) -> None:
    start_ray(BASE)  # once for all runs
    curves: dict[str, list[list[float]]] = {"batched": [], "stock": []}
    for seed in range(seeds):
        for runner, found in curves.items():
            found.append(curve(runs, runner, seed))
            print(runner, seed, [round(one, 1) for one in found[-1]], flush=True)
    with TARGET.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["runner", "env_steps", "runs", "welfare_keur", "low", "high"])
        for runner, found in curves.items():
            table = np.array(found)
            half = stdtrit(seeds - 1, 0.975) * table.std(0, ddof=1) / np.sqrt(seeds)
            for n, (mean, wide) in enumerate(zip(table.mean(0), half, strict=True), 1):
                steps = n * BASE.steps_per_iteration
                writer.writerow([runner, steps, seeds, f"{mean:.3f}", f"{mean - wide:.3f}", f"{mean + wide:.3f}"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6)
