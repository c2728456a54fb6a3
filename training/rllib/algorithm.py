"""PPO that hands whole arrays from the runners to the learner."""

from __future__ import annotations

import time
from typing import Any

import torch
from ray.rllib.algorithms.ppo import PPO
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import (
    ALL_MODULES,
    ENV_RUNNER_RESULTS,
    ENV_RUNNER_SAMPLING_TIMER,
    LEARNER_RESULTS,
    LEARNER_UPDATE_TIMER,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    SYNCH_WORKER_WEIGHTS_TIMER,
    TIMERS,
)

from patchpact.training.rllib.runner import BatchedRunner, Failure

PATIENCE_S = 120.0
"""How long an iteration waits for runners that died to come back."""


class BatchedPPO(PPO):
    """RLlib's PPO with ``BatchedRunner``: sample, update, sync, without an episode object in between."""

    def training_step(self) -> None:
        """One iteration. Where runners die, the others and those that come back make up for their steps.

        Raises:
            RuntimeError: an exception in a runner, with its traceback; or no runner for ``PATIENCE_S`` seconds.
        """
        with self.metrics.log_time((TIMERS, ENV_RUNNER_SAMPLING_TIMER)):
            batch = joined(self._sample())
        with self.metrics.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            sampled = self.metrics.peek((ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME))
            results = self.learner_group.update(
                batch=batch,
                timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: sampled},
                num_epochs=self.config.num_epochs,
                minibatch_size=self.config.minibatch_size,
                shuffle_batch_per_epoch=True,
            )
            self.metrics.aggregate(results, key=LEARNER_RESULTS)
        with self.metrics.log_time((TIMERS, SYNCH_WORKER_WEIGHTS_TIMER)):
            self.env_runner_group.sync_weights(
                from_worker_or_learner_group=self.learner_group,
                policies=[name for name in results[0] if name != ALL_MODULES],
                inference_only=False,
            )

    def _sample(self) -> list[MultiAgentBatch]:
        """Batches of all runners, as many env-steps together as asked."""
        group = self.env_runner_group
        local = group.num_remote_env_runners() == 0
        batches: list[MultiAgentBatch] = []
        steps, last = 0, time.monotonic()
        while steps < self.config.total_train_batch_size:
            if local:
                found: list[Any] = [group.local_env_runner.sample_or_say_why_not()]
            else:
                found = group.foreach_env_runner(
                    BatchedRunner.sample_or_say_why_not,
                    local_env_runner=False,
                    timeout_seconds=self.config.sample_timeout_s,
                )
            for result in found:
                if isinstance(result, Failure):
                    raise RuntimeError(f"a runner failed:\n{result.text}")
                some, metrics = result
                batches += some
                steps += sum(batch.env_steps() for batch in some)
                self.metrics.aggregate([metrics], key=ENV_RUNNER_RESULTS)
            if found:
                last = time.monotonic()
            elif time.monotonic() - last > PATIENCE_S:
                raise RuntimeError(f"no runner returned any step for {PATIENCE_S:.0f} s; ray's logs say why")
            else:
                time.sleep(0.5)
            if not local and steps < self.config.total_train_batch_size:
                self.restore_env_runners(group)
        return batches


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
