"""Tables of measurements that the game looks up: a CSV file whose first lines say where its numbers come from.

# table: claims
# command: patchpact calibrate claims
# date: 2026-01-31
# machine: Linux x86_64, 2 cores, Python 3.11.9
# libraries: rbcl 1.1.2, pymerkle 7.0.0
# note: what the numbers assume; may be repeated
statement,leaves,prove_ms
sum,16,1.25
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from patchpact.scenarios.errors import closest, shown
from patchpact.scenarios.files import read_text
from patchpact.scenarios.machine import machine

FOLDER = Path(__file__).parent / "tables"
REQUIRED = ("table", "command", "date", "machine", "libraries")
"""What every table says of itself; one that does not is refused."""
Cell = str | int | float | bool


class TableError(ValueError):
    """A table that cannot be used; its text is one line, `<file>: <field>: <problem>; <mend>`."""

    def __init__(self, where: str, field: str, problem: str, mend: str) -> None:
        super().__init__(" ".join(f"{where}: {field}: {problem}; {mend}".split()))


@dataclass(frozen=True)
class Measurement:
    """What a calibration found.

    Args:
        rows: mappings with the columns' names as keys, all the same ones.
        libraries: distributions whose versions matter for the numbers.
        notes: assumptions and conditions, a line each.
        summary: what to print where there are too many rows to read.
    """

    rows: Sequence[Mapping[str, Cell]]
    libraries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    summary: Sequence[Mapping[str, Cell]] = ()


@dataclass(frozen=True)
class Table:
    """A table as read: cells are texts; `numbers` reads a column of them."""

    where: str
    provenance: Mapping[str, str]
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    def texts(self, column: str) -> tuple[str, ...]:
        """The cells of a column. Raises ``TableError`` if there is none of that name."""
        if column not in self.columns:
            raise TableError(self.where, column, "no such column", closest(column, self.columns))
        return tuple(row[column] for row in self.rows)

    def numbers(self, column: str) -> tuple[float, ...]:
        """The cells of a column as finite numbers. Raises ``TableError``, also for what is none."""
        return tuple(_number(text, self.where, f"{column}[{i}]") for i, text in enumerate(self.texts(column)))


def _number(text: str, where: str, field: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TableError(where, field, f"{shown(text)} is no finite number", "correct it, or measure anew")
    return number


def bundled(name: str) -> Path:
    """The table's file that comes with the package, whether or not it has been measured."""
    return FOLDER / f"{name}.csv"


def provenance(name: str, command: str, libraries: Sequence[str]) -> dict[str, str]:
    """The first lines of a table that `command` measures here and now; the date is in UTC."""
    return {
        "table": name,
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "libraries": ", ".join(f"{library} {version(library)}" for library in libraries) or "none",
    }


def table_text(measured: Measurement, said: Mapping[str, str]) -> str:
    """The file's text: provenance, notes, head, rows. Raises ``TableError`` if `said` lacks what is required."""
    where = said.get("table", "table")
    _check_provenance(said, where)
    columns = list(dict.fromkeys(key for row in measured.rows for key in row))
    out = io.StringIO()
    for key, text in [*said.items(), *(("note", note) for note in measured.notes)]:
        out.write(f"# {key}: {' '.join(text.split())}\n")
    writer = csv.DictWriter(out, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for number, row in enumerate(measured.rows):
        if set(row) != set(columns):
            raise TableError(where, f"rows[{number}]", "lacks columns that others have", "fill all columns")
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return out.getvalue()


def _cell(value: Cell) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read_table(path: Path, columns: Collection[str] = ()) -> Table:
    """Read a table; `columns` are those that it must have.

    Raises:
        TableError: for a file without provenance, without one of the columns, or with rows of another length.
        ScenarioError: for a file that cannot be read.
    """
    where = str(path)
    lines = read_text(path, where).splitlines()
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    said: dict[str, str] = {}
    notes: list[str] = []
    for line in lines[:head]:
        key, colon, text = line.removeprefix("#").strip().partition(":")
        if colon and key.strip() == "note":
            notes.append(text.strip())
        elif colon:
            said[key.strip()] = text.strip()
    _check_provenance(said, where)
    cells = list(csv.reader(lines[head:]))
    if len(cells) < 2:
        raise TableError(where, "rows", "there are none", f"measure anew: {said['command']}")
    names, rows = tuple(cells[0]), cells[1:]
    for column in columns:
        if column not in names:
            raise TableError(where, column, "no such column", f"measure anew: {said['command']}")
    for number, row in enumerate(rows, head + 2):
        if len(row) != len(names):
            raise TableError(where, f"line {number}", f"{len(row)} cells for {len(names)} columns", "correct the line")
    return Table(where, said, tuple(notes), names, tuple(dict(zip(names, row, strict=True)) for row in rows))


def _check_provenance(said: Mapping[str, str], where: str) -> None:
    missing = [key for key in REQUIRED if not said.get(key)]
    if missing:
        problem = f"does not say where its numbers come from (no line '# {missing[0]}: ...')"
        raise TableError(where, "provenance", problem, "write it with patchpact calibrate")
