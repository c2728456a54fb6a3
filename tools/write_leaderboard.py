"""Keep a benchmark's episodes as the leaderboard of this repository, and write its table into the README.

    .venv/bin/python tools/write_leaderboard.py DIR

Takes a folder that `patchpact benchmark` wrote. docs/leaderboard is then such a folder too, with the columns that its
tables need: `patchpact report docs/leaderboard` shows all of it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

from patchpact.cli.output import between_marks
from patchpact.training.reports.leaderboard import table

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "docs" / "leaderboard"
KEPT = [
    "suite", "track", "scenario", "policy", "training_seed", "seed", "welfare_keur", "damage_keur", "effort_keur",
    "downtime_keur", "spend_keur", "downtime_hours", "risk_left_keur", "deadlines_missed", "bound_keur",
]  # fmt: skip
WHOLE = ("training_seed", "seed")
EXACT = ("welfare_keur", "bound_keur")


def keep(source: Path) -> None:
    """Copy what the tables need into docs/leaderboard."""
    episodes = pd.read_parquet(source / "episodes")[KEPT]
    for name in KEPT[6:]:
        if name not in EXACT:
            episodes[name] = episodes[name].astype("float32")
    for name in KEPT[:4]:
        episodes[name] = episodes[name].astype("category")
    for name in WHOLE:
        episodes[name] = episodes[name].astype("Int64")
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "episodes").mkdir(parents=True)
    order = ["scenario", "policy", "training_seed", "seed"]
    episodes.sort_values(order).to_parquet(HOME / "episodes" / "episodes.parquet", compression="zstd", index=False)
    shutil.copy(source / "benchmark.json", HOME / "benchmark.json")


def write_readme() -> None:
    """Put the table between the marks."""
    file = ROOT / "README.md"
    text = between_marks(file.read_text(encoding="utf-8"), "leaderboard", table(HOME))
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "benchmark.json").is_file():
        sys.exit("give one folder that patchpact benchmark wrote")
    keep(Path(sys.argv[1]))
    write_readme()
