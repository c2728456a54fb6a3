"""Tables say where their numbers come from, and are refused if they do not."""

from pathlib import Path

import pytest

from patchpact.scenarios.errors import ScenarioError
from patchpact.scenarios.machine import machine
from patchpact.scenarios.tables import Measurement, TableError, provenance, read_table, table_text

ROWS = [{"name": "a, b", "share": 0.25, "count": 3, "on": True}, {"name": "c", "share": 1e-9, "count": 0, "on": False}]


def written(tmp_path: Path) -> Path:
    file = tmp_path / "t.csv"
    said = provenance("t", "patchpact calibrate t", ["numpy"])
    file.write_text(table_text(Measurement(ROWS, ("numpy",), ("one: two", "an\nassumption")), said), encoding="utf-8")
    return file


def test_what_is_written_is_read(tmp_path: Path) -> None:
    table = read_table(written(tmp_path), ("share", "count"))
    assert table.columns == ("name", "share", "count", "on")
    assert table.texts("name") == ("a, b", "c")
    assert table.numbers("share") == (0.25, 1e-9)
    assert table.numbers("on") == (1, 0)
    assert table.notes == ("one: two", "an assumption")
    assert table.provenance["command"] == "patchpact calibrate t"
    assert table.provenance["libraries"].startswith("numpy ")
    assert table.provenance["machine"] == machine()


@pytest.mark.parametrize("key", ["table", "command", "date", "machine", "libraries"])
def test_a_table_without_provenance_is_refused_in_one_line(tmp_path: Path, key: str) -> None:
    file = written(tmp_path)
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(f"# {key}:")]
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(
        TableError, match=rf"t\.csv: provenance: .*'# {key}: \.\.\.'\); .*patchpact calibrate"
    ) as caught:
        read_table(file)
    assert "\n" not in str(caught.value)


def test_what_is_not_as_it_must_be_is_named(tmp_path: Path) -> None:
    file = written(tmp_path)
    with pytest.raises(TableError, match=r"price: no such column; measure anew: patchpact calibrate t"):
        read_table(file, ("price",))
    with pytest.raises(TableError, match=r"counts: no such column; did you mean 'count'"):
        read_table(file).texts("counts")
    with pytest.raises(TableError, match=r"name\[0\]: 'a, b' is no finite number"):
        read_table(file).numbers("name")
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "d,1\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"line 11: 2 cells for 4 columns"):
        read_table(file)
    file.write_text(text[: text.index("name,share")], encoding="utf-8")
    with pytest.raises(TableError, match="rows: there are none"):
        read_table(file)
    with pytest.raises(ScenarioError, match="no such file"):
        read_table(tmp_path / "none.csv")


def test_no_table_is_written_without_its_provenance_or_with_gaps() -> None:
    with pytest.raises(TableError, match="where its numbers come from"):
        table_text(Measurement(ROWS), {"table": "t"})
    with pytest.raises(TableError, match="lacks columns"):
        table_text(Measurement([{"a": 1}, {"b": 2}]), provenance("t", "c", []))
