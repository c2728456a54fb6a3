"""Rollouts of worlds whose services are agents: one forward pass over all services of all worlds whose window opens.

The reward is shared, so there is one value for a world's window: a central critic sees all services and the hidden
truth of their patches. Rewards are measured as progress beyond what the greedy player would still have earned on the
very same future (``core.finish``): an input-driven baseline, which takes most of the incidents' luck out and leaves
the game as it is. Nothing here imports ray.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from patchpact.agents.policies.service_learned import ServiceNetwork
from patchpact.envs.core.engine import Engine
from patchpact.envs.core.finish import Finish
from patchpact.envs.service_layout import SERVICE_ACTIONS, SERVICE_SIZE
from patchpact.envs.service_view import STATE_WIDTH, ServiceView
from patchpact.envs.service_work import ServiceWork
from patchpact.scenarios import Scenario
from patchpact.training.advantages import semi_markov_advantages
from patchpact.training.config import TRAINING_SEEDS_START
from patchpact.training.decisions import Decisions, Played, Player
from patchpact.training.services import ROLE

ACTIONS = len(SERVICE_ACTIONS)


def packed_width(services: int) -> int:
    """Entries of a packed decision: what the service sees, its mask, and the state that the critic sees."""
    return SERVICE_SIZE + ACTIONS + services * STATE_WIDTH


def player_of(network: ServiceNetwork) -> Player:
    """The network as a player that needs no values."""
    return Player(lambda packed: network(packed[:, :SERVICE_SIZE], packed[:, SERVICE_SIZE : SERVICE_SIZE + ACTIONS]))


@dataclass
class _Record:
    """What happened in K worlds over T windows."""

    observation: NDArray[np.float32]  # (T, K, services, SERVICE_SIZE)
    mask: NDArray[np.int8]  # (T, K, services, 3)
    state: NDArray[np.float32]  # (T, K, services * STATE_WIDTH)
    actions: NDArray[np.int64]  # (T, K, services)
    logits: NDArray[np.float32]  # (T, K, services, 3)
    greedy_keur: NDArray[
        np.float64
    ]  # (T + 1, K) welfare of the episode if the greedy player took over; at last, its own
    pairs: NDArray[np.int64]  # (T, K) uncoordinated coupled pairs

    @property
    def welfare_keur(self) -> NDArray[np.float64]:
        """Welfare of the episodes ``(K,)``."""
        last: NDArray[np.float64] = self.greedy_keur[-1]
        return last


class ServiceSampler:
    """Plays whole episodes of a batch of worlds of one scenario.

    Args:
        scenario: whose worlds are played.
        num_envs: worlds side by side.
        coupling_keur: the penalty for each uncoordinated coupled pair.
    """

    roles = (ROLE,)

    def __init__(self, scenario: Scenario, num_envs: int, coupling_keur: float) -> None:
        self._engine = Engine([scenario], num_envs, autoreset=False)
        self._finish = Finish([scenario], num_envs)
        self._view = ServiceView(self._engine)
        self._coupling_keur = coupling_keur
        self._windows = int(scenario.parameters["windows"])
        self._unit_keur = float(self._engine.static.scenario["money_scale"][0])

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
        """One episode in each of ``num_envs`` new worlds; see ``rollout.Sampler.play``."""
        worlds = seeds.integers(TRAINING_SEEDS_START, 2**32, self._engine.num_envs).astype(np.uint64)
        record = self._episodes(worlds, players[ROLE], draws if explore else None, learn)
        decisions = {ROLE: self._decisions(record, players[ROLE], gamma, gae_lambda)} if learn else {}
        count = self._engine.num_envs
        returns = (record.welfare_keur - self._coupling_keur * record.pairs.sum(0)) / self._unit_keur
        return Played(
            decisions=decisions,
            env_steps=count * self._windows,
            agent_steps=count * self._windows * len(self._view.names),
            welfare_keur=record.welfare_keur,
            returns={ROLE: returns},
            lengths=np.full(count, self._windows),
        )

    @torch.no_grad()
    def objective_keur(self, player: Player, seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Welfare less penalties of each seed's episode under the most probable actions ``(num_envs,)``."""
        record = self._episodes(seeds, player, None, learn=False)
        objective: NDArray[np.float64] = record.welfare_keur - self._coupling_keur * record.pairs.sum(0)
        return objective

    def _episodes(
        self, seeds: NDArray[np.uint64], player: Player, draws: torch.Generator | None, learn: bool
    ) -> _Record:
        engine, view = self._engine, self._view
        count, services = engine.num_envs, len(view.names)
        shape = (self._windows, count, services)
        record = _Record(
            np.zeros((*shape, SERVICE_SIZE), np.float32),
            np.zeros((*shape, ACTIONS), np.int8),
            np.zeros((self._windows, count, services * STATE_WIDTH), np.float32),
            np.zeros(shape, np.int64),
            np.zeros((*shape, ACTIONS), np.float32),
            np.zeros((self._windows + 1, count)),
            np.zeros((self._windows, count), np.int64),
        )
        engine.reset(seeds)
        work, world = ServiceWork(view), engine.state.world
        window = np.full(count, -1)
        while True:
            work.note()
            closed = np.flatnonzero((world["t"] != window) & (window >= 0))
            record.pairs[window[closed], closed] = work.coupled_pairs()[closed]
            opened = np.flatnonzero((world["t"] != window) & (world["over"] == 0))
            window[closed] = world["t"][closed]
            if world["over"].all():
                break
            if len(opened):
                window[opened] = world["t"][opened]
                self._decide(record, work, opened, player, draws, learn)
            engine.step(work.next())
        record.greedy_keur[-1] = world["welfare_keur"]
        return record

    def _decide(
        self,
        record: _Record,
        work: ServiceWork,
        worlds: NDArray[np.int64],
        player: Player,
        draws: torch.Generator | None,
        learn: bool,
    ) -> None:
        """Choose and note the actions of all services of worlds whose window has opened."""
        t = self._engine.state.world["t"][worlds]
        look = self._view.look(worlds)
        n, services = look.mask.shape[:2]
        packed = np.concatenate([look.observation, look.mask.astype(np.float32)], 2).reshape(n * services, -1)
        logits = player.logits(torch.from_numpy(packed))
        scores = logits
        if draws is not None:  # Gumbel's trick draws from the distribution
            scores = logits - torch.log(-torch.log(torch.rand(logits.shape, generator=draws).clamp(1e-12, 1 - 1e-7)))
        actions = scores.argmax(-1).numpy().reshape(n, services)
        record.observation[t, worlds], record.mask[t, worlds] = look.observation, look.mask
        record.actions[t, worlds] = actions
        record.logits[t, worlds] = logits.numpy().reshape(n, services, ACTIONS)
        if learn:
            record.state[t, worlds] = self._view.state(worlds, look)
            record.greedy_keur[t, worlds] = self._greedy_keur(worlds)
        work.begin(worlds, actions, look.mask)

    def _greedy_keur(self, worlds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Welfare of these worlds' episodes if the greedy player took over now; the other worlds stand still."""
        state = self._engine.state
        still = state.world.copy()
        still["over"] = 1
        still["over"][worlds] = state.world["over"][worlds]
        welfare, _ = self._finish(cast(Any, SimpleNamespace(state=state._replace(world=still))))
        return welfare[worlds]

    def _decisions(self, record: _Record, player: Player, gamma: float, gae_lambda: float) -> Decisions:
        """Decisions of services that had a choice, each with its world's advantage."""
        windows, count, _ = record.actions.shape
        assert player.values is not None
        state = torch.from_numpy(record.state.reshape(windows * count, -1))
        blank = torch.zeros(len(state), SERVICE_SIZE + ACTIONS)
        values = player.values(torch.cat([blank, state], 1)).numpy().reshape(windows, count)
        earned = np.diff(record.greedy_keur, axis=0) - self._coupling_keur * record.pairs
        ended = np.zeros((windows, count), np.bool_)
        ended[-1] = True
        always = np.ones((windows, count), np.bool_)
        advantages = semi_markov_advantages(
            (earned / self._unit_keur).astype(np.float32), values, always, ended, np.zeros(count, np.float32), gamma,
            gae_lambda,
        )  # fmt: skip
        t, k, v = np.nonzero(record.mask.sum(3) > 1)
        packed = np.concatenate(
            [record.observation[t, k, v], record.mask[t, k, v].astype(np.float32), record.state[t, k]], 1
        )
        logits = torch.from_numpy(record.logits[t, k, v])
        actions = torch.from_numpy(record.actions[t, k, v])
        return Decisions(
            packed=torch.from_numpy(packed),
            actions=actions,
            logp=torch.log_softmax(logits, -1).gather(1, actions[:, None])[:, 0],
            logits=logits,
            advantages=torch.from_numpy(advantages[t, k]),
            targets=torch.from_numpy((advantages + values)[t, k]),
        )

    def close(self) -> None:
        """Stop the core's threads."""
        self._engine.close()
        self._finish.close()
