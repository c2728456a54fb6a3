"""Search at decision time: try actions on imagined futures and take the one that ends best.

One-step lookahead with rollouts (Tesauro and Galperin, "On-line policy improvement using Monte-Carlo search", NIPS
1996): a copy of the world with its future and its hidden values redrawn takes the action in question, greedy players
finish the episode, and the welfare at its end is averaged. All candidates meet the same futures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.plan_model import Item
from patchpact.agents.policies.planner import Planner, accept_all
from patchpact.agents.policies.rolling_horizon import RollingHorizon
from patchpact.agents.roles import ROLES, action_names, layout
from patchpact.envs.core.imagine import Imagination
from patchpact.envs.vector import VectorEnv

MODES = len(layout.MODES)
MITIGATE = layout.MODES.index("mitigate")
USELESS = ("freeze", "disclose", "price", "scan")
"""Levers that a planner for all has no use for: they move money or knowledge between agents."""
SURE = 2.0
"""Standard errors by which another action must be ahead of the planner's."""


class Search(Planner):
    """Plays all agents for their common welfare.

    Args:
        worlds: the batch it plays; the policy reads of it what everybody sees.
        futures: imagined worlds for each action tried.
        width: nominations tried for each motion, the best by public net gain.
        informed: knows what any agent knows, instead of redrawing it; and also tries what a rolling horizon with that
            knowledge would do.
        key: of the imagined futures; no real draw follows from it.
    """

    def __init__(
        self, worlds: VectorEnv, futures: int = 8, width: int = 7, informed: bool = False, key: int = 0x5EA6C4
    ) -> None:
        super().__init__(worlds)
        self._futures, self._width, self._informed = futures, width, informed
        self._key = key
        self._imagined: dict[int, Imagination] = {}
        self._planner = RollingHorizon(worlds, informed=True) if informed else None

    def propose(self, k: int) -> NDArray[np.int64]:
        """See ``Planner.propose``."""
        proposer = int(self._engine.state.world[k]["proposer"])
        seeds = self._seeds(k)
        idle = np.zeros(self._engine.num_agents, np.int64)
        candidates = [idle]
        for nomination in self._nominations(k, seeds):
            action = idle.copy()
            action[proposer] = nomination
            candidates.append(action)
        values = self._try(k, candidates, seeds)
        if self._planner is not None:
            candidates.append(self._planner.propose(k))
            values = np.vstack([values, self._follow(k, candidates[-1], self._planner.planned(k), seeds)])
        best = int(values.mean(1).argmax())
        if self._planner is not None:  # the planner's word stands unless the futures clearly speak against it
            ahead = values[best] - values[-1]
            if ahead.mean() <= SURE * ahead.std() / np.sqrt(len(seeds)):
                best = len(candidates) - 1
        plain, base = candidates[best], values[best]
        levers = self._levers(k, plain, proposer)
        if not levers:
            return plain
        trials = []
        for agent, lever in levers:
            action = plain.copy()
            action[agent] = lever
            trials.append(action)  # beside what the best candidate does
        gains = self._try(k, trials, seeds) - base
        result = plain.copy()
        surplus = gains.mean(1) - gains.std(1) / np.sqrt(len(seeds))
        for n in np.argsort(surplus):
            if surplus[n] > 0.0:
                agent, lever = levers[n]
                result[agent] = lever
        return result

    def _seeds(self, k: int) -> NDArray[np.uint64]:
        """Futures for this decision: by the key and the turn, alike in all worlds."""
        turn = int(self._engine.state.world[k]["turn"])
        stream = np.random.SeedSequence([self._key, turn])
        return stream.generate_state(self._futures, np.uint64).astype(np.uint64)

    def _imagination(self, count: int) -> Imagination:
        if count not in self._imagined:
            self._imagined[count] = Imagination(self._worlds.scenarios[0], count, self._informed)
        return self._imagined[count]

    def _try(self, k: int, candidates: list[NDArray[np.int64]], seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Welfare (k€) at the end of each future after each action ``(candidates, futures)``."""
        # Rooms come in a few sizes, so that few are ever made.
        room = self._imagination(-(-len(candidates) // 4) * 4 * len(seeds))
        padded = np.stack([*candidates, *[candidates[0]] * (-len(candidates) % 4)])
        room.copy(self._engine, k, np.tile(seeds, len(padded)))
        room.engine.step(np.repeat(padded, len(seeds), 0))
        room.engine.play_out()
        return room.welfare_keur.reshape(len(padded), len(seeds))[: len(candidates)].copy()

    def _follow(
        self, k: int, action: NDArray[np.int64], then: list[Item], seeds: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Welfare (k€) at the end of each future ``(futures,)`` where the plan for the open window is carried out."""
        room = self._imagination(len(seeds))
        room.copy(self._engine, k, seeds)
        engine, state = room.engine, room.engine.state
        everybody = np.arange(len(seeds))
        actions = np.repeat(action[None, :], len(seeds), 0)
        window = int(state.world["t"][0])
        for item in [None, *then]:
            if item is not None:
                row = state.row["patch"] == item.patch
                nomination = layout.NOMINATE_START + MODES * row.argmax(1) + item.mode
                proposer = state.world["proposer"]
                here = row.any(1) & (state.world["t"] == window) & (state.mask[everybody, proposer, nomination] != 0)
                actions = np.zeros_like(actions)
                actions[everybody[here], proposer[here]] = nomination[here]
            engine.step(actions)
            engine.step(np.where(state.world["voting"][:, None] != 0, accept_all(state.agent), layout.PASS))
        engine.play_out()
        return room.welfare_keur.copy()

    def _nominations(self, k: int, seeds: NDArray[np.uint64]) -> list[int]:
        """The legal nominations of highest public net gain, what they unlock credited."""
        state = self._engine.state
        world, scenario = state.world[k], self._engine.static.scenario[state.world[k]["scenario"]]
        rows: Any = state.row[k]
        if self._informed:
            room = self._imagination(1)
            room.copy(self._engine, k, seeds[:1])
            rows = room.engine.state.row[0].copy()
        legal = state.mask[k, world["proposer"], layout.NOMINATE_START : layout.VOTE_START].reshape(-1, MODES) != 0
        left = scenario["windows"] + scenario["tail_windows"] - world["t"]
        value = rows["public"] + (np.arange(MODES) != MITIGATE) * (rows["unlocked"] * left)[:, None]
        order = np.argsort(np.where(legal, -value, np.inf).ravel(), kind="stable")
        return [layout.NOMINATE_START + int(n) for n in order[: min(self._width, int(legal.sum()))]]

    def _levers(self, k: int, plain: NDArray[np.int64], proposer: int) -> list[tuple[int, int]]:
        """(agent, action) of the legal levers worth a trial beside this nomination."""
        state = self._engine.state
        scenario = self._engine.static.scenario[state.world[k]["scenario"]]
        roles = self._engine.static.agent["role"][scenario["a0"] : scenario["a0"] + scenario["na"]]
        nomination = int(plain[proposer])
        nominates = layout.NOMINATE_START <= nomination < layout.VOTE_START
        nominated = (nomination - layout.NOMINATE_START) // MODES if nominates else -1
        found = []
        for agent, role in enumerate(roles):
            names = action_names(ROLES[role])
            for action in range(layout.LEVER_START, len(names)):
                lever, _, target = names[action].partition(":")
                if not state.mask[k, agent, action] or lever in USELESS:
                    continue
                if lever == "backport" and int(target) != nominated:
                    continue
                if plain[agent]:
                    continue
                found.append((agent, action))
        return found
