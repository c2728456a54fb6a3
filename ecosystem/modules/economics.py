"""What sharing a platform costs and risks: pooled costs, break-even, preferential prices, failures of isolation."""

from __future__ import annotations

import math
from collections.abc import Iterable

from patchpact.ecosystem.modules.catalogue import PARAMETERS, Module

WINDOW_DAYS = 7.0


def pooled_cost_keur(module: Module, tenants: int) -> float:
    """What a module costs each of its tenants a window: ``fixed / tenants + unit``, k€. ``tenants`` is at least 1."""
    return module.fixed_cost_keur / max(tenants, 1) + module.unit_cost_keur


def break_even_tenants(module: Module, worth_keur: float) -> int | None:
    """From how many tenants on the module brings each at least what it costs; None: never.

    Args:
        module: what is sold.
        worth_keur: what it brings a tenant a window, k€.
    """
    left = worth_keur - module.unit_cost_keur
    return math.ceil(module.fixed_cost_keur / left - 1e-9) if left > 0.0 else None


def price_keur(module: Module, tenants: int, compliance: float = 0.0) -> float:
    """The price of a module for one tenant a window, k€: its pooled cost, less the discount of compliant tenants.

    Args:
        module: what is sold.
        tenants: who subscribe to it, this one included.
        compliance: from 0 to 1.
    """
    return pooled_cost_keur(module, tenants) * (1.0 - PARAMETERS["discount"] * min(max(compliance, 0.0), 1.0))


def isolation_failure_probability(tenants: int, days: float = WINDOW_DAYS) -> float:
    """Chance that the isolation of tenants fails within ``days``; with one tenant there is nobody to leak to."""
    if tenants < 2:
        return 0.0
    a_day = min(PARAMETERS["isolation_failure"] * tenants, 1.0)
    return 1.0 - math.pow(1.0 - a_day, days)


def moderation_cost_keur(worth_keur: float) -> float:
    """What harmful plans that pass and good ones that are stopped cost a tenant a window, k€."""
    strictness = PARAMETERS["moderation"]
    missed = PARAMETERS["harm"] * (1.0 - strictness) * PARAMETERS["harm_loss"]
    return missed + strictness**2 * max(worth_keur, 0.0)


def net_worth_keur(modules: Iterable[Module], worth_keur: float, tenants: int) -> float:
    """What a tenant has a window of some modules on a platform of so many tenants, k€.

    Worth less pooled costs, support, moderation, and the loss to expect from failures of isolation, which grow with
    the number of tenants: there is a best size.

    Args:
        modules: those it subscribes to, as all others do.
        worth_keur: of all of them together, before costs.
        tenants: on the platform.
    """
    costs = sum(pooled_cost_keur(module, tenants) for module in modules)
    support = PARAMETERS["support_hours"] * PARAMETERS["support_price"]
    leaks = isolation_failure_probability(tenants) * PARAMETERS["leak_loss"]
    return worth_keur - costs - support - leaks - moderation_cost_keur(worth_keur)
