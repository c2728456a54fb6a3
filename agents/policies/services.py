"""Policies of service agents, as players of the stakeholders' game: they carry out patches without a vote.

Each service decides for itself, from what it sees (``patchpact.envs.service_layout``); ``service_work`` turns that
into nominations that everybody accepts. So ``evaluate`` sets them beside the vote: same graph, same draws, same k€.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.policies.base import Actions, Joint, Observations
from patchpact.envs.service_layout import BATCH, DEFER, PATCH, service_feature
from patchpact.envs.service_view import ServiceView
from patchpact.envs.service_work import ServiceWork
from patchpact.envs.vector import VectorEnv

VALUE, OTHERS_BEST = service_feature("value"), ("callers_best", "callees_best", "others_best")


class ServicePolicy(Protocol):
    """Chooses the action of a service; all services share it."""

    def act(self, observation: NDArray[Any], mask: NDArray[Any], rng: np.random.Generator) -> Any:
        """Legal actions ``(n,)`` for observations ``(n, SERVICE_SIZE)`` and masks ``(n, 3)``; of one service an int."""


class Rule:
    """A rule of thumb for one service.

    Args:
        decide: observations ``(n, SERVICE_SIZE)`` to wanted actions ``(n,)``; what is not legal becomes defer.
    """

    def __init__(self, decide: Callable[[NDArray[Any]], NDArray[np.int64]]) -> None:
        self._decide = decide

    def act(self, observation: NDArray[Any], mask: NDArray[Any], rng: np.random.Generator) -> Any:
        """See ``ServicePolicy.act``."""
        seen, legal = np.atleast_2d(observation), np.atleast_2d(mask)
        wanted = self._decide(seen)
        chosen = np.where(legal[np.arange(len(legal)), wanted] != 0, wanted, DEFER).astype(np.int64)
        return int(chosen[0]) if np.ndim(observation) == 1 else chosen


def _net_gain(seen: NDArray[Any]) -> NDArray[np.int64]:
    """Patch where the service's own net gain is above 0."""
    return np.where(seen[:, VALUE] > 0.0, PATCH, DEFER)


def _batch(seen: NDArray[Any]) -> NDArray[np.int64]:
    """The same, but batch where another service's patch is worth it too: a batch of one would wait."""
    company = np.max([seen[:, service_feature(name)] for name in OTHERS_BEST], 0) > 0.0
    return np.where(seen[:, VALUE] > 0.0, np.where(company, BATCH, PATCH), DEFER)


def _all(seen: NDArray[Any]) -> NDArray[np.int64]:
    """Patch whenever there is something to patch."""
    return np.full(len(seen), PATCH)


RULES: dict[str, Rule] = {
    "services-net-gain": Rule(_net_gain),
    "services-batch": Rule(_batch),
    "services-patch-all": Rule(_all),
}
"""Every service by the same rule of thumb."""


class ServicePlayers:
    """A ``JointPolicy``: every service of a batch of worlds plays by one shared policy.

    Args:
        worlds: the batch, of one scenario.
        policy: of a service.
    """

    def __init__(self, worlds: VectorEnv, policy: ServicePolicy) -> None:
        self._worlds, self._policy = worlds, policy
        self._view = ServiceView(worlds.engine)
        self.work = ServiceWork(self._view)
        self._window = np.full(worlds.num_envs, -1)
        self._pairs = np.zeros(worlds.num_envs, np.int64)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """Uncoordinated coupled pairs of the episodes so far ``(num_envs,)``, see ``ServiceWork``."""
        self.work.note()
        return self._pairs + self.work.coupled_pairs()

    def act(self, observations: Observations, rng: np.random.Generator) -> Actions:
        """See ``JointPolicy.act``."""
        world = self._worlds.engine.state.world
        opened = np.flatnonzero((world["t"] != self._window) & (world["over"] == 0))
        if len(opened):
            self.work.note()
            self._pairs[opened] += self.work.coupled_pairs()[opened]
            look = self._view.look(opened)
            n, services = look.mask.shape[:2]
            flat = look.observation.reshape(n * services, -1), look.mask.reshape(n * services, -1)
            chosen = np.asarray(self._policy.act(*flat, rng), np.int64).reshape(n, services)
            self.work.begin(opened, chosen, look.mask)
            self._window[opened] = world["t"][opened]
        return self._worlds.by_role(self.work.next())


def service_players(name: str, policy: ServicePolicy) -> Joint:
    """A cast in which every service plays by ``policy``."""
    return Joint(name, partial(ServicePlayers, policy=policy))


def service_rules() -> dict[str, Joint]:
    """The rules of thumb as casts, by name."""
    return {name: service_players(name, rule) for name, rule in RULES.items()}
