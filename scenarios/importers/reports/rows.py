"""Rows of a CSV file as records."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.reports.fields import Record


def header_of(text: str) -> list[str]:
    """The columns that the first line names; [] if it is no line of CSV."""
    try:
        return [cell.strip() for cell in next(csv.reader([text.partition("\n")[0].strip("\r")], strict=True), [])]
    except csv.Error:
        return []


def csv_rows(text: str, name: str, required: Sequence[str], before: int = 0) -> Iterator[Record]:
    """The rows under a header that has the `required` columns; blank lines are passed over.

    `before`: lines of the file that stand before the text.

    ScenarioError for a missing or repeated column, more cells than the header and an open quote.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        for column in required:
            if column not in header:
                raise ScenarioError(
                    name, f"line {1 + before}", f"no column {column}", "write a header with the format's columns"
                )
        twice = next((column for column in header if column and header.count(column) > 1), None)
        if twice is not None:
            raise ScenarioError(name, f"line {1 + before}, {shown(twice)}", "a column stands twice", "keep one")
        for cells in reader:
            if not any(cells):
                continue
            place = f"line {reader.line_num + before}"
            if len(cells) > len(header):
                raise ScenarioError(name, place, "more cells than the header", "quote cells with commas")
            yield Record(dict(zip(header, cells, strict=False)), name, place)
    except csv.Error as error:
        raise ScenarioError(name, f"near line {reader.line_num + before}", str(error), "correct the CSV") from None
