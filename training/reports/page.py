"""The parts of a self-contained page: shell, tables, figures. Every text that comes in is escaped here.

A page asks the network for nothing, and its content security policy forbids it to: styles and scripts are inline and
named by their hashes, so that nothing else runs, whatever a scenario's title says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

NOTHING = "–"
"""Stands where a figure is missing or undefined."""


@dataclass(frozen=True)
class Html:
    """Text that is HTML already; all other text is escaped."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A figure and, smaller below it, its interval."""

    value: str
    interval: str

    def __str__(self) -> str:
        return self.value if self.interval == NOTHING else f"{self.value} ({self.interval})"


def html(value: Any) -> str:
    """A value as HTML."""
    if isinstance(value, Figure) and value.interval != NOTHING:
        return f"{escape(value.value)}<small>{escape(value.interval)}</small>"
    return value.text if isinstance(value, Html) else escape(str(value))


def code(text: str) -> Html:
    """A name as it is typed."""
    return Html(f"<code>{escape(text)}</code>")


def number(value: float | None, digits: int = 2, signed: bool = False) -> str:
    """A figure with so many decimals; ``NOTHING`` for none, NaN and infinity. Zero has no sign."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(float(value), digits) + 0.0
    sign = "+" if signed and rounded > 0 else ""
    return f"{sign}{rounded:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def interval(low: float, high: float, digits: int = 2, signed: bool = False) -> str:
    """Both ends of an interval; ``NOTHING`` where it is undefined."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"{number(low, digits, signed)} to {number(high, digits, signed)}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """One, two and three."""
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


@dataclass(frozen=True)
class Column:
    """A column: its key in the rows, its head, and whether it holds numbers or text."""

    key: str
    head: str
    text: bool = False


@dataclass(frozen=True)
class Table:
    """A table for the page and for Markdown. Rows hold texts; ``shades`` are CSS classes of cells by (row, key)."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    shades: Mapping[tuple[int, str], str] | None = None
    headed: int = 1
    """The column, from 1, that names the row."""

    def html(self) -> str:
        """The table in a box of its own, in which it scrolls where the page is narrow."""
        head = "".join(f'<th scope="col"{_classes(column)}>{html(column.head)}</th>' for column in self.columns)
        body = "".join(self._row(n, row) for n, row in enumerate(self.rows))
        name = escape(" ".join(self.caption.split()))
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>'
            f"<caption><span>{name}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def _row(self, n: int, row: Mapping[str, Any]) -> str:
        cells = []
        for place, column in enumerate(self.columns, 1):
            shade = (self.shades or {}).get((n, column.key), "")
            classes = " ".join(part for part in ("" if column.text else "n", shade) if part)
            attribute = f' class="{classes}"' if classes else ""
            value = html(row.get(column.key, NOTHING))
            if place == self.headed:
                cells.append(f'<th scope="row"{attribute}>{value}</th>')
            else:
                cells.append(f"<td{attribute}>{value}</td>")
        return f"<tr>{''.join(cells)}</tr>"

    def markdown(self) -> str:
        """The table in Markdown, aligned; pipes and markup in texts are escaped."""
        grid = [[markdown(column.head) for column in self.columns]]
        grid += [[markdown(row.get(column.key, NOTHING)) for column in self.columns] for row in self.rows]
        widths = [max(3, *(len(line[place]) for line in grid)) for place in range(len(self.columns))]

        def line(cells: Sequence[str]) -> str:
            padded = [
                cell.ljust(width) if column.text else cell.rjust(width)
                for cell, width, column in zip(cells, widths, self.columns, strict=True)
            ]
            return f"| {' | '.join(padded)} |"

        rule = "|".join(
            "-" * (width + 2) if column.text else "-" * (width + 1) + ":"
            for width, column in zip(widths, self.columns, strict=True)
        )
        return "\n".join([line(grid[0]), f"|{rule}|", *(line(cells) for cells in grid[1:])])


def _classes(column: Column) -> str:
    """Of a column's head: numbers to the right, and some room for a long one."""
    found = [] if column.text else ["n", "long"] if len(column.head) > 12 else ["n"]
    return f' class="{" ".join(found)}"' if found else ""


def markdown(value: Any) -> str:
    """A text for Markdown: no line ends, and nothing that Markdown or the HTML within it would take for markup."""
    text = " ".join(str(value).split())
    for sign in "\\|<>`*_":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return text.replace("\N{MINUS SIGN}", "-")


def paragraph(*parts: Any) -> str:
    """A paragraph; texts are escaped, ``Html`` is not."""
    return f"<p>{''.join(html(part) for part in parts)}</p>"


def bullets(lines: Sequence[Any]) -> str:
    """A list of lines."""
    return f"<ul>{''.join(f'<li>{html(line)}</li>' for line in lines)}</ul>"


def facts(pairs: Sequence[tuple[str, Any]]) -> str:
    """Names and values side by side."""
    return f"<dl>{''.join(f'<div><dt>{html(name)}</dt><dd>{html(value)}</dd></div>' for name, value in pairs)}</dl>"


def section(name: str, title: str, *parts: str) -> str:
    """A section with its heading; ``name`` is what links lead to."""
    return f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{escape(title)}</h2>' + (
        "\n".join(parts) + "</section>"
    )


def figure(caption: str, draw: Callable[[int], str]) -> str:
    """A chart twice, for wide and for narrow screens: text in it stays legible on a phone. One of them is shown."""
    return (
        f'<figure><div class="wide">{draw(720)}</div><div class="narrow">{draw(320)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def folded(summary: str, *parts: str) -> str:
    """What most readers skip: opened by a click or a key."""
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def data(name: str, value: Any) -> str:
    """JSON for the page's script. No ``<`` is left in it, so no text can end the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f'<script type="application/json" id="{name}">{safe}</script>'


def whole(title: str, body: Sequence[str], script: str = "") -> str:
    """The page around its sections."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; base-uri 'none'; form-action 'none'" + (
        f"; script-src '{_hash(script)}'" if script else ""
    )
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">',
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">',
        f"<style>{style}</style>\n</head>\n<body>",
        '<a class="skip" href="#main">Skip to the content</a>',
        *body,
        f"<script>{script}</script>" if script else "",
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _hash(text: str) -> str:
    """The text's name in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
