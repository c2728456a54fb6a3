"""The world as text."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from patchpact.agents.roles.layout import MODES
from patchpact.envs.render.words import (
    PHASES,
    VOTE_WORDS,
    cell,
    columns,
    count,
    money,
    plain,
    season,
    shorten,
    total,
    verdict,
)
from patchpact.envs.view import PatchView, WorldView

COLUMNS = 100
"""Longest line of the text screen, in terminal columns."""


def text(view: WorldView) -> str:
    """The world as a screen of plain text, lines of at most ``COLUMNS`` terminal columns."""
    blocks = [_head(view), _motion(view), _agenda(view), _plan(view), _accounts(view), _ledger(view)]
    if view.phase == "over":
        blocks.append(_totals(view))
    return "\n\n".join("\n".join(shorten(line.rstrip(), COLUMNS) for line in block) for block in blocks)


def _head(view: WorldView) -> list[str]:
    seasons = ", ".join(f"{when} x{factor:.2f}" for when, factor in season(view))
    if view.phase == "over":
        moment = f"window {view.windows} of {view.windows} is over"
    else:
        moment = f"window {view.window + 1} of {view.windows}, motion {view.motion + 1} of {view.motions}"
        moment += f", {PHASES[view.phase]}, proposer {view.proposer}"
    overdue = f"{count(view.overdue, 'patch', 'patches')} overdue"
    return [
        plain(f"{view.scenario}: {view.title}"),
        plain(moment),
        f"season {seasons}; capacity left {view.capacity_left_hours:.1f} h",
        f"open risk {money(view.open_risk_keur)} k€/window; {overdue}",
    ]


def _motion(view: WorldView) -> list[str]:
    motion = view.last_motion
    if motion is None:
        return ["Motion: none yet"]
    proposer = shorten(plain(motion.proposer), 24)
    before = f"Motion: {motion.mode} "
    after = f" by {proposer}, quote {money(motion.quote_keur)} k€, {verdict(motion.passed)}"
    patch = shorten(plain(motion.patch), COLUMNS - columns(before + after))
    votes = [f"{name} {VOTE_WORDS[vote]}" for name, vote in motion.votes]
    who = _wrapped("  votes: ", votes) if votes else _wrapped("  may vote: ", view.voters)
    return [before + patch + after, *who]


def _wrapped(start: str, parts: Iterable[str]) -> list[str]:
    """The parts one after the other, continued on indented lines."""
    lines = [start]
    for part in parts:
        word = shorten(plain(part), COLUMNS - len(start))
        first = lines[-1].isspace() or lines[-1] == start
        if not first and columns(f"{lines[-1]}; {word}") > COLUMNS:
            lines.append(" " * len(start))
            first = True
        lines[-1] += word if first else f"; {word}"
    return lines


def _agenda(view: WorldView) -> list[str]:
    if not view.agenda:
        return ["Agenda: empty"]
    lines = [
        "Agenda (modes: full, canary, mitigate, emergency; a version in brackets is not released yet)",
        f"{'row':>4} {'patch':28} {'to':11} {'risk':>8} {'effort':>6} {'down':>5} {'regr':>5} "
        f"{'CVSS':>4} {'EPSS':>5} KEV {'due':>4}  modes",
        f"{'':44} k€/window {'h':>6} {'min':>5} {'%':>5} {'':14} {'days':>4}",
    ]
    for patch in view.agenda:
        lines.append(_agenda_row(view, patch))
    return lines


def _agenda_row(view: WorldView, patch: PatchView) -> str:
    motion = view.last_motion
    mark = ">" if view.phase == "vote" and motion is not None and motion.patch == patch.name else " "
    version = patch.fixed_version or "?"
    version = version if patch.released else f"({version})"
    due = f"{patch.due_day - view.day:.0f}" if isfinite(patch.due_day) else "-"
    modes = "".join(mode[0] if mode in patch.feasible else "-" for mode in MODES)
    return (
        f"{mark}{patch.row:3d} {cell(patch.name, 28)} {cell(version, 11)} {money(patch.risk_keur):>8} "
        f"{patch.effort_hours:6.1f} {patch.downtime_minutes:5.1f} {100 * patch.regression_probability:5.1f} "
        f"{patch.cvss:4.1f} {patch.epss:5.3f} {'yes' if patch.kev else '  -'} {due:>4}  {modes}"
    )


def _plan(view: WorldView) -> list[str]:
    if not view.plan:
        return ["Plan of this window: nothing"]
    lines = ["Plan of this window"]
    for patch in view.plan:
        name, version = cell(patch.name, 40), cell(patch.fixed_version, 14)
        hours = f"{patch.effort_hours:5.1f} h"
        lines.append(f"    {patch.mode:9}  day {patch.day:5.1f}  {name} to {version} {hours}")
    return lines


def _accounts(view: WorldView) -> list[str]:
    lines = ["Money, k€                        account     budget left"]
    for (name, account), (_, budget) in zip(view.accounts_keur, view.budgets_keur, strict=True):
        lines.append(f"    {cell(name, 24)} {money(account):>11} {money(budget):>15}")
    return lines


def _ledger(view: WorldView) -> list[str]:
    """One line for each kind of money that flowed in the last step, its largest flows first."""
    if not view.ledger:
        return ["Last step: no money moved"]
    flows: dict[str, dict[tuple[str, str], float]] = {}
    for entry in view.ledger:
        by_pair = flows.setdefault(entry.kind, {})
        pair = entry.giver, entry.taker
        by_pair[pair] = by_pair.get(pair, 0.0) + entry.amount_keur
    lines = ["Last step, k€"]
    for kind, by_pair in flows.items():
        largest = sorted(by_pair.items(), key=lambda item: -item[1])
        parts = [f"{giver} to {taker} {money(amount)}" for (giver, taker), amount in largest[:2]]
        if len(largest) > 2:
            parts.append(f"{len(largest) - 2} more")
        lines.append(f"    {kind:13} {money(sum(by_pair.values())):>10}  {plain('; '.join(parts))}")
    return lines


def _totals(view: WorldView) -> list[str]:
    return ["The episode", *(f"    {name:17} {total(name, value):>10}" for name, value in view.totals)]
