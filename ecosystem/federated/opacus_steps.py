"""Local steps by Opacus: it takes and clips each person's gradient; the noise is ours, of the system's generator.

Opacus' own secure noise needs ``torchcsprng``, which has no build for current PyTorch.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from patchpact.ecosystem.federated.model import SIZE, Examples, Training
from patchpact.ecosystem.federated.noise import Noise, gaussian
from patchpact.ecosystem.federated.persons import Bools, Floats


def opacus_steps(
    weights: Floats,
    seen: Examples,
    counts: Floats,
    training: Training,
    noise_multiplier: float,
    noise: Noise,
    taking_part: Bools,
) -> Floats:
    """See ``model.local_steps``. Needs the extra ``platform``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus on hooks, and on the noise that it does not draw here
        return _steps(weights, seen, counts, training, noise_multiplier, noise, taking_part)


def _steps(
    weights: Floats,
    seen: Examples,
    counts: Floats,
    training: Training,
    noise_multiplier: float,
    noise: Noise,
    taking_part: Bools,
) -> Floats:
    import torch
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    class Optimizer(DPOptimizer):  # type: ignore[misc]
        """Opacus' optimizer with noise from ours."""

        def add_noise(self) -> None:
            for parameter in self.params:
                clipped = parameter.summed_grad.detach().numpy()
                noisy = gaussian(clipped.reshape(-1), training.clip_norm, noise_multiplier, noise)
                parameter.grad = torch.from_numpy(noisy.reshape(clipped.shape))

    def model_of(start: Floats) -> Any:
        linear = torch.nn.Linear(SIZE, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(start[None]))
        return GradSampleModule(linear, loss_reduction="sum")

    local = np.broadcast_to(weights, (seen.tenants, SIZE)).copy()
    edges = seen.edges
    held = {}
    for i in np.flatnonzero(taking_part):
        model = model_of(local[i])
        plain = torch.optim.SGD(model.parameters(), lr=training.learning_rate)
        held[i] = (
            model,
            Optimizer(
                plain,
                noise_multiplier=noise_multiplier,
                max_grad_norm=training.clip_norm,
                expected_batch_size=training.sampling_probability * counts[i],
            ),
        )
    for _ in range(training.local_steps):
        chosen = np.ones(len(seen.converted), bool)
        if training.sampling_probability < 1.0:
            chosen = noise.uniform(len(chosen)) < training.sampling_probability
        for i, (model, optimizer) in held.items():
            rows = edges[i] + np.flatnonzero(chosen[edges[i] : edges[i + 1]])
            optimizer.zero_grad()
            if not len(rows):  # nobody was drawn: the noise alone moves the model, as the accountant assumes
                for parameter in model.parameters():
                    parameter.grad_sample = torch.zeros((0, *parameter.shape), dtype=parameter.dtype)
            else:
                log_odds = model(torch.from_numpy(seen.terms[rows]))[:, 0]
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    log_odds, torch.from_numpy(seen.converted[rows]), reduction="sum"
                )
                loss.backward()
            optimizer.step()
    for i, (model, _) in held.items():
        local[i] = next(model.parameters()).detach().numpy()[0]
    return local
