"""What `tools/trivial_strategies.py` and `tools/mechanisms.py` have measured says what the documentation says."""

import csv
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"
STRATEGIES = {"approve-all", "reject-all", "honest-always", "always-disclose-most", "never-insure", "never-audit"}


def read(name):
    with (DOCS / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_trivial_strategy_is_beaten():
    rows = read("trivial_strategies.csv")
    for row in rows:
        assert float(row["gain_low"]) <= float(row["gain_keur"]) <= float(row["gain_high"])
        assert (row["beaten"] == "True") == (float(row["gain_low"]) > 0.0)
    assert {row["strategy"] for row in rows if row["beaten"] == "True"} == STRATEGIES


def test_the_page_of_mechanisms_has_the_measured_figures():
    rows = read("mechanisms.csv")
    lines = [line for line in (DOCS / "mechanisms.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert shown[0] == list(rows[0])
    assert [cells for cells in shown[1:] if not set("".join(cells)) <= set("-: ")] == [list(r.values()) for r in rows]


@pytest.mark.parametrize("row", read("mechanisms.csv"), ids=lambda row: f"{row['mechanism']}: {row['measure']}")
def test_what_moves_follows_from_the_interval(row):
    low, high = float(row["low"]), float(row["high"])
    assert low <= float(row["effect"]) <= high
    assert float(row["with"]) - float(row["without"]) == pytest.approx(float(row["effect"]), abs=0.002)
    assert (row["moves"] == "yes") == (low > 0.0 if row["expected"] == "rises" else high < 0.0)
