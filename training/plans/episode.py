"""The central episode of a plan, played again from its actions and read closely: motions and their reasons, money by
patch, and what is left open window by window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies import Joint
from patchpact.agents.policies.base import Actions
from patchpact.agents.roles import layout
from patchpact.agents.roles.ledger import KIND_INDEX, KINDS
from patchpact.envs.parallel import PatchpactEnv
from patchpact.envs.vector import VectorEnv
from patchpact.envs.view import NATURE, OUTSIDE
from patchpact.scenarios import Scenario
from patchpact.training.plans import reasons
from patchpact.training.plans.features import why
from patchpact.training.plans.records import Flow, Why
from patchpact.training.plans.rollouts import motion_of

SINGLE = [KIND_INDEX[kind] for kind in ("side_payment", "effort", "fee", "support", "rollback", "warranty")]
"""Ledger kinds that belong to one motion or patch. A patch books the last five when it is carried out, its effort
first; a motion the first when it is voted on."""
POLICY_OF = Callable[[str], Any]


def replay(actions: NDArray[np.int64]) -> Joint:
    """Whoever takes these actions ``(steps, agents)`` one by one, whatever is seen; of one world."""

    class Again:
        def __init__(self, worlds: VectorEnv) -> None:
            self.worlds, self.step = worlds, 0

        def act(self, observations: Any, rng: np.random.Generator) -> Actions:
            self.step += 1
            return self.worlds.by_role(actions[self.step - 1][None])

    return Joint("replay", Again)


@dataclass
class Motion:
    """A motion, as it was decided."""

    patch: int
    mode: int
    proposer: int
    why: Why
    passed: bool = False
    own_gains: dict[str, float] = field(default_factory=dict)  # of the voters
    flows: list[Flow] = field(default_factory=list)  # side payments, and what its work booked


@dataclass
class Window:
    """What happened in a window."""

    facts: reasons.Facts
    motions: list[Motion] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)  # that belong to no patch


@dataclass(frozen=True)
class Episode:
    """The windows, and what was booked beyond them."""

    windows: tuple[Window, ...]
    tail: tuple[Flow, ...]


class _Reader:
    """Two copies of the world, told the same actions: one as it is, for what was decided; and one without a tail, so
    that what the last window books is that window's. Nobody's actions, draws or flows depend on the tail."""

    def __init__(self, scenario: Scenario, seed: int, policy_of: POLICY_OF | None) -> None:
        self.env = PatchpactEnv(scenario)
        self.books = PatchpactEnv(scenario.with_parameters(tail_windows=0))
        for env in (self.env, self.books):
            env.reset(seed=seed)
        self.parties = [*self.env.possible_agents, OUTSIDE, NATURE]
        self.policies = (
            {agent: policy_of(self.env.role(agent)) for agent in self.env.possible_agents} if policy_of else {}
        )
        self.windows = [self._window()]
        self.tail: list[Flow] = []
        self.pending: Motion | None = None

    def step(self, actions: NDArray[np.int64]) -> None:
        """All agents act; what was decided and booked goes into the window."""
        engine, here = self.env.engine, self.windows[-1]
        state = engine.state
        before = state.world[0].copy()
        known = state.patch["known"] > 0
        if before["voting"]:
            self._hear(self.pending)
        else:
            here.facts.look(engine)
            self.pending = self._nomination(before, actions)
        told = dict(zip(self.env.possible_agents, actions.tolist(), strict=True))
        self.env.step(told)
        self.books.step(told)
        after = state.world[0]
        if not before["voting"] and after["motions_proposed"] == before["motions_proposed"]:
            self.pending = None  # nobody nominated, or a lever made it impossible
        if self.pending is not None and not after["voting"]:
            self.pending.passed = bool(after["motions_passed"] > before["motions_passed"])
            here.motions.append(self.pending)
            self.pending = None
        closed = bool(after["t"] > before["t"])
        self._book(closed)
        if closed:
            motions = [(motion.patch, motion.mode, motion.passed) for motion in here.motions]
            here.facts.close(engine, int(before["t"]), known, motions)
            if not after["over"]:
                self.windows.append(self._window())

    def _window(self) -> Window:
        return Window(reasons.Facts.none(len(self.env.scenario.patches)))

    def _nomination(self, world: Any, actions: NDArray[np.int64]) -> Motion | None:
        """What the proposer nominates in this step."""
        proposer = int(world["proposer"])
        if not layout.NOMINATE_START <= actions[proposer] < layout.VOTE_START:
            return None
        row, mode = (int(part[0]) for part in motion_of(np.array([world]), actions[None]))
        features = why(self.env.engine, row, mode, proposer, self.policies.get(self.env.possible_agents[proposer]))
        return Motion(int(self.env.engine.state.row[0, row]["patch"]), mode, proposer, features)

    def _hear(self, motion: Motion | None) -> None:
        """What the motion on the table would bring each voter."""
        agents = self.env.engine.state.agent[0]
        if motion is not None:
            motion.own_gains = {
                name: float(agent["own_gain"])
                for name, agent in zip(self.env.possible_agents, agents, strict=True)
                if agent["may_vote"]
            }

    def _book(self, closed: bool) -> None:
        """Sort the step's ledger: to motions and patches what is theirs, to the window the rest."""
        entries, everything = _ledger(self.books), _ledger(self.env)
        here = self.windows[-1]
        planned = [motion for motion in here.motions if motion.passed and motion.why.part("labour")]
        turn = -1
        for entry in self._flows(entries[np.isin(entries["kind"], SINGLE)]):
            if entry.kind == "side_payment":
                here.motions[-1].flows.append(entry)
                continue
            turn += entry.kind == "effort"
            if closed and 0 <= turn < len(planned):
                planned[turn].flows.append(entry)
            else:
                here.flows.append(entry)
        here.flows += self._summed(entries[~np.isin(entries["kind"], SINGLE)])
        if not self.env.agents:
            self.tail = self._summed(everything[len(entries) :])

    def _flows(self, entries: NDArray[np.void]) -> list[Flow]:
        names = self.parties
        return [
            Flow(KINDS[kind], names[giver], names[taker], amount) for giver, taker, kind, amount in entries.tolist()
        ]

    def _summed(self, entries: NDArray[np.void]) -> list[Flow]:
        """A flow for each kind, giver and taker: expected losses book one for every patch."""
        keys, first, which = np.unique(entries[["kind", "giver", "taker"]], return_index=True, return_inverse=True)
        sums = entries[first]
        sums["amount"] = np.bincount(which.reshape(-1), entries["amount"], len(keys))
        return self._flows(sums)


def _ledger(env: PatchpactEnv) -> NDArray[np.void]:
    """What the last step booked."""
    state = env.engine.state
    return state.ledger[0, : int(state.world[0]["ledger_n"])]


def summed(flows: Sequence[Flow]) -> tuple[Flow, ...]:
    """Flows of one kind between the same two added up, in order of appearance."""
    found: dict[tuple[str, str, str], float] = {}
    for flow in flows:
        key = (flow.kind, flow.giver, flow.taker)
        found[key] = found.get(key, 0.0) + flow.keur
    return tuple(Flow(*key, keur) for key, keur in found.items())


def read(scenario: Scenario, seed: int, actions: NDArray[np.int64], policy_of: POLICY_OF | None) -> Episode:
    """Play the actions again and read the episode.

    Args:
        scenario: with losses booked as expectations.
        seed: of the world.
        actions: ``(steps, agents)``; those after its end are not read.
        policy_of: gives a role's policy, where one plays for each role.
    """
    reader = _Reader(scenario, seed, policy_of)
    for step in actions:
        if not reader.env.agents:
            break
        reader.step(step)
    return Episode(tuple(reader.windows), summed(reader.tail))
