"""RLlib's own runner and the batched one learn alike: the committed curves, ``tools/learning_curves.py``."""

import csv
from pathlib import Path

import pytest


def curves(repository: Path) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {}
    with (repository / "docs" / "learning_curves.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            runner = row.pop("runner")
            found.setdefault(runner, []).append({name: float(value) for name, value in row.items()})
    return found


def test_the_intervals_of_both_runners_overlap(repository: Path) -> None:
    found = curves(repository)
    assert set(found) == {"batched", "stock"}
    assert [row["env_steps"] for row in found["batched"]] == [row["env_steps"] for row in found["stock"]]
    assert all(row["runs"] >= 5 for rows in found.values() for row in rows)
    for one, other in zip(found["batched"], found["stock"], strict=True):
        assert one["low"] <= other["high"] and other["low"] <= one["high"], one["env_steps"]


@pytest.mark.parametrize("runner", ["batched", "stock"])
def test_both_learn(repository: Path, runner: str) -> None:
    """Curves that stay flat would agree about nothing: the last is clearly above the first."""
    rows = curves(repository)[runner]
    assert rows[-1]["low"] > rows[0]["high"]
