"""What is said of a table follows from its columns, by hand, and the page says what the table says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from patchpact.ecosystem.portfolio.results import Walked
from patchpact.scenarios.tables import bundled, read_table

WEEKS = 104

measured = pytest.mark.skipif(
    not bundled("portfolio").is_file(), reason="not measured yet: patchpact calibrate portfolio"
)


def rows(noise: float = 0.0) -> list[dict[str, float | str]]:
    """Two seeds and two starts whose squared errors are 1.1, 1.2, 1.3 and 1.4 times zero's."""
    rng = np.random.default_rng(0)
    zero, moves = rng.uniform(0.02, 0.06, WEEKS), rng.normal(0.002, 0.02, WEEKS)
    found: list[dict[str, float | str]] = []
    for k in range(WEEKS):
        row: dict[str, float | str] = {"decided": f"2020-{k}", "training": k // 52, "zero_rmse": zero[k]}
        for n, (seed, start) in enumerate([(0, 0), (0, 7), (1, 0), (1, 7)]):
            row[f"lstm_seed{seed}_start{start}_rmse"] = zero[k] * (1.1 + 0.1 * n) ** 0.5
        row |= {"realised_rmse": zero[k] * 1.05**0.5, "disclosed_rmse": 0.04, "disclosed_zero_rmse": 0.05}
        row |= {"equal_weight_return": moves[k], "better_return": moves[k] + 0.001, "better_turnover": 0.5}
        found.append(row)
    return found


def test_gains_over_zero() -> None:
    walked = Walked(rows())
    mean = walked.gain_over_zero("lstm")
    # The ratio is the same in every week, so that resampled weeks change nothing.
    assert (mean.value, mean.low, mean.high) == pytest.approx((-0.05, -0.05, -0.05))
    assert walked.gain_of_run(1, 0) == pytest.approx(-0.3)
    one = walked.gain_of_runs()
    assert one.value == pytest.approx(-0.25)
    # Seeds and starts are resampled: from twice the best of both to twice the worst.
    assert (one.low, one.high) == pytest.approx((-0.4, -0.1))
    other = walked.gain_of_runs("lstm")
    assert (other.value, other.low, other.high) == pytest.approx((1 - 1.25 / 1.05, 1 - 1.4 / 1.05, 1 - 1.1 / 1.05))


def test_strategies_in_the_same_weeks() -> None:
    walked = Walked(rows())
    better = walked.earnings(["better"])["sharpe_over_1n"]
    moves = walked.numbers("equal_weight_return")
    assert better.value == pytest.approx(0.001 / moves.std(ddof=1) * 52**0.5)
    assert 0.0 < better.low < better.value < better.high < 2 * better.value, "a constant gain is certain when paired"
    assert walked.sharpe_over("better", "equal_weight") == better
    assert walked.sharpe_over("equal_weight", "better").value == pytest.approx(-better.value)
    assert walked.turnover_a_year("better") == pytest.approx(26.0)
    free = walked.return_before_costs("better", 0.001)
    assert free > walked.earnings(["better"])["return_a_year"].value


def test_disclosed_beside_realised() -> None:
    walked = Walked(rows())
    ratio = walked.realised_over_disclosed()
    realised = walked.numbers("realised_rmse")
    assert ratio.value == pytest.approx((realised**2).mean() ** 0.5 / 0.04)
    assert ratio.low < ratio.value < ratio.high
    first, second = walked.trainings()
    assert (first["from"], second["from"]) == ("2020-0", "2020-52")
    assert first["disclosed_gain"] == pytest.approx(1 - 0.04**2 / 0.05**2)
    assert first["realised_gain"] == pytest.approx(-0.05)


@pytest.fixture
def writer(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_portfolio", repository / "tools" / "write_portfolio.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@measured
def test_the_page_is_what_the_table_says(writer: ModuleType, repository: Path) -> None:
    text = writer.page(read_table(bundled("portfolio")))
    assert (repository / "docs" / "portfolio.md").read_text(encoding="utf-8") == text


@measured
def test_a_table_of_other_settings_has_no_page(writer: ModuleType, tmp_path: Path) -> None:
    text = bundled("portfolio").read_text(encoding="utf-8")
    file = tmp_path / "t.csv"
    file.write_text(text.replace("# note: split: train ", "# note: split: train 1"), encoding="utf-8")
    with pytest.raises(ValueError, match="measure anew without --small"):
        writer.page(read_table(file))


@measured
def test_the_bundled_table_is_of_the_full_walk() -> None:
    table = read_table(bundled("portfolio"))
    assert table.provenance["command"] == "patchpact calibrate portfolio"
    assert [int(number) for number in table.numbers("window")] == list(range(len(table.rows)))
    decided, ends = table.texts("decided"), table.texts("ends")
    assert decided[1:] == ends[:-1], "weeks follow each other without a gap"
    assert all(a < b for a, b in zip(decided, ends, strict=True))
    walked = Walked(table)
    assert len({seed for seed, _ in walked.runs()}) >= 5 and len({start for _, start in walked.runs()}) >= 2
    np.testing.assert_allclose(walked.numbers("max_ratio_last_return") > -1.0, True)
