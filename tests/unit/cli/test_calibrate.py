"""`patchpact calibrate`: one module and one line are a calibration; the table is written whole or not at all."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from patchpact.cli import calibrate
from patchpact.cli.main import main
from patchpact.ecosystem.registry import Calibration
from patchpact.scenarios import tables
from patchpact.scenarios.tables import Measurement, read_table

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A calibration ``toy``, whose table comes with a package in ``tmp_path``."""
    module = ModuleType("toy_calibration", "Measure a toy.")

    def configure(parser):
        parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2])
        parser.add_argument("--fast", action="store_true")

    module.configure = configure  # type: ignore[attr-defined]
    module.run = lambda args: Measurement(  # type: ignore[attr-defined]
        [{"size": size, "ms": size / 3} for size in args.sizes], ("numpy",), ("an assumption",)
    )
    monkeypatch.setitem(sys.modules, "toy_calibration", module)
    monkeypatch.setattr(calibrate, "CALIBRATIONS", (Calibration("toy", "toy_calibration", "a toy"),))
    monkeypatch.setattr(tables, "FOLDER", tmp_path / "tables")
    return tmp_path / "tables" / "toy.csv"


def test_the_package_s_table_is_written(toy: Path, capsys: Capture) -> None:
    assert main(["calibrate", "toy"]) == 0
    assert capsys.readouterr().out.endswith(f"{toy}: written\n")
    table = read_table(toy, ("size", "ms"))
    assert table.numbers("size") == (1, 2)
    assert table.provenance["command"] == "patchpact calibrate toy"
    assert table.notes == ("an assumption",)


def test_the_command_is_written_down_as_it_was_given(toy: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "mine.csv"
    assert main(["calibrate", "toy", "--sizes", "3", "4", "--fast", "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["out"] == str(out) and [row["size"] for row in said["rows"]] == [3, 4]
    assert said["provenance"]["command"] == "patchpact calibrate toy --sizes 3 4 --fast"
    assert read_table(out).provenance == said["provenance"]
    assert not toy.exists()


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["toi"], "choose from"),
        (["toy", "--size", "3"], "did you mean --sizes?"),
        (["toy", "--out", "no/such/t.csv"], "make it first"),
        (["toy", "--out", "t.txt"], "name one"),
        ([], "see patchpact calibrate --help"),
    ],
)
def test_bad_input_is_one_line(toy: Path, arguments: list[str], mend: str, capsys: Capture) -> None:
    assert main(["calibrate", *arguments]) == 2
    err = capsys.readouterr().err
    assert mend in err and err.count("\n") == 1
    assert not toy.exists()


def test_a_missing_library_is_named_with_its_extra(toy: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(args):
        raise ModuleNotFoundError("No module named 'rbcl'", name="rbcl")

    monkeypatch.setattr(sys.modules["toy_calibration"], "run", missing)
    assert main(["calibrate", "toy"]) == 2
    assert "needs rbcl; install it with: pip install 'patchpact[platform]'" in capsys.readouterr().err
    assert not toy.exists()
