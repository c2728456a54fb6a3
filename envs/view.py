"""A readable copy of one world's state: for pictures, notebooks and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
from gymnasium.error import ResetNeeded

from patchpact.agents.roles import layout
from patchpact.agents.roles.ledger import KINDS

if TYPE_CHECKING:
    from patchpact.envs.parallel import PatchpactEnv

OUTSIDE, NATURE = "outside", "nature"
"""Accounts of all that no agent plays: users, regulator, suppliers; and of what work and damage use up."""


@dataclass(frozen=True)
class ServiceView:
    """A service as anyone may see it."""

    name: str
    kind: str
    exposed: bool
    owner: str
    compromise_probability: float
    """Public estimate for this window."""
    entry_risk_keur: float
    """Public expected loss a window that enters here."""
    open_patches: int
    """Patches with a known open finding."""
    planned: tuple[str, ...]
    """Modes of the patches planned in this window."""
    attacked: bool
    """Compromised in the window before; at the end, in the last window of the tail. Never where the scenario
    books expected losses, since no compromise is drawn there."""


@dataclass(frozen=True)
class PatchView:
    """A patch on the agenda or in the plan, by public figures."""

    row: int
    """Agenda row, -1 where it is in the plan."""
    name: str
    service: str
    component: str
    fixed_version: str
    mode: str
    """Planned mode, "" on the agenda."""
    day: float
    """Day of the episode on which it is carried out; 0 on the agenda."""
    risk_keur: float
    effort_hours: float
    downtime_minutes: float
    regression_probability: float
    cvss: float
    epss: float
    kev: bool
    due_day: float
    """Earliest deadline, infinity where there is none."""
    released: bool
    feasible: tuple[str, ...]
    """Modes in which it can be nominated now."""


@dataclass(frozen=True)
class Motion:
    """The motion on the table, or the one last voted on."""

    patch: str
    mode: str
    proposer: str
    quote_keur: float
    votes: tuple[tuple[str, str], ...]
    """Agent and vote, empty before the vote."""
    passed: bool | None
    """None before the vote."""


@dataclass(frozen=True)
class LedgerEntry:
    """One flow of money in the last step."""

    giver: str
    taker: str
    kind: str
    amount_keur: float


@dataclass(frozen=True)
class WorldView:
    """Everything public about a world at one moment."""

    scenario: str
    title: str
    graph: nx.DiGraph
    """Services by name and calls, with every attribute of the scenario."""
    window: int
    """From 0; at the end that of the last window."""
    windows: int
    motion: int
    motions: int
    """Motions of a window; ``motion`` counts from 0."""
    day: float
    """Day of the episode on which the window opens; at the end, the day after the last window."""
    phase: str
    """``propose``, ``vote`` or ``over``."""
    proposer: str
    """Who proposes the motion on the table, "" when over."""
    voters: tuple[str, ...]
    """Who may vote on the motion on the table, empty while one is proposed."""
    season: tuple[float, float, float]
    """Revenue multiplier of this window and the two after."""
    capacity_left_hours: float
    open_risk_keur: float
    overdue: int
    services: tuple[ServiceView, ...]
    agenda: tuple[PatchView, ...]
    plan: tuple[PatchView, ...]
    last_motion: Motion | None
    budgets_keur: tuple[tuple[str, float], ...]
    accounts_keur: tuple[tuple[str, float], ...]
    ledger: tuple[LedgerEntry, ...]
    totals: tuple[tuple[str, float], ...]


def view_of(env: PatchpactEnv) -> WorldView:
    """A copy of the world's public state.

    Raises:
        gymnasium.error.ResetNeeded: before the first reset, when there is no world to see.
    """
    engine, scenario = env.engine, env.scenario
    state = engine.state
    world = state.world[0]
    over = bool(world["over"])
    if not env.agents and not over:
        raise ResetNeeded("view: there is no world before the first reset; call reset() first")
    names = env.possible_agents
    agenda = [_patch(env, int(j), row) for row, j in enumerate(state.row["patch"][0]) if j >= 0]
    planned = [j for j in range(len(scenario.patches)) if state.patch[j]["planned"] >= 0 and not over]
    planned.sort(key=lambda j: int(state.patch[j]["order"]))
    entries = state.ledger[0, : world["ledger_n"]]
    parties = [*names, OUTSIDE, NATURE]
    return WorldView(
        scenario=scenario.id,
        title=scenario.title,
        graph=scenario.graph(),
        window=min(int(world["t"]), int(scenario.parameters["windows"]) - 1),
        windows=int(scenario.parameters["windows"]),
        motion=int(world["motion"]),
        motions=int(scenario.parameters["motions_per_window"]),
        day=float(world["t"] * scenario.parameters["window_days"]),
        phase="over" if over else "vote" if world["voting"] else "propose",
        proposer="" if over else names[int(world["proposer"])],
        voters=tuple(name for name, may in zip(names, state.agent["may_vote"][0].tolist(), strict=True) if may),
        season=(float(world["season"][0]), float(world["season"][1]), float(world["season"][2])),
        capacity_left_hours=float(world["capacity_left"]),
        open_risk_keur=float(world["open_risk"]),
        overdue=int(world["overdue"]),
        services=_services(env, planned),
        agenda=tuple(agenda),
        plan=tuple(_patch(env, j, -1) for j in planned),
        last_motion=env.last_motion,
        budgets_keur=tuple(zip(names, state.agent["budget"][0].tolist(), strict=True)),
        accounts_keur=tuple(zip(names, env.accounts_keur.tolist(), strict=True)),
        ledger=tuple(
            LedgerEntry(parties[int(e["giver"])], parties[int(e["taker"])], KINDS[int(e["kind"])], float(e["amount"]))
            for e in entries
        ),
        totals=tuple((name, float(world[name])) for name in TOTALS_SHOWN),
    )


TOTALS_SHOWN = (
    "welfare_keur", "damage_keur", "effort_keur", "downtime_keur", "fines_keur", "downtime_hours",
    "patches_done", "patches_failed", "motions_proposed", "motions_passed", "deadlines_missed", "incidents",
)  # fmt: skip


def _patch(env: PatchpactEnv, j: int, row: int) -> PatchView:
    state = env.engine.state
    p, patch = state.patch[j], env.scenario.patches[j]
    mode = int(p["planned"])
    due = float(p["due"])
    feasible = state.row[0, row]["feasible"] if row >= 0 else ()
    return PatchView(
        row=row,
        name=patch.name,
        service=patch.service,
        component=patch.component,
        fixed_version=patch.fixed_version,
        mode=layout.MODES[mode] if mode >= 0 else "",
        day=float(p["day"]) if mode >= 0 else 0.0,
        risk_keur=float(p["risk"]),
        effort_hours=patch.effort_hours,
        downtime_minutes=patch.downtime_minutes,
        regression_probability=float(p["public_regression"]),
        cvss=float(p["cvss"]),
        epss=float(p["epss"]),
        kev=bool(p["kev"]),
        due_day=due if due < 1e9 else float("inf"),
        released=bool(p["release"] <= state.world[0]["t"]),
        feasible=tuple(name for name, can in zip(layout.MODES, feasible, strict=False) if can),
    )


def _services(env: PatchpactEnv, planned: list[int]) -> tuple[ServiceView, ...]:
    state, scenario = env.engine.state, env.scenario
    number = {service.name: n for n, service in enumerate(scenario.services)}
    open_patches = [0] * len(number)
    for j, patch in enumerate(scenario.patches):
        p = state.patch[j]
        open_patches[number[patch.service]] += bool(not p["done"] and p["known"] > 0)
    modes: dict[str, list[str]] = {}
    for j in planned:
        modes.setdefault(scenario.patches[j].service, []).append(layout.MODES[int(state.patch[j]["planned"])])
    sampled = scenario.parameters["incident_loss"] == "sampled" and bool(state.world[0]["t"] > 0)
    result = []
    for n, service in enumerate(scenario.services):
        s = state.service[n]
        entry = float(s["adjoint"] * (1.0 - s["q"]) * (1.0 - s["base"]) / max(float(s["base"]), 1e-12))
        result.append(
            ServiceView(
                name=service.name,
                kind=service.kind,
                exposed=service.exposed,
                owner=service.owner,
                compromise_probability=float(s["q"]),
                entry_risk_keur=entry,
                open_patches=open_patches[n],
                planned=tuple(modes.get(service.name, ())),
                attacked=sampled and bool(s["hit"] >= 0),
            )
        )
    return tuple(result)
