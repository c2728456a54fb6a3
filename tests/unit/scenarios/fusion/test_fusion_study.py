import csv
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from patchpact.scenarios.fusion.tables import load_tables

ROOT = Path(__file__).resolve().parents[4]
SHARED = Path(os.environ.get("PATCHPACT_SHARED_DATA", ROOT.parent / "shared" / "data"))
needs_cases = pytest.mark.skipif(
    not (SHARED / "vulns" / "owasp_benchmark_1_2_cases.csv").is_file(), reason="the verdicts per case are not here"
)


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("fusion_study", ROOT / "tools" / "fusion_study.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["fusion_study"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fusion_study"]


@pytest.fixture(scope="module")
def suites(study):
    return [study.read_suite("1_1"), study.read_suite("1_2")]


@pytest.fixture(scope="module")
def unseen_weaknesses(study, suites):
    return {suite.name: study.by_weakness(suites, suite) for suite in suites}


def test_average_precision_takes_ties_together(study):
    score, cases = np.array([3.0, 2.0, 2.0, 1.0]), np.ones(4)
    # Two of three shown after the tie, then three of four.
    assert study.average_precision(score, np.array([1.0, 1.0, 0.0, 1.0]), cases) == pytest.approx(
        1 / 3 * 1 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 4
    )
    assert study.average_precision(np.zeros(4), np.array([1.0, 0.0, 0.0, 0.0]), cases) == pytest.approx(0.25)


def test_calibration_measures(study):
    chance, real, cases = np.array([0.25, 0.85]), np.array([10.0, 80.0]), np.array([40.0, 100.0])
    assert study.calibration_error(chance, real, cases) == pytest.approx(5.0 / 140)
    assert study.brier(np.array([0.5]), np.array([1.0]), np.array([4.0])) == pytest.approx(0.25)
    assert study.log_loss(np.array([0.5]), np.array([1.0]), np.array([4.0])) == pytest.approx(np.log(2))


def test_what_is_hidden_leaves_no_trace(study):
    """Turning round every label and verdict of the hidden weakness and tool changes nothing that is fitted."""
    rng = np.random.default_rng(3)
    names = rng.choice(["sql-injection", "weak-hash", "cross-site-scripting"], 300)

    def made(real, flags):
        return study.Suite("toy", ["a", "b", "zap"], names, real, flags, np.zeros(300, dtype=int))

    real, flags = rng.random(300) < 0.5, rng.random((300, 3)) < 0.4
    hidden = names == "weak-hash"
    other_real, other_flags = real ^ hidden, flags.copy()
    other_flags[hidden] ^= True
    other_flags[:, 1] ^= True

    def fitted(suite):
        return study.fit([suite], lambda tool, name: tool != "b" and name != "weak-hash")

    one, other = fitted(made(real, flags)), fitted(made(other_real, other_flags))
    assert {tool for tool, _ in one.cells} == {"a", "zap"}
    assert {name for _, name in one.cells} == {"sql-injection", "cross-site-scripting"}
    assert one.cells == other.cells and one.rates == other.rates


def test_rates_of_unseen_tools_and_weaknesses_come_from_the_level_above(study):
    good, bad = study.Cell(90, 100, 10, 100), study.Cell(50, 100, 50, 100)
    rates = study.pooled_rates({("a", "sql-injection"): good, ("a", "weak-hash"): good, ("b", "sql-injection"): bad})
    one = rates["a", "sql-injection"]
    assert rates["sast", "sql-injection"].true_positive < one.true_positive < 0.9
    assert one.true_strength == study.CELL_CAP + study.CELL_PRIOR
    assert rates["sast", "use"].false_positive < rates["sast", "flow"].false_positive
    assert rates["b", "use"].false_positive > rates["sast", "use"].false_positive - 1e-9
    assert ("iast", "") in rates and ("b", "weak-hash") not in rates


@needs_cases
def test_the_fused_ranking_of_unseen_weaknesses_beats_the_simple_rules(study, suites, unseen_weaknesses):
    for suite in suites:
        scored = unseen_weaknesses[suite.name]
        assert scored.cases.sum() == len(suite.real)
        values = study.measured([scored], None)
        for name in ("best single tool", "majority vote", "union", "noisy-OR", "naive Bayes"):
            assert values["fused", "ap"] > values[name, "ap"] + 0.03
        assert values["fused", "log_loss"] < values["naive Bayes", "log_loss"]


@needs_cases
def test_the_report_says_what_the_study_finds(study, unseen_weaknesses):
    with (ROOT / "docs" / "fusion.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["setting"] == "weakness" and row["measure"] == "ap"]
    for name, scored in unseen_weaknesses.items():
        values = study.measured([scored], None)
        written = {row["method"]: float(row["value"]) for row in rows if row["suite"] == name}
        assert set(written) == set(study.METHODS)
        for method, value in written.items():
            assert values[method, "ap"] == pytest.approx(value, abs=2e-3)


@needs_cases
def test_the_shipped_tables_are_what_the_study_writes(study, suites, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "SHIPPED", tmp_path)
    study.write_shipped(suites)
    folder = ROOT / "scenarios" / "fusion"
    assert (tmp_path / "rates.csv").read_text() == (folder / "rates.csv").read_text()
    with (tmp_path / "weights.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            assert load_tables().weights[row["name"]] == pytest.approx(float(row["value"]), abs=2e-3)
