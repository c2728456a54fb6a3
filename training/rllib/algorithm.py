"""PPO that hands whole arrays from the runners to the learner."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_RL_MODULE
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    ENV_RUNNER_SAMPLING_TIMER,
    LEARNER_RESULTS,
    LEARNER_UPDATE_TIMER,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    SYNCH_WORKER_WEIGHTS_TIMER,
    TIMERS,
    WEIGHTS_SEQ_NO,
)

from patchpact.training.faults import RunnerFault
from patchpact.training.rllib.minibatches import decisions, shareable
from patchpact.training.rllib.remote import Failure, Piece, RemoteRunners


class BatchedPPO(PPO):
    """RLlib's PPO with ``BatchedRunner``: sample, update, sync, without an episode object in between."""

    _piece = Piece(0, 0, 0)
    _steps: int | None = None
    _runners: RemoteRunners | None = None

    def begin_iteration(self, seed: int, iteration: int, number: int = 0, steps: int | None = None) -> None:
        """Say which iteration of which run ``training_step`` does next, and seed this process for it.

        Args:
            seed: of the run.
            iteration: how many were done before.
            number: whose iteration it is, where several train in turn.
            steps: env-steps after it, by which step size and entropy bonus fall; None counts all that were sampled.
        """
        self._piece, self._steps = Piece(seed, iteration, number), steps
        self.env_runner_group.local_env_runner.begin(self._piece)

    def training_step(self) -> None:
        """One iteration, of exactly ``total_train_batch_size`` env-steps, also where runners die.

        Raises:
            RunnerFault: see ``remote.RemoteRunners.play``.
        """
        with self.metrics.log_time((TIMERS, ENV_RUNNER_SAMPLING_TIMER)):
            batch = joined(self._sample())
        with self.metrics.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            sampled = self._steps
            if sampled is None:
                sampled = self.metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME))
            batch, sharing = self._shared(batch)
            results = self.learner_group.update(
                batch=batch,
                timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: sampled},
                num_epochs=self.config.num_epochs,
                minibatch_size=self.config.minibatch_size,
                shuffle_batch_per_epoch=True,
                **sharing,
            )
            self.metrics.aggregate(results, key=LEARNER_RESULTS)
        with self.metrics.log_time((TIMERS, SYNCH_WORKER_WEIGHTS_TIMER)):
            # Remote runners get the weights with their next piece.
            self.env_runner_group.local_env_runner.set_state(self._weights())

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """See ``Algorithm.restore_env_runners``; runners that sample need no state, pieces carry it."""
        if env_runner_group is self.env_runner_group and self._runners is not None:
            return self._runners.look_after()
        restored: list[int] = super().restore_env_runners(env_runner_group)
        return restored

    def _sample(self) -> list[MultiAgentBatch]:
        """Batches of all pieces of the iteration, in their order."""
        group = self.env_runner_group
        if group.num_remote_env_runners():
            if self._runners is None:
                self._runners = RemoteRunners(group)
            numbers = range(1, self.config.num_env_runners + 1)
            found = self._runners.play([replace(self._piece, number=n) for n in numbers], self._weights())
        else:
            result = group.local_env_runner.sample_or_say_why_not()
            if isinstance(result, Failure):
                raise RunnerFault(f"a runner failed:\n{result.text}")
            found = [result]
        batches: list[MultiAgentBatch] = []
        for some, metrics in found:
            batches += some
            self.metrics.aggregate([metrics], key=ENV_RUNNER_RESULTS)
        return batches

    def _shared(self, batch: MultiAgentBatch) -> tuple[MultiAgentBatch, dict[str, Any]]:
        """The batch for the learners, and what those in other processes need to work as one in this would."""
        learners = self.config.num_learners
        if not learners:
            return batch, {}
        sharing: dict[str, Any] = {"stream": torch.get_rng_state()}
        if learners > 1:
            batch = shareable(batch, learners)
            modules = batch.policy_batches.values()
            pieces = math.ceil(max(map(decisions, modules)) / self.config.minibatch_size)
            sharing["pieces"] = min(pieces, math.ceil(max(map(len, modules)) / learners))
        return batch, sharing

    def _weights(self) -> dict[str, Any]:
        """State of the learner's modules and its number, for runners."""
        part = f"{COMPONENT_LEARNER}/{COMPONENT_RL_MODULE}"
        state: dict[str, Any] = self.learner_group.get_state(components=[part], inference_only=False)
        return {name: state[COMPONENT_LEARNER][name] for name in (COMPONENT_RL_MODULE, WEIGHTS_SEQ_NO)}


def joined(batches: list[MultiAgentBatch]) -> MultiAgentBatch:
    """One batch of several, role by role."""
    if len(batches) == 1:
        return batches[0]
    roles = list(dict.fromkeys(role for batch in batches for role in batch.policy_batches))
    rows = {}
    for role in roles:
        parts = [batch.policy_batches[role] for batch in batches if role in batch.policy_batches]
        rows[role] = SampleBatch({name: torch.cat([torch.as_tensor(p[name]) for p in parts]) for name in parts[0]})
    return MultiAgentBatch(rows, env_steps=sum(batch.env_steps() for batch in batches))
