"""The game in which every microservice is an agent: ``mvp2-v1``, a PettingZoo face of the same compiled core."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import networkx as nx
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from patchpact.agents.roles import layout
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.records import TOTALS
from patchpact.envs.parallel import whole_action
from patchpact.envs.seeds import WorldSeeds
from patchpact.envs.service_layout import SERVICE_ACTIONS, SERVICE_SIZE
from patchpact.envs.service_view import STATE_WIDTH, Look, ServiceView
from patchpact.envs.service_work import ServiceWork
from patchpact.scenarios import Scenario, load_scenario
from patchpact.scenarios.registry import GAMES

SERVICE_GAME = "mvp2-v1"
"""Id of the game for ``make``: service agents on the graph of ``boutique-v1``."""
SERVICE_GRAPH = GAMES[SERVICE_GAME]
COUPLING_KEUR = 1.0
"""Penalty for each uncoordinated pair of services that call each other and are patched in one window (assumption)."""

Observation = dict[str, NDArray[Any]]
_WORLD = np.zeros(1, np.int64)


class ServicesEnv(ParallelEnv[str, Observation, int]):
    """Each service of a graph decides, once a window and all at the same time, whether to patch, defer or batch.

    The form of M-VP2 (preprint 202601.1784), whose microservices are agents with a joint reward: here beside the game
    of stakeholders who vote, on the same core. Money, losses, downtime, rollbacks and all keyed draws are the core's;
    an episode of a seed meets the same future as ``make(scenario)`` does, and its welfare can be compared k€ by k€.

    ============== =======================================================================================
    possible_agents  the services' names, in uid order
    observation    ``{"observation": Box(-20, 20, (D,), float32), "action_mask": Box(0, 1, (3,), int8)}``: the patch it
                   would carry out, itself, its callers, callees and all others, the world (`service_layout`); the same
                   ``D`` for every service and graph
    action         ``Discrete(3)``: defer, patch, batch (see ``service_work`` for what they do, in which order, and
                   what limits them). Without a patch that can be carried out now, defer alone is legal; an illegal
                   action becomes defer, and ``infos[agent]["illegal_action"]`` is true
    step           one window
    reward         shared: (change of everybody's welfare - ``coupling_keur`` x pairs of services that call each other
                   and were carried out in this window outside one shared maintenance) / 10 k€
    infos          by agent: ``illegal_action``, ``carried_out``, ``parts`` (``welfare`` and ``coupling``, which add up
                   to the reward), ``welfare_keur``, ``coupled_pairs``, and at the end ``episode`` (totals by name)
    state()        ``(services * S,)`` float32 for central critics: every service's observation with the hidden truth
                   of its patch
    termination    after the last window, for all agents; never truncated
    ============== =======================================================================================

    Args:
        scenario: a complete scenario.
        coupling_keur: the penalty; 0 switches it off.

    Raises:
        ValueError: a penalty below 0 or no number.

    Version history: v1 is the first.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "mvp2_v1",
        "render_modes": [],
        "is_parallelizable": True,
    }

    def __init__(self, scenario: Scenario, coupling_keur: float = COUPLING_KEUR) -> None:
        self.coupling_keur = checked_penalty(coupling_keur)
        self.scenario = scenario
        self.render_mode = None
        self.engine = Engine([scenario], 1, autoreset=False)
        self.view = ServiceView(self.engine)
        self.work = ServiceWork(self.view)
        self.possible_agents = list(self.view.names)
        self.agents: list[str] = []
        self._number = {name: number for number, name in enumerate(self.possible_agents)}
        self._seeds = WorldSeeds()
        self._look: Look | None = None
        box = gym.spaces.Box(-layout.CLIP, layout.CLIP, (SERVICE_SIZE,), np.float32)
        mask = gym.spaces.Box(0, 1, (len(SERVICE_ACTIONS),), np.int8)
        self.observation_spaces = {
            name: gym.spaces.Dict({"observation": box, "action_mask": mask}) for name in self.possible_agents
        }
        self.action_spaces: dict[str, gym.spaces.Discrete[Any]] = {
            name: gym.spaces.Discrete(len(SERVICE_ACTIONS)) for name in self.possible_agents
        }
        width = len(self.possible_agents) * STATE_WIDTH
        self.state_space = gym.spaces.Box(-layout.CLIP, layout.CLIP, (width,), np.float32)

    def observation_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The agent's observation space, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The agent's action space, always the same object."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode.

        Args:
            seed: of the world's future, 0 to 2**63 - 1; the draws are those of ``make(scenario).reset(seed=seed)``.
                ``None``: the next world of the stream that the last seed began (or a fresh one).
            options: ignored.

        Returns:
            Observations and infos by agent.
        """
        self.engine.reset(self._seeds.next(seed))
        self.agents = list(self.possible_agents)
        self._look = self.view.look(_WORLD)
        return self._observations(), {name: self._info(False, False, 0.0, 0) for name in self.agents}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One window. A service without an action defers.

        Args:
            actions: by agent, each 0 to 2; anything else is an illegal action.

        Returns:
            Observations, rewards, terminations, truncations and infos by agent; empty once the episode is over.

        Raises:
            KeyError: an action of a service that is not in this graph.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        assert self._look is not None
        chosen = np.zeros((1, len(self._number)), np.int64)
        for name, action in actions.items():
            chosen[0, self._number[name]] = whole_action(action, len(SERVICE_ACTIONS))
        illegal = [not (0 <= a < len(mask) and mask[a]) for a, mask in zip(chosen[0], self._look.mask[0], strict=True)]
        welfare_keur = self._play_window(chosen)
        pairs = int(self.work.coupled_pairs()[0])
        parts = self._parts(welfare_keur, pairs)
        over = bool(self.engine.state.terminated[0])
        self._look = self.view.look(_WORLD)
        names = self.possible_agents
        infos = {
            name: self._info(illegal[n], bool(self.work.carried[0, n]), welfare_keur, pairs)
            for name, n in self._number.items()
        }
        if over:
            episode = dict(zip(TOTALS, self.engine.state.totals[0].tolist(), strict=True))
            for info in infos.values():
                info["episode"] = episode
            self.agents = []
        return (
            self._observations(),
            dict.fromkeys(names, parts["welfare"] + parts["coupling"]),
            dict.fromkeys(names, over),
            dict.fromkeys(names, False),
            infos,
        )

    def _play_window(self, chosen: NDArray[np.int64]) -> float:
        """Carry out the choices to the window's end; everybody's welfare change on the way, k€."""
        assert self._look is not None
        self.work.begin(_WORLD, chosen, self._look.mask)
        state = self.engine.state
        window, welfare_keur = int(state.world["t"][0]), 0.0
        while int(state.world["t"][0]) == window:
            self.engine.step(self.work.next())
            welfare_keur += float(state.world["welfare"][0])
        self.work.note()
        return welfare_keur

    def _parts(self, welfare_keur: float, pairs: int) -> dict[str, float]:
        penalty = self.coupling_keur * pairs
        return {"welfare": welfare_keur / REWARD_SCALE_KEUR, "coupling": -penalty / REWARD_SCALE_KEUR}

    def _observations(self) -> dict[str, Observation]:
        assert self._look is not None
        return {
            name: {
                "observation": self._look.observation[0, n].copy(),
                "action_mask": self._look.mask[0, n].copy(),
            }
            for name, n in self._number.items()
        }

    def _info(self, illegal: bool, carried: bool, welfare_keur: float, pairs: int) -> dict[str, Any]:
        return {
            "illegal_action": illegal,
            "carried_out": carried,
            "parts": self._parts(welfare_keur, pairs),
            "welfare_keur": welfare_keur,
            "coupled_pairs": pairs,
        }

    def state(self) -> NDArray[np.float32]:
        """The whole world for a central critic, see the class docstring."""
        assert self._look is not None, "state() before the first reset()"
        whole: NDArray[np.float32] = np.clip(self.view.state(_WORLD, self._look)[0], -layout.CLIP, layout.CLIP)
        return whole

    def render(self) -> None:
        """Nothing is drawn; ``make(scenario)`` shows the same worlds."""
        gym.logger.warn("render(): this game draws nothing; make(scenario, render_mode=...) shows the same worlds")

    def close(self) -> None:
        """Release the core."""
        self.engine.close()


def checked_penalty(coupling_keur: float) -> float:
    """The penalty as a number. Raises ``ValueError`` (one line) where it is none from 0 on."""
    try:
        penalty = float(coupling_keur)
    except (TypeError, ValueError):
        penalty = -1.0
    if not 0.0 <= penalty < float("inf"):
        raise ValueError(f"coupling_keur: {coupling_keur!r} is not a number from 0 on; 0 switches the penalty off")
    return penalty


def make_services(
    scenario: str | Path | Scenario | nx.DiGraph = SERVICE_GRAPH,
    *,
    coupling_keur: float = COUPLING_KEUR,
    **overrides: Any,
) -> ServicesEnv:
    """One world as a PettingZoo ``ParallelEnv`` in which every service of the graph is an agent.

    Args:
        scenario: what ``make`` takes; ``"mvp2-v1"`` is ``"boutique-v1"`` played so.
        coupling_keur: see ``ServicesEnv``.
        overrides: parameters of the scenario by name, such as ``windows=4``.

    Raises:
        ValueError: one line that names the place, the field and the mend.
    """
    source = SERVICE_GRAPH if isinstance(scenario, str) and scenario == SERVICE_GAME else scenario
    return ServicesEnv(load_scenario(source, **overrides), coupling_keur=coupling_keur)
