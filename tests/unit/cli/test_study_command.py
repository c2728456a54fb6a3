"""``patchpact study``: what it refuses, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patchpact.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: STUDY"),
        (["core"], "say one of --out DIR"),
        (["core", "--check", "--out", "x"], "say one of --out DIR"),
        (["kore", "--check"], "no such study; did you mean 'core'"),
        (["core", "--report", "nowhere"], "nowhere: holds no study (no study.json)"),
        (["core", "--power", "nowhere"], "nowhere: holds no study (no study.json)"),
        (["core", "--out", "x", "--jobs", "0"], "'0' is not a whole number from 1 on"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_check_counts_cells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "core", "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    full = found["forms"]["full"]
    assert found["arms"] == 12
    assert full["trainings"] == 3 * (10 * 10 + 2 * 3)  # topologies, seeds of ten arms, of two exploratory ones
    assert full["cells"] == full["trainings"] + 3 * 12 * 4


def test_the_report_of_another_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "study.json").write_text('{"study": "other", "form": "small"}', encoding="utf-8")
    assert main(["study", "core", "--report", str(tmp_path)]) == 2
    assert "holds the study other, not core" in capsys.readouterr().err
