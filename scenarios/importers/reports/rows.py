"""Rows of a CSV file as records."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from patchpact.scenarios.errors import ScenarioError, shown
from patchpact.scenarios.importers.reports.fields import Record

_LONGEST_HEADER = 64_000


def delimiter_of(text: str) -> str:
    """What separates cells in the first line: the most frequent of comma, semicolon and tab outside quotes."""
    line = re.sub(r'"[^"]*"', "", text.partition("\n")[0][:_LONGEST_HEADER])
    return max(",;\t", key=line.count)


def header_of(text: str) -> list[str]:
    """The columns that the first line names; [] if it is no line of CSV."""
    line = text.partition("\n")[0].strip("\r")
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True, delimiter=delimiter_of(line)), [])]
    except csv.Error:
        return []


def csv_rows(
    text: str,
    name: str,
    required: Sequence[str],
    before: int = 0,
    columns_of: Callable[[list[str]], list[str]] | None = None,
) -> Iterator[Record]:
    """The rows under a header that has the `required` columns; blank lines are passed over.

    `before`: lines of the file that stand before the text; `columns_of`: the columns by what the header says.

    ScenarioError for a missing or repeated column, more cells than the header and an open quote.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter_of(text))
    try:
        header = [cell.strip() for cell in next(reader, [])]
        header = columns_of(header) if columns_of else header
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
