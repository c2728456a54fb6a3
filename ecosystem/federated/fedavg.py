"""FedAvg: tenants train on their own persons, the platform averages by released numbers of persons.

McMahan et al., 2017, "Communication-efficient learning of deep networks from decentralized data". What leaves a tenant
has its noise already: the platform need not be trusted with a person's data. Without noise and with one local step it
is gradient descent on all persons together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from patchpact.ecosystem.federated.ledger import Ledger, Release
from patchpact.ecosystem.federated.model import SIZE, Examples, Steps, Training, local_steps
from patchpact.ecosystem.federated.noise import Noise
from patchpact.ecosystem.federated.persons import Floats

Average = Callable[[Floats, Floats, Floats], Floats]
"""See ``weighted_average``."""


@dataclass(frozen=True)
class Trained:
    """What a training releases."""

    weights: Floats  # (SIZE,), the mean of the models of the last half of the rounds
    without: Floats  # (tenants, SIZE), the same from the rounds' updates without one tenant's


def weighted_average(weights: Floats, local: Floats, share: Floats) -> Floats:
    """The tenants' models averaged.

    Args:
        weights: what they started from ``(SIZE,)``.
        local: their models ``(tenants, SIZE)``.
        share: their weights in the average ``(tenants,)``, 0 for who took no part; one at least is above 0.
    """
    averaged: Floats = weights + (share[:, None] * (local - weights)).sum(0) / share.sum()
    return averaged


def train(
    seen: Examples,
    counts: Floats,
    training: Training,
    noise_multiplier: float,
    noise: Noise,
    ledger: Ledger | None,
    steps: Steps = local_steps,
    average: Average = weighted_average,
) -> Trained:
    """Train, after all its rounds have been charged.

    The models without a tenant leave its updates out of the averages; the others' updates stay as they were, computed
    at the common model (reconstruction from the rounds; Song, Tong and Wei, 2019, "Profit allocation for federated
    learning"). Averaging the last models costs no privacy: all of them are released.

    Args:
        seen: the tenants' persons.
        counts: released numbers of persons ``(tenants,)``, above 0; weights of the average.
        training: the settings.
        noise_multiplier: 0 only without a ledger, for made-up data.
        noise: for noise, sampling and who takes part.
        ledger: what the rounds are charged to; each person is charged all rounds, whether or not its tenant was in.
        steps: ``model.local_steps`` or ``opacus_steps.opacus_steps``.
        average: ``weighted_average``, if left out, or ``flower.flower_average``.
    """
    if ledger is not None:
        ledger.charge(Release("model rounds", noise_multiplier, training.releases, training.sampling_probability))
    elif noise_multiplier:
        raise ValueError("ledger: noise without an account; give a ledger")
    weights, without = np.zeros(SIZE), np.zeros((seen.tenants, SIZE))
    kept: list[tuple[Floats, Floats]] = []
    for round_ in range(training.rounds):
        taking_part = np.ones(seen.tenants, bool)
        if training.participation < 1.0:
            taking_part = noise.uniform(seen.tenants) < training.participation
        if taking_part.any():
            local = steps(weights, seen, counts, training, noise_multiplier, noise, taking_part)
            share = counts * taking_part  # (tenants,)
            moved = share[:, None] * (local - weights)  # (tenants, SIZE)
            others = share.sum() - share
            left = (moved.sum(0) - moved) / np.where(others > 0.0, others, 1.0)[:, None]
            weights = _within(average(weights, local, share), training.weight_radius)
            without = _within(without + left, training.weight_radius)
        if 2 * round_ >= training.rounds - 1:
            kept.append((weights, without))
    return Trained(np.mean([w for w, _ in kept], 0), np.mean([w for _, w in kept], 0))


def _within(weights: Floats, radius: float) -> Floats:
    norm = np.linalg.norm(weights, axis=-1, keepdims=True)
    drawn_back: Floats = weights * np.minimum(1.0, radius / np.maximum(norm, 1e-12))
    return drawn_back
