"""Totals are exact without noise, agree with each other with it, and are no worse for that."""

import numpy as np
import pytest

from patchpact.ecosystem.federated.aggregates import consistent, project, release_sums, release_totals
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.noise import SeededNoise
from patchpact.ecosystem.federated.persons import Persons


def test_without_noise_they_are_the_numbers(persons: Persons) -> None:
    totals = release_totals(persons, 50.0, (0.0, 0.0), SeededNoise(0), None)
    here = persons.tenant == 1
    expected = [(here & (persons.treated == t) & (persons.converted == c)).sum() for t in (0, 1) for c in (0, 1)]
    np.testing.assert_allclose(totals.by_tenant[1], expected)
    both = (persons.touched == [True, False, False, True]).all(1)
    assert totals.by_set[0b1001].sum() == pytest.approx(both.sum())
    assert totals.by_last[3, 3] == pytest.approx((persons.treated & persons.converted & (persons.last == 3)).sum())
    cut = np.minimum(persons.order_eur, 50.0)
    assert totals.orders_eur[2, 1] == pytest.approx(cut[(persons.tenant == 2) & persons.treated].sum())


def test_one_person_moves_a_release_by_the_sensitivity_at_most(
    persons: Persons, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taking any one person away: the sums before the noise, against the sensitivity that the noise is scaled to."""
    from patchpact.ecosystem.federated import aggregates

    seen: list[tuple[np.ndarray, float]] = []

    def spy(what, values, sensitivity, *_):
        seen.append((values.copy(), sensitivity))
        return values

    monkeypatch.setattr(aggregates, "release_sums", spy)
    release_totals(persons, 50.0, (1.0, 1.0), SeededNoise(0), None)
    whole = list(seen)
    for i in (0, 100, 300, int(persons.order_eur.argmax())):
        seen.clear()
        release_totals(persons.where(np.arange(len(persons)) != i), 50.0, (1.0, 1.0), SeededNoise(0), None)
        for (before, sensitivity), (after, _) in zip(whole, seen, strict=True):
            assert 0.0 < np.linalg.norm(before - after) <= sensitivity + 1e-12


def test_views_agree_after_the_projection(persons: Persons) -> None:
    totals = release_totals(persons, 50.0, (3.0, 1.5), SeededNoise(1), Ledger(None, 50.0))
    np.testing.assert_allclose(totals.by_tenant.sum(0), totals.by_set.sum(0), atol=1e-9)
    np.testing.assert_allclose(totals.by_tenant.sum(0), totals.by_last.sum(0), atol=1e-9)


def test_projection_is_least_squares() -> None:
    """Against the textbook's solution of the same problem, weights and all."""
    rng = np.random.default_rng(0)
    values, variances = rng.normal(size=(6, 2)), rng.uniform(0.5, 3.0, 6)
    constraint = np.array([[1.0, 1.0, 1.0, -1.0, -1.0, -1.0]])
    found = project(values, variances, constraint)
    np.testing.assert_allclose(constraint @ found, 0.0, atol=1e-12)
    free = np.linalg.svd(constraint)[2][1:].T  # all that meets the constraint
    scale = 1.0 / np.sqrt(variances)[:, None]
    best = free @ np.linalg.lstsq(scale * free, scale * values, rcond=None)[0]
    np.testing.assert_allclose(found, best)
    np.testing.assert_allclose(project(found, variances, constraint), found)


def test_projection_lowers_the_error() -> None:
    """Two views of one total: the noisier one gains, no bias comes in."""
    rng = np.random.default_rng(2)
    truth = np.full((4, 1), 100.0)
    errors = []
    for _ in range(2000):
        noisy = truth + rng.normal(0.0, 10.0, truth.shape)
        total = np.array([[400.0]]) + rng.normal(0.0, 2.0, (1, 1))
        errors.append([noisy.sum() - 400.0, consistent([noisy, total], [10.0, 2.0])[0].sum() - 400.0])
    before, after = np.std(errors, 0)
    assert before == pytest.approx(20.0, rel=0.1)
    assert after == pytest.approx((1 / 400 + 1 / 4) ** -0.5, rel=0.1)  # the inverse variances add up
    assert abs(np.mean(errors, 0)[1]) < 0.2


def test_noise_needs_an_account() -> None:
    with pytest.raises(ValueError, match="noise without an account"):
        release_sums("sum", np.ones(2), 1.0, 1.0, SeededNoise(0), None)
    with pytest.raises(ValueError, match="noise_multiplier must be above 0"):
        release_sums("sum", np.ones(2), 1.0, 0.0, SeededNoise(0), Ledger(None, 1.0))
