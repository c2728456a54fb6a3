"""The ledger says what dp-accounting says, keeps its word over crashes, and never lets a budget be overrun."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from patchpact.ecosystem.federated.ledger import BudgetError, Ledger, LedgerError, Release, epsilon

dp_accounting = pytest.importorskip("dp_accounting")


@pytest.mark.parametrize(
    ("release", "delta", "expected"),
    [  # as dp-accounting's own tests state them (pld/accountant_test.py)
        (Release("sum", 1 / 3), 0.78760074, 1.0),
        (Release("sums", 10 / 6, 25), 0.78760074, 1.0),
        pytest.param(Release("sampled", 0.67379294682, 1, 0.01), 1e-5, 1.0, marks=pytest.mark.slow),
        pytest.param(Release("sampled", 3.20956502598 / 6, 25, 0.001), 1e-5, 1.0, marks=pytest.mark.slow),
    ],
)
def test_published_examples(release: Release, delta: float, expected: float) -> None:
    assert epsilon([release], delta) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_mixed_releases_compose_as_dp_accounting_composes_them() -> None:
    from dp_accounting.pld import PLDAccountant

    releases = [Release("a", 4.0), Release("b", 6.0, 5), Release("c", 1.1, 8, 0.2), Release("d", 1.1, 2, 0.2)]
    theirs = PLDAccountant()
    for one in releases:
        event = dp_accounting.GaussianDpEvent(one.noise_multiplier)
        if one.sampling_probability < 1.0:
            event = dp_accounting.PoissonSampledDpEvent(one.sampling_probability, event)
        theirs.compose(event, one.count)
    assert epsilon(releases, 1e-5) == pytest.approx(theirs.get_epsilon(1e-5), abs=2e-4)
    only_sums = PLDAccountant().compose(dp_accounting.GaussianDpEvent((1 / 16 + 5 / 36) ** -0.5))
    assert epsilon(releases[:2], 1e-5) == pytest.approx(only_sums.get_epsilon(1e-5), abs=1e-6)


def test_a_budget_is_never_overrun(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    ledger = Ledger(file, 2.0)
    ledger.charge(Release("totals", 4.0))
    before = file.read_bytes()
    with pytest.raises(BudgetError, match=r"epsilon 0\.9263 of 2 is spent, and 'model' would make it .*; release less"):
        ledger.charge(Release("model", 2.0))
    assert file.read_bytes() == before and len(ledger.releases) == 1
    again = Ledger(file, 2.0)
    assert again.spent() == ledger.spent() and again.releases == ledger.releases
    with pytest.raises(BudgetError):
        again.check([Release("a", 3.0), Release("b", 3.0), Release("c", 3.0)])
    ledger.check([Release("more", 3.0)])  # would fit so far
    again.charge(Release("scores", 3.0))
    assert ledger.releases != again.releases
    with pytest.raises(BudgetError):  # the first one reads what the second one has charged
        ledger.charge(Release("more", 3.0))


def test_who_charges_at_once_overruns_nothing(tmp_path: Path) -> None:
    def charge(number: int) -> bool:
        try:
            Ledger(tmp_path / "ledger.json", 2.0).charge(Release(f"release {number}", 6.0))
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        charged = sum(pool.map(charge, range(16)))
    ledger = Ledger(tmp_path / "ledger.json", 2.0)
    assert 0 < charged < 16 and len(ledger.releases) == charged and ledger.spent() <= 2.0


KILLED = """
import os, signal, sys
from pathlib import Path
from patchpact.ecosystem.federated import aggregates
from patchpact.ecosystem.federated.ledger import Ledger
from patchpact.ecosystem.federated.noise import SystemNoise
import numpy as np

aggregates.gaussian = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # after the charge, before the release
print(aggregates.release_sums("totals", np.ones(3), 1.0, 4.0, SystemNoise(), Ledger(Path(sys.argv[1]), 1.2)))
"""


def test_a_crash_between_charge_and_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As below, without a process of its own."""
    import numpy as np

    from patchpact.ecosystem.federated import aggregates
    from patchpact.ecosystem.federated.noise import SystemNoise

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(aggregates, "gaussian", crash)
    file = tmp_path / "ledger.json"
    with pytest.raises(KeyboardInterrupt):
        aggregates.release_sums("totals", np.ones(3), 1.0, 4.0, SystemNoise(), Ledger(file, 1.2))
    ledger = Ledger(file, 1.2)
    assert [one.what for one in ledger.releases] == ["totals"]
    with pytest.raises(BudgetError):
        ledger.charge(Release("totals", 4.0))


@pytest.mark.slow
def test_killed_between_charge_and_release(tmp_path: Path) -> None:
    """The charge stands though nothing was released; after a restart the rest of the budget is all there is."""
    file = tmp_path / "ledger.json"
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], capture_output=True, timeout=900, check=False)
    assert done.returncode == -signal.SIGKILL and not done.stdout
    ledger = Ledger(file, 1.2)
    assert [one.what for one in ledger.releases] == ["totals"] and ledger.spent() > 0.9
    with pytest.raises(BudgetError):
        ledger.charge(Release("totals", 4.0))


def test_killed_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was charged before stays; the charge that was not finished was not granted."""
    file = tmp_path / "ledger.json"
    Ledger(file, 2.0).charge(Release("totals", 4.0))
    ledger = Ledger(file, 2.0)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            ledger.charge(Release("scores", 6.0))
    (tmp_path / "ledger.json.new").write_text("{", encoding="utf-8")  # as a kill leaves it
    assert [one.what for one in Ledger(file, 2.0).releases] == ["totals"]
    ledger.charge(Release("scores", 6.0))
    assert len(Ledger(file, 2.0).releases) == 2


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "budget_epsilon": 2.0, "delta": 1e-5, "entries": [{}]}']
)
def test_a_broken_ledger_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ledger.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LedgerError, match=r"ledger\.json: entries: is no ledger .*restore it, do not delete it"):
        Ledger(file, 2.0)
    assert file.read_text(encoding="utf-8") == text


def test_a_budget_is_set_once(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    Ledger(file, 2.0).charge(Release("totals", 4.0))
    for budget, delta in ((8.0, 1e-5), (2.0, 1e-3)):
        with pytest.raises(LedgerError, match="a budget is set once"):
            Ledger(file, budget, delta)


def test_charges_cannot_be_taken_back(tmp_path: Path) -> None:
    file = tmp_path / "ledger.json"
    ledger = Ledger(file, 2.0)
    ledger.charge(Release("totals", 4.0))
    said = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**said, "entries": []}), encoding="utf-8")
    with pytest.raises(LedgerError, match="removed while it was in use"):
        ledger.charge(Release("scores", 6.0))


@pytest.mark.parametrize(
    ("multiplier", "count", "sampling"),
    [
        (0.0, 1, 1.0),
        (-1.0, 1, 1.0),
        (float("nan"), 1, 1.0),
        (float("inf"), 1, 1.0),
        (1.0, 0, 1.0),
        (1.0, 1, 0.0),
        (1.0, 1, 1.5),
    ],
)
def test_a_release_without_noise_cannot_be_charged(multiplier: float, count: int, sampling: float) -> None:
    with pytest.raises(LedgerError, match="correct it"):
        Release("sum", multiplier, count, sampling)


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_is_a_number(budget: float) -> None:
    with pytest.raises(LedgerError, match="correct them"):
        Ledger(None, budget)
