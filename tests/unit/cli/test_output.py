"""Tables for people and JSON for machines."""

import json

import numpy as np
import pytest

from patchpact.cli.output import print_json, shown, table
from patchpact.scenarios.jsonable import plain

ROWS = [
    {"policy": "random", "welfare_keur": -1234.5678},
    {"policy": "a|b", "welfare_keur": np.float64(3.14159)},
]


def test_columns_are_aligned_numbers_to_the_right() -> None:
    assert table(ROWS).splitlines() == [
        "policy  welfare_keur",
        "------  ------------",
        "random        -1,235",
        "a|b             3.14",
    ]


def test_markdown() -> None:
    assert table(ROWS, markdown=True).splitlines() == [
        "| policy | welfare_keur |",
        "|--------|-------------:|",
        "| random |       -1,235 |",
        "| a\\|b   |         3.14 |",
    ]


def test_a_missing_cell_shows_as_a_dash() -> None:
    assert table([{"a": 1}, {"b": float("nan")}]).splitlines()[2:] == ["  1    -", "  -    -"]


def test_no_rows() -> None:
    assert table([], ["a"]).splitlines() == ["a", "---"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (None, "-"),
        (12, "12"),
        (1234567, "1,234,567"),
        (0.000123456, "0.000123"),
        (99.96, "100.0"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert shown(value) == text


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"a": np.int64(3), "b": float("nan"), "c": np.arange(2.0), "d": (True, None, np.bool_(False))}
    print_json(value)
    assert json.loads(capsys.readouterr().out) == {
        "a": 3,
        "b": None,
        "c": [0.0, 1.0],
        "d": [True, None, False],
    }
    assert plain(float("inf")) is None
