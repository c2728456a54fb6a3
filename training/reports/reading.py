"""Reading a benchmark folder: ``benchmark.json``, ``episodes/*.parquet``, ``stories/*.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patchpact.training.reports.files import AGAIN, ReportError, read_json

NEEDED = ("scenario", "policy", "seed", "welfare_keur")
"""Columns without which there is nothing to say; where others are missing, the report says so."""
TOLD = (
    "scenario", "title", "seed", "windows", "window_days", "mitigate_days", "agents", "services", "calls", "size",
    "patches", "story", "tail", "accounts", "totals",
)  # fmt: skip
"""Without these a story cannot be drawn."""


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark folder holds."""

    folder: Path
    manifest: Mapping[str, Any]
    episodes: pd.DataFrame
    """A row for each episode, without rows whose welfare is no number."""
    stories: list[dict[str, Any]]
    """By file name; each has ``scenario`` and ``policy``."""
    notes: list[str] = field(default_factory=list)
    """What was missing or left out, in words."""


def read(folder: str | Path) -> Benchmark:
    """Read a benchmark folder.

    Raises:
        ReportError: no manifest, no episodes, or a file that cannot be read.
    """
    place = Path(folder)
    manifest = read_json(place / "benchmark.json")
    if not isinstance(manifest, dict):
        raise ReportError(f"{place / 'benchmark.json'}: holds no object; {AGAIN}")
    notes: list[str] = []
    episodes = _episodes(place, notes)
    stories = [_story(file) for file in sorted((place / "stories").glob("*.json"))]
    return Benchmark(place, manifest, episodes, stories, notes)


def _episodes(place: Path, notes: list[str]) -> pd.DataFrame:
    files = sorted((place / "episodes").glob("*.parquet"))
    if not files:
        raise ReportError(f"{place / 'episodes'}: holds no .parquet file; run patchpact benchmark again")
    frames = []
    for file in files:
        try:
            frame = pd.read_parquet(file)
        except ImportError:
            raise ReportError(f"{file}: needs pyarrow to be read; install it with: pip install pyarrow") from None
        except Exception as error:  # pyarrow has errors of its own for each kind of damage
            raise ReportError(f"{file}: is no readable Parquet file ({str(error).splitlines()[0]}); {AGAIN}") from None
        missing = [name for name in NEEDED if name not in frame]
        if missing:
            raise ReportError(f"{file}: has no column {', '.join(missing)}; {AGAIN}")
        frames.append(frame)
    episodes = pd.concat(frames, ignore_index=True)
    for name in episodes:
        if str(name).endswith(("_keur", "_hours")) and str(name) != "accounts_keur":
            episodes[name] = pd.to_numeric(episodes[name], errors="coerce")
    for name, default in (("track", ""), ("suite", ""), ("training_seed", np.nan)):
        if name not in episodes:
            episodes[name] = default
    for name in ("scenario", "policy", "track", "suite"):
        episodes[name] = episodes[name].fillna("").astype(str)
    sound = np.isfinite(episodes["welfare_keur"].to_numpy(float))
    if not sound.all():
        lost = episodes[~sound].groupby(["scenario", "policy"]).size()
        told = "; ".join(f"{policy} on {scenario}: {rows}" for (scenario, policy), rows in lost.items())
        notes.append(f"Episodes whose welfare is no number are left out: {told}.")
    if not sound.any():
        raise ReportError(f"{place / 'episodes'}: no episode has a welfare; run patchpact benchmark again")
    kept: pd.DataFrame = episodes[sound].reset_index(drop=True)
    return kept


def _story(file: Path) -> dict[str, Any]:
    story = read_json(file)
    if not isinstance(story, dict) or any(name not in story for name in TOLD) or not story["story"]:
        raise ReportError(f"{file}: is not the story of an episode; {AGAIN}")
    scenario = str(story["scenario"])
    stem = file.stem.removeprefix(f"{scenario}__") if file.stem.startswith(f"{scenario}__") else file.stem
    return {**story, "scenario": scenario, "policy": str(story.get("policy") or stem)}
