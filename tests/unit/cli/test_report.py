"""``patchpact report`` finds out what a folder is, and says what is wrong in one line."""

import json
from pathlib import Path

import pytest

from patchpact.cli.main import main
from patchpact.training import TrainConfig

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    (tmp_path / "episodes").mkdir()
    rows = [
        {"scenario": "toy-v1", "policy": policy, "seed": seed, "welfare_keur": -float(seed) + bonus}
        for policy, bonus in (("do-nothing", 0.0), ("net-gain", 2.0))
        for seed in range(4)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "episodes" / "toy-v1.parquet")
    (tmp_path / "benchmark.json").write_text(json.dumps({"suite": "tiny"}))
    return tmp_path


def test_benchmark(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(benchmark)]) == 0
    assert capsys.readouterr().out.startswith(f"{benchmark / 'report.html'}: written")
    assert (benchmark / "report.html").is_file() and (benchmark / "report.md").is_file()
    assert main(["report", str(benchmark), "--out", str(benchmark / "other.html")]) == 0
    assert (benchmark / "other.md").is_file()
    capsys.readouterr()
    assert main(["report", str(benchmark), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"report": str(benchmark / "report.html"), "tables": str(benchmark / "report.md")}


def test_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(TrainConfig(scenario="toy-v1", out=str(tmp_path)).to_json())
    (tmp_path / "report.html").write_text("old")
    assert main(["report", str(tmp_path)]) == 0
    assert "Training run" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}: written\n"


@pytest.mark.parametrize(
    ("name", "content", "mend"),
    [
        (None, "", "name a folder that patchpact benchmark"),
        ("benchmark.json", "{", "make it again"),
        ("benchmark.json", "{}", "run patchpact benchmark again"),
        ("config.json", "{", "config.json"),
    ],
)
def test_bad_folders(
    tmp_path: Path, name: str | None, content: str, mend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name is not None:
        (tmp_path / name).write_text(content)
    assert main(["report", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert mend in err


def test_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err
