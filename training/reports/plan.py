"""A plan as one self-contained page, and the writing of plans in every form."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from patchpact.training.folder import RunError, write_text
from patchpact.training.plans.records import FORECAST, NOW, Plan, PlanWindow
from patchpact.training.reports import charts, page
from patchpact.training.reports import plan_tables as tables
from patchpact.training.reports.files import ReportError
from patchpact.training.reports.plan_tables import People
from patchpact.training.reports.plan_text import cleaned, to_csv, to_json, to_markdown

HOW = (
    "The plan is one negotiation: that of the policy in the central world, whose schedule differs least from those of"
    " all other worlds that were played. The other worlds have the same present and other futures (what becomes"
    " exploited, who proposes, what fails, what the hidden efforts and revenues are); they give the intervals.",
    "Window 1 can be carried out as it stands. For the two windows after it the revenue season is announced (here as"
    " the central world draws it); what becomes known meanwhile may change them."
    " All later ones are a forecast: plan again by then.",
    tables.MODES,
    "“In by then” is the share of the worlds in which the same patch is in by the end of that window (for a"
    " mitigation: is in or mitigated).",
    "Cost is expected labour, lost revenue, support and rollback; risk removed is the expected loss avoided until the"
    " end of the tail. Both are public estimates at the moment of the decision: the median and the middle 90% of the"
    " worlds in which it is taken.",
    "Expected losses come from the noisy-OR estimate over the service graph, an upper bound of the mean; what was"
    " drawn in the same worlds stands beside it, and is far more scattered.",
    "What decided: the parts of the net gain, by public figures; “unlocks” is the expected loss avoided by patches that"
    " wait for this one. Fees, side payments, fines and liability move money between parties and are no part of it;"
    " below a deadline stands the fine that IT would pay until the end. The place on the agenda says what an order by"
    " that figure would have done.",
)


def write_plan(plan: Plan, file: str | Path) -> Path:
    """Write the plan in one step; the file's ending says in which form: ``.html``, ``.md``, ``.csv`` or ``.json``.

    Returns:
        The file.

    Raises:
        ReportError: an unknown ending, or a file that cannot be written; what was there before is left.
    """
    file = Path(file)
    ending = file.suffix.lower()
    if ending not in FORMS:
        raise ReportError(f"{file}: the ending {ending!r} is unknown; use one of {', '.join(FORMS)}")
    text = FORMS[ending](plan)
    try:
        write_text(file, text)
    except RunError as error:
        problem = str(error).removeprefix(f"{file}: ").split(";")[0]
        raise ReportError(f"{file}: {problem}; make room, or name another place") from error
    return file


def to_html(plan: Plan) -> str:
    """The page: what to do now, the next windows, the forecast, the comparison, what is left open."""
    plan = cleaned(plan)
    people = People(plan)
    now, *later = plan.windows
    following = [window for window in later if window.firmness != FORECAST]
    forecast = [window for window in later if window.firmness == FORECAST]
    parts = [
        page.section("now", "Do now: window 1", *_told(now, people)),
        *([page.section("next", f"Next: {_windows(following)}", *_all(following, people))] if following else []),
        *(
            [page.section("forecast", f"Forecast: {_windows(forecast)}", *_forecast(forecast, people))]
            if forecast
            else []
        ),
        page.section("comparison", f"Against {plan.baseline}", *_comparison(plan)),
        page.section("schedule", "When each patch is in", *_schedule(plan)),
        page.section("open", "Left open, and why", *_left_open(plan)),
        page.section("people", "Who gains and who loses", tables.accounts(plan, people).html()),
        *([page.section("findings", "Findings by risk", *_findings(plan))] if plan.priority else []),
        page.section("how", "How to read this", page.bullets(HOW), *_assumptions(plan)),
    ]
    title = f"Patch plan: {plan.title or plan.scenario}"
    return page.whole(title, [_header(plan, title), '<main id="main" class="names">', *parts, "</main>"])


FORMS: dict[str, Callable[[Plan], str]] = {".html": to_html, ".md": to_markdown, ".csv": to_csv, ".json": to_json}


def _header(plan: Plan, title: str) -> str:
    ours, _, nothing = plan.outcomes
    first = plan.windows[0]
    if first.patches:
        named = page.listed([f"{one.patch} ({one.mode})" for one in first.patches])
        lead = f"Patch {named} in window 1."
    else:
        lead = "Nothing is worth patching in window 1."
    links = [("now", "Now"), ("comparison", "Comparison"), ("schedule", "Schedule"), ("open", "Left open"),
             ("people", "Who pays"), ("how", "How to read this")]  # fmt: skip
    facts = [
        ("Patches in window 1", str(len(first.patches))),
        ("Patches planned in all", str(len(plan.patches))),
        ("Spent and lost on patching", f"{page.number(ours.money.mean, 1)} k€"),
        ("Expected loss avoided", f"{page.number(nothing.loss.mean - ours.loss.mean, 1)} k€"),
        ("Expected loss that stays", f"{page.number(ours.loss.mean, 1)} k€"),
        ("Left open at the end", str(len(plan.left_open))),
    ]
    drawn = f"{plan.rollouts} worlds from seed {plan.seed}, the central one is {plan.central_seed}"
    span = f"{len(plan.windows)} windows of {page.number(plan.window_days, 1).removesuffix('.0')} days"
    meta = f"Scenario {plan.scenario}, planned by {plan.policy}, {span}; {drawn}."
    navigation = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in links)
    return "\n".join(
        [
            f"<header><h1>{page.html(title)}</h1>",
            f'<p class="meta">{page.html(meta)}</p>',
            f'<p class="lead">{page.html(lead)}</p>',
            page.facts(facts),
            page.paragraph(tables.versus(plan)),
            f'<nav aria-label="Sections"><ul>{navigation}</ul></nav></header>',
        ]
    )


def _windows(windows: list[PlanWindow]) -> str:
    first, last = windows[0].window, windows[-1].window
    if first == last:
        return f"window {first}"
    return f"windows {first} and {last}" if last == first + 1 else f"windows {first} to {last}"


def _told(window: PlanWindow, people: People) -> list[str]:
    """One window: what is done, and folded below it how it was decided, who pays and what is left."""
    parts = [page.paragraph(tables.summary(window))]
    if window.patches:
        parts.append(tables.steps(window).html())
    for lever in window.levers:
        price = f", {page.number(lever.keur, 1)} k€" if lever.keur else ""
        parts.append(
            page.paragraph(f"{people[lever.agent]}: {lever.lever.replace('_', ' ').replace(':', ' ')}{price}.")
        )
    decided = []
    if window.patches or window.rejected:
        looked = tables.nudges(window)
        decided = [
            tables.reasons(window).html(),
            *([looked.html()] if looked else []),
            tables.votes(window, people).html(),
        ]
    paid = tables.money(window, people)
    if window.firmness == NOW:
        parts += decided
    elif decided:
        rejected = f", {len(window.rejected)} voted down" if window.rejected else ""
        parts.append(page.folded(f"Window {window.window}: what decided, and who voted how{rejected}", *decided))
    if paid.rows:
        parts.append(page.folded(f"Window {window.window}: who pays whom", paid.html()))
    caption = f"The riskiest patches open after window {window.window}"
    if window.left_open:
        parts.append(
            page.folded(
                f"Window {window.window}: left open, and why ({window.open_patches})",
                page.paragraph(tables.standing(window)),
                tables.left_open(window.left_open, caption, by_end=False).html(),
            )
        )
    return parts


def _all(windows: list[PlanWindow], people: People) -> list[str]:
    parts = []
    for window in windows:
        parts += [f"<h3>Window {window.window}</h3>", *_told(window, people)]
    return parts


def _forecast(windows: list[PlanWindow], people: People) -> list[str]:
    """Later windows; those in which nothing is decided in one sentence."""
    busy = [window for window in windows if window.patches or window.rejected or window.levers]
    idle = [str(window.window) for window in windows if window not in busy]
    text = (
        "What the negotiation comes to in the central world, if nothing unexpected becomes known. Plan again by then."
    )
    if idle:
        text += f" Nothing is decided in {'window' if len(idle) == 1 else 'windows'} {page.listed(idle)}."
    return [page.paragraph(text), *_all(busy, people)]


def _comparison(plan: Plan) -> list[str]:
    opens = [n for n, risk in enumerate(plan.outcomes[0].risk_by_window) if math.isfinite(risk.mean)]
    names = ("plan", f"baseline: {plan.baseline}", "doing nothing")
    series = [
        charts.Series(
            name,
            [outcome.risk_by_window[n].mean for n in opens],
            [(outcome.risk_by_window[n].low, outcome.risk_by_window[n].high) for n in opens]
            if name == "plan"
            else None,
        )
        for name, outcome in zip(names, plan.outcomes, strict=True)
    ]
    highest = max([value for one in series for value in one.y] + [high for _, high in series[0].band or ()])
    chart = page.figure(
        "Expected loss a window of all that is open, as each window opens: mean over the worlds; the band holds the"
        " middle 90% of the plan's worlds.",
        lambda width: charts.lines(
            [n + 1 for n in opens], series, width, "Risk over time", ("window", "k€ a window"),
            (0.0, 1.05 * highest or 1.0), steps=True,
        ),
    )  # fmt: skip
    return [page.paragraph(tables.versus(plan)), tables.compared(plan).html(), chart if len(opens) > 1 else ""]


def _schedule(plan: Plan) -> list[str]:
    if not plan.schedule:
        return [page.paragraph("No patch is in, in any world.")]
    text = "The plan's patches by their window, then those that only other worlds carry out. Mitigations do not count."
    more = len(plan.schedule) - tables.MOST_SCHEDULED
    if more > 0:
        text += f" {more} more are in somewhere; the JSON has all."
    return [page.paragraph(text), tables.schedule(plan).html()]


def _left_open(plan: Plan) -> list[str]:
    if not plan.left_open:
        return [page.paragraph("Nothing that is known is left open.")]
    text = _why_open(plan)
    more = len(plan.left_open) - tables.MOST_OPEN
    if more > 0:
        text += f" The table has the {tables.MOST_OPEN} riskiest; the JSON has all."
    shown = plan.left_open[: tables.MOST_OPEN]
    return [page.paragraph(text), tables.left_open(shown, "Patches open after the last window", by_end=True).html()]


def _why_open(plan: Plan) -> str:
    counts: dict[str, int] = {}
    for one in plan.left_open:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    order = sorted(counts, key=lambda reason: -counts[reason])
    told = page.listed([f"{counts[reason]} {reason}" for reason in order])
    return f"Of what is known, {len(plan.left_open)} patches are open after the last window: {told}."


def _findings(plan: Plan) -> list[str]:
    text = "Probability that a finding is real, times the chance of an entry through it, times what that entry costs."
    more = len(plan.priority) - tables.MOST_FINDINGS
    if more > 0:
        text += f" The {tables.MOST_FINDINGS} riskiest; the JSON has {len(plan.priority)}."
    return [page.paragraph(text), tables.priority(plan).html()]


def _assumptions(plan: Plan) -> list[str]:
    if not plan.assumptions:
        return []
    summary = f"What the scenario takes for granted ({len(plan.assumptions)})"
    return [page.folded(summary, page.bullets(plan.assumptions))]
