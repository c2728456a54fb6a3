"""Who the tenants are, and what each trains on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from patchpact.scenarios import Scenario, load_scenario
from patchpact.training.config import TrainConfig
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.graphs import drawn_scenarios

STREAM = 0xFEDE7A
"""Keeps the draws of tenants' graphs apart from those of the iterations."""


def tenant_scenarios(config: TrainConfig) -> list[Scenario]:
    """The tenants' scenarios in order, as they are trained on: those of the run, or drawn ones.

    Raises:
        ValueError: one line, for a bad scenario.
    """
    settings = federated(config)
    if settings.tenants:
        rng = np.random.default_rng(np.random.SeedSequence([config.seed, STREAM]))
        return drawn_scenarios(settings.tenants, rng, config.world_overrides)
    return [load_scenario(one, **config.world_overrides) for one in config.scenarios]


def federated(config: TrainConfig) -> FederatedConfig:
    """The run's federated settings. Raises ``ValueError`` where it has none."""
    if config.federated is None:
        raise ValueError("federated: none given; this run trains in one place")
    return config.federated


def in_public(config: TrainConfig) -> TrainConfig:
    """The settings of what is done without tenants: a run on public worlds."""
    return replace(config, scenario=federated(config).public, federated=None)


def roles_of(config: TrainConfig) -> TrainConfig:
    """The settings from which the trainer reads roles and builds networks."""
    drawn = bool(federated(config).tenants)
    return replace(config, scenario="generated-v1" if drawn else config.scenario, federated=None, graphs=0)
