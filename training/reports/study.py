"""The report of a study: ``report.html``, ``report.md``, ``tables/*.csv`` and ``verdict.json``, all from raw files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from patchpact.scenarios.jsonable import plain
from patchpact.training.folder import write_text, writing
from patchpact.training.reports import charts, page
from patchpact.training.reports.page import Table
from patchpact.training.reports.study_tables import SWITCHES, all_tables, broken, swept
from patchpact.training.stats import Estimate
from patchpact.training.study.design import GAIN, LEARNED, WELFARE
from patchpact.training.study.verdict import Study, Verdict, judge_study, read_study

READING = {
    "verdicts": "A claim is supported if all its predictions hold, refuted if one fails, else undecided. It follows by"
    " code from the criteria that came with the design.",
    "predictions": "Every effect is predicted to be above 0. It holds where the interval lies above 0, fails where the"
    " interval lies below the margin (negligible, or of the wrong sign), both after Holm's correction; else it is"
    " unclear. What holds may still be smaller than the margin. The margin is a share of what the reference arm gains"
    " over doing nothing. Effects are of gains over doing nothing in the same arm, where no other measure is named:"
    " an arm may be richer or poorer before anybody acts.",
    "arms": "Agents were trained anew in every arm, for their own accounts, with equal env-steps and settings. Broken"
    " down: less than the criteria's share of the full arm's gain or participation, or too many firms insolvent.",
    "measures": "Levels in the arms, trained agents.",
    "players": "What an arm costs where nobody acts, or those who play by a rule, is mechanical; what it costs trained"
    " agents beyond that is strategic.",
    "range": "The claim is about the default setting; here is what removing a network costs in others. With one"
    " training seed an interval is of the worlds alone: another training may lie outside.",
    "lines": "A network that is switched off takes its own lines with it. That alone moves welfare and says nothing of"
    " the others: predictions outside a network leave its lines out.",
}
"""What each table says, before it."""


def write_study_report(folder: str | Path) -> Verdict:
    """Write page, Markdown, tables and verdict of a study's folder, and return the verdict.

    Raises:
        RunError: the folder holds no study, or cannot be written.
        ReportError: its episodes cannot be read.
    """
    study = read_study(folder)
    verdict = judge_study(study)
    tables = all_tables(study, verdict)
    place = study.folder
    with writing(place):
        (place / "tables").mkdir(exist_ok=True)
    for name, table in tables.items():
        write_text(place / "tables" / f"{name}.csv", as_csv(table))
    write_text(place / "verdict.json", json.dumps(plain(verdict), indent=1, ensure_ascii=False) + "\n")
    write_text(place / "report.md", _markdown(study, verdict, tables))
    write_text(place / "report.html", _html(study, verdict, tables))
    return verdict


def as_csv(table: Table) -> str:
    """A table with its columns' heads; figures with their intervals in one cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.head for column in table.columns])
    for row in table.rows:
        writer.writerow([str(row.get(column.key, "")).replace("\N{MINUS SIGN}", "-") for column in table.columns])
    return text.getvalue()


def _markdown(study: Study, verdict: Verdict, tables: dict[str, Table]) -> str:
    parts = [f"# {page.markdown(study.design.file.title)}", *(page.markdown(line) for line in _lead(study, verdict))]
    for name, table in tables.items():
        parts += [f"## {table.caption}", READING[name], table.markdown()]
    return "\n\n".join(parts) + "\n"


def _html(study: Study, verdict: Verdict, tables: dict[str, Table]) -> str:
    title = study.design.file.title
    first, *others = _lead(study, verdict)
    sections = []
    for name, table in tables.items():
        parts = [page.paragraph(READING[name]), table.html()]
        if name == "predictions":
            parts.insert(1, _forest(verdict))
        if name == "arms":
            parts += [_sweep(axis, points) for axis, points in swept(study).items()]
        sections.append(page.section(name, table.caption, *parts))
    body = [
        f"<header><h1>{page.html(title)}</h1>",
        f'<p class="meta">{page.html(_meta(study))}</p></header>',
        '<main id="main">',
        f'<p class="lead">{page.html(first)}</p>',
        page.bullets(others),
        *sections,
        "</main>",
        f'<footer><p class="soft">{page.html("Made by patchpact study.")}</p></footer>',
    ]
    return page.whole(title, body)


def _meta(study: Study) -> str:
    form = study.design.form(study.form)
    return (
        f"study {study.design.file.id}, {study.form} form, digest {study.design.digest}, patchpact"
        f" {study.manifest.get('version', '')}; {len(study.raw.topologies)} topologies, {form.training_seeds} training"
        f" seeds, {form.draws} draws, {form.timesteps:,} env-steps a training"
    )


def _lead(study: Study, verdict: Verdict) -> list[str]:
    """What came of it, then what a reader must know."""
    words: dict[str, list[str]] = {}
    for one in verdict.rulings:
        words.setdefault(one.verdict, []).append(one.id)
    said = "; ".join(f"{name}: {page.listed(ids)}" for name, ids in words.items())
    found = [f"{said}. Not tested: {page.listed(list(verdict.not_tested)) or 'nothing'}."]
    found.append(f"The full arm gains {_told(verdict.gain)} k€ an episode over doing nothing.")
    if not verdict.obstacles:
        found += _breakdown(study)
    if math.isfinite(verdict.placebo.value):
        found.append(f"Removing the placebo costs {_told(verdict.placebo)} k€ an episode; it should cost nothing.")
    found += [f"Nothing is decided: {line}." for line in verdict.obstacles]
    found += verdict.notes
    found += study.design.file.remarks
    redraws = study.design.file.incident_redraws
    if redraws:
        found.append(
            f"Welfare and damage count the mean of {redraws} more draws of each window's incidents, in the state in"
            " which its own came: the same means over worlds, less noise."
        )
    if verdict.registered:
        found.append(
            f"Design and criteria were committed as {verdict.registered['commit'][:12]} on"
            f" {verdict.registered['date'][:10]}."
        )
    return found


def _breakdown(study: Study) -> list[str]:
    """Which networks' removal breaks the ecosystem down; nothing where no such arm was played."""
    words = {"stands": "not broken down"}
    states = {one: broken(study, f"no-{one}") for one in SWITCHES if study.raw.has(f"no-{one}", LEARNED)}
    told = ", ".join(f"without {one} it is {words.get(state, state)}" for one, state in states.items())
    criteria = "A gain that falls is no breakdown yet. By its criteria (gain, participation, insolvency)"
    return [f"{criteria} {told}."] if told else []


def _told(estimate: Estimate) -> str:
    return f"{page.number(estimate.value, 1)} ({page.interval(estimate.low, estimate.high, 1)})"


def _forest(verdict: Verdict) -> str:
    """The welfare predictions in k€, with their intervals."""
    bars = [
        charts.Bar(f"{ruling.id}: {_short(one.name)}", one.effect.value, one.effect.low, one.effect.high)
        for ruling in verdict.rulings
        for one in ruling.findings
        if one.measure in (GAIN, WELFARE)
    ]
    if not any(math.isfinite(bar.value) for bar in bars):
        return page.paragraph("No prediction on the gain is measured yet.")
    draw = partial(_draw_forest, bars)
    return page.figure(
        "Predicted effects on the gain over doing nothing, k€ an episode; each is predicted to be above 0.", draw
    )


def _draw_forest(bars: Sequence[charts.Bar], width: int) -> str:
    return charts.forest(bars, width, "Predicted effects", "k€ an episode", [(0.0, "none")], digits=1)


def _sweep(axis: str, points: Sequence[tuple[float, Estimate]]) -> str:
    """The gain along one axis of the design."""
    places = [place for place, _ in points]
    band = [(gain.low, gain.high) for _, gain in points]
    shown = charts.Series("gain", [gain.value for _, gain in points], band if _finite(band) else None)
    ends = [value for pair in band for value in pair] if _finite(band) else [gain.value for _, gain in points]
    bounds = charts.reach(ends)

    def draw(width: int) -> str:
        return charts.lines(places, [shown], width, f"Gain by {axis}", (axis, "gain, k€ an episode"), bounds)

    return page.figure(f"Gain of trained agents by strength of {axis}, over doing nothing in the full arm.", draw)


def _finite(band: Sequence[tuple[float, float]]) -> bool:
    return all(math.isfinite(value) for pair in band for value in pair)


def _short(text: str, limit: int = 34) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
