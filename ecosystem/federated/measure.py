"""One measurement of tenants' persons: totals, model, scores, targeting by group; all of it within one budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from patchpact.ecosystem.federated.aggregates import Totals, release_sums, release_totals
from patchpact.ecosystem.federated.fedavg import Average, Trained, train, weighted_average
from patchpact.ecosystem.federated.incentives import release_scores
from patchpact.ecosystem.federated.ledger import BudgetError, Ledger, Release, epsilon
from patchpact.ecosystem.federated.model import Steps, Training, examples, local_steps, uplift
from patchpact.ecosystem.federated.noise import Noise, SystemNoise
from patchpact.ecosystem.federated.persons import Bools, Floats, Persons

PARTS = ("totals_by_tenant", "totals_by_channel", "model", "scores", "targeting")
SHARES: Mapping[str, float] = MappingProxyType(
    {"totals_by_tenant": 0.1, "totals_by_channel": 0.1, "model": 0.6, "scores": 0.1, "targeting": 0.1}
)
"""How the budget is divided, in squared inverse noise multipliers (assumption)."""
NO_NOISE: Mapping[str, float] = MappingProxyType(dict.fromkeys(PARTS, 0.0))


@dataclass(frozen=True)
class Settings:
    """Of a measurement; all are assumptions."""

    training: Training = field(default_factory=Training)
    held_back: float = 0.2
    """Share of persons, each by a coin of its own, who are not trained on but score the tenants."""
    score_clip_norm: float = 0.05
    """Nats; see ``incentives.release_scores``."""
    order_cap_eur: float = 200.0
    margin_share: float = 0.5
    """Of an order, before marketing."""
    spend_eur: float = 1.0
    """What treating a person costs."""


@dataclass(frozen=True)
class Measured:
    """What a measurement releases; nothing else of it may be shown."""

    totals: Totals
    trained: Trained
    scores: Floats  # (tenants,)
    order_eur: float
    """Mean order, cut at the cap."""
    targeted: Floats  # (2, 2), persons by protected group and whether the model finds them worth the spend

    @property
    def parity_gap(self) -> float:
        """How far the shares targeted lie apart, between the protected group and the others."""
        sizes = np.maximum(self.targeted.sum(1), 1.0)
        return float(abs(np.subtract(*np.clip(self.targeted[:, 1] / sizes, 0.0, 1.0))))


def measure(
    persons: Persons,
    settings: Settings,
    multipliers: Mapping[str, float],
    noise: Noise,
    ledger: Ledger | None,
    steps: Steps = local_steps,
    average: Average = weighted_average,
) -> Measured:
    """Measure once. Everything is charged before it is computed from the data, or refused as a whole at the start.

    Args:
        persons: the tenants' persons.
        settings: of the measurement.
        multipliers: noise multipliers by part (``noise_multipliers``); ``NO_NOISE`` only for made-up data.
        noise: of ``noise_for(persons.synthetic)``.
        ledger: the persons' account, on disk for users' data; None only with ``NO_NOISE`` on made-up data.
        steps: who computes clipped gradients.
        average: who averages the tenants' models.

    Raises:
        BudgetError: the budget does not allow all of it; nothing is charged then.
        ValueError: users' data without a ledger on disk, or with noise of another source.
    """
    if not persons.synthetic:
        if ledger is None or ledger.path is None:
            raise ValueError("ledger: users' data is never measured without one on disk; give a ledger with a file")
        if not isinstance(noise, SystemNoise):
            raise ValueError("noise: on users' data it is the operating system's alone; give SystemNoise()")
    if ledger is not None:
        ledger.check(planned(multipliers, settings.training))
    totals = release_totals(
        persons,
        settings.order_cap_eur,
        (multipliers["totals_by_tenant"], multipliers["totals_by_channel"]),
        noise,
        ledger,
    )
    counts = np.maximum(totals.by_tenant.sum(1), 1.0)
    held_back = noise.uniform(len(persons)) < settings.held_back
    fitted = train(
        examples(persons.where(~held_back)),
        counts * (1.0 - settings.held_back),
        settings.training,
        multipliers["model"],
        noise,
        ledger,
        steps,
        average,
    )
    scores = release_scores(
        fitted,
        examples(persons.where(held_back)),
        settings.score_clip_norm,
        multipliers["scores"],
        noise,
        ledger,
    )
    conversions = totals.by_tenant[:, [1, 3]].sum()
    order_eur = float(np.clip(_ratio(totals.orders_eur.sum(), conversions), 0.0, settings.order_cap_eur))
    worth = worth_treating(uplift(fitted.weights, persons), order_eur, settings)
    exact = np.zeros((2, 2))
    np.add.at(exact, (persons.group.astype(np.int64), worth.astype(np.int64)), 1.0)
    targeted = release_sums("persons targeted by group", exact, 1.0, multipliers["targeting"], noise, ledger)
    return Measured(totals, fitted, scores, order_eur, targeted)


def worth_treating(gain: Floats, order_eur: float, settings: Settings) -> Bools:
    """Whether treating pays ``(persons,)``, by what it adds to the probability of an order."""
    pays: Bools = settings.margin_share * order_eur * gain > settings.spend_eur
    return pays


def planned(multipliers: Mapping[str, float], training: Training) -> list[Release]:
    """What a measurement will charge."""
    return [
        Release(
            part,
            multipliers[part],
            training.releases if part == "model" else 1,
            training.sampling_probability if part == "model" else 1.0,
        )
        for part in PARTS
    ]


def noise_multipliers(budget_epsilon: float, delta: float, training: Training) -> dict[str, float]:
    """The least noise, divided by ``SHARES``, with which a measurement costs no more than ``budget_epsilon``.

    Raises:
        BudgetError: no noise is enough.
    """
    from dp_accounting import get_sigma_gaussian

    def multipliers(scale: float) -> dict[str, float]:
        found = {part: scale / SHARES[part] ** 0.5 for part in PARTS}
        found["model"] *= training.sampling_probability * training.releases**0.5
        return found

    def cost(scale: float) -> float:
        return epsilon(planned(multipliers(scale), training), delta)

    low = get_sigma_gaussian(budget_epsilon, delta)  # exact where nobody is sampled
    high = low * (1.0 + 1e-6)
    while cost(high) > budget_epsilon:
        low, high = high, high * (1.3 if training.sampling_probability < 1.0 else 1.0 + 1e-4)
        if high > 1e6:
            raise BudgetError(f"budget: epsilon {budget_epsilon:g} allows no release; give more")
    while training.sampling_probability < 1.0 and high / low > 1.003:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if cost(middle) <= budget_epsilon else (middle, high)
    return multipliers(high)


def _ratio(amount: float, number: float) -> float:
    return amount / number if number >= 1.0 else 0.0
