"""`patchpact calibrate portfolio` from prices to a table, with the user's file and with what is bundled."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from patchpact.cli.main import main
from patchpact.ecosystem.portfolio.prices import Prices, bundled_prices
from patchpact.scenarios.tables import read_table

Capture = pytest.CaptureFixture[str]


def saved(folder: Path, prices: Prices) -> Path:
    file = folder / "mine.csv"
    lines = [",".join(["date", *prices.assets, "index"])]
    for day, values, index in zip(prices.dates, prices.values, prices.index, strict=True):
        lines.append(",".join([day.isoformat(), *(repr(float(value)) for value in (*values, index))]))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_the_user_s_prices(make_prices: Callable[..., Prices], tmp_path: Path, capsys: Capture) -> None:
    prices = make_prices(rows=500, assets=2)
    file, out = saved(tmp_path, prices), tmp_path / "table.csv"
    command = ["calibrate", "portfolio", "--small", "--jobs", "1", "--data", str(file), "--out", str(out), "--json"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["provenance"]["command"] == f"patchpact calibrate portfolio --data {file} --small --jobs 1"
    table = read_table(out)
    assert any(prices.sha256 in note and "mine.csv" in note for note in table.notes)
    days = {day.isoformat(): k for k, day in enumerate(prices.dates)}
    at, end = days[table.texts("decided")[3]], days[table.texts("ends")[3]]
    moves = prices.values[end] / prices.values[at] - 1.0
    assert table.numbers("zero_rmse")[3] == pytest.approx((moves**2).mean() ** 0.5, rel=1e-5)
    assert table.numbers("index_return")[3] == pytest.approx(prices.index[end] / prices.index[at] - 1.0, rel=1e-4)
    traded = np.array(table.numbers("equal_weight_turnover"))
    gross = (1 + np.array(table.numbers("equal_weight_return"))) / (1 - 0.001 * traded) - 1
    assert gross[3] == pytest.approx(moves.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["date,A,B", "2024-01-01,1,2", "2024-01-02,1,NaN"], "row 3: B: 'NaN' is no price; fill it"),
        (["date,A,B", "2024-01-01,1,2", "2024-01-02,1,2"], "weeks of history after the first rows are not enough"),
    ],
)
def test_bad_prices_are_one_line_and_no_table(tmp_path: Path, lines: list[str], says: str, capsys: Capture) -> None:
    file, out = tmp_path / "bad.csv", tmp_path / "t.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    assert main(["calibrate", "portfolio", "--data", str(file), "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not out.exists()


def test_bad_jobs_are_one_line(capsys: Capture) -> None:
    assert main(["calibrate", "portfolio", "--jobs", "0"]) == 2
    assert "give 1 to 64" in capsys.readouterr().err


def test_what_is_bundled_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    prices = bundled_prices()
    assert prices.values.shape == (8313, 20) and prices.index.shape == (8313,)
    assert (prices.values > 0).all() and list(prices.dates) == sorted(set(prices.dates))


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    tables = []
    for jobs in ("1", "2"):
        out = tmp_path / f"{jobs}.csv"
        assert main(["calibrate", "portfolio", "--small", "--jobs", jobs, "--out", str(out)]) == 0
        tables.append(read_table(out))
    assert tables[0].rows == tables[1].rows and len(tables[0].rows) > 20
