"""Measured tables as the core looks them up: what pooled measurement finds, and what the investor's reserve earns.

They come with the package and say where their numbers come from; ``patchpact calibrate`` measures them anew.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from patchpact.envs.core.records import EPSILONS, MOST_RETURNS, POOL_SIZES
from patchpact.scenarios.tables import bundled, read_table

PERSONS = 1000
"""Persons a tenant in the table's rows that are taken: what a small firm has."""
STRATEGY = "equal_weight_return"
"""Column of weekly returns: every asset alike, which needs no forecast."""


@cache
def measured_curve() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the uplift's value by tier and firms ``(tiers * pool sizes,)``, and a leak's chance a day ``(tiers,)``.

    Between measured numbers of tenants shares are interpolated, beyond them they stay; losses count as nothing found.

    Raises:
        TableError: for a table without provenance or without these columns.
    """
    columns = ("epsilon", "tenants", "persons_per_tenant", "value_share", "leak_hazard_per_day")
    table = read_table(bundled("federated"), columns)
    texts = {name: np.array(table.texts(name)) for name in ("epsilon", "persons_per_tenant")}
    tenants, shares = np.array(table.numbers("tenants")), np.array(table.numbers("value_share"))
    hazards = np.array(table.numbers("leak_hazard_per_day"))
    curve, leak = np.zeros((len(EPSILONS), POOL_SIZES)), np.zeros(len(EPSILONS))
    for tier, epsilon in enumerate(EPSILONS):
        name = "none" if np.isinf(epsilon) else f"{epsilon:g}"
        mine = (texts["epsilon"] == name) & (texts["persons_per_tenant"] == str(PERSONS))
        order = np.argsort(tenants[mine])
        curve[tier] = np.interp(np.arange(1, POOL_SIZES + 1), tenants[mine][order], shares[mine][order])
        leak[tier] = hazards[mine].mean()
    return np.maximum(curve, 0.0).ravel(), leak


@cache
def measured_returns() -> NDArray[np.float64]:
    """Weekly returns of the reserve, the latest that there is room for ``(weeks,)``.

    Raises:
        TableError: for a table without provenance or without the column.
    """
    return np.array(read_table(bundled("portfolio"), (STRATEGY,)).numbers(STRATEGY))[-MOST_RETURNS:]
