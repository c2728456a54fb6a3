"""Bundled scenarios: one YAML file each in `scenarios/data/`; the file's name is the id."""

from __future__ import annotations

from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
SUFFIX = ".yaml"
GAMES = {"mvp2-v1": "boutique-v1"}
"""Ids of further games, which `patchpact.make` knows, and the scenario that each is played on."""


@cache
def scenario_ids() -> tuple[str, ...]:
    """Ids of the bundled scenarios, sorted."""
    return tuple(sorted(path.stem for path in DATA.glob(f"*{SUFFIX}")))


def bundled_path(id_: str) -> Path | None:
    """The file of a bundled scenario; None when there is no such id."""
    return DATA / f"{id_}{SUFFIX}" if id_ in scenario_ids() else None
