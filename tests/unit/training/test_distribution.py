"""RLlib's distribution of actions against torch's own."""

import pytest
import torch
from torch.distributions import kl_divergence

from patchpact.agents.policies.network import MASKED_LOGIT
from patchpact.training.rllib.distribution import MaskedCategorical


def logits(seed: int) -> torch.Tensor:
    made = torch.randn(64, 30, generator=torch.Generator().manual_seed(seed))
    made[:, 20:] = MASKED_LOGIT
    return made.requires_grad_()


def test_it_is_torchs_categorical_distribution() -> None:
    ours, theirs, other = logits(0), logits(0), logits(1).detach()
    actions = torch.arange(64) % 20
    found, wanted = MaskedCategorical.from_logits(ours), torch.distributions.Categorical(logits=theirs)
    assert torch.allclose(found.logp(actions), wanted.log_prob(actions), atol=1e-6)
    assert torch.allclose(found.entropy(), wanted.entropy(), atol=1e-6)
    apart = kl_divergence(wanted, torch.distributions.Categorical(logits=other))
    assert torch.allclose(found.kl(MaskedCategorical.from_logits(other)), apart, atol=1e-5)
    (found.logp(actions).sum() + found.entropy().sum()).backward()
    (wanted.log_prob(actions).sum() + wanted.entropy().sum()).backward()
    assert ours.grad is not None and theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)
    assert (ours.grad[:, 20:] == 0.0).all()
    assert torch.equal(found.to_deterministic().sample(), ours.argmax(-1))


def test_illegal_actions_are_never_drawn() -> None:
    torch.manual_seed(0)
    drawn = MaskedCategorical.from_logits(logits(0)).sample(sample_shape=(200,))
    assert drawn.shape == (200, 64) and int(drawn.max()) < 20 and len(drawn.unique()) == 20


def test_it_is_made_of_logits() -> None:
    with pytest.raises(AssertionError):
        MaskedCategorical(probs=torch.full((1, 2), 0.5))
