"""Which patches to carry out when and how, as a constraint program: what all planners' models share.

A plan is a set of (patch, window, slot, mode). The model keeps the rules of the game that bind a planner for all:
motions a window, hours, overtime, budgets, prerequisites, one motion a patch and window, mitigations that last, revenue
flows whose outages overlap and which cost a set-up when opened, maintenance at night. Money is in thousandths of a
k€, rounded so that no plan costs less in the world than in the model: a proven bound stays one.

Solved by CP-SAT (Perron and Furnon, OR-Tools, https://developers.google.com/optimization).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from patchpact.agents.roles.layout import MODES, NOMINATE_START
from patchpact.envs.core.engine import Engine
from patchpact.envs.modes import downtime_factor, effort_factor

FULL, CANARY, MITIGATE, EMERGENCY = (MODES.index(name) for name in ("full", "canary", "mitigate", "emergency"))
UPGRADES = (FULL, CANARY, EMERGENCY)
UNIT = 1000
"""Money in the model is in thousandths of a k€, hours in thousandths of an hour."""


class Item(NamedTuple):
    """One entry of a plan."""

    patch: int
    window: int
    slot: int
    mode: int


def nomination(item: Item, rows: NDArray[np.void]) -> int:
    """The action that nominates the entry on this agenda (the world's rows); -1 where its patch is not on it."""
    row = np.flatnonzero(rows["patch"] == item.patch)
    return NOMINATE_START + len(MODES) * int(row[0]) + item.mode if len(row) else -1


def ready(waiting: Sequence[Item], needs: Sequence[tuple[int, ...]]) -> Item | None:
    """The first entry none of whose prerequisites is still waiting."""
    left = {item.patch for item in waiting if item.mode != MITIGATE}
    return next((item for item in waiting if item.mode == MITIGATE or not left & set(needs[item.patch])), None)


@dataclass
class Facts:
    """What the model has to know of a world, in the world's units. P = patches, R = flows."""

    head: Any  # the scenario's record: parameters by name
    patches: NDArray[np.void]  # (P,) the scenario's records
    needs: Sequence[tuple[int, ...]]  # by patch
    links: Sequence[tuple[tuple[int, float], ...]]  # by patch: (flow, share of it lost)
    flow_owner: Sequence[int]
    roles_it: Sequence[int]  # agents who can buy overtime
    budget_keur: Sequence[float]  # by agent
    effort_hours: NDArray[np.float64]  # (P,) what the work will take, which is paid
    rate_keur: NDArray[np.float64]  # (R, windows) an hour's outage
    done: NDArray[np.bool_]  # (P,)
    capacity_hours: float  # of the first window; later ones have the scenario's
    motions: int  # of the first window; later ones have the scenario's
    opened: Mapping[int, tuple[float, float, float]]  # by flow: longest, total, share open in the first window

    @classmethod
    def of(
        cls, engine: Engine, k: int, effort: NDArray[np.float64], flow_rate: NDArray[np.float64], seasons: Any
    ) -> Facts:
        """Facts of world k as it stands, with the given effort (hours), rates (k€/h) and season of every window."""
        static, world = engine.static, engine.state.world[k]
        head = static.scenario[world["scenario"]]
        patches = static.patch[head["p0"] : head["p0"] + head["np"]]
        services = static.service[head["s0"] : head["s0"] + head["ns"]]
        flows = static.flow[head["r0"] : head["r0"] + head["nr"]]
        agents = static.agent[head["a0"] : head["a0"] + head["na"]]
        links = []
        for patch in patches:
            service = services[patch["service"]]
            rows = static.link[service["link0"] : service["link1"]]
            links.append(tuple((int(row["flow"]), float(row["weight"])) for row in rows))
        state = engine.state.patch[world["p0"] : world["p0"] + head["np"]]
        mine = engine.state.flow[world["r0"] : world["r0"] + head["nr"]]
        return cls(
            head=head,
            patches=patches,
            needs=[tuple(int(n) for n in static.needs[p["need0"] : p["need1"]]) for p in patches],
            links=links,
            flow_owner=[int(owner) for owner in flows["owner"]],
            roles_it=sorted({int(it) for it in patches["it"] if it >= 0}),
            budget_keur=[float(budget) for budget in agents["budget"]],
            effort_hours=effort,
            rate_keur=flow_rate[:, None] * np.asarray(seasons)[None, :],
            done=state["done"] != 0,
            capacity_hours=float(world["capacity_left"]),
            motions=int(head["motions_per_window"] - world["motion"]),
            opened={r: (float(f["longest"]), float(f["total"]), float(f["opened"])) for r, f in enumerate(mine)},
        )

    def with_prerequisites(self, patches: Iterable[int]) -> list[int]:
        """These patches and all that they require and is not done, in order of their numbers."""
        stack = list(patches)
        found = set(stack)
        while stack:
            for needed in self.needs[stack.pop()]:
                if needed not in found and not self.done[needed]:
                    found.add(needed)
                    stack.append(needed)
        return sorted(found)

    def labour_keur(self, patch: int, mode: int) -> float:
        """What the work of one entry costs, support included (k€)."""
        labour = self.effort_hours[patch] * effort_factor(self.head, mode) * float(self.head["labour_keur_per_hour"])
        supported = mode != MITIGATE and self.patches[patch]["vendor"] >= 0
        return float(labour + (float(self.head["support_keur"]) if supported else 0.0))


def down(value: float) -> int:
    """A cost in the model's unit, never more than it is."""
    return math.floor(value * UNIT + 1e-9)


def up(value: float) -> int:
    """An amount at disposal in the model's unit, never less than it is."""
    return math.ceil(value * UNIT - 1e-9)


class PlanModel:
    """The constraint program over a range of windows.

    Args:
        facts: of the world.
        windows: that it plans for; the first is the one that is open.
        slots: for each window, 1 where the day inside it does not matter, else its motions.
        candidates: (patch, window, mode) that may be planned.
    """

    def __init__(
        self, facts: Facts, windows: range, slots: Sequence[int], candidates: Iterable[tuple[int, int, int]]
    ) -> None:
        self.facts, self.windows, self.slots = facts, windows, slots
        self.model: Any = cp_model.CpModel()
        self.costs: list[Any] = []
        self.entry: dict[Item, Any] = {}
        for patch, window, mode in candidates:
            for slot in range(slots[window]):
                item = Item(patch, window, slot, mode)
                self.entry[item] = self.boolean(f"p{patch}w{window}s{slot}m{mode}")
                self.costs.append(down(facts.labour_keur(patch, mode)) * self.entry[item])
        self.night: dict[tuple[int, int], Any] = {}
        self.overtime: dict[int, Any] = {}
        self._by: dict[tuple[str, Any], list[tuple[Item, Any]]] = defaultdict(list)
        for item, variable in self.entry.items():
            for key in (("patch", item.patch), ("window", item.window), ("slot", (item.window, item.slot)),
                        ("both", (item.patch, item.window))):  # fmt: skip
                self._by[key].append((item, variable))
        self._motions()
        self._hours()
        self._budgets()
        self._prerequisites()
        self._mitigations()
        self._outages()

    def boolean(self, name: str) -> Any:
        """A new choice."""
        return self.model.new_bool_var(name)

    def of_patch(self, patch: int, wanted: Callable[[Item], bool]) -> list[Any]:
        """Variables of the patch's entries that are wanted."""
        return [variable for item, variable in self._by["patch", patch] if wanted(item)]

    def _motions(self) -> None:
        head = self.facts.head
        for t in self.windows:
            first = t == self.windows[0]
            most = self.facts.motions if first else int(head["motions_per_window"])
            if self.slots[t] == 1:
                self.model.add(sum(v for _, v in self._by["window", t]) <= most)
            else:
                for slot in range(self.slots[t]):
                    self.model.add_at_most_one(v for _, v in self._by["slot", (t, slot)])
        for patch in {item.patch for item in self.entry}:
            self.model.add_at_most_one(self.of_patch(patch, lambda item: item.mode != MITIGATE))
            for t in self.windows:
                self.model.add_at_most_one(v for _, v in self._by["both", (patch, t)])

    def _hours(self) -> None:
        facts, head = self.facts, self.facts.head
        extra = float(head["overtime_share"] * head["capacity_hours"])
        price = extra * float(head["labour_keur_per_hour"] * head["overtime_price"])
        for t in self.windows:
            terms = [
                math.floor(UNIT * float(facts.patches[item.patch]["effort"]) * effort_factor(head, item.mode)) * v
                for item, v in self._by["window", t]
                if item.mode != EMERGENCY
            ]
            if not terms:
                continue
            hours = facts.capacity_hours if t == self.windows[0] else float(head["capacity_hours"])
            self.overtime[t] = self.boolean(f"overtime{t}")
            if not facts.roles_it:
                self.model.add(self.overtime[t] == 0)
            self.model.add(sum(terms) <= up(hours) + up(extra) * self.overtime[t])
            self.costs.append(down(price) * self.overtime[t])

    def _budgets(self) -> None:
        """Labour from IT's budget, fees from the owners'. Vendors are taken to sell at their lowest price."""
        facts, head = self.facts, self.facts.head
        lowest = min(float(head["price_discount"]), 1.0)
        for t in self.windows:
            spent: dict[int, list[Any]] = defaultdict(list)
            for item, v in self._by["window", t]:
                patch = facts.patches[item.patch]
                labour = float(patch["effort"]) * effort_factor(head, item.mode) * float(head["labour_keur_per_hour"])
                if patch["it"] >= 0:
                    spent[int(patch["it"])].append(down(labour) * v)
                if item.mode != MITIGATE and head["value_enabled"]:
                    fee = float(patch["fee"]) * (lowest if patch["vendor"] >= 0 else 1.0)
                    spent[int(patch["owner"])].append(down(fee) * v)
            for agent, terms in spent.items():
                self.model.add(sum(terms) <= up(facts.budget_keur[agent]))

    def _prerequisites(self) -> None:
        """In before, or planned before in the same window; an emergency change asks for the former."""
        for item, v in self.entry.items():
            if item.mode == MITIGATE:
                continue
            for needed in self.facts.needs[item.patch]:
                if self.facts.done[needed]:
                    continue
                before = self.of_patch(needed, lambda other, item=item: self._enables(other, item))  # type: ignore[misc]
                self.model.add(sum(before) >= v)

    def _enables(self, other: Item, item: Item) -> bool:
        if other.mode == MITIGATE or other.window > item.window:
            return False
        if other.window < item.window:
            return True
        return item.mode != EMERGENCY and (self.slots[item.window] == 1 or other.slot < item.slot)

    def _mitigations(self) -> None:
        """A mitigation in force is not put in place again before the window in which it runs out."""
        lasts = int(self.facts.head["mitigate_windows"])
        for patch in {item.patch for item in self.entry if item.mode == MITIGATE}:
            for t in self.windows:
                self.model.add_at_most_one(
                    self.of_patch(patch, lambda i, t=t: i.mode == MITIGATE and t <= i.window < t + lasts)  # type: ignore[misc]
                )

    def _outages(self) -> None:
        """What a window's work costs on each revenue flow: the longest outage, part of the rest, the set-up."""
        facts, head = self.facts, self.facts.head
        overlap, setup = float(head["downtime_overlap"]), float(head["setup_hours"])
        night_factor = round(1000 * float(head["night_factor"]))
        for t in self.windows:
            touched: dict[int, list[tuple[float, float, Any]]] = defaultdict(list)
            for item, v in self._by["window", t]:
                if item.mode == MITIGATE:
                    continue
                hours = float(facts.patches[item.patch]["downtime"]) * downtime_factor(head, item.mode)
                for flow, weight in facts.links[item.patch]:
                    touched[flow].append((hours * weight, weight, v))
            for flow, works in touched.items():
                rate = float(facts.rate_keur[flow, t])
                if rate <= 0.0:
                    continue
                was = facts.opened[flow] if t == self.windows[0] else (0.0, 0.0, 0.0)
                most = up(rate * self._most_hours(works, was))
                longest = self.model.new_int_var(0, most, f"longest{flow}w{t}")
                opening = self.model.new_int_var(0, most, f"opening{flow}w{t}")
                cost = self.model.new_int_var(0, most, f"outage{flow}w{t}")
                self.model.add(longest >= down((1.0 - overlap) * rate * was[0]))
                self.model.add(opening >= down(setup * rate * was[2]))
                total = []
                for hours, weight, v in works:
                    self.model.add(longest >= down((1.0 - overlap) * rate * hours) * v)
                    self.model.add(opening >= down(setup * rate * weight) * v)
                    total.append(down(overlap * rate * hours) * v)
                whole = longest + opening + sum(total) + down(overlap * rate * was[1])
                self.model.add(1000 * cost >= night_factor * whole)
                night = self._night_of(facts.flow_owner[flow], t)
                saved = -(-most * (1000 - night_factor) // 1000)
                self.model.add(cost >= whole - saved * night)
                self.costs.append(cost)

    def _most_hours(self, works: Sequence[tuple[float, float, Any]], was: tuple[float, float, float]) -> float:
        """More hours than all of these works together could cost."""
        head = self.facts.head
        longest = max(was[0], *(hours for hours, _, _ in works))
        opened = max(was[2], *(weight for _, weight, _ in works))
        total = was[1] + sum(hours for hours, _, _ in works)
        return float(longest + float(head["downtime_overlap"]) * total + float(head["setup_hours"]) * opened) + 1e-3

    def _night_of(self, owner: int, t: int) -> Any:
        if (owner, t) not in self.night:
            head = self.facts.head
            night = self.night[owner, t] = self.boolean(f"night{owner}w{t}")
            self.costs.append(down(float(head["night_price_keur"])) * night)
        return self.night[owner, t]

    def solve(
        self, seconds: float, workers: int = 1, hint: Sequence[Item] = (), work: float | None = None
    ) -> tuple[list[Item], float, float]:
        """Minimise the costs.

        Args:
            seconds: at most, on the clock.
            workers: threads of the solver; with 1 and a limit on ``work`` the answer is always the same.
            hint: a plan to start from.
            work: at most, in the solver's deterministic time.

        Returns:
            The best plan found, its cost and the proven lower bound of any plan's (k€). Without a plan found the
            cost is infinite.
        """
        self.model.minimize(sum(self.costs))
        self.model.clear_hints()
        if hint:
            wanted = set(hint)
            for item, variable in self.entry.items():
                self.model.add_hint(variable, item in wanted)
        solver: Any = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.num_workers = workers
        solver.parameters.random_seed = 0
        solver.parameters.linearization_level = 2
        if work is not None:
            solver.parameters.max_deterministic_time = work
        status = solver.solve(self.model)
        bound = solver.best_objective_bound / UNIT
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return [], math.inf, bound
        self.solver = solver
        plan = sorted((i for i, v in self.entry.items() if solver.boolean_value(v)), key=lambda i: (i[1], i[2], i[0]))
        return plan, solver.objective_value / UNIT, bound
