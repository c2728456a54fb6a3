"""A plan as JSON, CSV and Markdown. Names come from other people's files: nothing in them is obeyed."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from patchpact.training.plans.records import Plan, PlannedPatch, PlanWindow, document
from patchpact.training.reports import page
from patchpact.training.reports import plan_tables as tables

LONGEST = 200
"""Letters of a text that are shown; of a longer one the middle is left out."""
FORMULA = "=+-@|%−＝＋－＠"
"""What a spreadsheet may take for the start of a formula."""
_CELL_START = re.compile(rf"(^|[;,])([\s\"']*)(?=[{re.escape(FORMULA)}])")
"""Where a cell may start: some programs take semicolons for separators, and then no quotes hold them."""
COLUMNS = (
    "window", "firmness", "order", "day", "patch", "service", "component", "version", "fixed_version", "mode",
    "proposer", "votes", "payments", "effort_hours", "downtime_minutes", "cost_keur", "cost_low", "cost_high",
    "risk_removed_keur", "risk_removed_low", "risk_removed_high", "net_gain_keur", "fine_avoided_keur",
    "share_by_then", "share_by_end", "median_window", "findings", "cvss", "epss", "kev", "due_day",
    "regression_probability", "outcome",
)  # fmt: skip
"""Of the CSV. ``cost`` and ``risk_removed`` are means over the rollouts with the 5th and 95th percentile."""

T = TypeVar("T")


def printable(text: str) -> str:
    """The text on one line, with nothing that a terminal obeys or that turns the reading direction: such characters
    are spelled out; the middle of a long text is left out."""
    line = " ".join(text.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]}…{line[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def cleaned(value: T) -> T:
    """A record, or any nest of records, tuples and mappings, with every text ``printable``."""
    found: Any = value
    if isinstance(value, str):
        found = printable(value)
    elif is_dataclass(value) and not isinstance(value, type):
        found = replace(value, **{one.name: cleaned(getattr(value, one.name)) for one in fields(value)})
    elif isinstance(value, Mapping):
        found = {cleaned(str(key)): cleaned(item) for key, item in value.items()}
    elif isinstance(value, tuple):
        found = tuple(cleaned(item) for item in value)
    return found  # type: ignore[no-any-return]


def to_json(plan: Plan) -> str:
    """The whole plan. ASCII alone, so that names do nothing in a terminal either."""
    return json.dumps(document(plan), indent=1, allow_nan=False, ensure_ascii=True) + "\n"


# CSV


def to_csv(plan: Plan) -> str:
    """A row for each planned patch. Texts are quoted, so that no other separator splits them."""
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow(COLUMNS)
    for window in plan.windows:
        for patch in window.patches:
            row = _row(window, patch)
            table.writerow([cell(row[name]) for name in COLUMNS])
    return text.getvalue()


def cell(value: Any) -> Any:
    """A cell for a spreadsheet: a text that could be a formula gets an apostrophe before it; undefined is empty."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return round(value, 5) + 0.0 if math.isfinite(value) else ""
    if isinstance(value, str):
        return _CELL_START.sub(r"\1\2'", printable(value))
    return "" if value is None else value


def _row(window: PlanWindow, patch: PlannedPatch) -> dict[str, Any]:
    own = {name: getattr(patch, name) for name in COLUMNS if hasattr(patch, name)}
    why = {name: getattr(patch.why, name) for name in COLUMNS if hasattr(patch.why, name)}
    return own | why | {
        "window": window.window,
        "firmness": window.firmness,
        "votes": "; ".join(f"{one.agent}: {one.vote}" for one in patch.votes),
        "payments": "; ".join(f"{f.giver} to {f.taker}: {f.keur:.3f} ({f.kind})" for f in patch.flows),
        "cost_keur": patch.cost.mean,
        "cost_low": patch.cost.low,
        "cost_high": patch.cost.high,
        "risk_removed_keur": patch.risk_removed.mean,
        "risk_removed_low": patch.risk_removed.low,
        "risk_removed_high": patch.risk_removed.high,
    }  # fmt: skip


# Markdown


def markdown(text: Any) -> str:
    """A ``printable`` text in which Markdown finds no markup, link or HTML."""
    safe = re.sub(r"([\\`*_{}\[\]#~|!$^])", r"\\\1", str(text))
    safe = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    safe = re.sub(r"(?i)(:(?=//)|@|(?<=www)\.)", r"\\\1", safe)  # no bare address becomes a link
    return safe.replace("\N{MINUS SIGN}", "-")


def grid(table: page.Table) -> str:
    """A table in Markdown."""
    heads = [markdown(column.head) for column in table.columns]
    lines = [heads, ["---" if column.text else "--:" for column in table.columns]]
    lines += [[markdown(row.get(column.key, page.NOTHING)) for column in table.columns] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def to_markdown(plan: Plan) -> str:
    """The plan as a document: the windows, the comparison, what is left open and why."""
    plan = cleaned(plan)
    people = tables.People(plan)
    parts = [
        f"# Patch plan: {markdown(plan.title or plan.scenario)}",
        markdown(
            f"Planned by {plan.policy} for {plan.scenario}. Figures are medians with the middle 90% of {plan.rollouts}"
            f" worlds (from seed {plan.seed}); money in k€. Window 1 can be carried out as it stands; later ones are a"
            " forecast, and “in by then” is the share of the worlds in which the same patch is in by that time."
        ),
        markdown(tables.MODES),
        markdown(tables.versus(plan)),
    ]
    for window in plan.windows:
        if window.patches or window.rejected:
            parts += _window(window, people)
    parts += ["## Against the baseline", grid(tables.compared(plan))]
    parts += ["## Left open, and why"]
    if plan.left_open:
        parts.append(grid(tables.left_open(plan.left_open[: tables.MOST_OPEN], "", by_end=True)))
        more = len(plan.left_open) - tables.MOST_OPEN
        parts += [f"And {more} more of less risk."] if more > 0 else []
    else:
        parts.append("Nothing that is known is left open.")
    parts += ["## Who gains and who loses", grid(tables.accounts(plan, people))]
    if plan.priority:
        parts += ["## Findings by risk", grid(tables.priority(plan))]
    if plan.assumptions:
        parts += ["## What the scenario takes for granted", "\n".join(f"- {markdown(one)}" for one in plan.assumptions)]
    return "\n\n".join(parts) + "\n"


def _window(window: PlanWindow, people: tables.People) -> list[str]:
    parts = [f"## Window {window.window} ({window.firmness})", markdown(tables.summary(window))]
    if window.patches:
        parts.append(grid(tables.steps(window)))
    parts += [
        "Votes; in parentheses what each voter expects for its own account, k€.",
        grid(tables.votes(window, people)),
    ]
    parts += [markdown(tables.reasons(window).caption) + ".", grid(tables.reasons(window))]
    looked = tables.nudges(window)
    parts += [markdown(looked.caption) + ".", grid(looked)] if looked else []
    paid = tables.money(window, people)
    parts += [markdown(paid.caption) + ".", grid(paid)] if paid.rows else []
    return [*parts, markdown(tables.standing(window))]
