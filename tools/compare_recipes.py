"""Which recipe makes the better pretrained policy, on worlds that the benchmark lacks? Writes `docs/recipes.csv`.

    .venv/bin/python tools/compare_recipes.py [--worlds N] [--add] RUN...

RUNs are run folders of recipes to choose from. Worlds: the first N validation seeds (64 by default) of the suite
`patchpact-bench-v1` in its training scenarios, and in 16 graphs drawn for this purpose, eight of 5 to 9 services and
eight of 10 to 39; losses booked as expectations. `over_rule` is the mean paired difference to `net-gain-patient` in k€,
and `share` the same in percent of what that rule gains over doing nothing (of graphs of fewer than 10 services it gains
too little for a share). 95% intervals resample worlds, scenario by scenario: they say nothing about training seeds.
`--add` keeps the rows that are there.

Rows that are there (2026-11-27, two shared cores, 48 worlds): the flags of `make pretrained` with `--threads 1
--validate-every 50` and what the columns say, one training seed each, so that differences of 2 k€ say little;
`pretrained` is `agents/policies/pretrained`.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.scenarios import Scenario, load_scenario
from patchpact.training import stats
from patchpact.training.evaluate import find_policy, play
from patchpact.training.folder import write_table
from patchpact.training.graphs import drawn_scenarios
from patchpact.training.suite import load_suite

TARGET = Path(__file__).resolve().parents[1] / "docs" / "recipes.csv"
RULE = "net-gain-patient"
NAMED = ("boutique-v1", "bank-of-anthos-v1", "otel-demo-v1", "robot-shop-v1", "sock-shop-v1")
DRAWN_SEED = 4242
SETTINGS = (
    "timesteps",
    "seed",
    "prior",
    "anchor",
    "epochs",
    "lr",
    "entropy",
    "gae_lambda",
    "graphs",
    "num_envs",
    "minibatch",
)


def worlds() -> dict[str, list[Scenario]]:
    """By group."""
    rng = np.random.default_rng(DRAWN_SEED)
    return {
        "drawn, 5 to 9 services": drawn_scenarios(8, rng, {}, services=(5, 9)),
        "drawn, 10 to 39 services": drawn_scenarios(8, rng, {}, services=(10, 39)),
        "training scenarios": [load_scenario(name) for name in NAMED],
    }


def welfare(scenario: Scenario, policy: str, seeds: range) -> NDArray[np.float64]:
    """Of each world."""
    return play(scenario.with_parameters(incident_loss="expected"), find_policy(policy)[1], seeds)["welfare_keur"]


def told(run: str) -> dict[str, object]:
    """The settings that recipes differ in."""
    files = [file for name in ("config.json", "trained_with.json") if (file := Path(run) / name).is_file()]
    held = json.loads(files[0].read_text(encoding="utf-8")) if files else {}
    return {name: held.get(name, "") for name in SETTINGS}


def main(runs: list[str], count: int, add: bool) -> None:
    first = load_suite("patchpact-bench-v1").file.validation_seeds.first
    seeds = range(first, first + count)
    rows: list[dict[str, object]] = []
    if add and TARGET.is_file():
        with TARGET.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    for group, scenarios in worlds().items():
        idle = [welfare(scenario, "do-nothing", seeds) for scenario in scenarios]
        rule = [welfare(scenario, RULE, seeds) for scenario in scenarios]
        for run in runs:
            gaps = [welfare(scenario, run, seeds) - best for scenario, best in zip(scenarios, rule, strict=True)]
            gains = [float((best - none).mean()) for best, none in zip(rule, idle, strict=True)]
            over = stats.mean_gain([(gap[None], np.zeros(len(gap))) for gap in gaps])
            row: dict[str, object] = {
                "recipe": Path(run).name, **told(run), "group": group, "scenarios": len(scenarios), "worlds": count,
                "over_rule_keur": over.value, "low": over.low, "high": over.high,
                "share": "", "share_low": "", "share_high": "",
            }  # fmt: skip
            if "5 to 9" not in group:
                share = stats.mean_gain(
                    [(100.0 * gap[None] / gain, np.zeros(len(gap))) for gap, gain in zip(gaps, gains, strict=True)]
                )
                row |= {"share": share.value, "share_low": share.low, "share_high": share.high}
            rows.append({key: f"{v:.3g}" if isinstance(v, float) else v for key, v in row.items()})
            print(rows[-1], flush=True)
    write_table(TARGET, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--add", action="store_true")
    given = parser.parse_args()
    main(given.runs, given.worlds, given.add)
