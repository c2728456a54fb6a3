"""Measured tables as the core looks them up: what pooled measurement finds, what the investor's reserve earns, what
modules bring, and what a proof costs.

They come with the package and say where their numbers come from; ``patchpact calibrate`` measures them anew.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchpact.envs.core.records import EPSILONS, MOST_RETURNS, POOL_SIZES
from patchpact.scenarios.tables import TableError, bundled, read_table

PERSONS = 1000
"""Persons a tenant in the table's rows that are taken: what a small firm has."""
STRATEGY = "equal_weight_return"
"""Column of weekly returns: every asset alike, which needs no forecast."""
WORTHS = {
    "scan_worth_keur": "scan",
    "prioritise_worth_keur": "prioritise",
    "patch_bot_worth_keur": "patch-bot",
    "forecast_worth_keur": "forecast",
}
"""Parameters that the table of modules stands for, and its names of the modules."""
FIGURE, SHARED, SERVICES = "account_shapley", " in one world", 10
"""The figure taken, the groups that it is taken from (``4 in one world``), and the services of a tenant there."""
MEND = "measure anew, without --small"
DAYS = 14
"""Oldest age in days that a firm proves its open findings to be, as deadlines for known exploited ones have it."""


class Curves(NamedTuple):
    """Pooled measurement by tier and firms ``(tiers * pool sizes,)``."""

    found: NDArray[np.float64]
    """Share of the uplift's value."""
    found_evenly: NDArray[np.float64]
    """The same where groups are targeted evenly."""
    uneven: NDArray[np.float64]
    """Share of firms that leave a group out, targeting by gain."""
    leak: NDArray[np.float64]  # (tiers,)
    """A leak's chance a day."""


@cache
def measured_curves() -> Curves:
    """What was measured.

    Between measured numbers of tenants shares are interpolated, beyond them they stay; losses count as nothing found.

    Raises:
        TableError: for a table without provenance or without these columns.
    """
    names = ("value_share", "even_value_share", "uneven_share")
    columns = ("epsilon", "tenants", "persons_per_tenant", *names, "leak_hazard_per_day")
    table = read_table(bundled("federated"), columns)
    texts = {name: np.array(table.texts(name)) for name in ("epsilon", "persons_per_tenant")}
    tenants, shares = np.array(table.numbers("tenants")), [np.array(table.numbers(name)) for name in names]
    hazards = np.array(table.numbers("leak_hazard_per_day"))
    curves, leak = np.zeros((len(names), len(EPSILONS), POOL_SIZES)), np.zeros(len(EPSILONS))
    for tier, epsilon in enumerate(EPSILONS):
        name = "none" if np.isinf(epsilon) else f"{epsilon:g}"
        mine = (texts["epsilon"] == name) & (texts["persons_per_tenant"] == str(PERSONS))
        order = np.argsort(tenants[mine])
        for curve, share in zip(curves, shares, strict=True):
            curve[tier] = np.interp(np.arange(1, POOL_SIZES + 1), tenants[mine][order], share[mine][order])
        leak[tier] = hazards[mine].mean()
    found, found_evenly, uneven = np.maximum(curves, 0.0).reshape(len(names), -1)
    return Curves(found, found_evenly, uneven, leak)


@cache
def measured_returns() -> NDArray[np.float64]:
    """Weekly returns of the reserve, the latest that there is room for ``(weeks,)``.

    Raises:
        TableError: for a table without provenance or without the column.
    """
    return np.array(read_table(bundled("portfolio"), (STRATEGY,)).numbers(STRATEGY))[-MOST_RETURNS:]


def measured_worths(firms: int) -> dict[str, float]:
    """What modules bring a firm, k€ a service and week, by parameter.

    A tenant's own account, on average over the orders in which modules may come: all together bring the sum. Between
    measured numbers of tenants it is interpolated, beyond them it stays.

    Args:
        firms: that share the world.

    Raises:
        TableError: for a table without provenance or without a module's rows.
    """
    return {name: float(np.interp(firms, *_worth_by_tenants()[module])) / SERVICES for name, module in WORTHS.items()}


@cache
def _worth_by_tenants() -> dict[str, tuple[list[int], list[float]]]:
    """Numbers of tenants in one world, and what each of the modules brought a tenant there, k€ a week."""
    table = read_table(bundled("modules"), ("group", "module", "figure", "value"))
    found: dict[str, dict[int, float]] = {module: {} for module in WORTHS.values()}
    for row, value in zip(table.rows, table.numbers("value"), strict=True):
        if row["figure"] == FIGURE and row["module"] in found and row["group"].endswith(SHARED):
            found[row["module"]][int(row["group"].removesuffix(SHARED))] = value
    for module, worth in found.items():
        if not worth:
            raise TableError(table.where, module, f"no {FIGURE} in a world of tenants", MEND)
    return {module: (sorted(worth), [worth[tenants] for tenants in sorted(worth)]) for module, worth in found.items()}


def measured_proof(findings: int) -> tuple[float, float]:
    """What it costs to prove the ages of so many open findings, k€, and what an unproven claim counts.

    Taken from the smallest number of leaves measured that holds them, else from the largest.

    Raises:
        TableError: for a table without provenance, without these columns or without a proof of ages.
    """
    leaves, costs, haircuts = _age_proofs()
    place = min(int(np.searchsorted(leaves, findings)), len(leaves) - 1)
    return float(costs[place]), float(haircuts[place])


@cache
def _age_proofs() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    names = ("leaves", "cost_keur", "haircut")
    table = read_table(bundled("claims"), ("type", "days", *names))
    ages = np.array(table.texts("type")) == "age"
    mine = ages & (np.array(table.numbers("days")) == DAYS)
    if not mine.any():
        raise TableError(table.where, "type", f"no proof of ages up to {DAYS} days", MEND)
    leaves, costs, haircuts = (np.array(table.numbers(name))[mine] for name in names)
    order = np.argsort(leaves)
    return leaves[order], costs[order], haircuts[order]
