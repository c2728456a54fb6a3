"""Rolling horizon: plan the next windows as a constraint program, carry out the first, plan again.

What practitioners of maintenance scheduling do (Sethi and Sorger, "A theory of rolling horizon decision making", Annals
of Operations Research 29, 1991), with public knowledge alone: known findings at the public estimate of their risk,
findings that are expected to come spread evenly over the windows left, announced seasons and their mean beyond,
prerequisites, hours and overtime, budgets, shared outages with their set-up, maintenance at night.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.plan_model import (
    CANARY,
    EMERGENCY,
    FULL,
    MITIGATE,
    UPGRADES,
    Facts,
    Item,
    PlanModel,
    nomination,
    ready,
    up,
)
from patchpact.agents.policies.planner import Planner, actions_by_name
from patchpact.agents.roles import layout
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.imagine import Imagination
from patchpact.envs.vector import VectorEnv

HORIZON = 3
"""Windows planned for, the open one included."""
WORK = 0.1
"""The solver's deterministic time for one plan, about as many seconds."""
INFORMED_KEY = 0x1F0
"""Key of the copy in which an informed planner reads what agents know; nothing of its future is used."""
SECONDS = 10.0
"""Hard limit of one plan on the clock."""


class Plan(NamedTuple):
    """What is left to do in the open window."""

    items: list[Item]
    levers: list[tuple[int, int]]  # (agent, action)


class RollingHorizon(Planner):
    """Plays all agents for their common welfare.

    Args:
        worlds: the batch it plays; the policy reads of it what everybody sees.
        horizon: windows planned for, the open one included.
        informed: plans with what any agent knows (true effort, regression, revenue, reachability).
    """

    def __init__(self, worlds: VectorEnv, horizon: int = HORIZON, informed: bool = False) -> None:
        super().__init__(worlds)
        self._horizon = horizon
        self._room = Imagination(worlds.scenarios[0], 1, informed=True) if informed else None
        self._plans: dict[int, tuple[int, Plan]] = {}
        self._names = actions_by_name(self._engine)

    def propose(self, k: int) -> NDArray[np.int64]:
        """See ``Planner.propose``."""
        actions = np.zeros(self._engine.num_agents, np.int64)
        state = self._engine.state
        world = state.world[k]
        t, proposer = int(world["t"]), int(world["proposer"])
        if self._plans.get(k, (-1, None))[0] != t or world["motion"] == 0:
            self._plans[k] = (t, self._plan(k))
        plan = self._plans[k][1]
        pulled = []
        for agent, action in plan.levers:
            if state.mask[k, agent, action] and not actions[agent]:
                actions[agent] = action
                pulled.append((agent, action))
        for lever in pulled:
            plan.levers.remove(lever)
        if actions[proposer]:
            return actions
        for item in plan.items:
            action = nomination(item, state.row[k])
            if action >= 0 and state.mask[k, proposer, action]:
                actions[proposer] = action
                plan.items.remove(item)
                break
        return actions

    def planned(self, k: int) -> list[Item]:
        """What is left of the plan for the open window of world k."""
        return list(self._plans[k][1].items)

    def _plan(self, k: int) -> Plan:
        """The open window's part of a plan for the next windows."""
        engine = self._engine
        if self._room is not None:
            self._room.copy(engine, k, [INFORMED_KEY])
            engine, k = self._room.engine, 0
        state = engine.state
        world = state.world[k]
        head = engine.static.scenario[0]
        t = int(world["t"])
        windows = range(t, min(t + self._horizon, int(head["windows"])))
        records = engine.static.patch
        flows = state.flow[world["r0"] : world["r0"] + head["nr"]]
        effort = records["effort"] if self._room is None else state.patch["effort"].copy()
        facts = Facts.of(engine, k, effort, flows["public_rate"].copy(), self._seasons(world, head))
        value = self._value(engine, k, windows, facts)
        agenda = {int(j) for j in state.row[k]["patch"] if j >= 0}
        wanted = self._worth_planning(value, facts)
        release = state.patch["release"][world["p0"] : world["p0"] + head["np"]]
        candidates = [
            (j, w, mode)
            for j in wanted
            for w in windows
            for mode in (*UPGRADES, MITIGATE)
            if (w > t or j in agenda)
            and (mode == MITIGATE or release[j] <= w)
            and (mode != EMERGENCY or w == t)
            and np.isfinite(value[j, w - t, mode])
        ]
        if not candidates:
            return Plan([], [])
        model = PlanModel(facts, windows, [1] * int(head["windows"]), candidates)
        for item, variable in model.entry.items():
            model.costs.append(-up(max(float(value[item.patch, item.window - t, item.mode]), 0.0)) * variable)
        entries, cost, _ = model.solve(SECONDS, work=WORK)
        if not entries or cost >= 0.0:
            return Plan([], [])
        chosen = model.solver.boolean_value
        levers = [(owner, "night_hours") for (owner, w), v in model.night.items() if w == t and chosen(v)]
        if t in model.overtime and chosen(model.overtime[t]):
            levers += [(agent, "overtime") for agent in facts.roles_it[:1]]
        now = self._in_order([item for item in entries if item.window == t], facts)
        return Plan(now, [(agent, self._names[agent][name]) for agent, name in levers])

    def _seasons(self, world: Any, head: Any) -> NDArray[np.float64]:
        """Announced for three windows, the mean beyond ``(windows,)``."""
        low, high = float(head["season_low_probability"]), float(head["season_high_probability"])
        mean = low * float(head["season_low"]) + high * float(head["season_high"]) + (1.0 - low - high)
        seasons = np.full(int(head["windows"]) + 3, mean)
        seasons[world["t"] : world["t"] + 3] = world["season"]
        return seasons[: int(head["windows"])]

    def _value(self, engine: Engine, k: int, windows: range, facts: Facts) -> NDArray[np.float64]:
        """What each entry saves, before its labour and outage (k€) ``(patches, windows, modes)``."""
        state, head = engine.state, engine.static.scenario[0]
        world = state.world[k]
        patch = state.patch[world["p0"] : world["p0"] + head["np"]]
        end = int(head["windows"] + head["tail_windows"])
        risk, coming = patch["risk"], self._coming_risk(engine, k)
        fails = patch["public_regression"]
        rate = facts.rate_keur / np.maximum(self._seasons(world, head), 1e-9)
        labour = facts.patches["effort"] * float(head["labour_keur_per_hour"] * head["rollback_effort"])
        undo = np.array(
            [
                sum(weight * rate[flow, 0] for flow, weight in facts.links[j]) * float(record["downtime"])
                for j, record in enumerate(facts.patches)
            ]
        ) * float(head["rollback_downtime"])
        value = np.full((len(patch), len(windows), len(layout.MODES)), -np.inf)
        open_now = (patch["done"] == 0) & (patch["planned"] < 0)
        for n, w in enumerate(windows):
            left = end - w - 0.5
            # Findings to come: evenly over the windows that are left, so half of the time on average.
            later = np.arange(w, end) - world["t"]
            share = np.minimum(later / max(int(head["windows"]) - 1 - int(world["t"]), 1), 1.0).sum()
            saved = risk * left + coming * share
            rolled_back = fails * (labour + undo)
            value[:, n, FULL] = (1.0 - fails) * saved - rolled_back
            value[:, n, CANARY] = (1.0 - fails) * saved
            value[:, n, EMERGENCY] = (1.0 - fails) * (saved + 0.5 * risk) - rolled_back
            eased = (patch["known"] > 0) & (patch["mitigated_until"] <= (w + 0.5) * float(head["window_days"]))
            brief = (1.0 - float(head["mitigate_hazard"])) * risk * min(float(head["mitigate_windows"]), left)
            value[:, n, MITIGATE] = np.where(eased, brief, -np.inf)
        value[~open_now] = -np.inf
        return value

    @staticmethod
    def _coming_risk(engine: Engine, k: int) -> NDArray[np.float64]:
        """Risk a window that findings of each patch would add once known (k€), first order, by public figures."""
        static, state = engine.static, engine.state
        world = state.world[k]
        head = static.scenario[0]
        cve = state.cve[world["c0"] : world["c0"] + head["nc"]]
        unknown = cve["known"] > world["t"]
        published = 1.0 - (1.0 - np.minimum(static.cve["epss"], 0.9999)) ** (float(head["window_days"]) / 30.0)
        prior = float((head["atoms"] * head["atom_weights"]).sum())
        attempt = np.minimum(prior * published * float(head["attempt_multiplier"]), 1.0) * unknown
        service = state.service[world["s0"] : world["s0"] + head["ns"]]
        weight = service["adjoint"] * (1.0 - service["q"])
        risk = np.zeros(len(static.patch))
        np.add.at(risk, static.finding["patch"], attempt[static.finding["cve"]] * static.entry)
        return np.asarray(risk * weight[static.patch["service"]])

    def _worth_planning(self, value: NDArray[np.float64], facts: Facts) -> list[int]:
        """Patches that save more than their labour in some mode, and all that those require."""
        worth = []
        for j in range(len(value)):
            gains = [value[j, :, mode].max() - facts.labour_keur(j, mode) for mode in range(value.shape[2])]
            if max(gains) > 0.0:
                worth.append(j)
        return facts.with_prerequisites(worth)

    @staticmethod
    def _in_order(items: list[Item], facts: Facts) -> list[Item]:
        """Prerequisites first."""
        ordered: list[Item] = []
        waiting = sorted(items, key=lambda item: item.mode != EMERGENCY)
        while waiting:
            following = ready(waiting, facts.needs) or waiting[0]
            ordered.append(following)
            waiting.remove(following)
        return ordered
