"""A small benchmark folder, played with real policies."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from patchpact.scenarios import load_scenario
from patchpact.training.evaluate import agents_of, find_policy, play
from patchpact.training.story import record

POLICIES = ("do-nothing", "random", "cvss-first+stop", "net-gain", "myopic-selfish")
MANIFEST = {
    "suite": "small",
    "version": "0.1.0",
    "command": "patchpact benchmark --suite small --out DIR",
    "finished": "2026-11-24T16:10:00",
    "machine": {"cores": 2},
}


def write(folder: Path, scenarios: tuple[str, ...] = ("toy-v1", "boutique-v1"), episodes: int = 12) -> Path:
    """A folder as ``patchpact benchmark`` writes it. The references are made up from the best of the others."""
    (folder / "episodes").mkdir(parents=True)
    (folder / "stories").mkdir()
    (folder / "benchmark.json").write_text(json.dumps(MANIFEST))
    for scenario in scenarios:
        world = load_scenario(scenario).with_parameters(incident_loss="sampled")
        frames = []
        for name in POLICIES:
            _, policy = find_policy(name)
            totals = {total: list(values) for total, values in play(world, policy, range(1, episodes + 1)).items()}
            frame = pd.DataFrame(totals).assign(policy=name)
            frame["agents"] = [list(agents_of(world))] * episodes
            story = record(world, policy, 1, name)
            (folder / "stories" / f"{scenario}__{name}.json").write_text(json.dumps(story))
            frames.append(frame)
        best = np.max([frame["welfare_keur"] for frame in frames], axis=0)
        informed = frames[3].assign(policy="informed", welfare_keur=best + 5.0)
        clairvoyant = frames[3].assign(policy="clairvoyant", welfare_keur=best + 20.0, bound_keur=best + 30.0)
        table = pd.concat([*frames, informed, clairvoyant], ignore_index=True)
        table["seed"] = list(range(1, episodes + 1)) * (len(POLICIES) + 2)
        track = "toy" if scenario.startswith("toy") else "shops"
        table = table.assign(suite="small", track=track, scenario=scenario, training_seed=np.nan)
        table.to_parquet(folder / "episodes" / f"{scenario}.parquet")
    return folder


def change(folder: Path, scenario: str, how: object) -> None:
    """Change the episodes of a scenario: ``how`` takes the table and returns another."""
    file = folder / "episodes" / f"{scenario}.parquet"
    how(pd.read_parquet(file)).to_parquet(file)  # type: ignore[operator]
