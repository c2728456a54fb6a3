"""The tables and sentences of a plan, for its page and its document alike. Money is in k€."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from patchpact.training.plans.records import Flow, Outcome, Plan, PlannedPatch, PlanWindow, Rejected, Spread, Why
from patchpact.training.reports import page
from patchpact.training.reports.page import Column, Figure, Table

SOUND = ("done", "mitigated")
"""Outcomes of work that went well."""
MOST_OPEN = 60
"""Patches left open that are named; the JSON has all."""
MOST_SCHEDULED = 60
"""Patches of the schedule that are named, alike."""
MOST_FINDINGS = 30
"""Findings of the ranking that are named."""
FIGURES = {
    "total": "All in all",
    "money": "Spent and lost on patching",
    "work": "… work",
    "downtime": "… revenue lost to downtime",
    "fines": "… fines",
    "loss": "Expected loss to incidents",
    "drawn_loss": "… as incidents are drawn",
    "risk_left": "… of it after the last window",
    "downtime_hours": "Downtime, flow hours",
    "patches_done": "Patches in",
    "deadlines_missed": "Deadlines missed",
}
"""Of an ``Outcome``, and what they are called; k€ where no unit is named."""
PARTS = {
    "risk removed": ("risk removed",),
    "unlocks": ("unlocks",),
    "labour": ("labour",),
    "downtime": ("downtime",),
    "support, rollback": ("support", "rollback"),
}
"""Of the net gain, as the tables have them."""
PRIORITY = {
    "rank": "#",
    "cve": "Finding",
    "patch": "Removed by",
    "probability": "Real, probability",
    "exploitability": "Exploited, probability a window",
    "loss_keur": "Loss, k€",
    "risk_keur": "Risk, k€ a window",
    "cvss": "CVSS",
    "epss": "EPSS",
    "kev": "KEV",
}
"""Of the ranking of findings."""

MODES = (
    "Modes: full is done in the maintenance slots; canary in steps, with more work and less outage; mitigate leaves the"
    " flaw in and lowers its risk for a while; emergency is done at once, beyond the window's hours of work, at a"
    " multiple of the work and the outage."
)
"""What the modes mean, for a reader who does not know the game."""


# Words and figures


def number(value: float, digits: int = 1) -> str:
    """A figure; one that rounds to nothing but is not shows that it is small."""
    small = 0.5 * 10.0**-digits
    if math.isfinite(value) and 1e-9 < abs(value) < small:
        return f"< {small * 2:g}" if value > 0.0 else f"> {page.number(-2.0 * small, digits)}"
    return page.number(value, digits)


def figure(spread: Spread, digits: int = 1, signed: bool = False) -> Figure:
    """The mean and the middle 90% of the rollouts; one figure where all agree."""
    return _figure(spread.mean, spread, digits, signed)


def usual(spread: Spread, digits: int = 1) -> Figure:
    """The median and the middle 90% of the rollouts, alike."""
    return _figure(spread.median, spread, digits, False)


def _figure(value: float, spread: Spread, digits: int, signed: bool) -> Figure:
    ends = page.interval(spread.low, spread.high, digits, signed)
    shown = page.number(value, digits, signed)
    return Figure(shown, page.NOTHING if ends == f"{shown} to {shown}" else ends)


def percent(share: float) -> str:
    """A share; one that is nearly none or all is not rounded to it."""
    whole = round(100.0 * share)
    if whole in (0, 100) and share not in (0.0, 1.0):
        return "< 1%" if whole == 0 else "> 99%"
    return f"{whole}%"


def versions(patch: Any) -> str:
    """From which version to which."""
    return f"{patch.version or '?'} → {patch.fixed_version or '?'}"


class People:
    """What stakeholders are called: by their label where it is theirs alone, else with their name."""

    def __init__(self, plan: Plan) -> None:
        labels = [one.label for one in plan.stakeholders]
        self._names = {
            one.name: one.label if one.label and labels.count(one.label) == 1 else f"{one.label} ({one.name})".strip()
            for one in plan.stakeholders
        }
        self.names = tuple(self._names)

    def __getitem__(self, name: str) -> str:
        return self._names.get(name, {"nature": "used up", "outside": "outsiders"}.get(name, name))

    def votes(self, motion: PlannedPatch | Rejected) -> str:
        """Who was for it and who against."""
        sides: dict[str, list[str]] = {"for": [], "against": [], "abstained": []}
        for one in motion.votes:
            side = "against" if one.vote == "reject" else "abstained" if one.vote == "abstain" else "for"
            sides[side].append(self[one.agent] + (f" ({one.vote.replace('_', ' ')})" if "_" in one.vote else ""))
        return "; ".join(f"{side}: {', '.join(names)}" for side, names in sides.items() if names) or "nobody votes"

    def payment(self, flow: Flow) -> str:
        """Who pays whom."""
        return f"{self[flow.giver]} → {self[flow.taker]}"


def kind(flow: Flow) -> str:
    """What a flow is for, in words."""
    words = {"damage": "expected damage", "liability": "expected liability", "downtime": "lost revenue",
             "effort": "labour"}  # fmt: skip
    return words.get(flow.kind, flow.kind.replace("_", " "))


def because(motion: PlannedPatch | Rejected) -> str:
    """The features that decided, the heaviest first."""
    parts = sorted((part for part in motion.why.parts if part.share >= 0.005), key=lambda part: -part.share)
    return ", ".join(f"{part.name} {page.number(part.keur, 1, signed=True)} ({percent(part.share)})" for part in parts)


def versus(plan: Plan) -> str:
    """How the plan fares against the baseline."""
    if plan.policy == plan.baseline:
        return f"The plan is the baseline {plan.baseline} itself, so there is nothing to compare."
    gap = {one.name: one for one in plan.differences}
    total = gap["total"]
    return (
        f"Against {plan.baseline} in the same {plan.rollouts} worlds it comes to {_less(total.mean)} all in all"
        f"{_between(total.low, total.high)}: {_less(gap['money'].mean)} spent and lost on patching,"
        f" {_less(gap['loss'].mean)} expected loss to incidents. It is cheaper in {percent(total.lower)} of them."
    )


def _less(difference: float) -> str:
    return f"{page.number(abs(difference), 1)} k€ {'less' if difference <= 0.0 else 'more'}"


def _between(low: float, high: float) -> str:
    """The interval of the difference, where there is one."""
    return (
        f" (95% interval of the difference: {page.interval(low, high, 1, signed=True)})" if math.isfinite(low) else ""
    )


def summary(window: PlanWindow) -> str:
    """What a window does, and to the risk."""
    count = len(window.patches)
    planned = "1 patch" if count == 1 else f"{count} patches" if count else "nothing"
    revenue = "" if window.season == 1.0 else f"; revenue is {window.season:g} times the usual"
    before, after, removed = window.risk_before, window.risk_after, window.risk_removed
    text = f"Opens on day {page.number(window.first_day, 1).removesuffix('.0')}: {planned} planned{revenue}."
    text += f" What is open costs an expected {page.number(before.median, 1)} k€ a window as it opens"
    if math.isfinite(after.median):
        text += f" and {page.number(after.median, 1)} k€ as the next one does; all work until then"
        text += f" saves {usual(removed)} k€ a window against doing nothing"
    return f"{text}."


def standing(window: PlanWindow) -> str:
    """How many patches a window leaves open, and why."""
    if not window.open_patches:
        return "Nothing that is known is left open."
    counted = page.listed([f"{count} {reason}" for reason, count in window.reasons])
    return f"Left open after it: {window.open_patches} ({counted})."


# Tables of a window


def _motions(window: PlanWindow) -> list[PlannedPatch | Rejected]:
    return [*window.patches, *window.rejected]


def steps(window: PlanWindow) -> Table:
    """What is carried out, in order."""
    columns = [
        Column("order", "#"),
        Column("patch", "Patch", text=True),
        Column("versions", "Versions", text=True),
        Column("mode", "Mode", text=True),
        Column("day", "Day"),
        Column("work", "Work, h"),
        Column("outage", "Outage, min"),
        Column("cost", "Cost, k€"),
        Column("removed", "Risk removed, k€"),
        Column("share", "In by then"),
    ]
    if any(one.outcome not in SOUND for one in window.patches):
        columns.append(Column("outcome", "In the central world", text=True))
    rows = [
        {
            "order": str(one.order),
            "patch": one.patch,
            "versions": versions(one),
            "mode": one.mode,
            "day": page.number(one.day, 1),
            "work": page.number(one.effort_hours, 1),
            "outage": page.number(one.downtime_minutes, 0),
            "cost": usual(one.cost),
            "removed": usual(one.risk_removed),
            "share": percent(one.share_by_then),
            "outcome": one.outcome,
        }
        for one in window.patches
    ]
    failed = {(n, "outcome"): "bad" for n, one in enumerate(window.patches) if one.outcome not in SOUND}
    return Table(f"To carry out in window {window.window}", columns, rows, failed, headed=2)


def votes(window: PlanWindow, people: People) -> Table:
    """Who brought each motion, how all voted, and what each expected for its own account."""
    every = _motions(window)
    voters = [name for name in people.names if any(vote.agent == name for one in every for vote in one.votes)]
    columns = [
        Column("patch", "Patch", text=True),
        Column("mode", "Mode", text=True),
        Column("proposer", "Proposed by", text=True),
        *(Column(name, people[name], text=True) for name in voters),
        Column("result", "Result", text=True),
    ]
    rows, shades = [], {}
    for n, one in enumerate(every):
        passed = isinstance(one, PlannedPatch)
        cast = {vote.agent: vote for vote in one.votes}
        row: dict[str, Any] = dict.fromkeys(voters, "no vote")
        for name, vote in cast.items():
            row[name] = Figure(vote.vote.replace("_", " "), page.number(vote.own_gain_keur, 1, signed=True))
        row |= {"patch": one.patch, "mode": one.mode, "proposer": people[one.proposer]}
        row["result"] = "passed" if passed else "voted down"
        if not passed and isinstance(one, Rejected) and one.blocked_by:
            row["result"] += f" by {page.listed([people[name] for name in one.blocked_by])}"
        shades[n, "result"] = "good" if passed else "bad"
        rows.append(row)
    caption = (
        f"Votes in window {window.window}; below each, by how much the voter expects its own account to change, k€"
    )
    return Table(caption, columns, rows, shades)


def reasons(window: PlanWindow) -> Table:
    """Why each motion was brought: its parts in money, its deadline and findings, its places on the agenda."""
    columns = [
        Column("patch", "Patch", text=True),
        *(Column(name, name.capitalize()) for name in PARTS),
        Column("net", "Net gain"),
        Column("deadline", "Deadline", text=True),
        Column("facts", "Removes", text=True),
        Column("place", "On the agenda", text=True),
    ]
    rows = []
    for one in _motions(window):
        why = one.why
        row: dict[str, Any] = {name: _part(why, names) for name, names in PARTS.items()}
        row |= {"patch": one.patch, "net": page.number(why.net_gain_keur, 1, signed=True), "deadline": page.NOTHING}
        if why.due_day is not None:
            row["deadline"] = Figure(f"day {page.number(why.due_day, 0)}", f"fine {number(why.fine_avoided_keur)}")
        findings = "1 finding" if why.findings == 1 else f"{why.findings} findings"
        worst = f"CVSS {page.number(why.cvss, 1)}, EPSS {page.number(why.epss, 3)}" + (", KEV" if why.kev else "")
        row["facts"] = Figure(findings, worst) if why.findings else "no finding"
        first, *others = why.ranks
        row["place"] = Figure(
            f"{first.place} of {first.of} by {first.name}",
            ", ".join(f"{rank.place} by {rank.name}" for rank in others),
        )
        rows.append(row)
    shades = {(n, name): "ample" for n in range(len(rows)) for name in ("facts", "place")}
    return Table(f"What decided in window {window.window}: k€, and the share of all parts", columns, rows, shades)


def _part(why: Why, names: Sequence[str]) -> Any:
    """Some parts of the net gain together, and their share."""
    found = [part for part in why.parts if part.name in names]
    share = sum(part.share for part in found)
    return (
        Figure(page.number(sum(part.keur for part in found), 1, signed=True), percent(share)) if share else page.NOTHING
    )


def nudges(window: PlanWindow) -> Table | None:
    """What a learned policy made of the features; None where nobody learned."""
    every = [one for one in _motions(window) if one.why.nudges]
    if not every:
        return None
    most = max(len(one.why.nudges) for one in every)
    columns = [Column("patch", "Patch", text=True), *(Column(str(n), f"{n + 1}.", text=True) for n in range(most))]
    rows = [
        {"patch": one.patch}
        | {
            str(n): f"{nudge.feature.replace('_', ' ')} {page.number(nudge.change, 2, signed=True)}"
            for n, nudge in enumerate(one.why.nudges)
        }
        for one in every
    ]
    caption = (
        f"What the policy looked at in window {window.window}: by how much the nomination's logit falls when the"
        " feature is set to the mean of the agenda"
    )
    return Table(caption, columns, rows)


def money(window: PlanWindow, people: People) -> Table:
    """Who pays whom, patch by patch and for the window as a whole."""
    columns = [
        Column("what", "For", text=True),
        Column("patch", "Patch", text=True),
        Column("who", "Who pays whom", text=True),
        Column("keur", "k€"),
    ]
    rows = [
        {"what": kind(flow), "patch": one.patch, "who": people.payment(flow), "keur": number(flow.keur, 2)}
        for one in window.patches
        for flow in one.flows
    ]
    rows += [
        {"what": kind(flow), "patch": "all", "who": people.payment(flow), "keur": number(flow.keur, 2)}
        for flow in window.flows
    ]
    return Table(f"Who pays whom in window {window.window}, in the central world", columns, rows)


def left_open(rows: Sequence[Any], caption: str, by_end: bool) -> Table:
    """What is left open and why."""
    columns = [
        Column("patch", "Patch", text=True),
        Column("risk", "Risk, k€ a window"),
        Column("reason", "Why", text=True),
        Column("detail", "In words", text=True),
        Column("gain", "Best net gain, k€"),
        *([Column("share", "In by the end")] if by_end else []),
    ]
    told = [
        {
            "patch": one.patch,
            "risk": number(one.risk_keur, 2),
            "reason": one.reason,
            "detail": one.detail,
            "gain": page.number(one.best_gain_keur, 1, signed=True),
            "share": percent(one.share_by_end),
        }
        for one in rows
    ]
    shades = {(n, name): "ample" for n in range(len(told)) for name in ("reason", "detail")}
    return Table(caption, columns, told, shades)


# Tables of the plan


def compared(plan: Plan) -> Table:
    """The plan, the baseline and doing nothing in the same worlds."""
    gaps = {one.name: one for one in plan.differences}
    ours, theirs, nothing = plan.outcomes
    columns = [
        Column("figure", "k€ an episode", text=True),
        Column("plan", f"Plan ({plan.policy})"),
        Column("baseline", f"Baseline ({plan.baseline})"),
        Column("nothing", "Doing nothing"),
        Column("gap", "Plan less baseline"),
    ]
    rows = []
    for name, label in FIGURES.items():
        gap = gaps.get(name)
        row: dict[str, Any] = {"figure": label, "gap": page.NOTHING}
        for key, outcome in (("plan", ours), ("baseline", theirs), ("nothing", nothing)):
            row[key] = figure(getattr(outcome, name))
        if gap is not None:
            row["gap"] = Figure(page.number(gap.mean, 1, signed=True), page.interval(gap.low, gap.high, 1, signed=True))
        rows.append(row)
    shades = {(n, "gap"): _shade(gaps.get(name)) for n, name in enumerate(FIGURES)}
    caption = (
        "Means with the middle 90% of the worlds (a rare great loss can lift a mean out of it); differences with their"
        " 95% interval"
    )
    return Table(caption, columns, rows, shades)


def _shade(gap: Any) -> str:
    """Good where the plan is surely cheaper, bad where it is surely dearer."""
    if gap is None or not math.isfinite(gap.low):
        return ""
    return "good" if gap.high < 0.0 else "bad" if gap.low > 0.0 else ""


def accounts(plan: Plan, people: People) -> Table:
    """Who gains and who loses."""
    columns = [
        Column("who", "Stakeholder", text=True),
        Column("role", "Role", text=True),
        Column("plan", "Plan, k€"),
        Column("baseline", f"{plan.baseline}, k€"),
        Column("nothing", "Doing nothing, k€"),
    ]
    found: list[tuple[str, Outcome]] = list(zip(("plan", "baseline", "nothing"), plan.outcomes, strict=True))
    rows = [
        {"who": people[one.name], "role": one.role}
        | {key: figure(dict(outcome.accounts)[one.name], signed=True) for key, outcome in found}
        for one in plan.stakeholders
    ]
    return Table("Change of each account over the episode, with the middle 90% of the worlds", columns, rows)


def schedule(plan: Plan) -> Table:
    """When each patch is in, over the worlds."""
    columns = [
        Column("patch", "Patch", text=True),
        Column("planned", "Planned in window"),
        Column("median", "Median window"),
        *(Column(str(window.window), str(window.window)) for window in plan.windows),
    ]
    rows, shades = [], {}
    for n, one in enumerate(plan.schedule[:MOST_SCHEDULED]):
        row: dict[str, Any] = {"patch": one.patch, "planned": one.planned or page.NOTHING, "median": one.median_window}
        for window, share in zip(plan.windows, one.share_by_window, strict=True):
            row[str(window.window)] = percent(share) if share else page.NOTHING
            if share:
                shades[n, str(window.window)] = "b1" if share < 1 / 3 else "b2" if share < 2 / 3 else "b3"
        rows.append(row)
    return Table("Share of the worlds in which a patch is in by the end of each window", columns, rows, shades)


def priority(plan: Plan) -> Table:
    """The findings by risk."""
    named = {name: head for name, head in PRIORITY.items() if name in plan.priority[0]}
    texts = {"cve", "patch", "kev"}
    digits = {"probability": 2, "exploitability": 5, "loss_keur": 1, "risk_keur": 3, "cvss": 1, "epss": 3, "rank": 0}
    rows = [
        {name: str(row[name]) if name in ("cve", "patch") else _fact(row[name], digits.get(name, 2)) for name in named}
        for row in plan.priority[:MOST_FINDINGS]
    ]
    columns = [Column(name, head, text=name in texts) for name, head in named.items()]
    return Table("Findings by risk: probability x exploitability x loss", columns, rows, headed=2)


def _fact(value: Any, digits: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(float(value), digits)
