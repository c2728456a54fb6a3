"""One cell: train its agents where it has any, then play its evaluation worlds."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patchpact.scenarios import AssumptionWarning, ScenarioError
from patchpact.scenarios.errors import closest
from patchpact.training.config import TrainConfig
from patchpact.training.evaluate import find_policy
from patchpact.training.folder import RunFolder, replacing
from patchpact.training.run import train, with_rollout_length
from patchpact.training.study.design import Cell, Design
from patchpact.training.study.measure import measured
from patchpact.training.study.worlds import overrides_of, world_of

FIXED = ("scenario", "out", "timesteps", "seed", "overrides", "evaluation_episodes", "num_env_runners")
"""Settings that the cell has, or that a study does not change."""


class Stopped(Exception):
    """A training was asked to stop; what it saved goes on in the next call."""


def check_settings(design: Design, form: str) -> None:
    """Raise ``ScenarioError`` for a setting of training that is unknown, out of range or the study's own."""
    settings = {**design.file.training, **design.form(form).settings}
    known = [field.name for field in fields(TrainConfig) if field.name not in FIXED]
    for name in settings:
        if name not in known:
            raise ScenarioError(design.source, f"training.{name}", "no setting of a study", closest(name, known))
    try:
        TrainConfig(**settings)
    except ValueError as error:
        raise ScenarioError(design.source, "training", str(error), "correct it") from None


def config_of(cell: Cell, run: Path) -> TrainConfig:
    """How the cell's agents are trained: alike in all arms but for the world. Seeds pair arms: weights and worlds."""
    settings: dict[str, Any] = {
        **cell.settings,
        "scenario": cell.scenario,
        "overrides": overrides_of(cell),
        "out": str(run),
        "timesteps": cell.timesteps,
        "seed": cell.training_seed,
        "evaluation_episodes": 0,
    }
    return TrainConfig(**settings)


def play_cell(cell: Cell, runs: Path) -> pa.Table:
    """The rows of a cell. A training that was cut off goes on.

    Learned agents play what their training ended with, not the checkpoint that a validation of welfare likes best:
    they learn for their own accounts, and what that does to welfare is the question.

    Args:
        cell: what to play.
        runs: holds the run folder of its training; afterwards without checkpoints, with the policy.

    Raises:
        Stopped: the training was asked to stop.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        world = world_of(cell)
        source = str(_trained(cell, runs / cell.name)) if cell.learned else cell.player
        _, policy = find_policy(source)
        return measured(cell, world, policy)  # type: ignore[arg-type]  # no reference plays in a study


def _trained(cell: Cell, run: Path) -> Path:
    folder = RunFolder(run)
    begun = (run / "config.json").is_file()
    if run.exists() and not begun:
        shutil.rmtree(run)  # killed before the settings were written
    config = with_rollout_length(config_of(cell, run))
    train(config, resume=begun, progress=False)
    if not is_trained(folder, config):
        raise Stopped(cell.name)
    folder.publish_policy("last")
    return run


def is_trained(folder: RunFolder, config: TrainConfig) -> bool:
    """Whether the run reached its last iteration and its policy is out."""
    found = folder.checkpoint("last")
    return found is not None and found[1].iteration >= config.iterations and folder.policy.is_dir()


def keep(table: pa.Table, file: Path, run: Path | None) -> None:
    """Write a cell's rows in one step, then drop the checkpoints that only its training needed."""
    with replacing(file) as stream:
        pq.write_table(table, stream, compression="zstd", compression_level=9)
    if run is not None:
        shutil.rmtree(run / "checkpoints", ignore_errors=True)
