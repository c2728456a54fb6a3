"""The PettingZoo face of one world: a batch of one of the compiled core."""

from __future__ import annotations

from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import gymnasium as gym
import networkx as nx
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from patchpact.agents.roles import action_names, layout
from patchpact.agents.roles.ledger import KINDS
from patchpact.envs.core import pack
from patchpact.envs.core.engine import REWARD_SCALE_KEUR, Engine
from patchpact.envs.core.records import TOTALS
from patchpact.envs.seeds import WorldSeeds
from patchpact.envs.truth import TRUTHS, hidden_truth
from patchpact.envs.view import Motion, WorldView, view_of
from patchpact.scenarios import Scenario, load_scenario

if TYPE_CHECKING:
    from patchpact.envs.services import ServicesEnv

Observation = dict[str, NDArray[Any]]


class PatchpactEnv(ParallelEnv[str, Observation, int]):
    """Agents negotiate which patches a company carries out, when, and who pays.

    ============== =======================================================================================
    possible_agents  ``it_0``, ``business_0``.., ``vendor_0``..: those of the scenario, by role, then by uid
    observation    ``{"observation": Box(-20, 20, (D,), float32), "action_mask": Box(0, 1, (n,), int8)}``: agenda
                   rows, entity slots and globals, as this agent sees them (`observation_layout`); the same ``D`` for
                   all roles and scenarios
    action         ``Discrete(n)``, ``n`` by role (`action_names`): pass, nominate a row in a mode, vote, pull a lever.
                   An illegal action becomes pass (while proposing) or abstain (while voting), and
                   ``infos[agent]["illegal_action"]`` is true
    step           all agents act at once; a motion takes two steps, propose and vote, or one where nobody nominates
    reward         change of the agent's account in k€ / ``REWARD_SCALE_KEUR`` (10); ``infos[agent]["parts"]`` names
                   its parts in the same unit, and they add up to it
    infos          by agent: ``illegal_action``, ``proposer`` (who may nominate, or has nominated; None at the end),
                   ``parts``, ``account_keur`` (since the reset, may be negative), ``budget_keur`` (spending authority
                   left in this window), ``welfare_keur`` (the step's change of everybody's welfare), and at the end
                   ``episode`` (totals by name)
    state()        ``(S,)`` float32 for central critics: all agents' observations, then the hidden truth of each
                   agenda row (regression probability, effort relative to the public one, reachability)
    termination    after the last window, for all agents; never truncated
    episode        ``windows`` x ``motions_per_window`` motions, so at most twice as many steps
    ============== =======================================================================================

    Args:
        scenario: a complete scenario.
        render_mode: ``None``, ``"ansi"`` (text) or ``"rgb_array"`` (a picture of the graph).

    Version history: v1 is the first.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "patchpact_v1",
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 2,
        "is_parallelizable": True,
    }

    def __init__(self, scenario: Scenario, render_mode: str | None = None) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise ValueError(f"render_mode: {render_mode!r} is unknown; use one of {', '.join(modes)}, or None")
        self.scenario = scenario
        self.render_mode = render_mode
        self._seats = pack.seats(scenario)
        self.engine = Engine([scenario], 1, autoreset=False, ledger_size=most_entries(scenario))
        self.possible_agents = [agent.name for agent in self._seats]
        self.agents: list[str] = []
        self._number = {name: number for number, name in enumerate(self.possible_agents)}
        self._sizes = [len(action_names(agent.role)) for agent in self._seats]
        self._actions = np.zeros((1, len(self._seats)), np.int64)
        self._seeds = WorldSeeds()
        self.accounts_keur = np.zeros(len(self._seats))
        self.last_motion: Motion | None = None
        self.observation_spaces = {
            agent.name: gym.spaces.Dict(
                {
                    "observation": gym.spaces.Box(-layout.CLIP, layout.CLIP, (layout.OBSERVATION_SIZE,), np.float32),
                    "action_mask": gym.spaces.Box(0, 1, (size,), np.int8),
                }
            )
            for agent, size in zip(self._seats, self._sizes, strict=True)
        }
        self.action_spaces: dict[str, gym.spaces.Discrete[Any]] = {
            agent.name: gym.spaces.Discrete(size) for agent, size in zip(self._seats, self._sizes, strict=True)
        }
        width = len(self._seats) * layout.OBSERVATION_SIZE + layout.AGENDA_ROWS * len(TRUTHS)
        self.state_space = gym.spaces.Box(-layout.CLIP, layout.CLIP, (width,), np.float32)

    def observation_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The agent's observation space, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.spaces.Space[Any]:
        """The agent's action space, always the same object."""
        return self.action_spaces[agent]

    def role(self, agent: str) -> str:
        """The role that the agent plays. Raises ``KeyError`` for an unknown agent."""
        return self._seats[self._number[agent]].role

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode.

        Args:
            seed: of the world's future, 0 to 2**63 - 1. Equal seeds meet the same exogenous draws, whatever agents
                do. ``None``: the next world of the stream that the last seed began (or a fresh one).
            options: ignored.

        Returns:
            Observations and infos by agent.
        """
        self.engine.reset(self._seeds.next(seed))
        self.agents = list(self.possible_agents)
        self.accounts_keur[:] = 0.0
        self.last_motion = None
        return self._observations(), self._infos()

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """All agents act at once. An agent without an action passes or abstains.

        Args:
            actions: by agent, each in ``range(action_space(agent).n)``; anything else is an illegal action.

        Returns:
            Observations, rewards, terminations, truncations and infos by agent; empty once the episode is over.

        Raises:
            KeyError: an action of an agent that is not in this world.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        chosen = self._actions[0]
        chosen[:] = self._nothing()
        for name, action in actions.items():
            number = self._number[name]
            chosen[number] = whole_action(action, self._sizes[number])
        before = self._motion_before()
        self.engine.step(self._actions)
        state = self.engine.state
        self._note_motion(before)
        self.accounts_keur += state.reward[0] * REWARD_SCALE_KEUR
        over = bool(state.terminated[0])
        names = self.possible_agents
        result = (
            self._observations(),
            dict(zip(names, state.reward[0].tolist(), strict=True)),
            dict.fromkeys(names, over),
            dict.fromkeys(names, False),
            self._infos(),
        )
        if over:
            self.agents = []
        return result

    def _motion_before(self) -> tuple[str, str, str, float, int] | None:
        """Patch, mode, proposer, quote and planned motions where a motion is about to be voted on."""
        world = self.engine.state.world[0]
        if not world["voting"]:
            return None
        patch = self.scenario.patches[int(self.engine.state.row["patch"][0, world["row"]])]
        mode = layout.MODES[int(world["mode"])]
        proposer = self.possible_agents[int(world["proposer"])]
        return patch.name, mode, proposer, float(world["quote"]), int(world["motions_passed"])

    def _note_motion(self, before: tuple[str, str, str, float, int] | None) -> None:
        """Keep the motion that was nominated or voted on in this step."""
        state = self.engine.state
        if before is not None:
            patch, mode, proposer, quote, passed = before
            votes = tuple(
                (name, layout.VOTES[action - layout.VOTE_START])
                for name, action in zip(self.possible_agents, state.chosen[0].tolist(), strict=True)
            )
            done = int(state.world[0]["motions_passed"]) > passed
            self.last_motion = Motion(patch, mode, proposer, quote, votes, done)
        elif state.world[0]["voting"]:
            now = self._motion_before()
            assert now is not None
            self.last_motion = Motion(*now[:4], votes=(), passed=None)

    def _nothing(self) -> int:
        return layout.ABSTAIN if self.engine.state.world[0]["voting"] else layout.PASS

    def _observations(self) -> dict[str, Observation]:
        state = self.engine.state
        return {
            name: {
                "observation": state.observation[0, number].copy(),
                "action_mask": state.mask[0, number, : self._sizes[number]].copy(),
            }
            for name, number in self._number.items()
        }

    def _infos(self) -> dict[str, dict[str, Any]]:
        state = self.engine.state
        parts: list[dict[str, float]] = [{} for _ in self._seats]
        flows = state.parts[0, : len(self._seats)]
        for number, kind in np.argwhere(flows).tolist():
            parts[number][KINDS[kind]] = float(flows[number, kind]) / REWARD_SCALE_KEUR
        welfare = float(state.world["welfare"][0])
        illegal = state.illegal[0].tolist()
        budgets = state.agent["budget"][0].tolist()
        accounts = self.accounts_keur.tolist()
        world = state.world[0]
        proposer = None if world["over"] else self.possible_agents[int(world["proposer"])]
        infos: dict[str, dict[str, Any]] = {}
        for name, number in self._number.items():
            infos[name] = {
                "illegal_action": bool(illegal[number]),
                "proposer": proposer,
                "parts": parts[number],
                "account_keur": accounts[number],
                "budget_keur": budgets[number],
                "welfare_keur": welfare,
            }
        if state.terminated[0]:
            episode = dict(zip(TOTALS, state.totals[0].tolist(), strict=True))
            for info in infos.values():
                info["episode"] = episode
        return infos

    def state(self) -> NDArray[np.float32]:
        """The whole world for a central critic ``(S,)``, see the class docstring."""
        flat = np.concatenate([self.engine.state.observation[0].ravel(), hidden_truth(self.engine)[0].ravel()])
        whole: NDArray[np.float32] = np.clip(flat, -layout.CLIP, layout.CLIP).astype(np.float32)
        return whole

    def view(self) -> WorldView:
        """What a person would want to see of the world now: graph, agenda, votes, plan, money (a copy)."""
        return view_of(self)

    def render(self) -> Any:
        """Text (``"ansi"``), a picture ``(height, width, 3)`` uint8 (``"rgb_array"``), or ``None``."""
        from patchpact.envs import render

        if self.render_mode is None:
            gym.logger.warn("render() without a render_mode; give make(..., render_mode='ansi') or 'rgb_array'")
            return None
        return render.text(self.view()) if self.render_mode == "ansi" else render.picture(self.view())

    def close(self) -> None:
        """Nothing to release."""


def whole_action(action: Any, size: int) -> int:
    """The action's number; -1, which is never legal, for what is no whole number from 0 to ``size`` - 1."""
    try:
        number = index(action)
    except TypeError:
        return -1
    return number if 0 <= number < size else -1


def most_entries(scenario: Scenario) -> int:
    """Ledger entries that one step can make at most: levers, side payments, the plan, fines, losses with the tail."""
    agents, flows, patches = len(scenario.agents), len(scenario.entrypoints), len(scenario.patches)
    losses = (1 + int(scenario.parameters["tail_windows"])) * max(len(scenario.services), patches)
    planned = min(int(scenario.parameters["motions_per_window"]), patches)
    return agents * (1 + agents) + planned * (4 + 2 * flows) + flows + patches + 4 * losses


@overload
def make(scenario: Literal["mvp2-v1"], *, render_mode: None = None, **overrides: Any) -> ServicesEnv: ...
@overload
def make(
    scenario: str | Path | Scenario | nx.DiGraph, *, render_mode: str | None = None, **overrides: Any
) -> PatchpactEnv: ...
def make(
    scenario: str | Path | Scenario | nx.DiGraph, *, render_mode: str | None = None, **overrides: Any
) -> PatchpactEnv | ServicesEnv:
    """One world as a PettingZoo ``ParallelEnv``.

    Args:
        scenario: a bundled id (``"boutique-v1"``), the path of a YAML scenario or node-link JSON graph, a
            ``Scenario``, or a ``networkx.DiGraph``; a sparse graph is completed and one warning lists how.
            ``"mvp2-v1"`` is no scenario but another game on one: every service is an agent (``make_services``, which
            takes any graph).
        render_mode: ``None``, ``"ansi"`` or ``"rgb_array"``.
        overrides: parameters by name, such as ``windows=4``; see ``patchpact check``.

    Raises:
        ValueError: one line that names the place, the field and the mend.
    """
    if isinstance(scenario, str) and scenario == "mvp2-v1":
        from patchpact.envs.services import make_services

        if render_mode is not None:
            raise ValueError(f"render_mode: {render_mode!r}: mvp2-v1 draws nothing; leave it out")
        return make_services(**overrides)
    return PatchpactEnv(load_scenario(scenario, **overrides), render_mode=render_mode)
