"""``report.html`` of a training run: learning curve, evaluation and settings on one self-contained page."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from patchpact.training.folder import RunFolder, write_text
from patchpact.training.reports import charts, page
from patchpact.training.reports.files import ReportError, read_json
from patchpact.training.reports.page import Column, Table


def write_run_report(run: str | Path, out: str | Path | None = None) -> Path:
    """Write the report from the run's files.

    Args:
        run: the run folder.
        out: the page's file, ``report.html`` in the folder by default.

    Returns:
        The page's file.

    Raises:
        ReportError: a file of the run cannot be read.
        RunError: the report cannot be written.
    """
    folder = RunFolder(run)
    file = Path(out) if out is not None else folder.path / "report.html"
    federated = folder.config().federated is not None
    points = _points(folder, "validation" if federated else "welfare_keur")
    results = read_json(folder.evaluation_file) if folder.evaluation_file.exists() else []
    if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
        raise ReportError(f"{folder.evaluation_file}: is no list of objects; remove it and resume the run")
    config = json.loads(folder.config().to_json())
    name = folder.path.resolve().name
    settings = [{"setting": key, "value": json.dumps(value, ensure_ascii=False)} for key, value in config.items()]
    columns = [Column("setting", "setting", text=True), Column("value", "value", text=True)]
    sections = [
        page.section(
            "curve",
            "Learning curve",
            page.paragraph(
                "Mean welfare on public worlds, in units of their money scale, by env-steps of a tenant. What tenants"
                " earn on their own worlds is private and not told."
                if federated
                else "Mean welfare (k€) of the episodes that ended in each iteration, by env-steps. Actions are drawn"
                " and incident losses as the settings say, so it lies apart from the evaluation."
            ),
            curve(points, "welfare, money units" if federated else "welfare, k€ an episode"),
        )
    ]
    if results:
        text = "All policies on the same held-out worlds; 95% intervals."
        sections.append(page.section("evaluation", "Evaluation", page.paragraph(text), table(results).html()))
    sections.append(page.section("settings", "Settings", Table("Settings of the run", columns, settings).html()))
    body = [f"<header><h1>Training run {page.html(name)}</h1></header>", '<main id="main">', *sections, "</main>"]
    write_text(file, page.whole(f"Training run {name}", body))
    return file


def _points(folder: RunFolder, column: str) -> list[tuple[float, float]]:
    """Env-steps and welfare of each iteration that has one."""
    try:
        points = [(float(row["timesteps"]), float(row[column] or "nan")) for row in folder.progress()]
    except (KeyError, ValueError, TypeError, csv.Error):
        raise ReportError(
            f"{folder.progress_file}: is no table with timesteps and {column}; resume the run, or remove the file"
        ) from None
    return [point for point in points if math.isfinite(point[1])]


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Rows that share their columns; the policy names the row."""
    first = rows[0]
    columns = [Column(name, name.replace("_keur", ", k€").replace("_", " "), _is_text(first[name])) for name in first]
    shown = [{name: _shown(row.get(name, "")) for name in first} for row in rows]
    return Table(
        "Policies side by side", columns, shown, headed=1 + list(first).index("policy") if "policy" in first else 1
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _shown(value: Any) -> str:
    return page.number(value, 1) if isinstance(value, float) else str(value)


def curve(points: Sequence[tuple[float, float]], unit: str = "welfare, k€ an episode") -> str:
    """A line through ``points`` (env-steps, k€); a sentence where there are too few."""
    if len(points) < 2:
        return page.paragraph("Too few iterations for a curve.")
    steps, series = [x for x, _ in points], [charts.Series("welfare", [y for _, y in points])]
    axes = ("env-steps", unit)
    return page.figure(
        "Each point is an iteration.", lambda width: charts.lines(steps, series, width, "Learning curve", axes)
    )
