"""The environment as PettingZoo's users expect it: ``patchpact_v1.env()``, ``raw_env()``, ``parallel_env()``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import networkx as nx
from pettingzoo import AECEnv
from pettingzoo.utils import parallel_to_aec

from patchpact.envs.aec import make_aec
from patchpact.envs.parallel import PatchpactEnv, make
from patchpact.scenarios import Scenario

__all__ = ["env", "parallel_env", "raw_env"]

Source: TypeAlias = str | Path | Scenario | nx.DiGraph


def env(scenario: Source = "boutique-v1", **options: Any) -> AECEnv[str, Any, Any]:
    """The AEC environment with PettingZoo's usual guards; options as for ``patchpact.make``."""
    return make_aec(scenario, **options)


def raw_env(scenario: Source = "boutique-v1", **options: Any) -> AECEnv[str, Any, Any]:
    """The AEC environment without guards."""
    return parallel_to_aec(make(scenario, **options))


def parallel_env(scenario: Source = "boutique-v1", **options: Any) -> PatchpactEnv:
    """The parallel environment."""
    return make(scenario, **options)
