"""A measurement keeps to its budget as a whole, and users' data never goes without ledger or with a seed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patchpact.ecosystem.federated.ledger import BudgetError, Ledger, epsilon
from patchpact.ecosystem.federated.market import Market
from patchpact.ecosystem.federated.measure import NO_NOISE, PARTS, Settings, measure, noise_multipliers, planned
from patchpact.ecosystem.federated.model import Training, uplift
from patchpact.ecosystem.federated.noise import SeededNoise, SystemNoise
from patchpact.ecosystem.federated.persons import Persons
from patchpact.ecosystem.federated.released import market_like, released

pytest.importorskip("dp_accounting")
SETTINGS = Settings(training=Training(rounds=6))


@pytest.mark.parametrize("budget", [0.5, 2.0, 8.0])
def test_noise_uses_the_budget_up_and_no_more(budget: float) -> None:
    multipliers = noise_multipliers(budget, 1e-5, SETTINGS.training)
    assert 0.999 * budget < epsilon(planned(multipliers, SETTINGS.training), 1e-5) <= budget


@pytest.mark.slow
def test_sampling_is_paid_for_as_it_is_done() -> None:
    sampled = replace(SETTINGS.training, sampling_probability=0.2)
    multipliers = noise_multipliers(2.0, 1e-5, sampled)
    assert 1.9 < epsilon(planned(multipliers, sampled), 1e-5) <= 2.0
    assert multipliers["model"] < noise_multipliers(2.0, 1e-5, SETTINGS.training)["model"]
    assert epsilon(planned(multipliers, SETTINGS.training), 1e-5) > 2.0  # all persons in each step would cost more


def test_what_was_planned_is_what_is_charged(persons: Persons) -> None:
    ledger = Ledger(None, 2.0)
    multipliers = noise_multipliers(2.0, 1e-5, SETTINGS.training)
    measure(persons, SETTINGS, multipliers, SeededNoise(0), ledger)
    charged = [(one.noise_multiplier, one.count, one.sampling_probability) for one in ledger.releases]
    plan = [
        (one.noise_multiplier, one.count, one.sampling_probability) for one in planned(multipliers, SETTINGS.training)
    ]
    assert charged == plan and len(charged) == len(PARTS)
    assert 1.999 < ledger.spent() <= 2.0


def test_what_does_not_fit_is_refused_as_a_whole(persons: Persons) -> None:
    ledger = Ledger(None, 2.0)
    with pytest.raises(BudgetError):
        measure(persons, SETTINGS, noise_multipliers(2.5, 1e-5, SETTINGS.training), SeededNoise(0), ledger)
    assert not ledger.releases


def test_users_data_needs_a_ledger_on_disk_and_noise_of_the_system(persons: Persons, tmp_path: Path) -> None:
    theirs, kept = replace(persons, synthetic=False), Ledger(tmp_path / "ledger.json", 2.0)
    with pytest.raises(ValueError, match="never measured without one"):
        measure(theirs, SETTINGS, NO_NOISE, SystemNoise(), None)
    with pytest.raises(ValueError, match="on disk"):
        measure(theirs, SETTINGS, noise_multipliers(2.0, 1e-5, SETTINGS.training), SystemNoise(), Ledger(None, 2.0))
    with pytest.raises(ValueError, match="the operating system's alone"):
        measure(theirs, SETTINGS, noise_multipliers(2.0, 1e-5, SETTINGS.training), SeededNoise(0), kept)
    with pytest.raises(ValueError, match="noise_multiplier must be above 0"):
        measure(theirs, SETTINGS, NO_NOISE, SystemNoise(), kept)
    assert not kept.releases


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from patchpact.ecosystem.federated import fedavg
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.market import Market, draw_persons, draw_tenants
from patchpact.ecosystem.federated.measure import Settings, measure, noise_multipliers
from patchpact.ecosystem.federated.noise import SystemNoise

rng = np.random.default_rng(0)
persons, _ = draw_persons(Market(), draw_tenants(Market(), 2, rng), np.array([50, 50]), rng)
fedavg._within = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # in the first round
settings = Settings()
multipliers = noise_multipliers(2.0, 1e-5, settings.training)
measure(persons, settings, multipliers, SystemNoise(), Ledger(Path(sys.argv[1]), 2.0))
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_the_training(tmp_path: Path, persons: Persons) -> None:
    file = tmp_path / "ledger.json"
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], timeout=900, check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    ledger = Ledger(file, 2.0)
    assert [one.what for one in ledger.releases] == ["totals by tenant", "totals by channel", "model rounds"]
    with pytest.raises(BudgetError):  # once more would be too much
        measure(persons, SETTINGS, noise_multipliers(2.0, 1e-5, SETTINGS.training), SystemNoise(), ledger)
    assert len(Ledger(file, 2.0).releases) == 3


def test_released_is_made_of_releases(persons: Persons) -> None:
    measured = measure(persons, SETTINGS, NO_NOISE, SeededNoise(0), None)
    said = released(measured, persons.tenants, 1000)
    assert sum(row["incentive_cents"] for row in said["tenants"]) in (0, 1000)
    won = (persons.treated & persons.converted).sum()
    for column in ("conversions_shapley", "conversions_last_touch"):
        assert sum(row[column] for row in said["channels"]) == pytest.approx(won, abs=1e-4)
    worth = 0.5 * measured.order_eur * uplift(measured.trained.weights, persons) > 1.0
    shares = [worth[persons.group == g].mean() for g in (False, True)]
    assert said["parity"]["gap"] == pytest.approx(abs(shares[0] - shares[1]))


def test_a_market_like_it_has_its_law(persons: Persons) -> None:
    """Log-odds of the drawn market are those of the released model."""
    measured = measure(persons, SETTINGS, NO_NOISE, SeededNoise(0), None)
    market = market_like(measured)
    terms = np.column_stack([np.ones(len(persons)), 2.0 * persons.covariates - 1.0, persons.touched])
    untreated = terms @ np.array(market.baseline)
    treated = untreated + terms @ np.array(market.effect)
    gain = 1.0 / (1.0 + np.exp(-treated)) - 1.0 / (1.0 + np.exp(-untreated))
    np.testing.assert_allclose(gain, uplift(measured.trained.weights, persons), atol=1e-12)
    np.testing.assert_allclose(market.reach, persons.touched.mean(0), atol=1e-9)
    assert market.protected_share == pytest.approx(persons.group.mean()) and isinstance(market, Market)
