"""Tenants that learn a teacher's ways on their own worlds, where PPO would take far more steps than they have.

One iteration is a round of DAgger (see ``training.imitation``) without what was heard before: an episode in each of the
tenant's worlds, played by a mixture of teacher and learner, and some passes over what the teacher said. Nothing here
imports ray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from patchpact.agents.policies.networks import new_policy_network
from patchpact.agents.roles import action_names
from patchpact.scenarios import Scenario
from patchpact.training.config import TrainConfig, roles_played
from patchpact.training.imitation import TEACHER_SHARE, find_teacher, study_once

STREAM = 0x1E55045

States = dict[str, dict[str, Tensor]]
"""By role the state of a network."""


class ImitatingTrainer:
    """What ``rllib.tenant_trainer.TenantTrainer`` does, by imitation of the teacher ``config.imitate``.

    Args:
        config: the run's settings; its scenarios name the roles, and are not played.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.teacher = find_teacher(config.imitate)
        self.roles = roles_played(config)
        torch.set_num_threads(config.threads)

    def networks(self) -> States:
        """State of each role's new policy network, drawn from the run's seed."""
        config, found = self.config, {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            for role in self.roles:
                network = new_policy_network(
                    action_names(role), config.hidden, config.network, config.memory, config.prior, config.welfare_share
                )
                found[role] = dict(network.state_dict())
        return found

    def value_states(self) -> States:
        """There are no value networks."""
        return {}

    def train_on(
        self,
        scenarios: Sequence[Scenario],
        policies: Mapping[str, Mapping[str, Tensor]],
        values: Mapping[str, Mapping[str, Tensor]],
        number: int,
        done: int,
        iterations: int,
    ) -> tuple[States, States]:
        """See ``TenantTrainer.train_on``; the teacher's share of decisions falls with the iterations done."""
        states = {role: dict(state) for role, state in policies.items()}
        for iteration in range(done, done + iterations):
            seeds = np.random.SeedSequence([self.config.seed, STREAM, iteration, number])
            share = TEACHER_SHARE**iteration
            states = study_once(self.config, scenarios, states, self.teacher, share, seeds)
        return states, {}

    def close(self) -> None:
        """Nothing to stop."""
