"""RLlib's own vectorised runner, made a function of (seed, iteration, runner): what the batched one is measured by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner

from patchpact.training.rllib.runner import seed_streams


class FreshWorldsRunner(MultiAgentEnvRunner):
    """Starts every iteration with new worlds, so that a resumed run repeats what an unbroken one does."""

    def begin_iteration(self, seed: int, iteration: int) -> None:
        """Seed worlds and random streams for ``iteration`` (call before it)."""
        runner = self.worker_index or 0
        sequence = np.random.SeedSequence([seed, iteration, runner])
        streams, *worlds = sequence.spawn(1 + self.num_envs)
        seed_streams(streams)
        if runner:
            torch.set_num_threads(1)
        if self.env is not None:
            for env, stream in zip(self.env.envs, worlds, strict=True):
                env.unwrapped.start_stream(stream)

    def sample(self, **kwargs: Any) -> Any:
        """Sample as RLlib does, from new worlds."""
        return super().sample(**{"force_reset": True, **kwargs})
