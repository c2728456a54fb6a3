"""A made-up market of tenants, their persons and channels, in which the true uplift is known.

Nobody's data: every figure below is an assumption, chosen so that about half of the persons are worth the spend and
search, which often comes last, adds least. A person converts with a logistic probability; treated at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patchpact.ecosystem.federated.persons import CHANNELS, Floats, Ints, Persons


@dataclass(frozen=True)
class Market:
    """The law that persons are drawn from. Terms: 1, activity and tenure (-1 to 1), then the channels (0 or 1)."""

    baseline: tuple[float, ...] = (-2.0, 0.6, 0.3, 0.1, 0.2, -0.1, 0.4)
    """Log-odds of converting untreated, by term."""
    effect: tuple[float, ...] = (0.0, -0.5, -0.2, 0.1, 0.5, 0.2, 0.05)
    """What treatment adds to them, by term."""
    baseline_spread: float = 0.3
    """Standard deviation of tenants' log-odds."""
    effect_spread: float = 0.1
    """Standard deviation, by tenant and channel, of the effect."""
    reach: tuple[float, ...] = (0.5, 0.3, 0.4, 0.4)
    """Share of persons that a channel reaches."""
    closing: tuple[float, ...] = (1.5, 1.0, 0.5, 3.0)
    """Weight of a channel to come last."""
    protected_share: float = 0.3
    order_eur: float = 40.0
    """Mean order; orders are log-normal with standard deviation 0.5 of the logarithm."""


@dataclass(frozen=True)
class Truth:
    """What tenants differ in."""

    log_odds: Floats  # (tenants,)
    effects: Floats  # (tenants, terms)


def draw_tenants(market: Market, tenants: int, rng: np.random.Generator) -> Truth:
    """Tenants of the market."""
    effects = np.tile(np.array(market.effect), (tenants, 1))
    effects[:, -len(CHANNELS) :] += rng.normal(0.0, market.effect_spread, (tenants, len(CHANNELS)))
    return Truth(rng.normal(0.0, market.baseline_spread, tenants), effects)


def draw_persons(market: Market, truth: Truth, sizes: Ints, rng: np.random.Generator) -> tuple[Persons, Floats]:
    """Persons of the tenants, ``sizes`` ``(tenants,)``, and what treatment adds to their conversion ``(persons,)``."""
    count = int(sizes.sum())
    tenant = np.repeat(np.arange(len(sizes)), sizes)
    group = rng.random(count) < market.protected_share
    activity = np.where(group, rng.beta(2.0, 4.0, count), rng.beta(3.0, 3.0, count))  # the group is less active
    tenure = rng.beta(2.0, 2.0, count)
    touched = rng.random((count, len(CHANNELS))) < np.array(market.reach)
    nobody = np.flatnonzero(~touched.any(1))
    touched[nobody, rng.integers(0, len(CHANNELS), len(nobody))] = True
    order = np.log(np.array(market.closing)) + rng.gumbel(size=touched.shape)
    last = np.where(touched, order, -np.inf).argmax(1)
    terms = np.column_stack([np.ones(count), 2.0 * activity - 1.0, 2.0 * tenure - 1.0, touched])
    untreated = terms @ np.array(market.baseline) + truth.log_odds[tenant]
    with_treatment = untreated + (terms * truth.effects[tenant]).sum(1)
    treated = rng.random(count) < 0.5
    converted = rng.random(count) < _probability(np.where(treated, with_treatment, untreated))
    orders_eur = np.where(converted, market.order_eur * np.exp(rng.normal(-0.125, 0.5, count)), 0.0)
    persons = Persons(
        tenants=tuple(f"tenant_{i}" for i in range(len(sizes))),
        tenant=tenant,
        group=group,
        touched=touched,
        last=last,
        treated=treated,
        converted=converted,
        order_eur=orders_eur,
        covariates=np.column_stack([activity, tenure]),
        synthetic=True,
    )
    return persons, _probability(with_treatment) - _probability(untreated)


def _probability(log_odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-log_odds))
