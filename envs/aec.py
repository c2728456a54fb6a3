"""The AEC face: the parallel world, one agent after the other; nobody sees a change before the last has acted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
from pettingzoo import AECEnv
from pettingzoo.utils import parallel_to_aec, wrappers

from patchpact.envs.parallel import make
from patchpact.scenarios import Scenario


def make_aec(
    scenario: str | Path | Scenario | nx.DiGraph, *, render_mode: str | None = None, **overrides: Any
) -> AECEnv[str, Any, Any]:
    """One world as a PettingZoo ``AECEnv``; arguments and errors as in ``make``."""
    env = parallel_to_aec(make(scenario, render_mode=render_mode, **overrides))
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(env))
