"""Incentives share the pool by what a tenant brings; the money adds up to the cent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchpact.ecosystem.federated.fedavg import Trained, train
from patchpact.ecosystem.federated.incentives import incentives_cents, release_scores
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.model import SIZE, Training, examples, losses
from patchpact.ecosystem.federated.noise import SeededNoise
from patchpact.ecosystem.federated.persons import Persons

scores = st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=12)


@given(scores, st.integers(0, 10**12))
def test_the_pool_is_paid_out_exactly(found: list[float], pool: int) -> None:
    paid = incentives_cents(found, pool)
    positive = [max(0.0, score) for score in found]
    assert sum(paid) == (pool if any(positive) else 0)
    for got, score in zip(paid, positive, strict=True):
        assert got >= 0 and abs(got - (pool * (score / sum(positive)) if score else 0)) <= 1 + 1e-9 * pool
        assert score > 0.0 or got == 0


def test_more_for_more_and_nothing_for_harm() -> None:
    assert incentives_cents([3.0, 1.0, -5.0], 1000) == [750, 250, 0]
    assert incentives_cents([1.0, 1.0, 1.0], 100) == [34, 33, 33]
    assert incentives_cents([-1.0, 0.0], 100) == [0, 0] and incentives_cents([0.0], 100) == [0]
    with pytest.raises(ValueError, match="give 0 or more"):
        incentives_cents([1.0], -1)


def test_a_score_is_what_would_be_lost(persons: Persons) -> None:
    seen = examples(persons)
    counts = np.bincount(persons.tenant).astype(float)
    trained = train(seen, counts, Training(rounds=10), 0.0, SeededNoise(0), None)
    found = release_scores(trained, seen, 1e9, 0.0, SeededNoise(0), None)
    for i in range(3):
        lost = losses(trained.without[i], seen).sum() - losses(trained.weights, seen).sum()
        assert found[i] == pytest.approx(lost)


def test_one_person_moves_scores_by_the_clip_norm_at_most(persons: Persons) -> None:
    rng = np.random.default_rng(0)
    trained = Trained(rng.normal(size=SIZE), rng.normal(size=(3, SIZE)))
    found = [
        release_scores(trained, examples(persons.where(np.arange(len(persons)) != i)), 0.2, 0.0, SeededNoise(0), None)
        for i in range(20)
    ]
    whole = release_scores(trained, examples(persons), 0.2, 0.0, SeededNoise(0), None)
    moved = [np.linalg.norm(whole - one) for one in found]
    assert 0.19 < max(moved) <= 0.2 + 1e-9


def test_scores_are_charged(persons: Persons) -> None:
    ledger = Ledger(None, 5.0)
    trained = Trained(np.zeros(SIZE), np.zeros((3, SIZE)))
    release_scores(trained, examples(persons), 0.2, 3.0, SeededNoise(0), ledger)
    assert [one.what for one in ledger.releases] == ["scores of tenants"]
