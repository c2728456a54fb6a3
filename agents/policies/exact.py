"""Exact values of small worlds by dynamic programming on the game itself.

The best that all agents together can expect: every nomination and mode, one lever beside it, every regression weighed
by its chance; states that were met before are looked up. It steps the compiled game, so it keeps every rule of it.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.planner import accept_all
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs.core.engine import Engine
from patchpact.scenarios import Scenario

STILL = (
    "breadth_log_sd", "epss_jump_probability", "epss_decline_probability", "season_low_probability",
    "season_high_probability", "revenue_log_sd", "effort_log_sd", "regression_log_sd", "reachability_log_sd",
)  # fmt: skip
"""Parameters that must be 0: what they draw is not weighed here."""
MOST_STATES = 300_000
LEVERS = ("night_hours", "overtime", "expedite", "backport")
"""Levers that can change welfare where nothing is hidden."""

_WORLD = ["t", "motion", "capacity_left", "overtime", "planned_n"]
_PATCH = ["done", "planned", "order", "day", "done_day", "mitigated_from", "mitigated_until", "backported", "release"]
_AGENT = ["budget", "night", "price_level", "moved"]
_FLOW = ["longest", "total", "opened"]


def solve(scenario: Scenario, seed: int = 0) -> float:
    """The expected welfare (k€) of the best joint plan that reacts to what happens.

    Args:
        scenario: small, with expected losses and nothing hidden.
        seed: of the order in which proposers are drawn; nothing else in such a world depends on it.

    Raises:
        ValueError: one line, where chance plays a part that is not weighed, or the world is too large.
    """
    parameters = scenario.parameters
    for name in STILL:
        if float(parameters[name]) != 0.0:
            raise ValueError(f"{scenario.id}: {name}: must be 0 for an exact value; set it to 0")
    if parameters["incident_loss"] != "expected":
        raise ValueError(f"{scenario.id}: incident_loss: must be 'expected' for an exact value")
    if len(scenario.patches) > layout.AGENDA_ROWS:
        raise ValueError(f"{scenario.id}: patches: {len(scenario.patches)}; at most {layout.AGENDA_ROWS} can be solved")
    if float(parameters["initially_known_share"]) < 1.0 and any(f.known_window is None for f in scenario.findings):
        raise ValueError(f"{scenario.id}: initially_known_share: must be 1 for an exact value, or give known_window")
    return _Tree(scenario, seed).value()


class _Tree:
    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.engine = Engine([scenario], 1, autoreset=False)
        self.engine.reset(np.array([seed], np.uint64))
        self.state: Any = self.engine.state
        self.head = self.engine.static.scenario[0]
        roles = self.engine.static.agent["role"]
        self.levers = [
            [(action, name) for action, name in enumerate(action_names(ROLES[role])) if name.split(":")[0] in LEVERS]
            for role in roles
        ]
        self.met: dict[bytes, float] = {}
        self.name = scenario.id

    def _save(self) -> list[NDArray[Any]]:
        return [array.copy() for array in self.state]

    def _load(self, saved: list[NDArray[Any]]) -> None:
        for array, before in zip(self.state, saved, strict=True):
            array[:] = before

    def _key(self) -> bytes:
        fields = ((self.state.world, _WORLD), (self.state.patch, _PATCH), (self.state.agent, _AGENT),
                  (self.state.flow, _FLOW))  # fmt: skip
        return b"".join(array[name].tobytes() for array, names in fields for name in names)

    def value(self) -> float:
        """Expected welfare from here to the end of the episode."""
        if self.state.world[0]["over"]:
            return 0.0
        key = self._key()
        if key in self.met:
            return self.met[key]
        if len(self.met) > MOST_STATES:
            raise ValueError(f"{self.name}: more than {MOST_STATES} states; an exact value is for smaller worlds")
        saved = self._save()
        best = -np.inf
        for actions in self._choices():
            best = max(best, self._after(saved, actions))
        self._load(saved)
        self.met[key] = best
        return best

    def _choices(self) -> list[NDArray[np.int64]]:
        """Joint actions worth telling apart: a nomination or none, and one lever or none."""
        state = self.state
        proposer = int(state.world[0]["proposer"])
        mask = state.mask[0]
        nominations = np.flatnonzero(mask[proposer, : layout.VOTE_START])
        levers: list[tuple[int, int]] = [(-1, 0)]
        for agent, names in enumerate(self.levers):
            for action, name in names:
                if not mask[agent, action]:
                    continue
                if name.startswith("backport:"):
                    patch = state.row[0]["patch"][int(name.split(":")[1])]
                    if state.patch[patch]["regression"] <= 0.0:
                        continue
                levers.append((agent, action))
        found = []
        for nomination, (agent, action) in product(nominations, levers):
            if agent == proposer and nomination != layout.PASS:
                continue
            joint = np.zeros((1, self.engine.num_agents), np.int64)
            joint[0, proposer] = nomination
            if agent >= 0:
                joint[0, agent] = action
            found.append(joint)
        return found

    def _after(self, saved: list[NDArray[Any]], actions: NDArray[np.int64]) -> float:
        """Expected welfare of a joint action and the best that follows."""
        self._load(saved)
        state, world = self.state, self.state.world[0]
        proposer = int(world["proposer"])
        closes = world["motion"] == self.head["motions_per_window"] - 1
        risky = set(np.flatnonzero(state.patch["planned"] >= 0).tolist())
        nomination = int(actions[0, proposer])
        if layout.NOMINATE_START <= nomination < layout.VOTE_START:
            risky.add(int(state.row[0]["patch"][(nomination - layout.NOMINATE_START) // len(layout.MODES)]))
        chance = state.patch["regression"].copy()
        open_ones = sorted(j for j in risky if closes and 0.0 < chance[j] < 1.0)
        total = 0.0
        for outcome in product((0.0, 1.0), repeat=len(open_ones)):
            self._load(saved)
            weight = 1.0
            for j, fails in zip(open_ones, outcome, strict=True):
                weight *= chance[j] if fails else 1.0 - chance[j]
                state.patch["regression"][j] = fails
            reward = self._step(actions)
            state.patch["regression"][open_ones] = chance[open_ones]
            total += weight * (reward + self.value())
        return total

    def _step(self, actions: NDArray[np.int64]) -> float:
        """Take the joint action and, where it nominates, the vote; returns the welfare that this brought."""
        self.engine.step(actions)
        reward = float(self.state.world[0]["welfare"])
        if self.state.world[0]["voting"]:
            votes = accept_all(self.state.agent)
            self.engine.step(votes)
            reward += float(self.state.world[0]["welfare"])
        return reward
