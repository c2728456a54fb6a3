"""PPO's learner with decision-to-decision advantages and gradients clipped apart for policy and value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.connectors.learner import GeneralAdvantageEstimation
from ray.rllib.core.columns import Columns
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from patchpact.training.rllib.minibatches import even_minibatches
from patchpact.training.rllib.module import MEMORY
from patchpact.training.rllib.stock_advantages import DecisionAdvantages


class NegotiationLearner(PPOTorchLearner):
    """RLlib's PPO learner; the loss is RLlib's own, and with ``anchor`` a divergence from where policies start."""

    def build(self) -> None:
        """Build as RLlib does, then put ``DecisionAdvantages`` in the place of its advantage estimation."""
        super().build()
        self._learner_connector.remove(GeneralAdvantageEstimation.__name__)
        self._learner_connector.append(DecisionAdvantages(self.config.gamma, self.config.lambda_))

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """RLlib's Adam, or plain gradient steps where the run's ``optimizer`` says so."""
        if self.config.learner_config_dict.get("optimizer", "adam") == "adam":
            super().configure_optimizers_for_module(module_id, config)
            return
        parameters = self.get_parameters(self._module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.SGD(parameters),
            params=parameters,
            lr_or_lr_schedule=(config or self.config).lr,
        )

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Set step size and entropy bonus of now: RLlib does so after an update, and forgets it in a checkpoint."""
        super().before_gradient_based_update(timesteps=timesteps)
        done = timesteps.get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0)
        (_, first), (end, last) = self.config.lr
        for optimizer in self._named_optimizers.values():
            self._set_optimizer_lr(optimizer, first + (last - first) * min(done / max(end, 1), 1.0))
        for module_id in self.module.keys():  # noqa: SIM118 - iterating a MultiRLModule gives no ids
            schedule = self.entropy_coeff_schedulers_per_module[module_id]
            schedule.update(timestep=timesteps.get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0))

    def _create_iterator_if_necessary(
        self,
        *,
        training_data: Any,
        num_epochs: int = 1,
        minibatch_size: int | None = None,
        pieces: int | None = None,
        stream: torch.Tensor | None = None,
        **_: Any,
    ) -> Iterator[MultiAgentBatch]:
        """RLlib's place to choose minibatches.

        ``pieces``: see ``even_minibatches``; ``stream``: state of torch's stream for shuffling, from the process that
        seeded it.
        """
        if stream is not None:
            torch.set_rng_state(stream)
        batch = self._make_batch_if_necessary(training_data=training_data)
        return even_minibatches(batch, num_epochs, minibatch_size or batch.count, pieces)

    def compute_loss_for_module(
        self, *, module_id: str, config: Any, batch: dict[str, Any], fwd_out: dict[str, Any]
    ) -> torch.Tensor:
        """RLlib's loss; of sequences, that of their decisions one behind the other, without the padding."""
        if MEMORY in batch:
            valid = batch[Columns.LOSS_MASK]
            batch = {n: column[valid] for n, column in batch.items() if n not in (MEMORY, Columns.LOSS_MASK)}
        loss: torch.Tensor = super().compute_loss_for_module(
            module_id=module_id, config=config, batch=batch, fwd_out=fwd_out
        )
        anchor = self.config.learner_config_dict.get("anchor", 0.0)
        if anchor:
            module = self.module[module_id].unwrapped()
            away = module.departure(batch[Columns.OBS], fwd_out[Columns.ACTION_DIST_INPUTS])
            loss = loss + anchor * away.mean()
        return loss

    def postprocess_gradients_for_module(
        self, *, module_id: str, config: Any = None, module_gradients_dict: dict[Any, torch.Tensor]
    ) -> dict[Any, torch.Tensor]:
        """Clip the norm of the policy's gradient and of the value's gradient, each on its own."""
        module = self.module[module_id].unwrapped()
        for network in (module.policy, module.value):
            if network is None:
                continue
            references = [self.get_param_ref(parameter) for parameter in network.parameters()]
            gradients = [module_gradients_dict[r] for r in references if module_gradients_dict.get(r) is not None]
            if not gradients:  # a role that had nothing to decide
                continue
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
            scale = (config.grad_clip / (norm + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(scale)
        return module_gradients_dict
