"""A plan for the coming window: copies of the tenant's world in which somebody nominates and everybody accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Policy
from patchpact.agents.policies.planner import accept_all
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.ecosystem.service.recommender import PatchStep, PlanScore, TenantView
from patchpact.envs.core.engine import Engine
from patchpact.envs.modes import effort_factor

MITIGATE, CANARY = layout.MODES.index("mitigate"), layout.MODES.index("canary")
_NO_DEADLINE = 1e9
_MODES = len(layout.MODES)


class PolicyOfTable(Protocol):
    """Gives whoever nominates: for the role that proposes, and the agendas it may look up."""

    def __call__(self, table: Table) -> Policy:
        """The policy of ``table.role``."""


@dataclass(frozen=True)
class Table:
    """The agendas of the worlds in which an agent of ``role`` proposes now."""

    engine: Engine
    worlds: NDArray[np.int64]
    role: str

    @cached_property
    def names(self) -> list[list[str]]:
        """The patch of each row ``(worlds, rows)``; "" where it is empty."""
        patches = self.engine.scenarios[0].patches
        rows = self.engine.state.row["patch"][self.worlds]
        return [[patches[j].name if j >= 0 else "" for j in row] for row in rows]

    @cached_property
    def full_cost_keur(self) -> NDArray[np.float64]:
        """The public cost of each row in full mode ``(worlds, rows)``."""
        rows = self.engine.state.row[self.worlds]
        return np.asarray(rows["fixed_cost"] + rows["downtime"], np.float64)


def plan_window(view: TenantView, k: int, policy_of: PolicyOfTable, name: str, why: str) -> list[PlanScore]:
    """At most ``k`` plans of the coming window, best first: what a policy would do, and what it would do without.

    The first plan is the policy's own; the second does without the patch that begins the first, the third without
    those that begin the first two, and so on, so that each is an alternative.

    Args:
        view: the tenant.
        k: at least 1.
        policy_of: whoever nominates.
        name: the recommender's.
        why: what it goes by, one short text.

    Raises:
        ValueError: fewer plans than one asked for.
    """
    if k < 1:
        raise ValueError(f"k: {k} is less than 1; ask for at least one plan")
    engine = Engine([view.scenario], k, autoreset=False)
    engine.reset(np.full(k, view.seed, np.uint64))
    rng = np.random.default_rng(0)  # the policies on offer draw nothing; one that does is repeatable
    without: list[frozenset[int]] = [frozenset()]
    for _ in range(k - 1):
        lead = _nominations(engine, np.array([0]), without[-1:], policy_of, rng)[0]
        if lead == layout.PASS:
            break
        without.append(without[-1] | {_patch_of(engine, 0, lead)})
    steps: list[list[PatchStep]] = [[] for _ in without]
    state = engine.state
    while True:
        planning = (state.world["t"] == 0) & (state.world["over"] == 0) & (np.arange(k) < len(without))
        if not planning.any():
            break
        voting = planning & (state.world["voting"] != 0)
        actions = np.where(voting[:, None], accept_all(state.agent), layout.PASS)
        proposing = np.flatnonzero(planning & ~voting)
        chosen = _nominations(engine, proposing, [without[world] for world in proposing], policy_of, rng)
        actions[proposing, state.world["proposer"][proposing]] = chosen
        for world, action in zip(proposing.tolist(), chosen.tolist(), strict=True):
            if action != layout.PASS:
                steps[world].append(_step(engine, view, world, action))
        before = state.world["motions_passed"].copy()
        engine.step(actions)
        for world in np.flatnonzero(voting & (state.world["motions_passed"] == before)).tolist():
            steps[world].pop()
    engine.close()
    return [PlanScore.of(name, plan, why) for plan in steps if plan]


def _patch_of(engine: Engine, world: int, action: int) -> int:
    return int(engine.state.row[world, (action - layout.NOMINATE_START) // _MODES]["patch"])


def _nominations(
    engine: Engine,
    worlds: NDArray[np.int64],
    without: Sequence[frozenset[int]],
    policy_of: PolicyOfTable,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """What the proposers of these worlds nominate, certain patches left out; or pass ``(worlds,)``."""
    state = engine.state
    proposer = state.world["proposer"][worlds]
    chosen = np.full(len(worlds), layout.PASS, np.int64)
    for agent in np.unique(proposer).tolist():
        which = np.flatnonzero(proposer == agent)
        here, role = worlds[which], _role(engine, agent)
        mask = state.mask[here, agent, : len(action_names(role))].copy()
        nominations = mask[:, layout.NOMINATE_START : layout.VOTE_START].reshape(len(here), -1, _MODES)
        for place, n in enumerate(which.tolist()):
            out = np.isin(state.row[here[place]]["patch"], list(without[n]))
            nominations[place, out] = 0
        policy = policy_of(Table(engine, here, role))
        actions = np.asarray(policy.act(state.observation[here, agent], mask, rng), np.int64)
        nominates = (actions >= layout.NOMINATE_START) & (actions < layout.VOTE_START)
        chosen[which] = np.where(nominates, actions, layout.PASS)
    return chosen


def _role(engine: Engine, agent: int) -> str:
    return ROLES[int(engine.static.agent["role"][agent])]


def _step(engine: Engine, view: TenantView, world: int, action: int) -> PatchStep:
    """A nomination, with its public figures before it is carried."""
    state, parameters = engine.state, view.scenario.parameters
    row, mode = divmod(action - layout.NOMINATE_START, _MODES)
    record = state.row[world, row]
    number = int(record["patch"])
    patch, p = view.scenario.patches[number], state.patch[int(state.world["p0"][world]) + number]
    left = int(parameters["windows"]) + int(parameters["tail_windows"])
    upgrade = mode != MITIGATE
    unlocks = float(record["unlocked"]) * left if upgrade else 0.0
    return PatchStep(
        patch=patch.name,
        service=patch.service,
        component=patch.component,
        fixed_version=patch.fixed_version,
        mode=layout.MODES[mode],
        cost_keur=_cost_keur(engine, number, record, mode, float(p["public_regression"])),
        gain_keur=float(record["public"][mode]),
        unlocks_keur=unlocks,
        reason=_reason(p, unlocks, patch.service in _exposed(view)),
    )


def _cost_keur(engine: Engine, number: int, record: np.void, mode: int, regression: float) -> float:
    """Work, downtime, support and expected rollback in this mode, from the agenda's own parts (``core.rows``)."""
    head, patch = engine.static.scenario[0], engine.static.patch[number]
    support = float(head["support_keur"]) if head["value_enabled"] and patch["vendor"] >= 0 else 0.0
    cost = record["effort"] * effort_factor(head, mode) + record["before_downtime"][mode] - record["public"][mode]
    if mode != MITIGATE:
        cost += support
    if mode not in (MITIGATE, CANARY):
        undone = record["fixed_cost"] - record["effort"] - support
        cost += undone + regression * float(head["rollback_effort"]) * record["effort"]
    return float(cost)


def _exposed(view: TenantView) -> frozenset[str]:
    return frozenset(service.name for service in view.scenario.services if service.exposed)


def _reason(p: np.void, unlocks: float, exposed: bool) -> str:
    """What speaks for a patch, in figures."""
    parts = [f"removes {p['risk']:.3g} k€ of risk a window", f"CVSS {p['cvss']:.1f}", f"EPSS {p['epss']:.2g}"]
    if p["kev"]:
        parts.append("known to be exploited")
    if exposed:
        parts.append("exposed")
    if unlocks > 0.0:
        parts.append(f"unlocks {unlocks:.3g} k€")
    if p["due"] < _NO_DEADLINE:
        parts.append("overdue" if p["due"] < 0 else f"due in {p['due']:.0f} days")
    return ", ".join(parts)
