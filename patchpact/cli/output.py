"""Printing: JSON for machines, aligned plain text for people, Markdown for documents."""

from __future__ import annotations

import json
import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print ``value`` as JSON; numbers that JSON does not know (nan, infinity) become null."""
    from patchpact.scenarios.jsonable import plain

    print(json.dumps(plain(value), indent=1, allow_nan=False, ensure_ascii=False))


def say(as_json: bool, summary: Mapping[str, Any], line: str) -> None:
    """What a command did: for machines, or in a line."""
    if as_json:
        print_json(summary)
    else:
        print(line)


def between_marks(text: str, name: str, block: str) -> str:
    """A page with ``block`` in place of what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{block}\n{end}{after}"


def shown(value: Any) -> str:
    """One cell: five significant digits or more, no exponent for everyday sizes."""
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 100_000 else str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "-"
        size = abs(value)
        if size >= 1000:
            return f"{value:,.0f}"
        if size >= 10:
            return f"{value:.1f}"
        return f"{value:.3g}"
    return " ".join(str(value).split())


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, *, markdown: bool = False) -> str:
    """An aligned table, a row per mapping; numbers to the right.

    Args:
        rows: mappings with the columns' names as keys; a missing one shows as ``-``.
        columns: which columns, in order; all keys in order of appearance when left out.
        markdown: a Markdown table instead of plain text.
    """
    if columns is None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
    values = [[row.get(column) for column in columns] for row in rows]
    cells = [[shown(value) for value in row] for row in values]
    if markdown:
        cells = [[cell.replace("|", "\\|") for cell in row] for row in cells]
    numeric = [bool(rows) and all(_is_number(row[i]) for row in values) for i in range(len(columns))]
    widths = [max(len(columns[i]), 3, *(len(row[i]) for row in cells)) for i in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        parts = [cell.rjust(w) if right else cell.ljust(w) for cell, w, right in zip(row, widths, numeric, strict=True)]
        return f"| {' | '.join(parts)} |" if markdown else "  ".join(parts).rstrip()

    if markdown:
        rule = (
            "|"
            + "|".join("-" * (w + 1) + (":" if right else "-") for w, right in zip(widths, numeric, strict=True))
            + "|"
        )
    else:
        rule = "  ".join("-" * w for w in widths)
    return "\n".join([line(columns), rule, *(line(row) for row in cells)])


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or hasattr(value, "item")


def listing(lines: Sequence[str]) -> str:
    """Lines as a bulleted list, wrapped to the terminal."""
    width = max(60, min(110, shutil.get_terminal_size().columns))
    return "\n".join(textwrap.fill(text, width, initial_indent="- ", subsequent_indent="  ") for text in lines)
