"""A tenant moves the sum by the clip at most; what is released is charged before; noise comes from no seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("dp_accounting")
from hypothesis import given
from hypothesis import strategies as st

from patchpact.ecosystem.federated.ledger import BudgetError, Ledger, LedgerError, Release, epsilon
from patchpact.training.federated import server as module
from patchpact.training.federated.server import Server, admit, clipped, noise_multiplier, open_ledger, total
from patchpact.training.federated.settings import FederatedConfig
from patchpact.training.federated.subspace import directions

NO_PROMISE = FederatedConfig(tenants=4, epsilon=0.0, update_clip=0.0)
PRIVATE = FederatedConfig(tenants=4, epsilon=8.0, rounds=3, update_clip=0.5)


def server(settings: FederatedConfig, folder: Path, size: int = 5) -> Server:
    settings = replace(settings, noise_multiplier=noise_multiplier(settings))
    return Server(settings, settings.tenants, np.zeros(size), np.zeros(size), open_ledger(settings, folder))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=8),
    st.floats(1e-6, 1e3),
)
def test_no_update_is_longer_than_the_clip(numbers: list[float], norm: float) -> None:
    update = np.array(numbers)
    found = clipped(update, norm)
    assert np.isfinite(found).all()
    assert np.linalg.norm(found) <= norm * (1.0 + 1e-12)
    if np.isfinite(update).all() and np.abs(update).max() < norm / 8:
        assert (found == update).all()


def test_one_tenant_moves_the_sum_by_the_clip_at_most() -> None:
    rng = np.random.default_rng(0)
    updates = [10.0 ** rng.uniform(-3, 3) * rng.normal(size=40) for _ in range(6)]
    whole = total(updates, 40, 0.5)
    for n in range(6):
        without = total(updates[:n] + updates[n + 1 :], 40, 0.5)
        assert np.linalg.norm(whole - without) <= 0.5 + 1e-12
    assert np.linalg.norm(whole - total(updates[:5], 40, 0.5)) == pytest.approx(0.5), "the bound is reached"


def test_without_clip_and_noise_the_step_is_the_plain_mean(tmp_path: Path) -> None:
    updates = [np.random.default_rng(n).normal(size=5) for n in range(4)]
    one = server(NO_PROMISE, tmp_path)
    one.step(updates)
    np.testing.assert_allclose(one.weights, np.mean(updates, 0), atol=1e-12)
    assert one.epsilon == float("inf")
    assert not list(tmp_path.iterdir()), "no account where nothing is promised"


def test_who_stays_away_counts_in_the_denominator(tmp_path: Path) -> None:
    """A fixed denominator: dividing by who came would tell how many did."""
    one = server(replace(NO_PROMISE, participation=0.5), tmp_path)
    one.step([np.ones(5)])
    np.testing.assert_allclose(one.weights, 1.0 / (0.5 * 4))
    one.step([])
    np.testing.assert_allclose(one.weights, 1.0 / (0.5 * 4))


def test_momentum_goes_on(tmp_path: Path) -> None:
    one = server(replace(NO_PROMISE, server_momentum=0.5, server_lr=2.0), tmp_path)
    one.step([np.full(5, 4.0)])
    one.step([np.zeros(5)])
    np.testing.assert_allclose(one.weights, 2.0 * 1.0 + 2.0 * 0.5)


@pytest.mark.parametrize(("participation", "rounds"), [(1.0, 12), pytest.param(0.3, 4, marks=pytest.mark.slow)])
def test_epsilon_is_dp_accountings(participation: float, rounds: int, tmp_path: Path) -> None:
    from dp_accounting import GaussianDpEvent, NeighboringRelation, PoissonSampledDpEvent
    from dp_accounting.pld import PLDAccountant

    settings = replace(PRIVATE, participation=participation, rounds=rounds, noise_multiplier=4.0)
    one = server(settings, tmp_path)
    for _ in range(rounds):
        one.step([np.ones(5)])
    event = GaussianDpEvent(4.0)
    if participation < 1.0:
        event = PoissonSampledDpEvent(participation, event)
    theirs = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE).compose(event, rounds)
    assert one.epsilon == pytest.approx(theirs.get_epsilon(settings.delta), abs=2e-4)


def test_the_noise_is_the_smallest_that_keeps_within_the_budget() -> None:
    for budget in (0.5, 2.0, 8.0, 64.0):
        settings = replace(PRIVATE, epsilon=budget, rounds=7)
        multiplier = noise_multiplier(settings)
        assert epsilon([Release("all", multiplier, 7)], settings.delta) <= budget
        assert epsilon([Release("all", multiplier / 1.002, 7)], settings.delta) > budget
    with pytest.raises(ValueError, match="epsilon: 1e-09 is too little"):
        noise_multiplier(replace(PRIVATE, epsilon=1e-9, delta=1e-12))


def test_the_budget_ends_in_a_refusal_also_after_a_restart(tmp_path: Path) -> None:
    one = server(PRIVATE, tmp_path)
    for _ in range(PRIVATE.rounds):
        one.step([np.ones(5)])
    assert one.epsilon <= 8.0
    before, account = one.weights.copy(), (tmp_path / "ledger.json").read_bytes()
    with pytest.raises(BudgetError, match=r"budget: epsilon .* of 8 is spent"):
        one.step([np.ones(5)])
    again = server(PRIVATE, tmp_path)
    with pytest.raises(BudgetError):
        again.step([np.ones(5)])
    assert (one.weights == before).all() and (again.weights == 0.0).all()
    assert (tmp_path / "ledger.json").read_bytes() == account


def test_a_crash_before_the_release_is_paid_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    one = server(PRIVATE, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(module, "gaussian", crash)
        with pytest.raises(KeyboardInterrupt):
            one.step([np.ones(5)])
    again = server(PRIVATE, tmp_path)
    assert again.ledger is not None
    assert len(again.ledger.releases) == 1 and again.epsilon > 0.0 and (one.weights == 0.0).all()
    again.step([np.ones(5)])
    again.step([np.ones(5)])
    with pytest.raises(BudgetError):  # the lost round is missing now
        again.step([np.ones(5)])


def test_noise_has_its_size_and_no_seed(tmp_path: Path) -> None:
    np.random.seed(0)  # noqa: NPY002 - to show that it moves nothing
    settings = replace(PRIVATE, noise_multiplier=3.0, rounds=1)
    one, two = (server(settings, made(tmp_path / n), 20_000) for n in "ab")
    for each in (one, two):
        np.random.seed(0)  # noqa: NPY002
        each.step([np.zeros(20_000)] * 4)
    assert (one.weights != two.weights).mean() > 0.99
    for each in (one, two):  # multiplier * clip / tenants
        assert each.weights.std() == pytest.approx(3.0 * 0.5 / 4, rel=0.05)


def test_coins_have_no_seed() -> None:
    many = Server(replace(NO_PROMISE, tenants=400, participation=0.3), 400, np.zeros(1), np.zeros(1), None)
    first, second = many.taking_part(), many.taking_part()
    assert 60 < len(first) < 180
    assert list(first) != list(second)
    everyone = replace(many.settings, participation=1.0)
    assert len(replace(many, settings=everyone).taking_part()) == 400


def test_an_account_of_persons_is_none_of_tenants(tmp_path: Path) -> None:
    file = tmp_path / "persons.json"
    Ledger(file, 8.0, 1e-3).charge(Release("totals", 4.0))
    with pytest.raises(LedgerError, match="unit: is an account of 'a person, added or removed', not of 'a tenant"):
        open_ledger(replace(PRIVATE, ledger=str(file)), tmp_path)


def test_a_run_that_the_budget_does_not_hold_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=r"ledger: budget: epsilon 0 of 8 is spent"):
        admit(replace(PRIVATE, noise_multiplier=0.5, rounds=3))
    admit(replace(PRIVATE, noise_multiplier=0.5, rounds=1))
    with pytest.raises(LedgerError, match="ledger: there is no folder"):
        admit(replace(PRIVATE, noise_multiplier=5.0, ledger=str(tmp_path / "none" / "ledger.json")))


def test_a_promise_needs_an_account() -> None:
    with pytest.raises(ValueError, match="ledger: a budget needs an account and noise"):
        Server(PRIVATE, 4, np.zeros(1), np.zeros(1), None)


def test_noise_stays_in_the_directions_given(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    public = [rng.normal(size=300) for _ in range(3)]
    basis = directions([*public, public[0] - 2.0 * public[1]])
    assert basis.shape == (3, 300), "what is no new direction is left out"
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-9)
    one = server(replace(PRIVATE, rounds=1), tmp_path, 300)
    one.step([rng.normal(size=300) for _ in range(4)], basis)
    np.testing.assert_allclose(one.weights @ basis.T @ basis, one.weights, atol=1e-9)
    assert np.linalg.norm(one.weights) > 0.0


def test_along_the_directions_updates_are_averaged_and_clipped(tmp_path: Path) -> None:
    basis = np.eye(2, 5)
    updates = [np.array([0.3, 0.4, 9.0, 9.0, 9.0])] * 4
    plain = server(NO_PROMISE, tmp_path)
    plain.step(updates, basis)
    np.testing.assert_allclose(plain.weights, [0.3, 0.4, 0.0, 0.0, 0.0])
    bound = server(replace(NO_PROMISE, update_clip=0.05), tmp_path)
    bound.step(updates, basis)
    np.testing.assert_allclose(bound.weights, [0.03, 0.04, 0.0, 0.0, 0.0], err_msg="only what is released is clipped")
