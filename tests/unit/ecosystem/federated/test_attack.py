"""What an attacker finds out is measured with the real training, and stays under what epsilon promises."""

import numpy as np
import pytest
from scipy.stats import norm

from patchpact.ecosystem.federated.attack import Advantage, attack, bound
from patchpact.ecosystem.federated.ledger import Release, epsilon
from patchpact.ecosystem.federated.model import Training

TRAINING = Training(rounds=10)


def tight(noise_multiplier: float, rounds: int) -> float:
    """The total variation between composed Gaussians a sensitivity apart: no attacker does better, the best does this."""
    return float(2.0 * norm.cdf(0.5 * rounds**0.5 / noise_multiplier) - 1.0)


def check(advantages: tuple[Advantage, Advantage], noise_multiplier: float, training: Training) -> None:
    spent = epsilon([Release("model rounds", noise_multiplier, training.releases)], 1e-5)
    for one in advantages:
        assert one.high < bound(spent, 1e-5) and one.low <= tight(noise_multiplier, training.releases)
    worst = advantages[1]
    assert worst.high > tight(
        noise_multiplier, training.releases
    )  # the attacker is as good as can be, the noise no more


def test_the_bound() -> None:
    assert bound(0.0, 0.0) == 0.0 and bound(1e9, 1e-5) == 1.0
    assert bound(1.0, 0.0) == pytest.approx(np.tanh(0.5))
    assert bound(1.0, 1e-5) > bound(1.0, 0.0)
    assert tight(3.0, 10) < bound(epsilon([Release("rounds", 3.0, 10)], 1e-5), 1e-5)


def test_without_noise_a_person_is_found() -> None:
    loss, worst = attack(0.0, TRAINING, 50, np.random.default_rng(0), persons=30)
    assert worst.value == 1.0 and worst.low > 0.6 and loss.low > 0.2


def test_with_noise_the_advantage_is_under_the_bound() -> None:
    check(attack(4.0, TRAINING, 150, np.random.default_rng(0), persons=30), 4.0, TRAINING)


@pytest.mark.slow
@pytest.mark.parametrize("noise_multiplier", [3.0, 6.0, 20.0])
def test_with_many_trials(noise_multiplier: float) -> None:
    training = Training(clip_norm=0.25)  # so that the person is cut in every round, and as easily told as can be
    rng = np.random.default_rng(1)
    check(attack(noise_multiplier, training, 1000, rng, persons=30), noise_multiplier, training)


def test_too_little_noise_would_be_noticed() -> None:
    """With .4 of the noise that was charged the best attacker is surely above what it may reach."""
    _, worst = attack(1.6, TRAINING, 400, np.random.default_rng(0), persons=30)
    assert worst.low > tight(4.0, TRAINING.rounds)
