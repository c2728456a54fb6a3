"""The report of a training run."""

import json
from pathlib import Path

import pytest

from patchpact.training import TrainConfig
from patchpact.training.reports.files import ReportError
from patchpact.training.reports.run import write_run_report


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "<run>"
    folder.mkdir()
    (folder / "config.json").write_text(TrainConfig(scenario="toy-v1", out=str(folder)).to_json())
    lines = ["iteration,timesteps,welfare_keur", "1,100,nan", "2,200,-50.5", "3,300,-40.25"]
    (folder / "progress.csv").write_text("\n".join(lines) + "\n")
    rows = [
        {"scenario": "toy-v1", "policy": "<b>", "episodes": 8, "welfare_keur": -3.25},
        {"scenario": "toy-v1", "policy": "random", "episodes": 8, "welfare_keur": float("nan")},
    ]
    (folder / "evaluation.json").write_text(json.dumps(rows))
    return folder


def test_curve_evaluation_and_settings(run: Path) -> None:
    file = write_run_report(run)
    assert file == run / "report.html"
    text = file.read_text(encoding="utf-8")
    assert "<h1>Training run &lt;run&gt;</h1>" in text
    assert "&lt;b&gt;" in text and "<b>" not in text
    assert text.count("<svg") == 2
    assert "−3.2" in text and ">–<" in text
    assert "timesteps" in text
    assert "<script" not in text
    assert write_run_report(run, run / "other.html") == run / "other.html"


def test_little_is_enough(run: Path) -> None:
    (run / "progress.csv").unlink()
    (run / "evaluation.json").unlink()
    text = write_run_report(run).read_text(encoding="utf-8")
    assert "Too few iterations for a curve." in text
    assert "Evaluation" not in text


@pytest.mark.parametrize(
    ("name", "content"),
    [("evaluation.json", "[{"), ("evaluation.json", "{}"), ("progress.csv", "a,b\n1,2\n")],
)
def test_what_cannot_be_read_is_named(run: Path, name: str, content: str) -> None:
    (run / name).write_text(content)
    with pytest.raises(ReportError, match=name) as caught:
        write_run_report(run)
    assert "\n" not in str(caught.value)
