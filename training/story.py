"""One episode as a story: who proposed, voted, paid and blocked what, what was carried out, and what came of it.

A story is plain JSON, some kilobytes. Tables stand once (agents, services, patches) and windows point into them by
number; the reports draw it. It is for people and never read back into a world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Cast
from patchpact.agents.roles import ROLE_INDEX, ROLE_MODULES, action_names, layout
from patchpact.agents.roles.ledger import KINDS
from patchpact.envs.core.engine import REWARD_SCALE_KEUR
from patchpact.envs.core.records import TOTALS
from patchpact.envs.modes import downtime_factor, effort_factor
from patchpact.envs.parallel import PatchpactEnv
from patchpact.envs.render import graph_layout
from patchpact.envs.view import NATURE, OUTSIDE
from patchpact.scenarios import Scenario
from patchpact.training.evaluate import begin
from patchpact.training.flows import Flows

FORMAT = 2
"""Grows when the shape of a story changes."""
OUTCOMES = ("done", "mitigated", "rolled back", "caught", "held up")
"""Of a planned patch: in; mitigated for some windows; failed and undone; failed in the canary, which costs no
rollback; not begun, since a patch that it requires was not in."""


def record(scenario: Scenario, policy: Cast, seed: int, name: str = "") -> dict[str, Any]:
    """Play one episode and tell it.

    It is played as ``evaluate.play(scenario, policy, [seed])`` plays it, so their totals agree.

    Args:
        scenario: the world's description, played as it stands.
        policy: whoever plays, as ``evaluate.find_policy`` gives it.
        seed: of the world.
        name: of the policy, for the title.

    Returns:
        JSON-able. ``scenario``, ``title``, ``policy``, ``seed``, ``windows``, ``window_days``, ``motions`` (a
        window's), ``format``; the tables ``agents`` (name, role), ``services`` (name, kind, owner, exposed, x, y),
        ``calls`` (caller, callee, points passed on the way), ``size`` of the drawing, ``patches`` (service, component,
        version, fixed_version); ``story``, an object for each window (see ``_Window``); ``tail``, what was booked
        for the windows after the last; ``accounts`` at the end, by agent; ``flows`` of the whole episode (giver, taker,
        kind, k€), where roles, ``outside`` and ``nature`` are the parties; ``totals`` and ``illegal_actions`` of the
        episode. Services, agents and patches are named by their place in these tables; money is in k€.
    """
    flows = Flows(scenario, episodes=1)
    worlds, players, observations = begin(scenario, policy, [seed], flows.ledger_size)
    recorder = _Recorder(scenario, seed)
    seats = {role: [n for n, agent in enumerate(recorder.agents) if agent[1] == role] for role in worlds.roles}
    accounts = np.zeros(len(recorder.agents))
    illegal = 0
    over = False
    while not over:
        chosen = players(observations)
        actions = {recorder.agents[n][0]: int(chosen[role][0, i]) for role in seats for i, n in enumerate(seats[role])}
        observations, rewards, terminations, _, infos = worlds.step(chosen)
        flows.add(worlds.engine.state, np.ones(1, np.bool_))
        for role, numbers in seats.items():
            accounts[numbers] += rewards[role][0] * REWARD_SCALE_KEUR
            illegal += int(infos["illegal_action"][role].sum())
        over = bool(terminations[0])
        recorder.step(actions)
    worlds.close()
    totals = {total: float(infos["episode"][total][0]) for total in TOTALS}
    windows = recorder.windows
    after = totals["risk_left_keur"] / max(int(scenario.parameters["tail_windows"]), 1)
    for window, following in zip(windows, [*(w["risk_keur"] for w in windows[1:]), _short(after)], strict=True):
        window["risk_after_keur"] = following
    told = recorder.told()
    return {
        "format": FORMAT,
        "scenario": scenario.id,
        "title": scenario.title,
        "policy": name,
        "seed": int(seed),
        "windows": int(scenario.parameters["windows"]),
        "window_days": float(scenario.parameters["window_days"]),
        "motions": int(scenario.parameters["motions_per_window"]),
        "mitigate_days": float(scenario.parameters["mitigate_windows"]) * float(scenario.parameters["window_days"]),
        "agents": [list(agent) for agent in recorder.agents],
        **_graph(scenario),
        "patches": recorder.patches(),
        "story": windows,
        "tail": {
            "windows": int(scenario.parameters["tail_windows"]),
            "damage_keur": _short(totals["tail_keur"]),
            "incidents": int(totals["incidents"] - told["incidents"]),
        },
        "accounts": [_short(value) for value in accounts],
        "flows": flows.by_role(),
        "totals": totals,
        "illegal_actions": illegal,
    }


def _short(value: float) -> float:
    """Five significant digits: enough for a reader, and half the bytes."""
    return float(f"{value:.5g}")


@dataclass
class _Moment:
    """What a step is about to change."""

    voting: bool
    proposer: int
    patch: int
    mode: int
    quote_keur: float
    rows: NDArray[np.int64]  # (agenda rows,) patches
    voters: list[int]
    proposed: float
    passed: float
    window: int
    failed: NDArray[np.int64]  # (patches,)


class _Recorder:
    """A second copy of the world, told the same actions and read by name.

    It has no tail: so the state after the last window shows what happened in that window, and the tail is what the
    real world books beyond it. Equal seeds and actions meet equal draws.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.env = PatchpactEnv(scenario.with_parameters(tail_windows=0))
        self.env.reset(seed=seed)
        self.scenario = scenario
        self.agents = [(name, self.env.role(name)) for name in self.env.possible_agents]
        self.windows: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}  # patches told of, by their place in the scenario
        self._plan: list[tuple[int, int]] = []
        self._money: dict[tuple[str, str, str], float] = {}
        self._incidents = 0.0
        self._open_window()

    def told(self) -> dict[str, float]:
        """The totals without a tail, by name."""
        world = self.env.engine.state.world[0]
        return {name: float(world[name]) for name in TOTALS}

    def patches(self) -> list[dict[str, Any]]:
        """The patches that the story names, in order of appearance."""
        services = {service.name: n for n, service in enumerate(self.scenario.services)}
        named = [self.scenario.patches[place] for place in self._numbers]
        return [
            {
                "service": services[patch.service],
                "component": patch.component,
                "version": patch.version,
                "fixed_version": patch.fixed_version,
            }
            for patch in named
        ]

    def step(self, actions: dict[str, int]) -> None:
        """All agents act once; what happened goes into the window's story."""
        before = self._moment()
        self.env.step(actions)
        state = self.env.engine.state
        world = state.world[0]
        here = self.windows[-1]
        entries = [
            (KINDS[int(e["kind"])], int(e["giver"]), int(e["taker"]), float(e["amount"])) for e in self._entries()
        ]
        if before.voting:
            here["motions"].append(self._voted(before, entries))
        else:
            here["levers"] += self._levers(entries)
            if float(world["motions_proposed"]) > before.proposed:
                chosen = int(state.chosen[0, before.proposer]) - layout.NOMINATE_START
                before.patch, before.mode = int(before.rows[chosen // 4]), chosen % 4
                if float(world["motions_passed"]) > before.passed:  # no governance to vote on it
                    here["motions"].append({**self._motion(before), "votes": [], "passed": True})
        if float(world["motions_passed"]) > before.passed:
            self._plan.append((before.patch, before.mode))
        parties = [*(name for name, _ in self.agents), OUTSIDE, NATURE]
        for kind, giver, taker, amount in entries:
            flow = (kind, parties[giver], parties[taker])
            self._money[flow] = self._money.get(flow, 0.0) + amount
        if int(world["t"]) > before.window:
            self._close_window(before)
            if not world["over"]:
                self._open_window()

    def _entries(self) -> Any:
        state = self.env.engine.state
        return state.ledger[0, : int(state.world[0]["ledger_n"])]

    def _moment(self) -> _Moment:
        state = self.env.engine.state
        world = state.world[0]
        voting = bool(world["voting"])
        rows = state.row["patch"][0].copy()
        return _Moment(
            voting=voting,
            proposer=int(world["proposer"]),
            patch=int(rows[world["row"]]) if voting else -1,
            mode=int(world["mode"]),
            quote_keur=float(world["quote"]),
            rows=rows,
            voters=[n for n, may in enumerate(state.agent["may_vote"][0].tolist()) if may],
            proposed=float(world["motions_proposed"]),
            passed=float(world["motions_passed"]),
            window=int(world["t"]),
            failed=state.patch["failed"].copy(),
        )

    def _number(self, patch: int) -> int:
        return self._numbers.setdefault(patch, len(self._numbers))

    def _motion(self, before: _Moment) -> dict[str, Any]:
        return {
            "proposer": before.proposer,
            "patch": self._number(before.patch),
            "mode": layout.MODES[before.mode],
            "quote_keur": _short(before.quote_keur),
        }

    def _voted(self, before: _Moment, entries: list[tuple[str, int, int, float]]) -> dict[str, Any]:
        """The motion with its votes; whoever rejected (an ask that was not filled rejects) blocked what failed."""
        state = self.env.engine.state
        passed = float(state.world[0]["motions_passed"]) > before.passed
        told = {
            **self._motion(before),
            "votes": [[n, layout.VOTES[int(state.chosen[0, n]) - layout.VOTE_START]] for n in before.voters],
            "passed": passed,
        }
        payments = [[giver, taker, _short(k)] for kind, giver, taker, k in entries if kind == "side_payment"]
        if payments:
            told["payments"] = payments
        if not passed:
            told["blocked_by"] = [n for n in before.voters if state.ballots[0, n] < 0]
        return told

    def _levers(self, entries: list[tuple[str, int, int, float]]) -> list[list[Any]]:
        """Agent, lever and price of each lever pulled in this step."""
        pulled = []
        for n, (_, role) in enumerate(self.agents):
            lever = int(self.env.engine.state.chosen[0, n]) - layout.LEVER_START
            if lever < 0:
                continue
            kind = ROLE_MODULES[ROLE_INDEX[role]].LEVER_KINDS[lever]
            price = sum(k for of, giver, _, k in entries if of == kind and giver == n)
            pulled.append([n, action_names(role)[layout.LEVER_START + lever], _short(price)])
        return pulled

    def _open_window(self) -> None:
        view = self.env.view()
        self.windows.append(
            {
                "season": _short(view.season[0]),
                "risk_keur": _short(view.open_risk_keur),
                "overdue": view.overdue,
                "compromise": [round(service.compromise_probability, 4) for service in view.services],
                "entry_risk_keur": [round(service.entry_risk_keur, 2) for service in view.services],
                "motions": [],
                "levers": [],
            }
        )
        self._plan, self._money = [], {}

    def _close_window(self, before: _Moment) -> None:
        here, state = self.windows[-1], self.env.engine.state
        here["plan"] = [self._carried_out(patch, mode, before) for patch, mode in self._plan]
        here["hit"] = [n for n, service in enumerate(self.env.view().services) if service.attacked]
        incidents = float(state.world[0]["incidents"])
        here["incidents"] = int(incidents - self._incidents)
        self._incidents = incidents
        here["money"] = [[*flow, _short(amount)] for flow, amount in self._money.items()]
        here["accounts"] = [_short(value) for value in self.env.accounts_keur]

    def _carried_out(self, place: int, mode: int, before: _Moment) -> dict[str, Any]:
        """A planned patch after its window: when, the work it really took, the outage it planned, and the outcome."""
        p, patch = self.env.engine.state.patch[place], self.scenario.patches[place]
        name, known = layout.MODES[mode], self.scenario.parameters
        if name == "mitigate":
            outcome = "mitigated"
        elif p["done"]:
            outcome = "done"
        elif not self._prerequisites_in(place):
            outcome = "held up"
        else:
            outcome = "caught" if name == "canary" else "rolled back"
        return {
            "patch": self._number(place),
            "mode": name,
            "day": _short(float(p["day"])),
            "effort_hours": _short(float(p["effort"]) * effort_factor(known, mode)),
            "downtime_minutes": _short(patch.downtime_minutes * downtime_factor(known, mode)),
            "outcome": outcome,
        }

    def _prerequisites_in(self, place: int) -> bool:
        """Whether all that the patch requires was in when its turn came."""
        turn = [patch for patch, _ in self._plan]
        places = {patch.uid: n for n, patch in enumerate(self.scenario.patches)}
        for uid in self.scenario.patches[place].requires:
            other = places[uid]
            late = other in turn and turn.index(other) > turn.index(place)
            if not self.env.engine.state.patch[other]["done"] or late:
                return False
        return True


def _graph(scenario: Scenario) -> dict[str, Any]:
    """The services with their places in the drawing, and the calls with the points that they pass."""
    drawn = graph_layout.lay_out(scenario.graph())
    left, top = graph_layout.GRAPH_LEFT, graph_layout.GRAPH_TOP

    def place(point: tuple[float, float]) -> list[int]:
        return [round(point[0] - left), round(point[1] - top)]

    number = {service.name: n for n, service in enumerate(scenario.services)}
    routes = iter(drawn.routes)
    calls: list[list[int]] = []
    for source, target in scenario.graph().edges:
        if source != target:
            passed = [place(point) for point in next(routes)[1:-1]]
            calls.append([number[source], number[target], *(value for point in passed for value in point)])
    services = []
    for service in scenario.services:
        x, y = place(drawn.at[service.name])
        services.append(
            {
                "name": service.name,
                "kind": service.kind,
                "owner": service.owner,
                "exposed": service.exposed,
                "x": x,
                "y": y,
            }
        )
    size = [graph_layout.GRAPH_RIGHT - left, graph_layout.GRAPH_BOTTOM - top, round(drawn.diameter), int(drawn.roomy)]
    return {"services": services, "calls": calls, "size": size}
