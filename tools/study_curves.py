"""How a study's training goes: what learners earn and what they are worth, iteration by iteration, one CSV.

    python tools/study_curves.py symbiosis --arms full,no-governance,none --seeds 1000,1001,1002 --out curves.csv
    python tools/study_curves.py symbiosis --arms full --out longer.csv --set timesteps=49152 --set lr=0.001

For choosing a study's settings before its results exist: seeds and draws are others than the study's. A row is a
training after so many env-steps: mean over evaluation worlds of the agents' accounts together, welfare, damage, value
created; CPU-seconds of imitation and iterations so far. Rows are added to a file that is there.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from patchpact.cli.arguments import setting
from patchpact.training.config import TrainConfig
from patchpact.training.evaluate import play
from patchpact.training.imitation import imitate
from patchpact.training.rllib.session import held
from patchpact.training.rllib.trainer import Trainer
from patchpact.training.run import caller_streams_kept, with_rollout_length
from patchpact.training.study.cells import config_of
from patchpact.training.study.design import Cell, load_design
from patchpact.training.study.worlds import world_of
from patchpact.training.validate import learned_policies

FIRST_DRAW = 4_000_000
MEASURES = ("welfare_keur", "damage_keur", "value_created_keur", "participation")


def main() -> None:
    """Write the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("--arms", default="full,no-governance,none")
    parser.add_argument("--seeds", default="1000,1001,1002")
    parser.add_argument("--topology", default="", help="the first, if none is named")
    parser.add_argument("--draws", type=int, default=128)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of training")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = dict(setting(text) for text in args.set)
    design = load_design(args.study)
    place = args.topology or design.file.topologies[0].name
    cells = {cell.arm: cell for cell in design.cells("full") if cell.learned and cell.topology == place}
    with held():
        for seed in map(int, args.seeds.split(",")):
            for arm in args.arms.split(","):
                cell = cells[arm]
                steps = int(settings.get("timesteps", cell.timesteps))
                more = {name: value for name, value in settings.items() if name != "timesteps"}
                cell = replace(cell, training_seed=seed, timesteps=steps, settings={**cell.settings, **more})
                _curve(cell, args.draws, " ".join(args.set), args.out)


def _curve(cell: Cell, draws: int, changed: str, out: Path) -> None:
    config = with_rollout_length(config_of(cell, Path("unused")))
    head = {"arm": cell.arm, "topology": cell.topology, "seed": cell.training_seed, "set": changed}
    seconds = 0.0
    with caller_streams_kept():
        trainer = Trainer(config)
        try:
            if config.imitate != "none":
                start = time.process_time()
                trainer.take_networks(imitate(config, trainer.networks())[0])
                seconds += time.process_time() - start
            _add(out, head | _row(cell, config, trainer, draws, seconds))
            for _ in range(config.iterations):
                start = time.process_time()
                trainer.step()
                seconds += time.process_time() - start
                _add(out, head | _row(cell, config, trainer, draws, seconds))
        finally:
            trainer.close()


def _row(cell: Cell, config: TrainConfig, trainer: Trainer, draws: int, seconds: float) -> dict[str, Any]:
    world = world_of(replace(cell, incident_loss="expected"))  # the least noise
    policies = learned_policies(trainer.networks(), config)
    totals = play(world, policies.__getitem__, range(FIRST_DRAW, FIRST_DRAW + draws))
    found = {"accounts_keur": totals["accounts_keur"].sum(1).mean()}
    found |= {name: totals[name].mean() for name in MEASURES}
    told = {"timesteps": trainer.iteration * config.steps_per_iteration, "cpu_seconds": round(seconds, 1)}
    return told | {name: round(float(value), 3) for name, value in found.items()}


def _add(out: Path, row: Mapping[str, Any]) -> None:
    new = not out.is_file()
    with out.open("a", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, fieldnames=list(row), lineterminator="\n")
        if new:
            table.writeheader()
        table.writerow(row)


if __name__ == "__main__":
    main()
