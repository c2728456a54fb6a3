"""The user's prices are read whole, or refused in one line with file, row, field and mend."""

from pathlib import Path

import numpy as np
import pytest

from patchpact.ecosystem.portfolio.prices import read_prices
from patchpact.scenarios.errors import ScenarioError

GOOD = ["date,A,Index,B", "2024-01-01,1,100,2.5", "2024-01-02,1.5,101,2.25"]


def written(folder: Path, lines: list[str]) -> Path:
    file = folder / "p.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_prices_and_benchmark_are_read(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, GOOD))
    assert prices.assets == ("A", "B")
    assert prices.values.tolist() == [[1.0, 2.5], [1.5, 2.25]]
    assert prices.index.tolist() == [100.0, 101.0]
    assert [str(day) for day in prices.dates] == ["2024-01-01", "2024-01-02"]


def test_without_a_benchmark_it_is_the_assets_held(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, ["date,A,B", "2024-01-01,1,4", "2024-01-02,2,4"]))
    np.testing.assert_allclose(prices.index, [1.0, 1.5])
    assert "held" in prices.index_note


def test_the_digest_tells_prices_apart(tmp_path: Path) -> None:
    one = read_prices(written(tmp_path, GOOD)).sha256
    other = read_prices(written(tmp_path, [*GOOD[:2], "2024-01-02,1.5,101,2.26"])).sha256
    assert one != other


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([*GOOD, "2024-01-03,nan,102,2"], r"row 4: A: 'nan' is no price; fill it"),
        ([*GOOD, "2024-01-03,1,102,"], r"row 4: B: no price; fill it"),
        ([*GOOD, "2024-01-03,1,102,two"], r"row 4: B: 'two' is no number; write a price"),
        ([*GOOD, "2024-01-03,1,102,0"], r"row 4: B: the price '0' is not above 0; correct it"),
        ([*GOOD, "2024-01-03,-1,102,2"], r"row 4: A: the price '-1' is not above 0; correct it"),
        ([*GOOD, "2024-01-02,1,102,2"], r"row 4: date: 2024-01-02 stands there twice; keep one"),
        ([*GOOD, "2023-12-31,1,102,2"], r"row 4: date: 2023-12-31 comes after 2024-01-02; sort"),
        ([*GOOD, "2024-03-01,1,102,2"], r"row 4: date: 59 days without a row; fill the gap"),
        ([*GOOD, "3.1.2024,1,102,2"], r"row 4: date: '3.1.2024' is no date; write YYYY-MM-DD"),
        ([*GOOD, "2024-01-03,1,102"], r"row 4: row: 3 fields, the head has 4"),
        (["day,A,B", "2024-01-01,1,2"], r"row 1: day: is not named date"),
        (["date,A,a", "2024-01-01,1,2"], r"row 1: A: two columns have this name"),
        (["date,A,", "2024-01-01,1,2"], r"row 1: head: a column has no name"),
        (["date,A,index", "2024-01-01,1,2"], r"row 1: head: fewer than two assets"),
        (GOOD[:2], r"p\.csv: row: 1 rows of prices"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, lines: list[str], says: str) -> None:
    with pytest.raises(ScenarioError, match=says) as caught:
        read_prices(written(tmp_path, lines))
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_a_row_is_counted_as_an_editor_does(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="row 5: B"):
        read_prices(written(tmp_path, [*GOOD, "", "2024-01-03,1,102,x"]))
