"""Rollouts of many worlds at once: one forward pass a role a step, everything kept in arrays.

Only decisions are kept: steps in which an agent has more than one legal action. What is earned between two
decisions of an agent belongs to the first (the game is semi-Markov between them), so forced steps carry no policy
gradient, train no value and cost neither memory nor compute. Nothing here imports ray.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchpact.agents.roles import ROLE_INDEX, ROLES, action_names, layout
from patchpact.envs.core import pack
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.finish import Finish
from patchpact.envs.core.records import TOTALS
from patchpact.scenarios import Scenario
from patchpact.training.config import TRAINING_SEEDS_START

LOG_MONEY_SCALE = layout.global_feature("log_money_scale")
WELFARE = TOTALS.index("welfare_keur")
VALUE_ROWS = 16_384
"""Rows in one pass of a value network."""

Logits = Callable[[Tensor], Tensor]
"""Packed observations ``(n, packed_size(role))`` to masked logits ``(n, actions)``."""
Values = Callable[[Tensor], Tensor]
"""Packed observations to values ``(n,)``."""


def packed_size(role: str) -> int:
    """Length of a role's packed observation: the observation, then its action mask."""
    return layout.OBSERVATION_SIZE + len(action_names(role))


def money_unit_keur(observation: NDArray[np.float32]) -> NDArray[np.float64]:
    """k€ in a training reward of 1: scenarios of very different size weigh alike. ``(..., D)`` to ``(...)``."""
    return np.asarray(10.0 ** observation[..., LOG_MONEY_SCALE].astype(np.float64))


@dataclass(frozen=True)
class Player:
    """What a role plays with during a rollout."""

    logits: Logits
    values: Values | None = None
    """None: without a value network, as where advantages are measured against the greedy player."""


@dataclass
class Decisions:
    """A role's decisions of a rollout, ordered by step; n of them."""

    packed: Tensor  # (n, packed_size)
    actions: Tensor  # (n,)
    logp: Tensor  # (n,)
    logits: Tensor  # (n, actions)
    advantages: Tensor  # (n,) as estimated, not scaled
    targets: Tensor  # (n,) of the value network, where there is one


@dataclass
class Played:
    """What a rollout brought: decisions by role, and totals of the episodes that ended in it."""

    decisions: dict[str, Decisions]
    env_steps: int
    agent_steps: int
    welfare_keur: NDArray[np.float64]  # (episodes,)
    returns: dict[str, NDArray[np.float64]]  # by role, mean over its agents (episodes,)
    lengths: NDArray[np.int64]  # (episodes,) env-steps


def semi_markov_advantages(
    rewards: NDArray[np.float32],
    values: NDArray[np.float32],
    decisions: NDArray[np.bool_],
    terminated: NDArray[np.bool_],
    after: NDArray[np.float32],
    gamma: float,
    gae_lambda: float,
) -> NDArray[np.float32]:
    """Generalised advantage estimation (Schulman et al. 2016) from decision to decision, many seats at once.

    Args:
        rewards: of each step and seat ``(steps, seats)``.
        values: of each state, read at decisions only ``(steps, seats)``.
        decisions: whether the seat had a choice ``(steps, seats)``.
        terminated: whether the episode ended with the step ``(steps, seats)``.
        after: value of the state after the last step, used where the episode goes on ``(seats,)``.
        gamma: discount per step.
        gae_lambda: decay per decision.

    Returns:
        Advantages ``(steps, seats)``, meaningful at decisions.
    """
    advantages = np.zeros_like(rewards)
    ahead_value = after.astype(np.float64)
    ahead_advantage = np.zeros_like(ahead_value)
    earned = np.zeros_like(ahead_value)
    elapsed = np.ones_like(ahead_value)
    for t in range(len(rewards) - 1, -1, -1):
        ended = terminated[t]
        for array, value in ((ahead_value, 0.0), (ahead_advantage, 0.0), (earned, 0.0), (elapsed, 1.0)):
            array[ended] = value
        earned = rewards[t] + gamma * earned
        elapsed = gamma * elapsed
        chose = decisions[t]
        advantage = earned + elapsed * ahead_value - values[t] + elapsed * gae_lambda * ahead_advantage
        advantages[t][chose] = advantage[chose]
        ahead_advantage = np.where(chose, advantage, ahead_advantage)
        ahead_value = np.where(chose, values[t], ahead_value)
        earned = np.where(chose, 0.0, earned)
        elapsed = np.where(chose, 1.0, elapsed)
    return advantages


@dataclass
class _Kept:
    """A role's growing arrays during a rollout."""

    packed: NDArray[np.float32]  # (room, packed_size)
    actions: NDArray[np.int64]  # (room,)
    logp: NDArray[np.float32]  # (room,)
    logits: NDArray[np.float32]  # (room, actions)
    step: NDArray[np.int64]  # (room,)
    seat: NDArray[np.int64]  # (room,)
    count: int = 0

    @classmethod
    def room_for(cls, role: str, rows: int) -> _Kept:
        actions = len(action_names(role))
        return cls(
            packed=np.empty((rows, packed_size(role)), np.float32),
            actions=np.empty(rows, np.int64),
            logp=np.empty(rows, np.float32),
            logits=np.empty((rows, actions), np.float32),
            step=np.empty(rows, np.int64),
            seat=np.empty(rows, np.int64),
        )


@dataclass
class Sampler:
    """Plays rollouts of a batch of worlds; world k has the k-th scenario in turn.

    Args:
        scenarios: whose worlds are played; they may seat different numbers of agents.
        num_envs: worlds side by side.
        length: env-steps of each world in a rollout.
        welfare_share: share of welfare in the reward, the rest is the agent's own account.
        against_greedy: measure advantages against what the greedy player would still earn from each state on the very
            same future, instead of against a value network.
        threads: threads of the core.
    """

    scenarios: Sequence[Scenario]
    num_envs: int
    length: int
    welfare_share: float
    against_greedy: bool = False
    threads: int = 1
    roles: tuple[str, ...] = field(init=False)
    _engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._seat(self.scenarios)

    def _seat(self, scenarios: Sequence[Scenario]) -> None:
        """Worlds of these scenarios, and which of the core's seats each role has."""
        self.scenarios = tuple(scenarios)
        self._engine = Engine(self.scenarios, self.num_envs, threads=self.threads)
        self._finish = Finish(self.scenarios, self.num_envs, self.threads) if self.against_greedy else None
        agents = self._engine.num_agents
        role_of = np.full((len(self.scenarios), agents), -1)
        for n, scenario in enumerate(self.scenarios):
            filled = [ROLE_INDEX[agent.role] for agent in pack.seats(scenario)]
            role_of[n, : len(filled)] = filled
        table = role_of[np.arange(self.num_envs) % len(self.scenarios)].ravel()
        seats_of = {role: np.flatnonzero(table == ROLE_INDEX[role]) for role in ROLES}
        self._seats = {role: seats for role, seats in seats_of.items() if len(seats)}
        self.roles = tuple(self._seats)
        self._world_of = np.repeat(np.arange(self.num_envs), agents)
        self._agents = int((table >= 0).sum())
        for role, seats in self._seats.items():
            rows = self.length * len(seats)
            if role not in self._kept or len(self._kept[role].actions) < rows:
                self._kept[role] = _Kept.room_for(role, rows)

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
            gamma: discount per env-step; 1 where advantages are measured against the greedy player.
            gae_lambda: decay per decision.
            explore: draw actions; off, the most probable one is taken.
            learn: work out advantages; off, ``Played.decisions`` is empty.
        """
        engine, state = self._engine, self._engine.state
        engine.reset(seeds.integers(TRAINING_SEEDS_START, 2**32, self.num_envs).astype(np.uint64))
        seats = self.num_envs * engine.num_agents
        observation = state.observation.reshape(seats, -1)
        mask = state.mask.reshape(seats, -1)
        actions = np.zeros((self.num_envs, engine.num_agents), np.int64)
        flat_actions = actions.reshape(seats)
        rewards = np.empty((self.length, seats), np.float32)
        progress = np.empty((self.length, seats), np.float32)  # reward beyond what greedy would have earned
        chose = np.zeros((self.length, seats), np.bool_)
        ended = np.empty((self.length, self.num_envs), np.bool_)
        for kept in self._kept.values():
            kept.count = 0
        unit_keur = self._money_unit()
        returns, lengths = np.zeros(seats), np.zeros(self.num_envs, np.int64)
        finish = self._finish if learn else None
        ahead = self._greedy_total(finish, unit_keur) if finish is not None else returns
        episodes: list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]] = []
        for t in range(self.length):
            flat_actions[:] = mask.argmax(1)
            np.greater(mask.sum(1), 1, out=chose[t])
            for role, role_seats in self._seats.items():
                rows = role_seats[chose[t, role_seats]]
                if len(rows):
                    flat_actions[rows] = self._decide(role, players[role], t, rows, observation, mask, draws, explore)
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
                lengths[ended[t]] = 0
                unit_keur = self._money_unit()
            if finish is not None:
                before, ahead = ahead, self._greedy_total(finish, unit_keur)
                progress[t] = np.where(over, total, ahead) - before
        decisions = {}
        for role, player in players.items() if learn else ():
            if role not in self._seats:
                continue
            if finish is not None:
                value = after = None
            elif player.values is not None:
                kept = self._kept[role]
                value = _in_pieces(player.values, torch.from_numpy(kept.packed[: kept.count])).numpy()
                last = np.empty((len(self._seats[role]), packed_size(role)), np.float32)
                _pack(last, self._seats[role], observation, mask)
                after = _in_pieces(player.values, torch.from_numpy(last)).numpy()
            else:
                raise ValueError(f"{role}: no value network; give one, or measure against the greedy player")
            earned = rewards if finish is None else progress
            decisions[role] = self._learnable(role, earned, value, after, chose, ended, gamma, gae_lambda)
        return self._played(decisions, episodes)

    def _greedy_total(self, finish: Finish, unit_keur: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return of each seat's whole episode if the greedy player took over now ``(seats,)``."""
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

    def _decide(
        self,
        role: str,
        player: Player,
        t: int,
        rows: NDArray[np.int64],
        observation: NDArray[np.float32],
        mask: NDArray[np.int8],
        draws: torch.Generator,
        explore: bool,
    ) -> NDArray[np.int64]:
        """Actions of the seats ``rows``, kept for learning."""
        kept = self._kept[role]
        here = slice(kept.count, kept.count + len(rows))
        kept.count = here.stop
        packed = kept.packed[here]
        _pack(packed, rows, observation, mask)
        logits = player.logits(torch.from_numpy(packed))
        logp = torch.log_softmax(logits, -1)
        if explore:
            # The first action at which the cumulated probability reaches a draw from (0, 1]: never an illegal one.
            reached = logp.exp().cumsum(-1)
            draw = 1.0 - torch.rand(len(rows), 1, generator=draws)
            action = (reached < draw * reached[:, -1:]).sum(-1)
        else:
            action = logp.argmax(-1)
        kept.actions[here] = action.numpy()
        kept.logp[here] = logp.gather(1, action[:, None])[:, 0].numpy()
        kept.logits[here] = logits.numpy()
        kept.step[here] = t
        kept.seat[here] = rows
        return kept.actions[here]

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
        )

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


def _pack(
    out: NDArray[np.float32], rows: NDArray[np.int64], observation: NDArray[np.float32], mask: NDArray[np.int8]
) -> None:
    """Write the packed observations of the seats ``rows`` into ``out`` ``(len(rows), packed_size)``."""
    np.take(observation, rows, 0, out=out[:, : layout.OBSERVATION_SIZE], mode="clip")
    out[:, layout.OBSERVATION_SIZE :] = mask[rows, : out.shape[1] - layout.OBSERVATION_SIZE]


def _in_pieces(values: Values, packed: Tensor) -> Tensor:
    """A value network's pass over many rows, in pieces that stay in the cache."""
    return torch.cat([values(piece) for piece in packed.split(VALUE_ROWS)])
