"""One trainer that serves many tenants in turn: each brings its worlds, and its value networks where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from patchpact.scenarios import Scenario
from patchpact.training.config import TrainConfig
from patchpact.training.rllib.trainer import Trainer

States = dict[str, dict[str, Tensor]]
"""By role the state of a network."""


class TenantTrainer(Trainer):
    """PPO as ``Trainer`` does it, on the worlds of one tenant at a time.

    What a tenant's training gives depends on the settings, the weights it gets, its value networks, its number and the
    iterations done before: optimisers start anew, and worlds and actions are drawn from streams of its own.

    Args:
        config: the run's settings; its scenarios name the roles, and are not played.
    """

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(replace(config, graphs=0, federated=None))

    def train_on(
        self,
        scenarios: Sequence[Scenario],
        policies: Mapping[str, Mapping[str, Tensor]],
        values: Mapping[str, Mapping[str, Tensor]],
        number: int,
        done: int,
        iterations: int,
    ) -> tuple[States, States]:
        """Train on a tenant's worlds.

        Args:
            scenarios: the tenant's, played side by side.
            policies: by role the state of the policy to start from.
            values: by role the state of the tenant's own value network, as ``value_states`` gives it.
            number: the tenant's.
            done: iterations before, of every tenant; step size and entropy bonus are those of then.
            iterations: how many to train.

        Returns:
            The states of policies and of value networks after.
        """
        self._runner().sampler.replace(scenarios)
        self._take(policies, values)
        for iteration in range(done, done + iterations):
            steps = (iteration + 1) * self.config.steps_per_iteration
            self.algorithm.begin_iteration(self.config.seed, iteration, number, steps)
            self.algorithm.train()
        return {role: _copied(state) for role, state in self.networks().items()}, self.value_states()

    def value_states(self) -> States:
        """By role the state of the value network; empty where advantages are measured against a greedy player."""
        values = {role: self._learner().module[role].unwrapped().value for role in self.roles}
        return {role: _copied(value.state_dict()) for role, value in values.items() if value is not None}

    def _learner(self) -> Any:
        return self.algorithm.learner_group._learner  # the one of this process

    def _runner(self) -> Any:
        return self.algorithm.env_runner_group.local_env_runner

    def _take(self, policies: Mapping[str, Mapping[str, Tensor]], values: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on with these weights, in the learner and the runner, and with new optimisers."""
        for modules in (self._learner().module, self._runner().module):
            for role in self.roles:
                module = modules[role].unwrapped()
                module.policy.load_state_dict(policies[role])
                if role in values:
                    module.value.load_state_dict(values[role])
        for optimizer in self._learner()._named_optimizers.values():
            optimizer.state.clear()


def _copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
