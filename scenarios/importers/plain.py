"""Names that others chose, made harmless for one line, a YAML comment, a YAML text and a CSV cell."""

from __future__ import annotations

import json
from zlib import crc32

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""With which spreadsheets take a cell for a formula."""


def one_line(text: str, limit: int = 200) -> str:
    """The text on one line of at most `limit` characters, with nothing that a terminal would obey.

    A text that is cut ends with a number of its own, so that different texts stay different.
    """
    line = text if text.isascii() and text.isprintable() and "  " not in text else " ".join(text.split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
    line = line.strip()
    if len(line) <= limit:
        return line
    mark = f"...{crc32(line.encode()):08x}"
    return line[: limit - len(mark)] + mark


def yaml_text(text: str) -> str:
    """The text as a quoted YAML value that stands for exactly this text, on one line of printable characters."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def csv_cell(line: str) -> str:
    """A text on one line as a cell that no spreadsheet takes for a formula: one that looks so gets an apostrophe."""
    return f"'{line}" if line.startswith(FORMULA_STARTS) else line
