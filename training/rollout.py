"""Rollouts of many worlds at once: one forward pass a role a step, everything kept in arrays.

Nothing here imports ray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchpact.agents.roles import ROLE_INDEX, ROLES
from patchpact.envs.core import pack
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.finish import Finish
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario
from patchpact.training.advantages import semi_markov_advantages
from patchpact.training.central import Beyond
from patchpact.training.config import TRAINING_SEEDS_START
from patchpact.training.decisions import (
    Decisions,
    Kept,
    Played,
    Player,
    Sequences,
    cut_in_sequences,
    money_unit_keur,
    pack_rows,
)

WELFARE = TOTALS.index("welfare_keur")
VALUE_ROWS = 16_384
"""Rows in one pass of a value network."""


@dataclass
class Sampler:
    """Plays rollouts of a batch of worlds; world k has the k-th scenario in turn.

    Args:
        scenarios: whose worlds are played; they may seat different numbers of agents.
        num_envs: worlds side by side.
        length: env-steps of each world in a rollout.
        welfare_share: share of welfare in the reward, the rest is the agent's own account.
        against_greedy: measure advantages against what a greedy player would still earn from each state on the very
            same future, instead of against a value network: one that plays for all where welfare is half of the reward
            or more, else everyone for himself.
        threads: threads of the core.
        central: pack what a central critic sees behind each observation.
        memory: width of the memory of the policies that play; 0: they have none.
        sequence: decisions of the longest sequence that a policy with a memory is trained on.
    """

    scenarios: Sequence[Scenario]
    num_envs: int
    length: int
    welfare_share: float
    against_greedy: bool = False
    threads: int = 1
    central: bool = False
    memory: int = 0
    sequence: int = 16
    roles: tuple[str, ...] = field(init=False)
    _engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._seat(self.scenarios)

    def _seat(self, scenarios: Sequence[Scenario]) -> None:
        """Worlds of these scenarios, and which of the core's seats each role has."""
        self.scenarios = tuple(scenarios)
        self._engine = Engine(self.scenarios, self.num_envs, threads=self.threads)
        selfish = self.welfare_share < 0.5
        self._finish = Finish(self.scenarios, self.num_envs, self.threads, selfish) if self.against_greedy else None
        agents = self._engine.num_agents
        role_of = np.full((len(self.scenarios), agents), -1)
        for n, scenario in enumerate(self.scenarios):
            filled = [ROLE_INDEX[agent.role] for agent in pack.seats(scenario)]
            role_of[n, : len(filled)] = filled
        of_world = role_of[np.arange(self.num_envs) % len(self.scenarios)]
        self._beyond = Beyond(of_world) if self.central else None
        table = of_world.ravel()
        seats_of = {role: np.flatnonzero(table == ROLE_INDEX[role]) for role in ROLES}
        self._seats = {role: seats for role, seats in seats_of.items() if len(seats)}
        self.roles = tuple(self._seats)
        self._world_of = np.repeat(np.arange(self.num_envs), agents)
        self._agents = int((table >= 0).sum())
        for role, seats in self._seats.items():
            rows = self.length * len(seats)
            if role not in self._kept or len(self._kept[role].actions) < rows:
                self._kept[role] = Kept.room_for(role, rows, self.central, self.memory)

    def replace(self, scenarios: Sequence[Scenario]) -> None:
        """Play other scenarios from the next rollout on."""
        self.close()
        self._seat(scenarios)

    @torch.no_grad()
    def play(
        self,
        players: Mapping[str, Player],
        seeds: np.random.Generator,
        draws: torch.Generator,
        gamma: float = 1.0,
        gae_lambda: float = 0.95,
        explore: bool = True,
        learn: bool = True,
    ) -> Played:
        """One rollout in new worlds.

        Args:
            players: by role.
            seeds: draws the worlds' seeds, from the range for training.
            draws: draws the actions.
            gamma: discount per env-step; 1 where advantages are measured against a greedy player.
            gae_lambda: decay per decision.
            explore: draw actions; off, the most probable one is taken.
            learn: work out advantages; off, ``Played.decisions`` is empty.
        """
        engine, state = self._engine, self._engine.state
        engine.reset(seeds.integers(TRAINING_SEEDS_START, 2**32, self.num_envs).astype(np.uint64))
        seats = self.num_envs * engine.num_agents
        mask = state.mask.reshape(seats, -1)
        actions = np.zeros((self.num_envs, engine.num_agents), np.int64)
        flat_actions = actions.reshape(seats)
        rewards = np.empty((self.length, seats), np.float32)
        progress = np.empty((self.length, seats), np.float32)  # reward beyond what greedy would have earned
        chose = np.zeros((self.length, seats), np.bool_)
        ended = np.empty((self.length, self.num_envs), np.bool_)
        for kept in self._kept.values():
            kept.count = 0
        memory = torch.zeros(seats, self.memory)
        unit_keur = self._money_unit()
        returns, lengths = np.zeros(seats), np.zeros(self.num_envs, np.int64)
        finish = self._finish if learn else None
        ahead = self._greedy_total(finish, unit_keur) if finish is not None else returns
        episodes: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]] = []
        for t in range(self.length):
            flat_actions[:] = mask.argmax(1)
            np.greater(mask.sum(1), 1, out=chose[t])
            beyond = self._see_beyond()
            for role, role_seats in self._seats.items():
                rows = role_seats[chose[t, role_seats]]
                if len(rows):
                    kept = self._keep(role, t, rows, beyond)
                    flat_actions[rows] = self._decide(kept, players[role], rows, memory, draws, explore)
            engine.step(actions)
            rewards[t] = self._mixed(state.reward * REWARD_SCALE_KEUR, state.world["welfare"], unit_keur)
            returns += rewards[t]
            lengths += 1
            ended[t] = state.terminated
            over = ended[t][self._world_of]
            total = returns.copy()
            if ended[t].any():
                episodes.append((state.totals[ended[t], WELFARE], np.where(over, returns, np.nan), lengths[ended[t]]))
                returns[over] = 0.0
                memory[torch.from_numpy(over)] = 0.0
                lengths[ended[t]] = 0
                unit_keur = self._money_unit()
            if finish is not None:
                before, ahead = ahead, self._greedy_total(finish, unit_keur)
                progress[t] = np.where(over, total, ahead) - before
        decisions = {}
        for role, player in players.items() if learn else ():
            if role not in self._seats:
                continue
            value = after = None
            if finish is None:
                value, after = self._valued(role, player)
            earned = rewards if finish is None else progress
            decisions[role] = self._learnable(role, earned, value, after, chose, ended, gamma, gae_lambda)
        return self._played(decisions, episodes)

    def _see_beyond(self) -> NDArray[np.float32] | None:
        """What central critics see now, if there are any ``(num_envs, BEYOND_SIZE)``."""
        return None if self._beyond is None else self._beyond(self._engine)

    def _pack(
        self, out: NDArray[np.float32], rows: NDArray[np.int64], beyond: NDArray[np.float32] | None
    ) -> NDArray[np.float32]:
        """Write the packed observations of the seats ``rows`` into ``out``."""
        state, seats = self._engine.state, len(self._world_of)
        of_rows = None if beyond is None else beyond[self._world_of[rows]]
        pack_rows(out, rows, state.observation.reshape(seats, -1), state.mask.reshape(seats, -1), of_rows)
        return out

    def _valued(self, role: str, player: Player) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values of the role's decisions ``(n,)``, and of the state after the last step ``(seats of the role,)``."""
        if player.values is None:
            raise ValueError(f"{role}: no value network; give one, or measure against a greedy player")
        kept, seats = self._kept[role], self._seats[role]
        last = self._pack(np.empty((len(seats), kept.packed.shape[1]), np.float32), seats, self._see_beyond())
        value, after = (
            torch.cat([player.values(piece) for piece in torch.from_numpy(packed).split(VALUE_ROWS)])
            for packed in (kept.packed[: kept.count], last)
        )
        return value.numpy(), after.numpy()

    def _greedy_total(self, finish: Finish, unit_keur: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return of each seat's whole episode if a greedy player took over now ``(seats,)``."""
        welfare, accounts = finish(self._engine)
        return self._mixed(accounts, welfare, unit_keur)

    def _mixed(
        self, own_keur: NDArray[np.float64], welfare_keur: NDArray[np.float64], unit_keur: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Reward of each seat ``(seats,)`` of own money ``(num_envs, agents)`` and welfare ``(num_envs,)``."""
        mixed = (1.0 - self.welfare_share) * own_keur + self.welfare_share * welfare_keur[:, None]
        return np.asarray((mixed / unit_keur[:, None]).ravel())

    def _money_unit(self) -> NDArray[np.float64]:
        return money_unit_keur(self._engine.state.observation[:, 0])

    def _keep(self, role: str, t: int, rows: NDArray[np.int64], beyond: NDArray[np.float32] | None) -> Kept:
        """Room for the decisions of the seats ``rows``, which see what they see now."""
        kept = self._kept[role].next(len(rows))
        self._pack(kept.packed, rows, beyond)
        kept.step[:] = t
        kept.seat[:] = rows
        return kept

    def _decide(
        self,
        kept: Kept,
        player: Player,
        rows: NDArray[np.int64],
        memory: Tensor,
        draws: torch.Generator,
        explore: bool,
    ) -> NDArray[np.int64]:
        """Actions of the seats ``rows``, written to ``kept``; ``memory`` is that of all seats, which goes on."""
        packed = torch.from_numpy(kept.packed)
        if player.recall is None:
            logits = player.logits(packed)
        else:
            before = memory[torch.from_numpy(rows)]
            kept.memory[:] = before.numpy()
            logits, memory[torch.from_numpy(rows)] = player.recall(packed, before)
        if explore:
            # The first action at which the cumulated probability reaches a draw from (0, 1]: never an illegal one.
            reached = torch.softmax(logits, -1).cumsum(-1)
            draw = 1.0 - torch.rand(len(rows), 1, generator=draws)
            action = (reached < draw * reached[:, -1:]).sum(-1)
        else:
            action = logits.argmax(-1)
        kept.actions[:] = action.numpy()
        kept.logp[:] = torch.log_softmax(logits, -1).gather(1, action[:, None])[:, 0].numpy()
        kept.logits[:] = logits.numpy()
        return kept.actions

    def _learnable(
        self,
        role: str,
        earned: NDArray[np.float32],
        value: NDArray[np.float32] | None,
        after: NDArray[np.float32] | None,
        chose: NDArray[np.bool_],
        ended: NDArray[np.bool_],
        gamma: float,
        gae_lambda: float,
    ) -> Decisions:
        """The role's decisions with their advantages, and the targets of its value network if it has one."""
        kept, seats = self._kept[role], self._seats[role]
        n = kept.count
        column = np.zeros(self._world_of.shape, np.int64)
        column[seats] = np.arange(len(seats))
        step, place = kept.step[:n], column[kept.seat[:n]]
        table = np.zeros((self.length, len(seats)), np.float32)
        if value is not None:
            table[step, place] = value
        advantages = semi_markov_advantages(
            earned[:, seats],
            table,
            chose[:, seats],
            ended[:, self._world_of[seats]],
            np.zeros(len(seats), np.float32) if after is None else after,
            gamma,
            gae_lambda,
        )[step, place]
        return Decisions(
            packed=torch.from_numpy(kept.packed[:n]),
            actions=torch.from_numpy(kept.actions[:n]),
            logp=torch.from_numpy(kept.logp[:n]),
            logits=torch.from_numpy(kept.logits[:n]),
            advantages=torch.from_numpy(advantages),
            targets=torch.from_numpy(advantages + table[step, place]),
            sequences=self._sequences(kept, ended) if self.memory else None,
        )

    def _sequences(self, kept: Kept, ended: NDArray[np.bool_]) -> Sequences:
        """The role's decisions as pieces of episodes."""
        step, seat = kept.step[: kept.count], kept.seat[: kept.count]
        episode: NDArray[np.int64] = (np.cumsum(ended, 0) - ended)[step, self._world_of[seat]]
        index = cut_in_sequences(seat, step, episode, self.sequence)
        return Sequences(index, torch.from_numpy(kept.memory[index[:, 0]]))

    def _played(
        self,
        decisions: dict[str, Decisions],
        episodes: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]],
    ) -> Played:
        returns: dict[str, list[NDArray[np.float64]]] = {role: [] for role in self.roles}
        for _, sums, _ in episodes:
            for role, seats in self._seats.items():
                by_seat = sums[seats]
                over = ~np.isnan(by_seat)
                worlds = self._world_of[seats][over]
                totals = np.bincount(worlds, by_seat[over], self.num_envs)
                agents = np.bincount(worlds, minlength=self.num_envs)
                returns[role].append(totals[agents > 0] / agents[agents > 0])
        nothing = np.zeros(0)
        return Played(
            decisions=decisions,
            env_steps=self.length * self.num_envs,
            agent_steps=self.length * self._agents,
            welfare_keur=np.concatenate([welfare for welfare, _, _ in episodes]) if episodes else nothing,
            returns={role: np.concatenate(found) if found else nothing for role, found in returns.items()},
            lengths=np.concatenate([n for _, _, n in episodes]) if episodes else nothing.astype(np.int64),
        )

    def close(self) -> None:
        """Stop the core's threads."""
        self._engine.close()
        if self._finish is not None:
            self._finish.close()
