"""Small pieces that sections of a benchmark's report share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from patchpact.training.reports import page
from patchpact.training.reports.page import Figure, Table, interval, number
from patchpact.training.stats import Estimate

ROWS_SHOWN = 12
"""Of a long table; the others are folded."""


def estimated(estimate: Estimate, digits: int = 2, signed: bool = False) -> Figure:
    """An estimate with its interval, in a cell."""
    return Figure(number(estimate.value, digits, signed), interval(estimate.low, estimate.high, digits, signed))


def in_words(estimate: Estimate, digits: int = 2, unit: str = "", signed: bool = False) -> str:
    """A figure with its interval in words."""
    value = number(estimate.value, digits, signed) + unit
    if not math.isfinite(estimate.low):
        return f"{value} (no interval)"
    return f"{value} (95% interval {interval(estimate.low, estimate.high, digits, signed)})"


def counted(n: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{n:,} {one if n == 1 else many}"


def with_columns(table: Table, keys: Sequence[str]) -> Table:
    """A table with these columns alone."""
    return replace(table, columns=[column for column in table.columns if column.key in keys])


def folded_after_some(table: Table) -> list[str]:
    """A table, its first rows shown and the others folded."""
    if len(table.rows) <= ROWS_SHOWN + 3:
        return [table.html()]
    shades = table.shades or {}
    rest = {(n - ROWS_SHOWN, key): shade for (n, key), shade in shades.items() if n >= ROWS_SHOWN}
    first = replace(table, rows=table.rows[:ROWS_SHOWN])
    other = replace(table, rows=table.rows[ROWS_SHOWN:], shades=rest, caption=f"{table.caption} (continued)")
    return [first.html(), page.folded(f"The other {len(other.rows)}", other.html())]
