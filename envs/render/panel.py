"""The negotiation and the money, right of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from patchpact.envs.render.sheet import AMBER, BLUE, GREEN, GREY, HEIGHT, INK, PALE, RED, WIDTH, Sheet
from patchpact.envs.render.words import PHASES, VOTE_WORDS, money, season, total, verdict
from patchpact.envs.view import WorldView

PANEL_LEFT, PANEL_RIGHT = 832, 1180
AGENTS_SHOWN, PLANNED_SHOWN = 10, 6
VOTE_COLOURS = {
    "reject": RED,
    "abstain": "#8a949e",
    "accept": GREEN,
    "accept_pay_10": "#00796b",
    "accept_pay_30": "#00796b",
    "ask_10": AMBER,
    "ask_30": AMBER,
}
MODE_COLOURS = {"full": BLUE, "canary": "#00838f", "mitigate": "#6a4fa3", "emergency": RED}


def draw_panel(sheet: Sheet, view: WorldView) -> None:
    """The moment, the motion, agents, what is planned (or the totals at the end), the largest flows."""
    sheet.rule(PANEL_LEFT - 20, 0, WIDTH - PANEL_LEFT + 20, HEIGHT, "#f6f8fa")
    y = _draw_moment(sheet, view)
    y = _draw_motion(sheet, view, y)
    y = _draw_agents(sheet, view, y)
    y = _draw_totals(sheet, view, y) if view.phase == "over" else _draw_plan(sheet, view, y)
    _draw_flows(sheet, view, y)


def _section(sheet: Sheet, y: float, title: str, aside: str = "") -> float:
    """A heading with a line below; returns the height of the first row."""
    sheet.write(PANEL_LEFT, y, title, size=10, bold=True)
    sheet.write(PANEL_RIGHT, y, aside, size=9, colour=GREY, align="right")
    sheet.rule(PANEL_LEFT, y + 12, PANEL_RIGHT - PANEL_LEFT, 1, PALE)
    return y + 28


def _draw_moment(sheet: Sheet, view: WorldView) -> float:
    width = PANEL_RIGHT - PANEL_LEFT
    over = view.phase == "over"
    title = f"All {view.windows} windows are over" if over else f"Window {view.window + 1} of {view.windows}"
    sheet.write(PANEL_LEFT, 26, title, size=13, bold=True)
    done = 1.0
    if not over:
        aside = f"motion {view.motion + 1} of {view.motions}, {PHASES[view.phase]}"
        sheet.write(PANEL_RIGHT, 27, aside, size=9.5, colour=GREY, align="right")
        done = (view.window + view.motion / view.motions) / view.windows
    sheet.rule(PANEL_LEFT, 42, width, 4, PALE)
    sheet.rule(PANEL_LEFT, 42, width * done, 4, BLUE)
    sheet.write(PANEL_LEFT, 67, "Season", size=9, colour=GREY)
    for n, (when, factor) in enumerate(season(view)):
        x = PANEL_LEFT + 56 + 98 * n
        colour = "#ffe0b2" if factor > 1.05 else "#d6e9f8" if factor < 0.95 else "#e4e8ec"
        sheet.box(x, 57, 92, 20, colour)
        sheet.write(x + 46, 67, f"{when} ×{factor:.2f}", size=8.5, align="center")
    if not over:
        sheet.write(PANEL_LEFT, 96, "Proposes", size=9, colour=GREY)
        sheet.write(PANEL_LEFT + 68, 96, view.proposer, size=9, bold=True, width=100)
        hours = f"{view.capacity_left_hours:.1f} h capacity left"
        sheet.write(PANEL_RIGHT, 96, hours, size=9, align="right", colour=GREY)
    return 100.0 if over else 128.0


def _draw_motion(sheet: Sheet, view: WorldView, y: float) -> float:
    """The motion on the table, else the last one; returns the height of the next section."""
    motion = view.last_motion
    if motion is None:
        y = _section(sheet, y, "Motion")
        sheet.write(PANEL_LEFT, y, "none yet", size=9, colour=GREY)
        return y + 32
    y = _section(sheet, y, "Motion" if motion.passed is None else "Last motion")
    colour = BLUE if motion.passed is None else GREEN if motion.passed else RED
    sheet.chip(PANEL_RIGHT - 92, y - 28, 92, verdict(motion.passed), colour)
    sheet.write(PANEL_LEFT, y, motion.patch, size=9.5, width=PANEL_RIGHT - PANEL_LEFT)
    details = f"{motion.mode}, quote {money(motion.quote_keur)} k€, proposed by {motion.proposer}"
    sheet.write(PANEL_LEFT, y + 20, details, size=9, colour=GREY, width=PANEL_RIGHT - PANEL_LEFT)
    return y + 50


def _draw_agents(sheet: Sheet, view: WorldView, y: float) -> float:
    """A row for each agent: vote, account, budget left; returns the height of the next section."""
    y = _section(sheet, y, "Agents", "k€")
    vote_left, account_right, budget_right = PANEL_LEFT + 90, PANEL_RIGHT - 72, PANEL_RIGHT
    sheet.write(vote_left + 2, y, "vote", size=8.5, colour=GREY)
    sheet.write(account_right, y, "account", size=8.5, colour=GREY, align="right")
    sheet.write(budget_right, y, "budget left", size=8.5, colour=GREY, align="right")
    votes = dict(view.last_motion.votes) if view.last_motion else {}
    rows = list(zip(view.accounts_keur, view.budgets_keur, strict=True))
    for (name, account), (_, budget) in rows[:AGENTS_SHOWN]:
        y += 23
        sheet.write(PANEL_LEFT, y, name, size=9, bold=name == view.proposer, width=84)
        if name in votes:
            sheet.chip(vote_left, y, 122, VOTE_WORDS[votes[name]], VOTE_COLOURS[votes[name]])
        elif name in view.voters:
            sheet.chip(vote_left, y, 122, "may vote", "#7b95b0")
        colour = RED if account < 0 else INK
        sheet.write(account_right, y, money(account), size=9, colour=colour, align="right")
        sheet.write(budget_right, y, money(budget), size=9, align="right")
    if len(rows) > AGENTS_SHOWN:
        y += 23
        sheet.write(PANEL_LEFT, y, f"and {len(rows) - AGENTS_SHOWN} more", size=9, colour=GREY)
    return y + 32


def _draw_plan(sheet: Sheet, view: WorldView, y: float) -> float:
    """The patches planned in this window; returns the height of the next section."""
    planned = len(view.plan)
    y = _section(sheet, y, "Plan of this window", "nothing yet" if planned == 0 else f"{planned} planned")
    for patch in view.plan[:PLANNED_SHOWN]:
        sheet.chip(PANEL_LEFT, y, 76, patch.mode, MODE_COLOURS[patch.mode])
        sheet.write(PANEL_LEFT + 84, y, patch.name, size=9, width=PANEL_RIGHT - PANEL_LEFT - 144)
        sheet.write(PANEL_RIGHT, y, f"day {patch.day:.1f}", size=9, colour=GREY, align="right")
        y += 23
    if planned > PLANNED_SHOWN:
        sheet.write(PANEL_LEFT, y, f"and {planned - PLANNED_SHOWN} more", size=9, colour=GREY)
        y += 23
    return y + 8


def _draw_totals(sheet: Sheet, view: WorldView, y: float) -> float:
    """What the episode came to; returns the height of the next section."""
    y = _section(sheet, y, "The episode")
    pairs = [(name.replace("_keur", " k€").replace("_", " "), total(name, value)) for name, value in view.totals]
    return _draw_pairs(sheet, pairs, y)


def _draw_flows(sheet: Sheet, view: WorldView, y: float) -> None:
    """The last step's money by kind, where there is room."""
    sums: dict[str, float] = {}
    for entry in view.ledger:
        sums[entry.kind] = sums.get(entry.kind, 0.0) + entry.amount_keur
    pairs = [(kind.replace("_", " "), money(amount)) for kind, amount in sums.items()]
    if pairs and y + 20 * (len(pairs) // 2 + 2) < HEIGHT:
        _draw_pairs(sheet, pairs, _section(sheet, y, "Money that moved in the last step", "k€"))


def _draw_pairs(sheet: Sheet, pairs: Sequence[tuple[str, str]], y: float) -> float:
    """Names and values in two columns; returns the height of the next section."""
    for n, (name, value) in enumerate(pairs):
        left, row = PANEL_LEFT + 184 * (n % 2), y + 20 * (n // 2)
        sheet.write(left, row, name, size=9, colour=GREY)
        sheet.write(left + 164, row, value, size=9, align="right")
    return y + 20 * -(-len(pairs) // 2) + 12
