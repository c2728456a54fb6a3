"""The optimum in hindsight: a plan made with all draws known, and a proven bound that no policy exceeds.

The model (``plan_model``) knows every attempt, entry, lateral move and regression to come. It leaves out the agenda
beyond the first window (which patch may be put on the table when) and the budgets for levers: it can only promise too
much, so its proven bound holds for every policy. What is reported as the incumbent is a plan played in the game itself,
every rule kept; where the agenda stands in the way, the plan is made anew around it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.plan_model import (
    EMERGENCY,
    MITIGATE,
    UPGRADES,
    Facts,
    Item,
    PlanModel,
    down,
    nomination,
    ready,
)
from patchpact.agents.policies.planner import accept_all, actions_by_name
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.foresee import Foreseen, foresee
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario

NAME = "clairvoyant"
SECONDS = 20.0
"""For one world: the solver's time and the replays'."""
BOUND_SHARE = 0.6
"""Of the time for one world: for the bound; the rest for plans around the agenda."""
WORKERS = 8
"""Of the solver: it runs as many strategies side by side, which proves bounds far sooner than one."""


class Event(NamedTuple):
    """An entry that happens unless its patch stands in the way."""

    patch: int
    service: int
    window: int
    day: float
    mitigable: bool


class Hindsight:
    """The model of one world with all draws known."""

    def __init__(self, engine: Engine, k: int, seen: Foreseen) -> None:
        self.engine, self.seen = engine, seen
        self.head = engine.static.scenario[0]
        self.windows, self.motions = int(self.head["windows"]), int(self.head["motions_per_window"])
        self.facts = Facts.of(engine, k, seen.effort_hours, seen.flow_rate, seen.season)
        self.reach = [self._reach(live) for live in seen.lateral]
        self.events = self._events()
        self.first_seen = self._first_seen()
        self.slots = self._slots()
        self.allowed: tuple[int, set[tuple[int, int]]] | None = None
        """From this window on only these (patch, window); before it, what was played."""
        self.played: list[Item] = []

    def day(self, item: Item) -> float:
        """The day on which an entry of the plan is carried out."""
        length = float(self.head["window_days"])
        if item.mode == EMERGENCY:
            return item.window * length
        return (item.window + (item.slot + 1.0) / (self.motions + 1.0)) * length

    def _slots(self) -> list[int]:
        """The motions of windows in which the day of the work decides about an entry; of the others one will do."""
        lasts = int(self.head["mitigate_windows"])
        matter = {event.window for event in self.events}
        matter |= {event.window - lasts for event in self.events if event.mitigable}
        return [self.motions if t in matter else 1 for t in range(self.windows)]

    def _reach(self, live: NDArray[np.bool_]) -> list[list[int]]:
        """Services that compromise of each service would reach in a window, itself included."""
        static, count = self.engine.static, int(self.head["ns"])
        after: list[list[int]] = []
        for v in range(count):
            service = static.service[v]
            edges = range(int(service["out0"]), int(service["out1"]))
            after.append([int(static.outgoing[e]["other"]) for e in edges if live[e]])
        result = []
        for v in range(count):
            found, stack = {v}, [v]
            while stack:
                for other in after[stack.pop()]:
                    if other not in found:
                        found.add(other)
                        stack.append(other)
            result.append(sorted(found))
        return result

    def _events(self) -> list[Event]:
        static, seen = self.engine.static, self.seen
        left = float(self.head["mitigate_hazard"])
        found = []
        for window, days in enumerate(seen.attack_day):
            for cve in np.flatnonzero(days >= 0.0):
                record = static.cve[cve]
                for f in static.cve_finding[record["user0"] : record["user1"]]:
                    patch = int(static.finding[f]["patch"])
                    chance = static.entry[f] * seen.reachability[patch]
                    draw = seen.entry[window, f]
                    if draw < min(chance, 1.0):
                        service = int(static.patch[patch]["service"])
                        found.append(Event(patch, service, window, days[cve], draw >= min(chance * left, 1.0)))
        return found

    def _first_seen(self) -> NDArray[np.int64]:
        """The window from which on each patch may be on the agenda: a finding is known, of it or of what needs it."""
        static = self.engine.static
        first = np.full(int(self.head["np"]), self.windows, np.int64)
        for j, patch in enumerate(static.patch):
            known = [self.seen.known[c] for c in static.finding["cve"][patch["find0"] : patch["find1"]]]
            first[j] = min([self.windows, *known])
        self.first_known = first.copy()
        changed = True
        while changed:
            changed = False
            for j, needs in enumerate(self.facts.needs):
                for needed in needs:
                    if first[needed] > first[j]:
                        first[needed] = first[j]
                        changed = True
        return first

    def _admitted(self, j: int, t: int) -> bool:
        if self.allowed is None:
            return True
        now, ahead = self.allowed
        return (j, t) in ahead if t >= now else any((i.patch, i.window) == (j, t) for i in self.played)

    def build(self) -> PlanModel:
        """The model as things stand."""
        head, seen, static = self.head, self.seen, self.engine.static
        struck = {event.patch for event in self.events}
        on_first = set(seen.first_agenda.tolist())
        expedited: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        backported: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        candidates = []
        for j in self.facts.with_prerequisites(struck):
            release = int(static.patch[j]["release"])
            has_vendor = static.patch[j]["vendor"] >= 0
            for t in range(self.windows):
                if t < self.first_seen[j] or (t == 0 and j not in on_first) or not self._admitted(j, t):
                    continue
                draw, chance = seen.regression[t, j], float(seen.true_regression[j])
                for mode in UPGRADES:
                    key = (j, t, mode)
                    if draw < chance:
                        if not has_vendor or draw < chance * float(head["backport_factor"]):
                            continue
                        backported[j].append(key)
                    if release > t:
                        if not has_vendor or t <= self.first_seen[j]:
                            continue
                        expedited[j].append(key)
                    candidates.append(key)
                if j in struck and t >= self.first_known[j]:
                    candidates.append((j, t, MITIGATE))
        plan = PlanModel(self.facts, range(self.windows), self.slots, candidates)
        self.backport = self._lever(plan, backported, "backport_price_keur")
        self.expedite = self._lever(plan, expedited, "expedite_price_keur")
        self._losses(plan)
        self._proposers(plan)
        if self.allowed is not None:
            for item, variable in plan.entry.items():
                if item.window < self.allowed[0]:
                    plan.model.add(variable == (item in self.played))
        return plan

    def chosen(self, plan: PlanModel, entries: list[Item]) -> Choice:
        """The solved plan with its levers."""
        levers: list[Any] = [plan.night, plan.overtime, self.backport, self.expedite]
        value = plan.solver.boolean_value
        return Choice(entries, *({key for key, v in lever.items() if value(v)} for lever in levers))

    def _lever(self, plan: PlanModel, uses: dict[int, list[tuple[int, int, int]]], price: str) -> dict[int, Any]:
        """A lever once pulled for a patch allows the entries that need it."""
        levers = {}
        for j, keys in uses.items():
            levers[j] = plan.boolean(f"{price}{j}")
            plan.costs.append(down(float(self.head[price])) * levers[j])
            wanted = set(keys)
            for variable in plan.of_patch(j, lambda i, w=wanted: (i.patch, i.window, i.mode) in w):  # type: ignore[misc]
                plan.model.add(variable <= levers[j])
        return levers

    def _losses(self, plan: PlanModel) -> None:
        """Damage: what is entered in a window, and all that compromise reaches from there."""
        lasts = int(self.head["mitigate_windows"])
        length = float(self.head["window_days"])
        losses = self.engine.static.service["loss"]
        hits: dict[tuple[int, int], Any] = {}
        for event in self.events:
            stops = plan.of_patch(event.patch, lambda i, e=event: i.mode != MITIGATE and self.day(i) <= e.day)  # type: ignore[misc]
            if event.mitigable:
                stops += plan.of_patch(
                    event.patch,
                    lambda i, e=event: i.mode == MITIGATE and self.day(i) <= e.day < self.day(i) + lasts * length,  # type: ignore[misc]
                )
                stops += self._renewals(plan, event, lasts, length)
            for v in self.reach[event.window][event.service]:
                if (event.window, v) not in hits:
                    hit = hits[event.window, v] = plan.boolean(f"hit{v}w{event.window}")
                    plan.costs.append(down(float(losses[v])) * hit)
                plan.model.add_bool_or([*stops, hits[event.window, v]])

    def _renewals(self, plan: PlanModel, event: Event, lasts: int, length: float) -> list[Any]:
        """Mitigations renewed after the attempt, in the window in which the one before ran out: they join."""
        found = []
        for item in [i for i in plan.entry if i.patch == event.patch and i.mode == MITIGATE]:
            if item.window * length <= event.day < self.day(item):
                before = plan.of_patch(
                    event.patch,
                    lambda i, t=item.window: i.mode == MITIGATE and i.window == t - lasts,  # type: ignore[misc]
                )
                if before:
                    joined = plan.boolean(f"joined{item.patch}w{item.window}s{item.slot}")
                    plan.model.add(joined <= plan.entry[item])
                    plan.model.add(joined <= sum(before))
                    found.append(joined)
        return found

    def _proposers(self, plan: PlanModel) -> None:
        """A proposer who asks for night hours cannot nominate in the same motion; later it is too late."""
        if not self.head["governance_enabled"]:
            return
        for (owner, t), night in plan.night.items():
            if self.seen.proposer[t, 0] != owner:
                continue
            entries = [(i, v) for i, v in plan.entry.items() if i.window == t]
            if self.slots[t] == 1:
                plan.model.add(sum(v for _, v in entries) + night <= self.motions)
            for item, variable in entries:
                if self.slots[t] > 1 and item.slot == 0:
                    plan.model.add(variable + night <= 1)


class Choice(NamedTuple):
    """A solved plan with its levers."""

    plan: list[Item]
    night: set[tuple[int, int]]  # (owner, window)
    overtime: set[int]  # windows
    backport: set[int]  # patches
    expedite: set[int]  # patches


NOTHING = Choice([], set(), set(), set(), set())


class Replay:
    """Plays a plan in the game itself, all agents together; what cannot be nominated is noted."""

    def __init__(self, scenario: Scenario, needs: Sequence[tuple[int, ...]]) -> None:
        self.engine = Engine([scenario], 1, autoreset=False)
        self.copy = Engine([scenario], 1, autoreset=False)
        self.needs = needs
        self.actions = actions_by_name(self.engine)

    def start(self, seed: int) -> None:
        """Begin the episode of that seed."""
        self.engine.reset(np.array([seed], np.uint64))

    def play(self, seed: int, choice: Choice, slots: Sequence[int]) -> list[Item]:
        """A whole episode; returns the entries of the plan that the game did not admit."""
        self.start(seed)
        missed: list[Item] = []
        for t in range(len(slots)):
            missed += self.play_window(choice, slots[t])[1]
        return missed

    def foretell(self) -> set[tuple[int, int]]:
        """(patch, window) on the agenda from here on, if nobody acted any more."""
        for name in self.engine.state._fields:
            np.copyto(getattr(self.copy.state, name), getattr(self.engine.state, name))
        world = self.copy.state.world[0]
        nobody = np.zeros((1, self.engine.num_agents), np.int64)
        found = set()
        while not world["over"]:
            found |= {(int(j), int(world["t"])) for j in self.copy.state.row[0]["patch"] if j >= 0}
            for _ in range(int(self.engine.static.scenario[0]["motions_per_window"])):
                self.copy.step(nobody)
            world = self.copy.state.world[0]
        return found

    def play_window(self, choice: Choice, slots: int) -> tuple[list[Item], list[Item]]:
        """Play the open window by the plan; ``slots`` is 1 where its entries may take any slot.

        Returns:
            The entries put into the plan of the window, and those that the game did not admit.
        """
        engine, state = self.engine, self.engine.state
        t = int(state.world[0]["t"])
        waiting = [item for item in choice.plan if item.window == t]
        done: list[Item] = []
        while not state.world[0]["over"] and state.world[0]["t"] == t:
            world = state.world[0]
            actions = np.zeros((1, engine.num_agents), np.int64)
            if world["voting"]:
                actions[0] = accept_all(state.agent[0])
                engine.step(actions)
                continue
            slot, proposer = int(world["motion"]), int(world["proposer"])
            asks_for_night = slot == 0 and (proposer, t) in choice.night
            item = None if asks_for_night else self._next(waiting, slot, slots == 1)
            busy = -1
            if item is not None:
                action = nomination(item, state.row[0])
                if action >= 0 and self._may(proposer, action):
                    actions[0, proposer] = action
                    busy = proposer
                    waiting.remove(item)
                    done.append(item)
            self._pull_levers(actions[0], busy, t, choice)
            engine.step(actions)
        return done, waiting

    def totals(self) -> dict[str, float]:
        """Totals of the episode just played, by name."""
        return {name: float(self.engine.state.world[0][name]) for name in TOTALS}

    def _next(self, waiting: list[Item], slot: int, any_slot: bool) -> Item | None:
        """The entry for this slot; where any will do, one whose prerequisites are not still waiting."""
        if not any_slot:
            return next((item for item in waiting if item.slot == slot), None)
        return ready(waiting, self.needs)

    def _may(self, agent: int, action: int) -> bool:
        return bool(self.engine.state.mask[0, agent, action])

    def _pull_levers(self, actions: NDArray[np.int64], busy: int, t: int, choice: Choice) -> None:
        """Every agent who does not nominate pulls the first lever of its list that the plan wants and the game admits.

        Vendors sell at their lowest price, which eases the owners' budgets and costs welfare nothing.
        """
        for agent, names in enumerate(self.actions):
            if agent == busy:
                continue
            wanted = []
            if (agent, t) in choice.night:
                wanted.append("night_hours")
            if t in choice.overtime:
                wanted.append("overtime")
            for row, patch in enumerate(self.engine.state.row[0]["patch"]):
                if int(patch) in choice.expedite:
                    wanted.append(f"expedite:{row}")
                if int(patch) in choice.backport:
                    wanted.append(f"backport:{row}")
            wanted.append("price:discount")
            for name in wanted:
                if name in names and self._may(agent, names[name]):
                    actions[agent] = names[name]
                    break


def solve(scenario: Scenario, seed: int, seconds: float = SECONDS) -> dict[str, float]:
    """The hindsight optimum of one world, whose losses are drawn.

    Args:
        scenario: played as it stands, ``incident_loss`` sampled.
        seed: of the world.
        seconds: at most.

    Returns:
        Totals of the incumbent's episode by name (``welfare_keur`` and the others), ``bound_keur``: no policy's welfare
        on this seed exceeds it.

    Raises:
        ValueError: for a world of the wider game, whose welfare rests on more than patches.
    """
    started = time.monotonic()
    _check_scope(scenario)
    engine = Engine([scenario], 1, autoreset=False)
    engine.reset(np.array([seed], np.uint64))
    seen = foresee(engine)[0]
    engine.reset(np.array([seed], np.uint64))
    hindsight = Hindsight(engine, 0, seen)
    replay = Replay(scenario, hindsight.facts.needs)
    replay.play(seed, NOTHING, hindsight.slots)
    totals, bound = replay.totals(), 0.0
    if hindsight.events:
        model = hindsight.build()
        plan, _, least = model.solve(BOUND_SHARE * seconds, WORKERS)
        bound = -least
        missed = replay.play(seed, hindsight.chosen(model, plan), hindsight.slots)
        totals = _better(totals, replay.totals())
        if missed:
            _around_the_agenda(hindsight, replay, seed, plan, started + seconds)
            totals = _better(totals, replay.totals())
    return {**totals, "bound_keur": max(bound, totals["welfare_keur"]), "illegal_actions": 0.0}


def _check_scope(scenario: Scenario) -> None:
    """The model knows patches, downtime and incidents: a bound on anything else would be none."""
    p = scenario.parameters
    wider = ("disclosure_enabled", "modules_enabled", "demand_trust_coefficient", "reserve_keur")
    found = [name for name in wider if float(p[name]) > 0.0]
    if int(p["threat_shift_window"]) >= 0:
        found.append("threat_shift_window")
    if found:
        problem = f"policy: 'clairvoyant' does not model {found[0]} of {scenario.id}"
        raise ValueError(f"{problem}; take informed as the yardstick, or switch it off")


def _better(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return other if other["welfare_keur"] > one["welfare_keur"] else one


def _around_the_agenda(hindsight: Hindsight, replay: Replay, seed: int, hint: list[Item], until: float) -> None:
    """Play the episode window by window, each time with a plan for what the agenda holds and is going to hold."""
    replay.start(seed)
    choice: Choice | None = None
    hindsight.played = []
    for t in range(hindsight.windows):
        ahead = replay.foretell()
        if choice is None or any((i.patch, i.window) not in ahead for i in choice.plan if i.window >= t):
            hindsight.allowed = (t, ahead)
            model = hindsight.build()
            left = until - time.monotonic()
            plan, _, _ = model.solve(max(left / (hindsight.windows - t), 0.2), WORKERS, hint)
            if plan:
                choice = hindsight.chosen(model, plan)
                hint = plan
        done, _ = replay.play_window(choice or NOTHING, hindsight.slots[t])
        hindsight.played += done
