"""Persons that tenants reached, or would have reached, with marketing: the data that all measurements read.

A file is a CSV with one line per person:

tenant,person,group,touches,treated,converted,order_eur,activity,tenure
shop_a,p17,0,social>search,1,1,42.50,0.8,0.3

``group`` is 1 in the protected group. ``touches`` are channels in the order of contact; of a person held out
(``treated`` 0) those that it would have met, as ghost ads log them (Johnson, Lewis and Nubbemeyer, 2017, "Ghost ads",
Journal of Marketing Research 54). ``order_eur`` is 0 where ``converted`` is 0; ``activity`` and ``tenure`` are 0 to 1.
Whether a person is treated must have been drawn at random, else uplift is no effect.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from patchpact.scenarios.errors import ScenarioError, closest, shown
from patchpact.scenarios.files import read_text

if TYPE_CHECKING:
    from _csv import Reader

CHANNELS = ("web", "app", "social", "search")
COLUMNS = ("tenant", "person", "group", "touches", "treated", "converted", "order_eur", "activity", "tenure")
MAX_FILE_BYTES = 256_000_000
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Persons:
    """Persons, sorted by tenant; each stands in one tenant, once."""

    tenants: tuple[str, ...]
    tenant: Ints  # (persons,), index into tenants
    group: Bools  # (persons,), in the protected group
    touched: Bools  # (persons, channels), at least one each
    last: Ints  # (persons,), the last channel
    treated: Bools  # (persons,)
    converted: Bools  # (persons,)
    order_eur: Floats  # (persons,)
    covariates: Floats  # (persons, 2), activity and tenure, 0 to 1
    synthetic: bool
    """Made by ``market``: nobody's data, so that noise may be drawn from a seed."""
    repeated: int = 0
    """Lines left out because their person stood in the file before."""

    def __len__(self) -> int:
        return len(self.tenant)

    def where(self, chosen: Bools) -> Persons:
        """Those chosen ``(persons,)``; tenants stay, even without persons."""
        names = ("tenant", "group", "touched", "last", "treated", "converted", "order_eur", "covariates")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})


def load_persons(path: Path) -> Persons:
    """Read a file of persons. Of a person's lines the first counts, wherever the others stand.

    Raises:
        ScenarioError: for a file that cannot be read or a cell that is not as described; of the cells' content
            only an unknown channel is shown.
    """
    where = str(path)
    reader = csv.reader(io.StringIO(read_text(path, where, MAX_FILE_BYTES)))
    head = [name.strip() for name in next(_lines(reader, where), [])]
    for name in COLUMNS:
        if name not in head:
            raise ScenarioError(where, name, "no such column", f"the columns are {','.join(COLUMNS)}")
    unknown = [name for name in head if name not in COLUMNS]
    if unknown:
        raise ScenarioError(where, shown(unknown[0]), "unknown column", closest(unknown[0], COLUMNS))
    if len(set(head)) != len(head):
        raise ScenarioError(where, "columns", "one stands twice", "remove it")
    rows: list[tuple[object, ...]] = []
    seen: set[str] = set()
    repeated = 0
    for cells in _lines(reader, where):
        row = f"row {reader.line_num}"
        if len(cells) != len(head):
            raise ScenarioError(where, row, f"{len(cells)} cells for {len(head)} columns", "correct the line")
        read = _Row(where, row, dict(zip(head, (cell.strip() for cell in cells), strict=True))).read()
        person = str(read[1])
        repeated += person in seen
        if person not in seen:
            seen.add(person)
            rows.append(read)
    if not rows:
        raise ScenarioError(where, "rows", "there are none", "add a line for each person")
    return _persons(rows, repeated)


def _lines(reader: Reader, where: str) -> Iterator[list[str]]:
    """Lines that are not empty."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ScenarioError(where, f"row {reader.line_num}", f"is no CSV ({error})", "correct the line") from None
        if cells:
            yield cells


def _persons(rows: list[tuple[object, ...]], repeated: int) -> Persons:
    names = tuple(sorted({str(row[0]) for row in rows}))
    index = {name: i for i, name in enumerate(names)}
    rows.sort(key=lambda row: index[str(row[0])])
    columns = list(zip(*rows, strict=True))
    touches = columns[3]
    touched = np.zeros((len(rows), len(CHANNELS)), bool)
    for i, path in enumerate(touches):
        touched[i, list(path)] = True
    return Persons(
        tenants=names,
        tenant=np.array([index[str(name)] for name in columns[0]], np.int64),
        group=np.array(columns[2], bool),
        touched=touched,
        last=np.array([path[-1] for path in touches], np.int64),
        treated=np.array(columns[4], bool),
        converted=np.array(columns[5], bool),
        order_eur=np.array(columns[6], np.float64),
        covariates=np.column_stack([np.array(columns[7], np.float64), np.array(columns[8], np.float64)]),
        synthetic=False,
        repeated=repeated,
    )


@dataclass(frozen=True)
class _Row:
    """A line of the file: cells by name, and where it stands."""

    where: str
    row: str
    cells: dict[str, str]

    def read(self) -> tuple[object, ...]:
        converted = self._switch("converted")
        order_eur = self._number("order_eur", lambda x: x >= 0.0, "a number of EUR from 0 on")
        if order_eur and not converted:
            raise self._wrong("order_eur", "an order of a person that did not convert", "write 0, or converted 1")
        return (
            self._text("tenant"),
            self._text("person"),
            self._switch("group"),
            self._touches(),
            self._switch("treated"),
            converted,
            order_eur,
            self._number("activity", lambda x: 0.0 <= x <= 1.0, "a number from 0 to 1"),
            self._number("tenure", lambda x: 0.0 <= x <= 1.0, "a number from 0 to 1"),
        )

    def _wrong(self, field: str, problem: str, mend: str) -> ScenarioError:
        return ScenarioError(self.where, f"{self.row}: {field}", problem, mend)

    def _text(self, field: str) -> str:
        text = self.cells[field]
        if not text or len(text) > 200 or not text.isprintable():
            raise self._wrong(field, "is empty, too long or not printable", "write 1 to 200 printable characters")
        return text

    def _switch(self, field: str) -> bool:
        if self.cells[field] not in ("0", "1"):
            raise self._wrong(field, "is neither 0 nor 1", "write 0 or 1")
        return self.cells[field] == "1"

    def _number(self, field: str, fits: Callable[[float], bool], what: str) -> float:
        try:
            number = float(self.cells[field])
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and fits(number)):
            raise self._wrong(field, f"is not {what}", f"write {what}")
        return number

    def _touches(self) -> tuple[int, ...]:
        names = [name.strip() for name in self.cells["touches"].split(">")]
        for name in names:
            if name not in CHANNELS:
                mend = closest(name, CHANNELS) if name else "name at least one channel, as social>search"
                raise self._wrong("touches", f"no channel {shown(name)}", mend)
        return tuple(CHANNELS.index(name) for name in names)
