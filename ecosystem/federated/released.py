"""What a measurement says, in words for a file; and a made-up market like it. Both see releases alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from patchpact.ecosystem.federated import attribution
from patchpact.ecosystem.federated.aggregates import SETS
from patchpact.ecosystem.federated.incentives import incentives_cents
from patchpact.ecosystem.federated.market import Market
from patchpact.ecosystem.federated.measure import Measured
from patchpact.ecosystem.federated.model import CENTRES, TERMS
from patchpact.ecosystem.federated.persons import CHANNELS

KIND_NAMES = ("held_out", "held_out_converted", "treated", "treated_converted")
PARITY_LIMIT = 0.1
"""Gap of the shares targeted beyond which a tenant answers for it (assumption)."""


def released(measured: Measured, tenants: Sequence[str], pool_cents: int) -> dict[str, Any]:
    """All that was released, and what follows from it, as JSON values."""
    totals = measured.totals
    paid = incentives_cents(list(measured.scores), pool_cents)
    conversions, gains = attribution.conversions_by_set(totals), attribution.gains_by_set(totals)
    columns = {
        "conversions_shapley": attribution.shapley(attribution.worth_of(conversions), len(CHANNELS)),
        "conversions_last_touch": attribution.last_touch(totals),
        "added_by_treatment_shapley": attribution.shapley(attribution.worth_of(gains), len(CHANNELS)),
        "added_by_treatment_last_touch": attribution.last_touch_gains(totals),
    }
    half = len(TERMS)
    return {
        "tenants": [
            {
                "tenant": name,
                **dict(zip(KIND_NAMES, map(float, totals.by_tenant[i]), strict=True)),
                "orders_held_out_eur": float(totals.orders_eur[i, 0]),
                "orders_treated_eur": float(totals.orders_eur[i, 1]),
                "score_nats": float(measured.scores[i]),
                "incentive_cents": paid[i],
            }
            for i, name in enumerate(tenants)
        ],
        "channels": [
            {"channel": channel, **{name: _shown(values[k]) for name, values in columns.items()}}
            for k, channel in enumerate(CHANNELS)
        ],
        "model": [
            {"term": term, "weight": float(weight), "treated_weight": float(change)}
            for term, weight, change in zip(
                TERMS, measured.trained.weights[:half], measured.trained.weights[half:], strict=True
            )
        ],
        "mean_order_eur": measured.order_eur,
        "parity": {
            "gap": measured.parity_gap,
            "limit": PARITY_LIMIT,
            "within": measured.parity_gap <= PARITY_LIMIT,
            "persons_by_group_and_targeted": measured.targeted.tolist(),
        },
    }


def _shown(value: Fraction) -> float:
    return round(float(value), 6)


def market_like(measured: Measured) -> Market:
    """A market with the released model for its law, and the released reach, mean order and share of the group.

    How tenants differ, the order of channels and covariates stay as assumed.
    """
    half = len(TERMS)
    weights, changes = measured.trained.weights[:half], measured.trained.weights[half:]
    untreated = weights - 0.5 * changes
    sets = np.arange(SETS)
    persons = np.maximum(measured.totals.by_set.sum(1), 0.0)
    everyone = max(1.0, float(persons.sum()))
    reach = [float(persons[(sets >> k & 1) == 1].sum()) / everyone for k in range(len(CHANNELS))]
    groups = np.maximum(measured.targeted.sum(1), 1.0)
    return replace(
        Market(),
        baseline=_uncentred(untreated),
        effect=_uncentred(changes),
        reach=tuple(min(0.95, max(0.05, share)) for share in reach),
        protected_share=min(0.95, max(0.05, float(groups[1] / groups.sum()))),
        order_eur=max(1.0, measured.order_eur),
    )


def _uncentred(weights: Any) -> tuple[float, ...]:
    """Weights of terms that are not centred: what centring takes off goes to the constant."""
    moved = np.array(weights, np.float64)
    moved[0] -= float((CENTRES * weights).sum())
    return tuple(float(x) for x in moved)
