"""Prices of assets by trading day: the bundled sample of S&P 500 shares, or the user's own CSV file."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.reading import read_source

INDEX_COLUMN = "index"
"""The column of a CSV file that is the benchmark and no asset, in any case of letters."""
LONGEST_GAP_DAYS = 14
"""Rows farther apart than this (assumption) are taken for a hole in the data: no exchange closed for longer."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """Closing prices, oldest first, all positive and finite.

    Attributes:
        source: what they are, for people.
        sha256: of all dates and prices.
        index_note: what the benchmark is.
    """

    source: str
    dates: tuple[date, ...]  # (rows,)
    assets: tuple[str, ...]  # (assets,)
    values: Floats  # (rows, assets)
    index: Floats  # (rows,)
    index_note: str

    @property
    def sha256(self) -> str:
        """A digest of all dates, names and prices."""
        found = hashlib.sha256("\n".join([*map(str, self.dates), *self.assets]).encode())
        found.update(np.ascontiguousarray(self.values).tobytes())
        found.update(np.ascontiguousarray(self.index).tobytes())
        return found.hexdigest()

    def last_rows(self, rows: int) -> Prices:
        """Only the newest ``rows`` of them."""
        start = max(len(self.dates) - rows, 0)
        return Prices(
            self.source, self.dates[start:], self.assets, self.values[start:], self.index[start:], self.index_note
        )


def bundled_prices() -> Prices:
    """Twenty shares of the S&P 500 by day, 1990 to 2022, as they come with skfolio; nothing is downloaded.

    Shares are adjusted for splits and dividends; the index is a price index, without dividends.
    """
    from skfolio.datasets import load_sp500_dataset, load_sp500_index

    shares, index = load_sp500_dataset(), load_sp500_index()
    both = shares.join(index, how="inner")
    return Prices(
        "20 shares of the S&P 500, bundled with skfolio (load_sp500_dataset, load_sp500_index)",
        tuple(moment.date() for moment in both.index),
        tuple(str(name) for name in shares.columns),
        both[list(shares.columns)].to_numpy(np.float64),
        both[index.columns[0]].to_numpy(np.float64),
        "S&P 500 price index, without dividends",
    )


def read_prices(file: Path) -> Prices:
    """Prices from a CSV file: a column ``date`` (YYYY-MM-DD), then one column an asset.

    A column named ``index`` is the benchmark; without one it is the assets bought once in equal parts and held.

    Raises:
        ScenarioError: one line with file, row, field and mend, for whatever is not a table of positive prices with
            dates in order.
    """
    lines = csv.reader(io.StringIO(read_source(file, str(file)), newline=""))
    head: list[str] = []
    dates: list[date] = []
    rows: list[list[float]] = []
    for line in _lines(file, lines):
        where = f"{file}: row {lines.line_num}"
        if not head:
            head = [name.strip() for name in line]
            _check_head(where, head)
            continue
        if len(line) != len(head):
            raise ScenarioError(where, "row", f"{len(line)} fields, the head has {len(head)}", "give one for each")
        dates.append(_date(where, line[0], dates[-1] if dates else None))
        rows.append([_price(where, field, text) for field, text in zip(head[1:], line[1:], strict=True)])
    if len(rows) < 2:
        raise ScenarioError(str(file), "row", f"{len(rows)} rows of prices", "give a history of some years")
    table = np.array(rows)
    benchmark = [k for k, name in enumerate(head[1:]) if name.lower() == INDEX_COLUMN]
    assets = [k for k in range(len(head) - 1) if k not in benchmark]
    values = np.ascontiguousarray(table[:, assets])
    if benchmark:
        index, note = np.ascontiguousarray(table[:, benchmark[0]]), "column index of the file"
    else:
        index, note = (values / values[0]).mean(1), "the assets, bought once in equal parts and held"
    return Prices(file.name, tuple(dates), tuple(head[1 + k] for k in assets), values, index, note)


def _lines(file: Path, lines: Iterator[list[str]]) -> Iterator[list[str]]:
    """Lines with anything on them."""
    try:
        yield from (line for line in lines if line)
    except csv.Error as error:
        raise ScenarioError(str(file), "file", f"no CSV: {error}", "save it as plain CSV") from None


def _check_head(where: str, head: list[str]) -> None:
    if head[0].lower() != "date":
        raise ScenarioError(where, head[0] or "first column", "is not named date", "begin the head with date")
    for name in head[1:]:
        if not name:
            raise ScenarioError(where, "head", "a column has no name", "name it after its asset")
        if [other.lower() for other in head].count(name.lower()) > 1:
            raise ScenarioError(where, name, "two columns have this name", "rename or remove one")
    if sum(name.lower() != INDEX_COLUMN for name in head[1:]) < 2:
        raise ScenarioError(where, "head", "fewer than two assets", "give a column for each of two or more assets")


def _date(where: str, text: str, before: date | None) -> date:
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        raise ScenarioError(where, "date", f"{shown(text)} is no date", "write YYYY-MM-DD") from None
    if before is not None and found == before:
        raise ScenarioError(where, "date", f"{found} stands there twice", "keep one row a day")
    if before is not None and found < before:
        raise ScenarioError(where, "date", f"{found} comes after {before}", "sort the rows, oldest first")
    if before is not None and (found - before).days > LONGEST_GAP_DAYS:
        days = (found - before).days
        raise ScenarioError(where, "date", f"{days} days without a row", "fill the gap, or begin the file after it")
    return found


def _price(where: str, field: str, text: str) -> float:
    if not text.strip():
        raise ScenarioError(where, field, "no price", "fill it, or leave the asset or the row out")
    try:
        price = float(text)
    except ValueError:
        raise ScenarioError(where, field, f"{shown(text)} is no number", "write a price such as 101.5") from None
    if not math.isfinite(price):
        raise ScenarioError(where, field, f"{shown(text)} is no price", "fill it, or leave the asset or the row out")
    if price <= 0.0:
        raise ScenarioError(where, field, f"the price {shown(text)} is not above 0", "correct it")
    return price
