"""``report.html`` of a run: one self-contained page with learning curve, evaluation and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from patchpact.training.folder import RunFolder, write_text

WIDTH, HEIGHT, MARGIN = 720, 280, 50
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}"""


def write_report(folder: RunFolder) -> None:
    """Write ``report.html`` from the run's files. Raises ``RunError`` if it cannot be written."""
    rows = folder.progress()
    points = [(float(row["timesteps"]), float(row["welfare_keur"])) for row in rows if row["welfare_keur"] != "nan"]
    results = json.loads(folder.evaluation_file.read_text(encoding="utf-8")) if folder.evaluation_file.exists() else []
    config = json.loads(folder.config().to_json())
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(folder.path.name)}</title>",
        f"<style>{STYLE}</style><h1>Training run {escape(folder.path.name)}</h1>",
        "<h2>Learning curve</h2><p>Mean welfare (k€) of the episodes that ended in each iteration, by"
        " env-steps. Actions are drawn and incident losses as the settings say, so it lies apart"
        " from the evaluation.</p>",
        curve(points),
    ]
    if results:
        parts += [
            "<h2>Evaluation</h2><p>All policies on the same held-out worlds; 95% intervals.</p>",
            table(results),
        ]
    settings = [{"setting": name, "value": json.dumps(value)} for name, value in config.items()]
    parts += ["<h2>Settings</h2>", table(settings), "</html>\n"]
    write_text(folder.path / "report.html", "\n".join(parts))


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """An HTML table of rows that share their columns."""
    columns = list(rows[0])
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_shown(row.get(name, '')))}</td>" for name in columns) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _shown(value: Any) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def curve(points: Sequence[tuple[float, float]]) -> str:
    """An inline SVG line through ``points`` (env-steps, k€); a sentence where there are too few."""
    if len(points) < 2:
        return "<p>Too few iterations for a curve.</p>"
    left, right = points[0][0], points[-1][0]
    low, high = min(y for _, y in points), max(y for _, y in points)
    high = high if high > low else low + 1.0

    def place(x: float, y: float) -> str:
        across = MARGIN + (x - left) / (right - left) * (WIDTH - 2 * MARGIN)
        up = HEIGHT - MARGIN - (y - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return f"{across:.1f},{up:.1f}"

    line = " ".join(place(x, y) for x, y in points)
    ticks = "".join(
        f'<text x="{MARGIN - 6}" y="{place(left, y).split(",")[1]}" text-anchor="end">{y:,.0f}</text>'
        f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{place(left, y).split(",")[1]}"'
        f' y2="{place(left, y).split(",")[1]}" stroke="#ddd"/>'
        for y in (low, (low + high) / 2, high)
    )
    ends = "".join(
        f'<text x="{place(x, low).split(",")[0]}" y="{HEIGHT - MARGIN + 20}" text-anchor="middle">{x:,.0f}</text>'
        for x in (left, right)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12" role="img" aria-label="learning curve">'
        f"{ticks}{ends}"
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/></svg>'
    )
