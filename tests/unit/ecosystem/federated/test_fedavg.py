"""FedAvg is gradient descent on all persons where nothing is hidden, and Opacus computes what the plain code does."""

from dataclasses import replace

import numpy as np
import pytest

from patchpact.ecosystem.federated.fedavg import train
from patchpact.ecosystem.federated.ledger import BudgetError, Ledger
from patchpact.ecosystem.federated.model import (
    SIZE,
    TERMS,
    Examples,
    Training,
    examples,
    local_steps,
    logistic,
    losses,
    uplift,
)
from patchpact.ecosystem.federated.noise import SeededNoise
from patchpact.ecosystem.federated.persons import Persons

TRAINING = Training(rounds=10, learning_rate=2.0, clip_norm=100.0)


def counts(persons: Persons) -> np.ndarray:
    return np.bincount(persons.tenant, minlength=len(persons.tenants)).astype(float)


def centralised(seen: Examples, training: Training) -> np.ndarray:
    """Full-batch gradient descent on all persons, in the plainest words."""
    weights, kept = np.zeros(SIZE), []
    for _ in range(training.rounds):
        odds = seen.terms @ weights
        gradient = sum(
            (1.0 / (1.0 + np.exp(-o)) - y) * x for o, y, x in zip(odds, seen.converted, seen.terms, strict=True)
        )
        weights = weights - training.learning_rate * gradient / len(odds)
        kept.append(weights)
    return np.mean(kept[training.rounds // 2 :], 0)


def test_without_noise_it_is_centralised_training(persons: Persons) -> None:
    seen = examples(persons)
    trained = train(seen, counts(persons), TRAINING, 0.0, SeededNoise(0), None)
    np.testing.assert_allclose(trained.weights, centralised(seen, TRAINING), rtol=0, atol=1e-6)


def test_without_a_tenant_of_two_it_is_the_other_s_direction(persons: Persons) -> None:
    """In the first round nobody has moved yet: what is left out is exactly what was not there."""
    seen = examples(persons)
    trained = train(seen, counts(persons), replace(TRAINING, rounds=1), 0.0, SeededNoise(0), None)
    for i in range(3):
        others = persons.where(persons.tenant != i)
        alone = train(examples(others), counts(others) + 1e-12, replace(TRAINING, rounds=1), 0.0, SeededNoise(0), None)
        np.testing.assert_allclose(trained.without[i], alone.weights, atol=1e-9)


@pytest.mark.parametrize(
    "training",
    [
        Training(rounds=2, local_steps=2, clip_norm=0.5),
        pytest.param(TRAINING, marks=pytest.mark.slow),
        pytest.param(
            Training(rounds=4, local_steps=2, sampling_probability=0.3, participation=0.6), marks=pytest.mark.slow
        ),
        pytest.param(Training(rounds=3, sampling_probability=0.001), marks=pytest.mark.slow),
    ],
)
def test_opacus_computes_the_same(persons: Persons, training: Training) -> None:
    pytest.importorskip("opacus")
    from patchpact.ecosystem.federated.opacus_steps import opacus_steps

    seen = examples(persons)
    results = [
        train(seen, counts(persons), training, 0.7, SeededNoise(5), Ledger(None, 1e3), steps)
        for steps in (local_steps, opacus_steps)
    ]
    np.testing.assert_allclose(results[0].weights, results[1].weights, atol=1e-6)
    np.testing.assert_allclose(results[0].without, results[1].without, atol=1e-6)


def test_a_person_moves_a_sum_by_the_clip_norm_at_most(persons: Persons) -> None:
    """Whoever is added, whatever the weights: this is what the noise is scaled to."""
    training = Training(rounds=1, learning_rate=1.0, clip_norm=0.3)
    seen, ones, rng = examples(persons), np.ones(3), np.random.default_rng(0)
    for _ in range(20):
        weights, extra = rng.normal(0.0, 3.0, SIZE), rng.normal(0.0, 10.0, SIZE)
        more = Examples(
            np.vstack([extra, seen.terms]), np.append(rng.integers(0, 2), seen.converted), np.append(0, seen.tenant), 3
        )
        both = [local_steps(weights, s, ones, training, 0.0, SeededNoise(0), ones > 0) for s in (seen, more)]
        assert np.linalg.norm(both[0] - both[1]) <= 0.3 + 1e-9
        np.testing.assert_allclose(both[0][1:], both[1][1:], rtol=1e-12)


def test_rounds_are_charged_before_anything_is_computed(persons: Persons) -> None:
    def never(*_: object) -> np.ndarray:
        raise AssertionError("computed though the budget is spent")

    with pytest.raises(BudgetError):
        train(examples(persons), counts(persons), TRAINING, 1.0, SeededNoise(0), Ledger(None, 1.0), never)
    with pytest.raises(ValueError, match="noise without an account"):
        train(examples(persons), counts(persons), TRAINING, 1.0, SeededNoise(0), None)


def test_tenants_without_persons_and_rounds_without_tenants(persons: Persons) -> None:
    seen = examples(persons.where(persons.tenant == 1))
    for training in (TRAINING, replace(TRAINING, participation=1e-9)):
        trained = train(seen, np.ones(3), training, 0.0, SeededNoise(0), None)
        assert np.isfinite(trained.weights).all() and np.isfinite(trained.without).all()
    np.testing.assert_array_equal(trained.weights, 0.0)


def test_the_model_s_words(persons: Persons) -> None:
    weights = np.random.default_rng(1).normal(0.0, 0.5, SIZE)
    told = uplift(weights, persons)
    treated, held_out = (examples(replace(persons, treated=np.full(len(persons), t))) for t in (True, False))
    np.testing.assert_allclose(told, logistic(treated.terms @ weights) - logistic(held_out.terms @ weights))
    np.testing.assert_allclose(losses(np.zeros(SIZE), treated), np.log(2.0))
    probability = logistic(treated.terms @ weights)
    likelihood = np.where(treated.converted > 0, probability, 1.0 - probability)
    np.testing.assert_allclose(losses(weights, treated), -np.log(likelihood))
    np.testing.assert_allclose(losses(np.stack([weights, weights * 2], 1), treated)[:, 0], losses(weights, treated))
    assert len(TERMS) == 7 and "group" not in TERMS
