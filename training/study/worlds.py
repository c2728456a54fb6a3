"""The worlds of a study's cells, and whether this version of the game has all that its design asks for."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from patchpact.envs.core.pack import pack
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import PARAMETERS, AssumptionWarning, Scenario, ScenarioError, load_scenario, scenario_ids
from patchpact.training.study.design import OVER_IDLE, Cell, Design

WITHOUT = "without"
"""What is set beside parameters: see ``load_scenario``."""


class Lacking(ValueError):
    """A design that asks for more than this version of the game has; its text is one line that names it all."""


def overrides_of(cell: Cell) -> dict[str, Any]:
    """The parameters that the cell changes, factors worked out on what its scenario has."""
    return {**cell.overrides, **_scaled(cell.scenario, cell.overrides, cell.scale)}


def world_of(cell: Cell) -> Scenario:
    """The cell's world as it is evaluated. Raises ``ScenarioError``."""
    return _load(cell.scenario, overrides_of(cell)).with_parameters(
        incident_loss=cell.incident_loss, incident_redraws=cell.incident_redraws
    )


def _load(scenario: str, overrides: Mapping[str, Any]) -> Scenario:
    """The scenario; what it assumes is told by ``patchpact check``, not by each of a study's cells."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        return load_scenario(scenario, **overrides)


def _scaled(scenario: str, overrides: Mapping[str, Any], scale: Mapping[str, float]) -> dict[str, Any]:
    if not scale:
        return {}
    held = {**_parameters(scenario), **overrides}
    found: dict[str, Any] = {}
    for name, factor in scale.items():
        value = held.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScenarioError(scenario, name, "cannot be scaled", "scale a parameter that is a number")
        found[name] = type(value)(value * factor)
    return found


@lru_cache(maxsize=64)
def _parameters(scenario: str) -> Mapping[str, Any]:
    return _load(scenario, {}).parameters


def require(design: Design, form: str) -> None:
    """Refuse a design that this version cannot play in full, so that nothing is skipped in silence.

    Raises:
        Lacking: one line that names every parameter, measure and scenario that is missing.
        ScenarioError: the first parameter that is out of range.
    """
    file = design.file
    changed = [part for arm in file.arms for part in (arm.set, arm.scale, *arm.by_topology.values())]
    asked = dict.fromkeys([*file.base, *(name for part in changed for name in part)])
    lacking = {"parameters": [name for name in asked if name not in (*PARAMETERS, WITHOUT)]}
    measures = dict.fromkeys([*file.measures, *(test.measure for claim in file.claims for test in claim.tests)])
    lacking["measures"] = [name for name in measures if name not in (*TOTALS, *OVER_IDLE)]
    scenarios = dict.fromkeys(cell.scenario for cell in design.cells(form))
    lacking["scenarios"] = [name for name in scenarios if not _is_there(name)]
    told = "; ".join(f"{kind} {', '.join(names)}" for kind, names in lacking.items() if names)
    if told:
        raise Lacking(f"{design.source}: this version of the game lacks {told}; take one that has them")
    for cell in {(cell.arm, cell.topology): cell for cell in design.cells(form)}.values():
        try:
            world_of(cell)
        except ScenarioError as error:
            at = f"arms.{cell.arm}.{error.field}"
            raise ScenarioError(design.source, at, error.problem, error.mend) from None


def digest_of_worlds(design: Design, form: str) -> str:
    """Of every world that the form evaluates, as the core has it: files, defaults, measured tables, draws by seed."""
    told = hashlib.sha256()
    for cell in {(cell.arm, cell.topology): cell for cell in design.cells(form)}.values():
        told.update(repr((cell.arm, cell.topology)).encode())
        arrays: tuple[Any, ...] = pack([world_of(cell)])
        for array in arrays:
            names = array.dtype.names
            for part in [array[name] for name in names] if names else [array]:  # what lies between fields is anything
                told.update(np.ascontiguousarray(part).tobytes())
    return told.hexdigest()[:16]


def _is_there(scenario: str) -> bool:
    """Whether it loads; one that is there but broken says why."""
    try:
        _parameters(scenario)
    except ScenarioError:
        if Path(scenario).is_file() or scenario in scenario_ids():
            raise
        return False
    return True
