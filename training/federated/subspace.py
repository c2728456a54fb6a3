"""Directions that public worlds know of: noise in a few of them is far less than noise in every weight.

A policy has many thousands of weights, and the noise that hides a tenant is added in each direction that is released.
Updates of different worlds have much in common: the span of updates trained on public worlds holds a part of what
tenants' updates share. Zhou, Wu and Banerjee, 2021, "Bypassing the ambient dimension: private SGD with gradient
subspace identification", project gradients on such a span; here it is tenants' updates, anew in every round. The
directions are made from public worlds and released policies alone, so they cost no privacy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patchpact.scenarios import Scenario
from patchpact.training.config import TrainConfig
from patchpact.training.federated.weights import Vector
from patchpact.training.graphs import drawn_scenarios

STREAM = 0x5B5BACE
FIRST_NUMBER = 2**20
"""Public worlds train under numbers from here on, tenants under those below."""


def public_scenarios(config: TrainConfig, count: int, round_: int) -> list[Scenario]:
    """Drawn graphs of nobody, other ones in every round."""
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, STREAM, round_]))
    return drawn_scenarios(count, rng, config.world_overrides)


def directions(updates: Sequence[Vector]) -> NDArray[np.float64]:
    """An orthonormal basis of what these updates span ``(at most len(updates), size)``."""
    _, lengths, rows = np.linalg.svd(np.stack(updates), full_matrices=False)
    found: NDArray[np.float64] = rows[lengths > 1e-9 * max(float(lengths[0]), 1e-300)]
    return found
