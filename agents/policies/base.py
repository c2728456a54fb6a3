"""What every policy is, and how its module reads an observation by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from patchpact.agents.roles import layout

if TYPE_CHECKING:
    from patchpact.envs.vector import VectorEnv
    from patchpact.scenarios import Scenario

Actions = dict[str, NDArray[np.int64]]
Observations = Mapping[str, Mapping[str, NDArray[Any]]]

MODES = len(layout.MODES)
ACCEPT = layout.VOTE_START + layout.VOTES.index("accept")
REJECT = layout.VOTE_START + layout.VOTES.index("reject")


class Policy(Protocol):
    """Chooses the actions of one role.

    A policy that remembers plays the agents of one batch, in an order that stays, from the start of their episodes
    (``seat`` asks its cast for players anew for each batch); where worlds start over in mid-play, it is told by a
    method ``reset(which)``, with the rows that forget.
    """

    def act(self, observation: NDArray[Any], mask: NDArray[Any], rng: np.random.Generator) -> Any:
        """Choose legal actions.

        Args:
            observation: ``(D,)`` of one agent, or ``(n, D)`` of a batch.
            mask: ``(actions,)`` or ``(n, actions)``, nonzero where legal.
            rng: the only source of randomness.

        Returns:
            An ``int``, or an int64 array ``(n,)`` for a batch.
        """


PolicyOfRole = Callable[[str], Policy]
"""A whole cast: gives the policy that plays a role."""


class JointPolicy(Protocol):
    """Chooses the actions of all agents of a batch of worlds together.

    It is made for one batch (``Joint.make``). A planner may look there at what the scenario says and at what everybody
    sees; what is hidden and what is to come it may only imagine (``patchpact.envs.core.imagine``).
    """

    def act(self, observations: Observations, rng: np.random.Generator) -> Actions:
        """Actions by role ``(num_envs, agents)``, as ``VectorEnv.step`` takes them."""


@dataclass(frozen=True)
class Joint:
    """A cast of one: makes the ``JointPolicy`` that plays all agents of a batch."""

    name: str
    make: Callable[[VectorEnv], JointPolicy]


Cast = PolicyOfRole | Joint
"""Whoever can play a world: a policy for each role, or one for all."""


@dataclass(frozen=True)
class Oracle:
    """No player but a reference: solves a world of a seed with knowledge that no player has.

    ``solve(scenario, seed)`` returns the totals of its best episode by name, and what it proves (``bound_keur``).
    """

    name: str
    solve: Callable[[Scenario, int], dict[str, float]]


def seat(cast: Cast, worlds: VectorEnv) -> Callable[[Observations, np.random.Generator], Actions]:
    """The players of these worlds, from the start of their episodes: observations to everybody's actions."""
    if isinstance(cast, Joint):
        return cast.make(worlds).act
    policies = {role: cast(role) for role in worlds.roles}
    return lambda observations, rng: act_all(policies, observations, rng)


def act_all(policies: Mapping[str, Policy], observations: Observations, rng: np.random.Generator) -> Actions:
    """Every agent's action in a batch of worlds, in one call a role.

    Args:
        policies: by role; agents of a role share it.
        observations: by role, as ``VectorEnv`` gives them, ``(num_envs, agents, ...)``.
        rng: the only source of randomness.

    Returns:
        Actions by role ``(num_envs, agents)``, as ``VectorEnv.step`` takes them.
    """
    actions = {}
    for role, seen in observations.items():
        observation, mask = seen["observation"], seen["action_mask"]
        n, agents = observation.shape[:2]
        chosen = policies[role].act(observation.reshape(n * agents, -1), mask.reshape(n * agents, -1), rng)
        actions[role] = np.asarray(chosen, np.int64).reshape(n, agents)
    return actions


class Seen:
    """A batch of observations and masks, read by name.

    Args:
        observation: ``(n, D)``.
        mask: ``(n, actions)``.
    """

    def __init__(self, observation: NDArray[Any], mask: NDArray[Any]) -> None:
        self.observation = observation
        self.mask = mask
        self._rows = observation[:, : layout.SLOTS_START].reshape(-1, layout.AGENDA_ROWS, layout.ROW_WIDTH)

    def __len__(self) -> int:
        return len(self.observation)

    def row(self, name: str) -> NDArray[np.float64]:
        """A row feature of every agenda row ``(n, rows)``."""
        return self._rows[:, :, layout.row_feature(name)].astype(np.float64)

    def whole(self, name: str) -> NDArray[np.float64]:
        """A global feature ``(n,)``."""
        return self.observation[:, layout.global_feature(name)].astype(np.float64)

    def windows_left(self) -> NDArray[np.float64]:
        """Windows in which open findings still cost, the tail included ``(n,)``."""
        return 12.0 * self.whole("horizon")

    def windows_to_act(self) -> NDArray[np.float64]:
        """Windows left, the current one included, without the tail ``(n,)``."""
        return 12.0 * self.whole("windows_to_act")

    def may_nominate(self) -> NDArray[np.bool_]:
        """Which nominations are legal ``(n, rows, modes)``."""
        legal: NDArray[np.bool_] = self.mask[:, layout.NOMINATE_START : layout.VOTE_START] != 0
        return legal.reshape(-1, layout.AGENDA_ROWS, MODES)


class BatchPolicy:
    """Base of the rules here: give a ``NAME`` and implement ``choose`` for a batch."""

    NAME: str

    def __init__(self, role: str) -> None:
        self.role = role

    def choose(self, seen: Seen, rng: np.random.Generator) -> NDArray[np.int64]:
        """Legal actions ``(n,)``."""
        raise NotImplementedError

    def act(self, observation: NDArray[Any], mask: NDArray[Any], rng: np.random.Generator) -> Any:
        """See ``Policy.act``."""
        single = np.ndim(observation) == 1
        chosen = self.choose(Seen(np.atleast_2d(observation), np.atleast_2d(mask)), rng)
        return int(chosen[0]) if single else chosen


def best_nomination(
    value: NDArray[np.float64], legal: NDArray[np.bool_], otherwise: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The legal nomination of highest value, the first among equals.

    Args:
        value: ``(n, rows, modes)``; minus infinity where it shall not be nominated.
        legal: ``(n, rows, modes)``.
        otherwise: actions ``(n,)`` where nothing is left to nominate.
    """
    flat = np.where(legal, value, -np.inf).reshape(len(value), -1)
    best = flat.argmax(1)
    found = np.isfinite(flat[np.arange(len(flat)), best])
    return np.where(found, layout.NOMINATE_START + best, otherwise)


def vote_or_wait(seen: Seen, accept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Accept or reject where a vote is due, abstain or pass elsewhere ``(n,)``."""
    voting = seen.whole("phase_vote") > 0.5
    may_vote = seen.mask[:, REJECT] != 0
    vote = np.where(accept, ACCEPT, REJECT)
    return np.where(voting, np.where(may_vote, vote, layout.ABSTAIN), layout.PASS).astype(np.int64)
