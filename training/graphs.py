"""Scenarios on graphs that nobody saw before, for training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from patchpact.scenarios import Scenario, load_scenario

GRAPHS_OF = "generated-v1"
"""The scenario whose graphs are drawn."""
SERVICES, TENANTS, VENDORS = (6, 40), (1, 3), (1, 3)
"""Ranges from which graphs are drawn anew."""


def drawn_scenarios(
    graphs: int, rng: np.random.Generator, overrides: Mapping[str, Any], services: tuple[int, int] = SERVICES
) -> list[Scenario]:
    """So many scenarios ``GRAPHS_OF`` of drawn sizes.

    Args:
        graphs: how many.
        rng: draws sizes and graphs.
        overrides: parameters by name; a size among them holds for all graphs.
        services: fewest and most of a graph.
    """
    found = []
    for _ in range(graphs):
        sizes = {
            name: int(rng.integers(low, high + 1))
            for name, (low, high) in (("services", services), ("tenants", TENANTS), ("vendors", VENDORS))
        }
        sizes["tenants"] = min(sizes["tenants"], sizes["services"] // 3)
        seed = int(rng.integers(2**31, 2**32))
        found.append(load_scenario(GRAPHS_OF, **{"scenario_seed": seed, **sizes, **overrides}))
    return found
