"""Totals released with noise, and made consistent where several tell of the same persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.ecosystem.federated.ledger import Ledger, Release
from patchpact.ecosystem.federated.noise import Noise, gaussian
from patchpact.ecosystem.federated.persons import CHANNELS, Floats, Persons

SETS = 2 ** len(CHANNELS)
"""Sets of channels as binary numbers, the first channel counting 1; set 0 is nobody's."""
KINDS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Treated and converted, in the order of the last axis of all totals."""


@dataclass(frozen=True)
class Totals:
    """Numbers of persons by treated and converted (``KINDS``): three views of the same persons, which agree."""

    by_tenant: Floats  # (tenants, kinds)
    by_set: Floats  # (sets, kinds)
    by_last: Floats  # (channels, kinds)
    orders_eur: Floats  # (tenants, 2), sums of orders, each person's cut at the cap: held out, treated


def release_sums(
    what: str, values: Floats, sensitivity: float, noise_multiplier: float, noise: Noise, ledger: Ledger | None
) -> Floats:
    """Charge, then give sums over persons with Gaussian noise; one person moves them by ``sensitivity`` at most."""
    if ledger is not None:
        ledger.charge(Release(what, noise_multiplier))
    elif noise_multiplier:
        raise ValueError("ledger: noise without an account; give a ledger")
    return gaussian(values.reshape(-1), sensitivity, noise_multiplier, noise).reshape(values.shape)


def release_totals(
    persons: Persons, order_cap_eur: float, multipliers: tuple[float, float], noise: Noise, ledger: Ledger | None
) -> Totals:
    """Totals by tenant, then totals of the platform, made consistent.

    Args:
        persons: the tenants' persons.
        order_cap_eur: above which an order counts as this much.
        multipliers: of the noise on what tenants release, and on the platform's summary.
        noise: where randomness comes from.
        ledger: what is charged; None for made-up data without noise.
    """
    kind = 2 * persons.treated + persons.converted
    tenants = _count([(persons.tenant, len(persons.tenants))], kind)
    spent = np.minimum(persons.order_eur, order_cap_eur) / order_cap_eur
    orders = np.zeros((len(persons.tenants), 2))
    np.add.at(orders, (persons.tenant, persons.treated.astype(np.int64)), spent)
    # A person is 1 in one cell and 0 to 1 in one sum of orders: it moves both together by sqrt(2) at most.
    noisy = release_sums("totals by tenant", np.hstack([tenants, orders]), 2.0**0.5, multipliers[0], noise, ledger)
    sets = persons.touched @ (2 ** np.arange(len(CHANNELS)))
    exact = _count([(sets, SETS), (persons.last, len(CHANNELS))], kind)
    exact = exact[1:]  # nobody has set 0
    summary = release_sums("totals by channel", exact, 2.0**0.5, multipliers[1], noise, ledger)
    by_tenant, by_set, by_last = consistent(
        [noisy[:, :4], summary[: SETS - 1], summary[SETS - 1 :]], [multipliers[0], multipliers[1], multipliers[1]]
    )
    by_set = np.vstack([np.zeros((1, 4)), by_set])
    return Totals(by_tenant, by_set, by_last, noisy[:, 4:] * order_cap_eur)


def _count(views: list[tuple[NDArray[Any], int]], kind: NDArray[Any]) -> Floats:
    """Numbers of persons of each value of each view ``(values of all views, kinds)``."""
    counted = [np.bincount(4 * values + kind, minlength=4 * size).reshape(size, 4) for values, size in views]
    return np.vstack(counted).astype(np.float64)


def consistent(views: list[Floats], deviations: list[float]) -> list[Floats]:
    """The closest totals whose views agree, column by column, on the sum: weighted least squares.

    With independent noise this is the best linear unbiased estimate (generalised least squares; Hay et al., 2010,
    "Boosting the accuracy of differentially private histograms through consistency"). It may be below 0: clipping
    would bias sums.

    Args:
        views: totals ``(rows of a view, columns)``, each view of the same persons.
        deviations: standard deviation of a view's noise, up to a common factor; all 0 means none.
    """
    stacked = np.vstack(views)
    variances = np.concatenate([np.full(len(v), d * d or 1.0) for v, d in zip(views, deviations, strict=True)])
    edges = np.cumsum([0, *(len(view) for view in views)])
    difference = np.zeros((len(views) - 1, len(stacked)))  # each row: a view's sum less the next one's
    for i in range(len(views) - 1):
        difference[i, edges[i] : edges[i + 1]] = 1.0
        difference[i, edges[i + 1] : edges[i + 2]] = -1.0
    projected = project(stacked, variances, difference)
    return [projected[edges[i] : edges[i + 1]] for i in range(len(views))]


def project(values: Floats, variances: Floats, constraints: Floats) -> Floats:
    """The ``x`` with ``constraints @ x == 0`` that has the least sum of ``(x - values)**2 / variances``.

    Args:
        values: ``(numbers, columns)``; columns are projected each by itself.
        variances: ``(numbers,)``, above 0.
        constraints: ``(constraints, numbers)``, linearly independent.
    """
    weighted = constraints * variances
    moved: Floats = values - weighted.T @ np.linalg.solve(weighted @ constraints.T, constraints @ values)
    return moved
