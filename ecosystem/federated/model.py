"""The uplift model: a logistic regression of converting on a person's terms, alone and times the treatment.

Its clipped gradient sums are what a tenant computes in private. ``local_steps`` is the plain implementation, all
tenants at once; ``opacus_steps`` does the same with Opacus, a tenant at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from patchpact.ecosystem.federated.noise import Noise, gaussian
from patchpact.ecosystem.federated.persons import CHANNELS, Bools, Floats, Ints, Persons

TERMS = ("all", "activity", "tenure", *CHANNELS)
SIZE = 2 * len(TERMS)
"""Weights of the model: what converts untreated and treated alike, then what treatment changes."""
CENTRES = np.array([0.0, 0.0, 0.0, 0.5, 0.3, 0.4, 0.4])
"""Taken off the terms so that they hardly correlate with the first: fixed, never computed from the data."""


@dataclass(frozen=True)
class Training:
    """Settings of the federated training; all are assumptions, tried on markets that no result is from."""

    rounds: int = 40
    local_steps: int = 1
    learning_rate: float = 4.0
    clip_norm: float = 2.0
    """A person's gradient is cut to this 2-norm."""
    sampling_probability: float = 1.0
    """With which a person is in a local step, by a coin of its own."""
    participation: float = 1.0
    """With which a tenant is in a round, by a coin that all may see."""
    weight_radius: float = 8.0
    """Weights are drawn back to this 2-norm after a round."""

    @property
    def releases(self) -> int:
        """How many noisy gradient sums hold a person, at most."""
        return self.rounds * self.local_steps


@dataclass(frozen=True)
class Examples:
    """What the model is trained on, sorted by tenant."""

    terms: Floats  # (persons, SIZE)
    converted: Floats  # (persons,), 0 or 1
    tenant: Ints  # (persons,)
    tenants: int

    @cached_property
    def norms(self) -> Floats:
        """2-norms of the persons' terms ``(persons,)``."""
        lengths: Floats = np.linalg.norm(self.terms, axis=1)
        return lengths

    @cached_property
    def edges(self) -> Ints:
        """Where each tenant's persons begin, and the end ``(tenants + 1,)``."""
        return np.searchsorted(self.tenant, np.arange(self.tenants + 1))

    def sums(self, factors: Floats) -> Floats:
        """The terms, times ``factors`` ``(persons,)``, summed by tenant ``(tenants, SIZE)``."""
        edges = self.edges
        parts = [factors[edges[i] : edges[i + 1]] @ self.terms[edges[i] : edges[i + 1]] for i in range(self.tenants)]
        return np.array(parts)


Steps: TypeAlias = Callable[[Floats, Examples, Floats, Training, float, Noise, Bools], Floats]
"""Local steps of a round; see ``local_steps``."""


def terms(persons: Persons) -> Floats:
    """A person's terms without treatment ``(persons, TERMS)``."""
    columns = np.column_stack([np.ones(len(persons)), 2.0 * persons.covariates - 1.0, persons.touched])
    centred: Floats = columns - CENTRES
    return centred


def examples(persons: Persons) -> Examples:
    """What the model is trained on; the protected group is no term."""
    plain = terms(persons)
    switched = np.where(persons.treated, 0.5, -0.5)[:, None] * plain
    return Examples(
        np.hstack([plain, switched]), persons.converted.astype(np.float64), persons.tenant, len(persons.tenants)
    )


def uplift(weights: Floats, persons: Persons) -> Floats:
    """What treatment adds to the probability of converting ``(persons,)``, says the model."""
    plain = terms(persons)
    base, change = plain @ weights[: len(TERMS)], plain @ weights[len(TERMS) :]
    return logistic(base + 0.5 * change) - logistic(base - 0.5 * change)


def logistic(log_odds: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))


def losses(weights: Floats, seen: Examples) -> Floats:
    """Negative log-likelihood of each person (nats) under weights ``(SIZE,)`` or ``(SIZE, models)``."""
    log_odds = seen.terms @ weights
    told: Floats = np.logaddexp(0.0, log_odds) - (seen.converted * log_odds.T).T
    return told


def local_steps(
    weights: Floats,
    seen: Examples,
    counts: Floats,
    training: Training,
    noise_multiplier: float,
    noise: Noise,
    taking_part: Bools,
) -> Floats:
    """Each tenant's weights ``(tenants, SIZE)`` after its local steps; of one that takes no part, as they were.

    Each step clips every person's gradient, sums, adds Gaussian noise and divides by the expected number of persons
    (Abadi et al., 2016, "Deep learning with differential privacy").

    Args:
        weights: the model as sent out ``(SIZE,)``, or each tenant's own ``(tenants, SIZE)``.
        seen: the tenants' persons.
        counts: released numbers of persons ``(tenants,)``, above 0.
        training: the settings.
        noise_multiplier: standard deviation of the noise over ``clip_norm``.
        noise: for noise and sampling.
        taking_part: which tenants take part ``(tenants,)``.
    """
    local = np.broadcast_to(weights, (seen.tenants, SIZE)).copy()
    for step in range(training.local_steps):
        if weights.ndim == 1 and step == 0:
            log_odds = seen.terms @ weights
        else:
            log_odds = np.einsum("pt,pt->p", seen.terms, local[seen.tenant])
        residual = logistic(log_odds) - seen.converted
        cut = np.minimum(1.0, training.clip_norm / (np.abs(residual) * seen.norms + 1e-6)) * residual
        if training.sampling_probability < 1.0:
            cut = cut * (noise.uniform(len(cut)) < training.sampling_probability)
        sums = seen.sums(cut)[taking_part]
        noisy = gaussian(sums, training.clip_norm, noise_multiplier, noise)
        expected = training.sampling_probability * counts[taking_part]
        local[taking_part] -= training.learning_rate * noisy / expected[:, None]
    return local
