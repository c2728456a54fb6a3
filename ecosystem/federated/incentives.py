"""Who is paid for taking part: by what the aggregate would lose without a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

import numpy as np

from patchpact.ecosystem.federated.aggregates import release_sums
from patchpact.ecosystem.federated.fedavg import Trained
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.model import Examples, losses
from patchpact.ecosystem.federated.noise import Noise
from patchpact.ecosystem.federated.persons import Floats


def release_scores(
    trained: Trained, seen: Examples, clip_norm: float, noise_multiplier: float, noise: Noise, ledger: Ledger | None
) -> Floats:
    """Each tenant's score ``(tenants,)``: log-likelihood (nats) of persons held back that is lost without it.

    A person's losses under all models, less its loss under the whole one, are cut together to 2-norm ``clip_norm``.

    Args:
        trained: the model and those without one tenant.
        seen: persons that were not trained on.
        clip_norm: in nats.
        noise_multiplier: 0 only without a ledger.
        noise: where randomness comes from.
        ledger: what is charged.
    """
    lost = losses(trained.without.T, seen) - losses(trained.weights, seen)[:, None]  # (persons, tenants)
    norms = np.linalg.norm(lost, axis=1, keepdims=True)
    cut = lost * np.minimum(1.0, clip_norm / np.maximum(norms, 1e-12))
    return release_sums("scores of tenants", cut.sum(0), clip_norm, noise_multiplier, noise, ledger)


def incentives_cents(scores: Sequence[float], pool_cents: int) -> list[int]:
    """What each gets of the pool: by ``max(0, score)``, in whole cents that sum to the pool exactly.

    Cents left over by rounding go to the largest remainders, first come first. If nobody has a score above 0, nothing
    is paid.
    """
    if pool_cents < 0:
        raise ValueError("pool_cents: below 0; give 0 or more")
    wanted = [max(Fraction(0), Fraction(float(score))) for score in scores]
    total = sum(wanted)
    if not total:
        return [0] * len(wanted)
    exact = [pool_cents * one / total for one in wanted]
    paid = [floor(one) for one in exact]
    order = sorted(range(len(paid)), key=lambda i: paid[i] - exact[i])  # largest remainders first
    for i in order[: pool_cents - sum(paid)]:
        paid[i] += 1
    return paid
